//! What an `acl` line asks, in our words.

use super::asked::Asked;
use super::counted::Counted;
use super::userlist::Userlists;
use crate::address::{is_host, is_network};
use crate::condition::{Is, Matches, Path};
use crate::overlap::texts;
use crate::pattern::{checked, literal};

/// What is known of whoever is asked, before a request comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The listener takes TLS.
    pub(crate) tls: bool,
    /// It speaks HTTP.
    pub(crate) http: bool,
    /// Its port, where it has one only.
    pub(crate) port: Option<u16>,
}

/// What is known where a question stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around<'f> {
    pub(crate) facts: Facts,
    pub(crate) users: &'f Userlists,
    pub(crate) counted: &'f Counted,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Acl {
    /// It is known already.
    Known(bool),
    /// From these networks.
    Source(Vec<String>),
    /// Any of these.
    Any(Vec<Matches>),
    /// A setting of a route asks it.
    Asked(Asked),
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Exact,
    Begin,
    End,
    Sub,
    Dir,
    Dom,
    Regex,
    Found,
}

/// What is compared, how, and with what.
struct Question<'l> {
    fetch: String,
    argument: String,
    how: How,
    ignores_case: bool,
    values: Vec<&'l str>,
}

const HOWS: [(&str, How); 8] = [
    ("str", How::Exact),
    ("beg", How::Begin),
    ("end", How::End),
    ("sub", How::Sub),
    ("dir", How::Dir),
    ("dom", How::Dom),
    ("reg", How::Regex),
    ("found", How::Found),
];

impl Acl {
    /// The words behind the name.
    pub(crate) fn parse(words: &[String], around: Around<'_>) -> Result<Self, String> {
        let question = Question::parse(words)?;
        if let Some(asked) = question.asked(around) {
            return asked.map(Self::Asked);
        }
        question.acl(around.facts)
    }

    /// One that HAProxy knows without being told.
    pub(crate) fn predefined(name: &str) -> Option<Self> {
        let method = name.strip_prefix("METH_");
        Some(match name {
            "TRUE" | "HTTP" | "WAIT_END" | "REQ_CONTENT" => Self::Known(true),
            "FALSE" => Self::Known(false),
            "LOCALHOST" => Self::Source(vec!["127.0.0.0/8".to_owned(), "::1".to_owned()]),
            "METH_GET" => {
                Self::Any(vec![Matches { methods: vec!["GET".to_owned(), "HEAD".to_owned()], ..Matches::default() }])
            }
            _ => Self::Any(vec![Matches::method(method?)]),
        })
    }

    /// Either of two lines with one name.
    pub(crate) fn or(self, other: Self) -> Result<Self, String> {
        match (self, other) {
            (Self::Known(true), _) | (_, Self::Known(true)) => Ok(Self::Known(true)),
            (Self::Known(false), other) | (other, Self::Known(false)) => Ok(other),
            (Self::Source(one), Self::Source(other)) => Ok(Self::Source([one, other].concat())),
            (Self::Any(one), Self::Any(other)) => Ok(Self::Any([one, other].concat())),
            _ => Err("it asks for an address or for something of the request".to_owned()),
        }
    }
}

impl<'l> Question<'l> {
    fn parse(words: &'l [String]) -> Result<Self, String> {
        let (first, rest) = words.split_first().ok_or("nothing is asked")?;
        let (fetch, argument) = fetch(first)?;
        let (fetch, mut how) = suffix(&fetch);
        let (mut ignores_case, mut values) = (false, Vec::new());
        let mut rest = rest.iter().map(String::as_str);
        while let Some(word) = rest.next() {
            match word {
                "-i" => ignores_case = true,
                "-f" | "-M" => return Err("values in a file of their own are not read".to_owned()),
                "-m" => {
                    let name = rest.next().unwrap_or_default();
                    how =
                        HOWS.iter().find(|(known, _)| *known == name).map(|(_, how)| *how).ok_or("an unknown match")?;
                }
                "-n" | "-u" => {}
                "--" => values.extend(rest.by_ref()),
                value => values.push(value),
            }
        }
        Ok(Self { fetch, argument, how, ignores_case, values })
    }

    /// What no route asks, but a setting of one.
    fn asked(&self, around: Around<'_>) -> Option<Result<Asked, String>> {
        match self.fetch.as_str() {
            "http_auth" => Some(around.users.some(&self.argument, None).map(Asked::User)),
            "http_auth_group" => Some(around.users.some(&self.argument, Some(&self.values)).map(Asked::User)),
            fetch => around.counted.asked(fetch, &self.argument, &self.values),
        }
    }

    fn acl(&self, facts: Facts) -> Result<Acl, String> {
        match self.fetch.as_str() {
            "always_true" => Ok(Acl::Known(true)),
            "always_false" => Ok(Acl::Known(false)),
            "ssl_fc" => Ok(Acl::Known(facts.tls)),
            "req_ssl_hello_type" | "req.ssl_hello_type" => Ok(Acl::Known(!facts.http)),
            "dst_port" => self.port(facts),
            "src" if !self.values.iter().all(|value| is_network(value)) => Err("these are no networks".to_owned()),
            "src" => Ok(Acl::Source(self.values.iter().map(|value| (*value).to_owned()).collect())),
            "method" => Ok(Acl::Any(vec![Matches {
                methods: self.values.iter().map(|method| method.to_ascii_uppercase()).collect(),
                ..Matches::default()
            }])),
            "path" | "url" | "base" if self.fetch != "base" => self.path().map(Acl::Any),
            "hdr" if self.argument.eq_ignore_ascii_case("host") => self.host().map(Acl::Any),
            "hdr" => self.named(Matches::header).map(Acl::Any),
            "url_param" | "urlp" => self.named(Matches::query).map(Acl::Any),
            "ssl_fc_sni" | "req_ssl_sni" | "req.ssl_sni" => self.host().map(Acl::Any),
            "nbsrv" | "srv_is_up" | "be_conn" | "fe_conn" | "avg_queue" | "queue" => {
                Err("routes do not ask how servers are: servers of a set stand in for one another, `backup` among them"
                    .to_owned())
            }
            other => Err(format!("`{other}` has no counterpart")),
        }
    }

    fn port(&self, facts: Facts) -> Result<Acl, String> {
        let port = facts.port.ok_or("the listener has several ports")?;
        let ports: Result<Vec<u16>, _> = self.values.iter().map(|value| value.parse()).collect();
        let ports = ports.map_err(|_| "ranges of ports have no counterpart".to_owned())?;
        Ok(Acl::Known(ports.contains(&port)))
    }

    /// Paths; the ends of several become one pattern.
    fn path(&self) -> Result<Vec<Matches>, String> {
        if self.fetch == "url" && self.values.iter().any(|value| value.contains('?')) {
            return Err("routes ask for paths and for parameters of the query, not for both in one text".to_owned());
        }
        if matches!(self.how, How::Exact | How::Begin) && !self.values.iter().all(|value| value.starts_with('/')) {
            return Err("a path begins with a slash".to_owned());
        }
        let literals = || self.values.iter().map(|value| literal(value)).collect::<Vec<_>>().join("|");
        let pattern = match self.how {
            How::Exact | How::Begin if self.ignores_case => {
                format!("^({}){}", literals(), if self.how == How::Exact { "$" } else { "" })
            }
            How::Exact => return Ok(self.each(|value| Path::Exact(value.to_owned()))),
            How::Begin => return Ok(self.each(|value| Path::Prefix(value.to_owned()))),
            How::End => format!("({})$", literals()),
            How::Sub => literals(),
            How::Dir => {
                let whole = self.values.iter().map(|value| literal(value.trim_matches('/'))).collect::<Vec<_>>();
                format!("/({})(/|$)", whole.join("|"))
            }
            How::Regex => self.values.join("|"),
            How::Dom | How::Found => return Err("a path is not asked like this".to_owned()),
        };
        Ok(vec![Matches::path(Path::Regex(checked(&pattern, self.ignores_case)?))])
    }

    fn each(&self, path: impl Fn(&str) -> Path) -> Vec<Matches> {
        self.values.iter().map(|value| Matches::path(path(value))).collect()
    }

    fn host(&self) -> Result<Vec<Matches>, String> {
        let name =
            |value: &&str| value.split(':').next().unwrap_or_default().trim_start_matches('.').to_ascii_lowercase();
        let below = |name: &String| [name.clone(), format!("*.{name}")];
        let hosts: Vec<String> = match self.how {
            How::Exact => self.values.iter().map(name).collect(),
            How::End if self.values.iter().all(|value| value.starts_with('.')) => {
                self.values.iter().map(name).map(|name| format!("*.{name}")).collect()
            }
            How::Dom if self.values.iter().any(|value| !value.trim_start_matches('.').contains('.')) => {
                return Err("hosts are asked as names, not for a part of one".to_owned());
            }
            How::End | How::Dom => self.values.iter().map(name).flat_map(|name| below(&name)).collect(),
            How::Regex => {
                let of = |value: &&str| texts(value).ok_or("hosts are asked as names: the pattern is for too many");
                let all: Result<Vec<_>, _> = self.values.iter().map(of).collect();
                all?.concat().iter().map(|host| host.to_ascii_lowercase()).collect()
            }
            _ => return Err("hosts are asked as names or as \"*.name\" only".to_owned()),
        };
        match hosts.iter().all(|host| is_host(host)) && !hosts.is_empty() {
            true => Ok(vec![Matches::hosts(hosts)]),
            false => Err("this is no host".to_owned()),
        }
    }

    /// A field, or a part of the query.
    fn named(&self, matches: impl Fn(&str, Is) -> Matches) -> Result<Vec<Matches>, String> {
        let is = match self.how {
            How::Found => Is::Present,
            How::Exact if self.ignores_case => {
                Is::OneOf(self.values.iter().flat_map(|value| spellings(value)).collect())
            }
            How::Exact => Is::OneOf(self.values.iter().map(|value| (*value).to_owned()).collect()),
            _ => return Err("fields and parameters are asked for whole values only".to_owned()),
        };
        Ok(vec![matches(&self.argument, is)])
    }
}

/// How people spell a word whose case does not matter, each once.
fn spellings(word: &str) -> Vec<String> {
    let first = |word: &str| word[..word.chars().next().map_or(0, char::len_utf8)].to_ascii_uppercase();
    let lower = word.to_ascii_lowercase();
    let capital = first(&lower) + lower.get(first(&lower).len()..).unwrap_or_default();
    let mut all = vec![word.to_owned()];
    for other in [lower, capital, word.to_ascii_uppercase()] {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    all
}

/// `req.hdr(host),lower` is `hdr` of `host`; converters that change what is found are an error.
fn fetch(word: &str) -> Result<(String, String), String> {
    let opens_first = word.find('(') < word.find(',') || !word.contains(',');
    let (call, converters) = match word.find(')').filter(|_| opens_first && word.contains('(')) {
        Some(end) => (&word[..=end], &word[end + 1..]),
        None => word.split_once(',').map_or((word, ""), |(call, _)| (call, &word[call.len()..])),
    };
    let harmless = |converter: &str| ["", "lower", "host_only", "field(1", ":)", "word(1"].contains(&converter);
    if !converters.split(',').all(harmless) {
        return Err(format!("what `{}` makes of it has no counterpart", converters.trim_start_matches(',')));
    }
    let (name, argument) = call.split_once('(').map_or((call, ""), |(name, rest)| (name, rest.trim_end_matches(')')));
    let name = match name {
        "req.hdr" | "req.fhdr" | "fhdr" | "req_hdr" => "hdr",
        other => other,
    };
    Ok((name.to_owned(), argument.to_owned()))
}

/// `path_beg` is `path`, compared by its beginning.
fn suffix(fetch: &str) -> (String, How) {
    if let Some((name, end)) = fetch.rsplit_once('_')
        && ["path", "hdr", "url", "ssl_fc_sni", "req_ssl_sni", "req.ssl_sni", "req.hdr", "urlp"].contains(&name)
        && let Some((_, how)) = HOWS.iter().find(|(known, _)| *known == end)
    {
        return (if name == "req.hdr" { "hdr".to_owned() } else { name.to_owned() }, *how);
    }
    (fetch.to_owned(), How::Exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acl(text: &str) -> Result<Acl, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let facts = Facts { tls: true, http: true, port: Some(443) };
        Acl::parse(&words, Around { facts, users: &Userlists::default(), counted: &Counted::default() })
    }

    #[test]
    fn criteria_in_our_words() {
        let path = |path: Path| Ok(Acl::Any(vec![Matches::path(path)]));
        let hosts =
            |hosts: &[&str]| Ok(Acl::Any(vec![Matches::hosts(hosts.iter().map(|&host| host.to_owned()).collect())]));
        let header = |is: Is| Ok(Acl::Any(vec![Matches::header("X", is)]));
        for (text, expect) in [
            ("path_beg /api", path(Path::Prefix("/api".to_owned()))),
            ("path -m beg /api", path(Path::Prefix("/api".to_owned()))),
            ("path /api", path(Path::Exact("/api".to_owned()))),
            ("path_beg -i /api", path(Path::Regex("(?i)^(/api)".to_owned()))),
            ("path_end .js .css", path(Path::Regex(r"(\.js|\.css)$".to_owned()))),
            ("path_dir /img", path(Path::Regex("/(img)(/|$)".to_owned()))),
            ("path_dir /img/ b/c", path(Path::Regex("/(img|b/c)(/|$)".to_owned()))),
            ("path_reg ^/v[0-9]+", path(Path::Regex("^/v[0-9]+".to_owned()))),
            ("hdr(host) -i A.org", hosts(&["a.org"])),
            ("hdr_dom(host) -i a.org", hosts(&["a.org", "*.a.org"])),
            ("req.hdr(Host),lower -m end .a.org", hosts(&["*.a.org"])),
            (r"hdr_reg(host) -i ^(www\.)?a\.org$", hosts(&["www.a.org", "a.org"])),
            ("ssl_fc_sni a.org b.org", hosts(&["a.org", "b.org"])),
            ("hdr(X) v", header(Is::OneOf(vec!["v".to_owned()]))),
            ("hdr(X) -m found", header(Is::Present)),
            ("hdr(X) -i v1", header(Is::OneOf(vec!["v1".to_owned(), "V1".to_owned()]))),
            ("hdr(X) v w", header(Is::OneOf(vec!["v".to_owned(), "w".to_owned()]))),
            ("ssl_fc", Ok(Acl::Known(true))),
            ("dst_port 80", Ok(Acl::Known(false))),
            ("src 10.0.0.0/8 ::1", Ok(Acl::Source(vec!["10.0.0.0/8".to_owned(), "::1".to_owned()]))),
            (
                "method POST PUT",
                Ok(Acl::Any(vec![Matches {
                    methods: vec!["POST".to_owned(), "PUT".to_owned()],
                    ..Matches::default()
                }])),
            ),
        ] {
            assert_eq!(acl(text), expect, "{text}");
        }
    }

    #[test]
    fn what_has_no_counterpart_says_why() {
        for (text, expect) in [
            ("path -f /etc/paths", "a file of their own"),
            ("nbsrv(x) lt 1", "how servers are"),
            ("hdr_reg(host) ^a", "names"),
            ("hdr_dom(host) shop", "not for a part of one"),
            ("url_beg /a?b=", "not for both"),
            ("path_reg ^/(?=a)", "linear time"),
            ("sc0_http_req_rate gt 10", "no `track-sc`"),
            ("sc0_http_err_rate gt 10", "not `http_err_rate`"),
            ("http_auth(staff)", "no userlist staff"),
            ("hdr(X) -m sub v", "whole values"),
            ("path,map(/etc/x) -m found", "what `map(/etc/x)` makes of it"),
        ] {
            let why = acl(text).expect_err(text);
            assert!(why.contains(expect), "{text}: {why}");
        }
    }
}
