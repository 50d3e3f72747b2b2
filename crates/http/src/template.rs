//! Texts with variables, as configurations write them: `https://{host}{uri}`. Taken apart once; filled in without allocating.

use crate::strange;
use crate::target::Target;
use core::fmt;
use httparse::Header;

/// A text with variables in braces; `{{` and `}}` stand for the braces themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    Variable(Variable),
}

/// What a template may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// `client`: the client's address, as a trusted proxy tells it.
    Client,
    /// `host`: what the request is for, without a port.
    Host,
    /// `host_port`: the same as it came, with its port where it names one.
    HostPort,
    /// `path`: without the query.
    Path,
    /// `query`: what follows the first question mark.
    Query,
    /// `uri`: path and query.
    Uri,
    /// `method`.
    Method,
    /// `scheme`: `http` or `https`.
    Scheme,
    /// `request_id`: of this request, the same in every attempt.
    RequestId,
    /// `user`: who the client has proven to be, by a password.
    User,
    /// `listener`: its name.
    Listener,
    /// `server`: the address of the server that is asked.
    Server,
    /// `header:Name`: the first value of a field of the request.
    Header(Box<str>),
    /// `0` to `9`: what a group of a pattern has found; `0` is all of it.
    Group(u8),
}

/// Groups of a pattern that a template can ask for.
pub const GROUPS_MAX: usize = 10;

/// Variables without an argument, by name.
const NAMED: [(&str, Variable); 12] = [
    ("client", Variable::Client),
    ("host", Variable::Host),
    ("host_port", Variable::HostPort),
    ("path", Variable::Path),
    ("query", Variable::Query),
    ("uri", Variable::Uri),
    ("method", Variable::Method),
    ("scheme", Variable::Scheme),
    ("request_id", Variable::RequestId),
    ("user", Variable::User),
    ("listener", Variable::Listener),
    ("server", Variable::Server),
];

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It names a variable that there is not.
    #[error("there is no variable {{{name}}}{}", Instead(.name))]
    Unknown {
        /// As it is written.
        name: String,
    },
    /// It names a variable as another program does.
    #[error("{theirs} stands for nothing here: variables stand in braces, {ours}; for the sign itself write {{{sign}}}", sign = &.theirs[..1])]
    Strange {
        /// As it is written.
        theirs: String,
        /// What to write.
        ours: String,
    },
    /// It asks for a group of a pattern that there is not.
    #[error("there is no group {{{0}}}: {has}", has = Has(*.1))]
    Group(u8, Option<usize>),
    /// A brace is opened and not closed.
    #[error("a brace is opened and not closed: write {{{{ for the brace itself")]
    Open,
    /// A brace is closed that was not opened.
    #[error("a brace is closed that was not opened: write }}}} for the brace itself")]
    Close,
}

/// All names, in braces.
struct Names;

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        NAMED
            .iter()
            .enumerate()
            .try_for_each(|(at, (name, _))| write!(f, "{}{{{name}}}", if at > 0 { ", " } else { "" }))
    }
}

/// What to write in place of a name that there is not.
struct Instead<'n>(&'n str);

impl fmt::Display for Instead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match strange::within_braces(self.0) {
            Some(ours) => write!(f, ": here it is {ours}"),
            None => write!(f, "; there are: {Names}, {{header:Name}}"),
        }
    }
}

/// How many groups there are.
struct Has(Option<usize>);

impl fmt::Display for Has {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("no pattern is found here"),
            Some(0) => f.write_str("the pattern has none; `( )` makes one, and {0} is all that was found"),
            Some(count) => write!(f, "the pattern has {count}"),
        }
    }
}

/// What a request says, as far as templates ask.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'v> {
    /// The method as it was received.
    pub method: &'v str,
    /// `host[:port]`.
    pub host: Option<&'v [u8]>,
    /// What is asked for.
    pub target: Target<'v>,
    /// All fields.
    pub headers: &'v [Header<'v>],
}

/// What variables stand for. What is not known is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values<'v> {
    /// The address of the client.
    pub client: &'v [u8],
    /// `http` or `https`.
    pub scheme: &'v str,
    /// The id of the request.
    pub request_id: &'v [u8],
    /// Who the client has proven to be.
    pub user: &'v str,
    /// The listener's name.
    pub listener: &'v str,
    /// The server's address.
    pub server: &'v str,
    /// The request, where it was understood.
    pub asked: Option<Asked<'v>>,
    /// What the groups of a pattern have found, the whole first.
    pub groups: &'v [&'v [u8]],
}

impl Variable {
    fn parse(name: &str) -> Option<Self> {
        if let Some(field) = name.strip_prefix("header:") {
            return crate::is_token(field.as_bytes()).then(|| Self::Header(field.into()));
        }
        if let [digit @ b'0'..=b'9'] = name.as_bytes() {
            return Some(Self::Group(digit - b'0'));
        }
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, variable)| variable.clone())
    }

    /// Is it something of the request's head?
    fn is_asked(&self) -> bool {
        use Variable::*;
        matches!(self, Host | HostPort | Path | Query | Uri | Method | Header(_))
    }
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// It names what there is not, or its braces do not match.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Self::parse_with_groups(text, None)
    }

    /// The same, where it may ask for groups of a pattern, which has so many besides the whole.
    ///
    /// # Errors
    /// As for [`Template::parse`].
    pub fn parse_with_groups(text: &str, groups: Option<usize>) -> Result<Self, TemplateError> {
        let template = Self::parse_any(text)?;
        if let Some((theirs, ours)) = strange::in_text(text, groups.is_some()) {
            return Err(TemplateError::Strange { theirs, ours });
        }
        let unknown = template.variables().find_map(|variable| match variable {
            Variable::Group(group) if groups.is_none_or(|count| usize::from(*group) > count) => Some(*group),
            _ => None,
        });
        unknown.map_or(Ok(template), |group| Err(TemplateError::Group(group, groups)))
    }

    fn parse_any(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            if brace == "}" {
                return Err(TemplateError::Close);
            }
            let (name, after) = rest.split_once('}').ok_or(TemplateError::Open)?;
            if strange::SIGNS.contains(&name) {
                plain.push_str(name);
                rest = after;
                continue;
            }
            push_text(&mut parts, &mut plain);
            let variable = Variable::parse(name).ok_or_else(|| TemplateError::Unknown { name: name.to_owned() })?;
            parts.push(Part::Variable(variable));
            rest = after;
        }
        plain.push_str(rest);
        push_text(&mut parts, &mut plain);
        Ok(Self { parts: parts.into() })
    }

    /// What it says itself, variables aside.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Variable(_) => None,
        })
    }

    /// What it says, where it has no variable.
    #[inline]
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The variables it asks for.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.parts.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(variable) => Some(variable),
        })
    }

    /// Does it ask for something of the request's head?
    pub fn asks(&self) -> bool {
        self.variables().any(Variable::is_asked)
    }

    /// Filled in: pieces that belong one behind the other.
    pub fn filled<'v>(&'v self, values: &'v Values<'v>) -> impl Iterator<Item = &'v [u8]> + Clone {
        self.pieces(values).map(|(_, piece)| piece)
    }

    /// The same, and whether each is a group of a pattern: a part of what the client sent, cut out where it may mean something.
    pub fn pieces<'v>(&'v self, values: &'v Values<'v>) -> impl Iterator<Item = (bool, &'v [u8])> + Clone {
        self.parts.iter().flat_map(|part| match part {
            Part::Text(text) => [text.as_bytes(), b""].map(|piece| (false, piece)),
            Part::Variable(variable) => {
                values.of(variable).map(|piece| (matches!(variable, Variable::Group(_)), piece))
            }
        })
    }
}

fn push_text(parts: &mut Vec<Part>, plain: &mut String) {
    if !plain.is_empty() {
        parts.push(Part::Text(std::mem::take(plain).into()));
    }
}

impl<'v> Values<'v> {
    /// In two pieces.
    fn of(&self, variable: &Variable) -> [&'v [u8]; 2] {
        let one = match variable {
            Variable::Client => self.client,
            Variable::Scheme => self.scheme.as_bytes(),
            Variable::RequestId => self.request_id,
            Variable::User => self.user.as_bytes(),
            Variable::Listener => self.listener.as_bytes(),
            Variable::Server => self.server.as_bytes(),
            Variable::Group(group) => self.groups.get(usize::from(*group)).copied().unwrap_or_default(),
            asked => return self.asked.map_or([b"", b""], |said| said.of(asked)),
        };
        [one, b""]
    }
}

impl<'v> Asked<'v> {
    fn of(&self, variable: &Variable) -> [&'v [u8]; 2] {
        let one = match variable {
            Variable::Host => self.host.map(host_name).unwrap_or_default(),
            Variable::HostPort => self.host.unwrap_or_default(),
            Variable::Path => self.target.path().as_bytes(),
            Variable::Query => self.target.query().unwrap_or_default().as_bytes(),
            Variable::Method => self.method.as_bytes(),
            Variable::Header(name) => {
                let first = self.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
                first.map_or(&b""[..], |header| header.value)
            }
            Variable::Uri => return self.target.origin_form().map(str::as_bytes),
            _ => b"",
        };
        [one, b""]
    }
}

/// `host[:port]` without the port.
pub(crate) fn host_name(host: &[u8]) -> &[u8] {
    let from = host.iter().position(|&byte| byte == b']').unwrap_or(0);
    let end = host[from..].iter().position(|&byte| byte == b':').map_or(host.len(), |at| from + at);
    &host[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    #[track_caller]
    fn check(template: &str, expect: &str) {
        let headers = [Header { name: "User-Agent", value: b"curl" }];
        let target = Target::parse("/a/b?c=d", Method::Get).unwrap();
        let asked = Asked { method: "GET", host: Some(b"a.example:8080"), target, headers: &headers };
        let values =
            Values { client: b"192.0.2.7", scheme: "https", listener: "web", asked: Some(asked), ..Values::default() };
        let template = Template::parse(template).unwrap();
        assert_eq!(String::from_utf8(template.filled(&values).flatten().copied().collect()).unwrap(), expect);
    }

    #[test]
    fn variables_are_filled_in() {
        check("", "");
        check("plain", "plain");
        check("https://{host}{uri}", "https://a.example/a/b?c=d");
        check("{host_port}|{path}|{query}|{method}", "a.example:8080|/a/b|c=d|GET");
        check("{client} {scheme} {listener} {server}.", "192.0.2.7 https web .");
        check("{header:user-agent}{header:X-None}", "curl");
        check("{{{client}}} {{}}", "{192.0.2.7} {}");
        check("{$}host {%}[src] {\\}1 $5", "$host %[src] \\1 $5");
    }

    #[test]
    fn what_is_no_template_is_named() {
        let check = |text: &str, words: &str| {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        };
        check("{clint}", "there is no variable {clint}; there are: {client}, {host}");
        check("{header:}", "{header:Name}");
        check("{header:a b}", "{header:Name}");
        check("{}", "there is no variable {}");
        check(
            "http://$host/",
            "$host stands for nothing here: variables stand in braces, {host}; for the sign itself write {$}",
        );
        check("{hostname}", "there is no variable {hostname}: here it is {host}");
        check("a {client", "write {{");
        check("a } b", "write }}");
    }

    #[test]
    fn groups_are_those_of_a_pattern() {
        let template = Template::parse_with_groups("/v{1}/{0}.", Some(1)).unwrap();
        let groups = [&b"all"[..], b"9"];
        let filled = |values| template.filled(&values).flatten().copied().collect::<Vec<u8>>();
        assert_eq!(filled(Values { groups: &groups, ..Values::default() }), b"/v9/all.");
        assert_eq!(filled(Values::default()), b"/v/.");
        for (groups, words) in [(None, "no pattern"), (Some(0), "{0} is all"), (Some(1), "has 1")] {
            let error = Template::parse_with_groups("{2}", groups).unwrap_err().to_string();
            assert!(error.starts_with("there is no group {2}: ") && error.contains(words), "{error}");
        }
        assert!(Template::parse("{0}").is_err() && Template::parse_with_groups("{0}", Some(0)).is_ok());
    }

    #[test]
    fn what_is_not_known_is_empty() {
        let template = Template::parse("{host}{uri}{header:a}{client}.").unwrap();
        let values = Values::default();
        assert_eq!(template.filled(&values).flatten().copied().collect::<Vec<u8>>(), b".");
        assert!(template.asks() && !Template::parse("{client}{request_id}").unwrap().asks());
    }
}
