//! `server` lines.

use super::bind::ours;
use super::lex::Line;
use crate::document::Value;
use crate::notes::Notes;
use crate::time;

/// One server, with what it says for all of its set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) line: usize,
    pub(crate) address: String,
    pub(crate) weight: Option<u64>,
    pub(crate) backup: bool,
    pub(crate) disabled: bool,
    pub(crate) connections_max: Option<u64>,
    pub(crate) queue_max: Option<u64>,
    pub(crate) checked: bool,
    pub(crate) check: Check,
    /// Connections are secured; what is said of TLS without that is about checks.
    ssl: bool,
    tls: Tls,
    pub(crate) send_proxy: Option<&'static str>,
    pub(crate) slow_start: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) cookie: Option<String>,
    /// It may be there without its name leading anywhere.
    pub(crate) may_be_unknown: bool,
}

/// How it is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) interval: Option<String>,
    pub(crate) interval_down: Option<String>,
    pub(crate) rise: Option<u64>,
    pub(crate) fall: Option<u64>,
    pub(crate) port: Option<u64>,
    /// Over TLS, whatever connections are.
    pub(crate) tls: bool,
}

/// How it is spoken to in TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) verify: Option<bool>,
    pub(crate) ca: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) certificate: Option<String>,
}

/// Words that mean nothing here, with a value or without.
const SILENT: [(&str, usize); 40] = [
    ("check-alpn", 1),
    ("ciphers", 1),
    ("ciphersuites", 1),
    ("curves", 1),
    ("force-tlsv12", 0),
    ("force-tlsv13", 0),
    ("log-bufsize", 1),
    ("log-proto", 1),
    ("max-reuse", 1),
    ("minconn", 1),
    ("no-sslv3", 0),
    ("no-tls-tickets", 0),
    ("no-tlsv10", 0),
    ("no-tlsv11", 0),
    ("no-verifyhost", 0),
    ("non-stick", 0),
    ("npn", 1),
    ("pool-low-conn", 1),
    ("shard", 1),
    ("sigalgs", 1),
    ("ssl-max-ver", 1),
    ("ssl-min-ver", 1),
    ("ssl-reuse", 0),
    ("no-ssl-reuse", 0),
    ("tcp-ut", 1),
    ("tfo", 0),
    ("ws", 1),
    ("resolvers", 1),
    ("resolve-prefer", 1),
    ("no-check", 0),
    ("observe", 1),
    ("on-error", 1),
    ("error-limit", 1),
    ("on-marked-down", 1),
    ("on-marked-up", 1),
    ("pool-max-conn", 1),
    ("pool-purge-delay", 1),
    ("id", 1),
    ("check-sni", 1),
    ("alpn", 1),
];

impl Server {
    /// `server NAME ADDRESS ...`, beginning with what `default-server` said.
    pub(crate) fn parse(line: &Line, base: &Self, notes: &mut Notes) -> Self {
        let mut server = Self { line: line.number, ..base.clone() };
        let at = match line.word(0) {
            "default-server" => 1,
            "server-template" => 4,
            _ => 3,
        };
        if at > 1 {
            match ours(line.word(at - 1)) {
                Ok((address, _)) => server.address = address,
                Err(why) => notes.missing(line.number, line.text(), why),
            }
        }
        if line.word(0) == "server-template" {
            notes.detail(line.number, line.text(), "every address of the name is a server");
        }
        let mut words = line.words.iter().skip(at).map(String::as_str);
        while let Some(word) = words.next() {
            if let Err(why) = server.option(word, &mut words) {
                notes.missing(line.number, format!("server {} ... {word}", line.word(1)), why);
            }
        }
        server
    }

    fn option<'w>(&mut self, word: &str, words: &mut impl Iterator<Item = &'w str>) -> Result<(), String> {
        let mut next = || words.next().unwrap_or_default();
        match word {
            "weight" => self.weight = Some(number(next())?),
            "backup" => self.backup = true,
            "disabled" => self.disabled = true,
            "enabled" => self.disabled = false,
            "maxconn" => self.connections_max = Some(number(next())?).filter(|most| *most > 0),
            // None is any number.
            "maxqueue" => self.queue_max = Some(number(next())?).filter(|most| *most > 0),
            "check" => self.checked = true,
            "check-ssl" => self.check.tls = true,
            "inter" => self.check.interval = Some(ours_time(next())?),
            "downinter" | "fastinter" => self.check.interval_down = Some(ours_time(next())?),
            "rise" => self.check.rise = Some(number(next())?),
            "fall" => self.check.fall = Some(number(next())?),
            "port" => self.check.port = Some(number(next())?),
            "send-proxy" => self.send_proxy = Some("v1"),
            "send-proxy-v2" => self.send_proxy = Some("v2"),
            "slowstart" => self.slow_start = Some(ours_time(next())?),
            "source" => self.source = Some(next().split(':').next().unwrap_or_default().to_owned()),
            "cookie" => self.cookie = Some(next().to_owned()),
            "init-addr" => self.may_be_unknown = next().split(',').any(|one| one == "none"),
            _ => return self.tls_option(word, words),
        }
        Ok(())
    }

    fn tls_option<'w>(&mut self, word: &str, words: &mut impl Iterator<Item = &'w str>) -> Result<(), String> {
        let mut next = || words.next().unwrap_or_default();
        match word {
            "ssl" => self.ssl = true,
            "no-ssl" => self.ssl = false,
            "verify" => self.tls.verify = Some(next() == "required"),
            "ca-file" => self.tls.ca = Some(next().to_owned()),
            "crt" => self.tls.certificate = Some(next().to_owned()),
            "sni" => {
                let name = next();
                let name = name.strip_prefix("str(").and_then(|name| name.strip_suffix(')'));
                let name = name.ok_or("only a fixed name, `str(...)`, is asked for: see `server_name` of a set")?;
                return self.named(name);
            }
            "verifyhost" => return self.named(next()),
            _ => {
                let Some((_, values)) = SILENT.iter().find(|(known, _)| *known == word) else {
                    return Err(unknown(word, &mut next).to_owned());
                };
                (0..*values).for_each(|_| {
                    words.next();
                });
            }
        }
        Ok(())
    }

    /// Whom to ask for, and whom the certificate has to be of: with us that is one name.
    fn named(&mut self, name: &str) -> Result<(), String> {
        match &self.tls.name {
            Some(known) if known != name => Err("`sni` and `verifyhost` are one name here (`server_name`)".to_owned()),
            _ => {
                self.tls.name = Some(name.to_owned());
                Ok(())
            }
        }
    }

    /// How it is spoken to over TLS, where it is.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.ssl.then_some(&self.tls)
    }

    /// As an entry of `servers`.
    pub(crate) fn value(&self) -> Value {
        let mut parts: Vec<(String, Value)> = vec![("address".to_owned(), self.address.clone().into())];
        let weight = if self.disabled { Some(0) } else { self.weight };
        if let Some(weight) = weight.filter(|weight| *weight != 1) {
            parts.push(("weight".to_owned(), weight.into()));
        }
        if self.backup {
            parts.push(("backup".to_owned(), true.into()));
        }
        if parts.len() == 1 { self.address.clone().into() } else { Value::Inline(parts) }
    }
}

/// Why a word of a server comes to nothing; those that have a value are passed over with it.
fn unknown<'w>(word: &str, next: &mut impl FnMut() -> &'w str) -> &'static str {
    let (values, why) = match word {
        "agent-check" => (0, "servers are asked by HTTP, or tried by a connection: no agent is"),
        "agent-addr" | "agent-inter" | "agent-port" | "agent-send" => (1, "no agent is asked"),
        "addr" => (1, "checks go to the server's own address: see `port` of its checks"),
        "crl-file" => (1, "revocation lists are not read"),
        "namespace" => (1, "servers are reached from where the process runs"),
        "proto" | "check-proto" => (1, "servers are spoken to in HTTP/1.1"),
        "redir" => (1, "requests are passed on, not redirected: see `redirect` of a route"),
        "socks4" => (1, "servers are reached directly"),
        "track" => (1, "each set is checked by itself: give this one checks of its own"),
        "send-proxy-v2-ssl" | "send-proxy-v2-ssl-cn" => {
            (0, "the header of version 2 tells addresses only: `send-proxy-v2`")
        }
        "proxy-v2-options" | "set-proxy-v2-tlv-fmt" => (1, "the header of version 2 tells addresses only"),
        "check-send-proxy" | "check-via-socks4" => (0, "checks of a set begin as its connections do"),
        _ => (0, "this word has no counterpart"),
    };
    (0..values).for_each(|_| {
        let _value = next();
    });
    why
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn ours_time(text: &str) -> Result<String, String> {
    time::of_haproxy(text).map(time::ours).ok_or_else(|| format!("`{text}` is no time"))
}
