//! `bind` lines: addresses, certificates, who is believed.

use super::lex::Line;
use super::section::Section;
use crate::document::{Table, Value};
use crate::notes::Notes;

/// What the lines that go into one listener have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) line: usize,
    pub(crate) addresses: Vec<String>,
    pub(crate) port: Option<u16>,
    pub(crate) tls: bool,
    certificates: Vec<String>,
    accept_proxy: bool,
    client_ca: Option<String>,
    /// `none`, `optional`, `required`.
    verify: Option<String>,
    words: TlsWords,
    /// Of a socket file: `mode`, `user`, `group`.
    permissions: Vec<(String, String)>,
}

/// What is said of TLS at a `bind`, or in `ssl-default-bind-options` for all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsWords {
    strict_sni: bool,
    no_tickets: bool,
    /// TLS 1.2 and 1.3: which are not to be spoken.
    no_12: bool,
    no_13: bool,
    /// Where files of certificates are, and of authorities.
    certificates: String,
    authorities: String,
}

impl TlsWords {
    /// What `global` says.
    pub(crate) fn of_global(global: &Section) -> Self {
        let base = |name: &str| global.last(name).map(|line| line.word(1).to_owned()).unwrap_or_default();
        let mut said = Self { certificates: base("crt-base"), authorities: base("ca-base"), ..Self::default() };
        for line in global.lines.iter().filter(|line| line.word(0) == "ssl-default-bind-options") {
            let mut words = line.words.iter().skip(1).map(String::as_str);
            while let Some(word) = words.next() {
                said.word(word, &mut words);
            }
        }
        said
    }

    /// Is it one of these words?
    fn word<'w>(&mut self, word: &str, words: &mut impl Iterator<Item = &'w str>) -> bool {
        match word {
            "strict-sni" => self.strict_sni = true,
            "no-strict-sni" => self.strict_sni = false,
            "no-tls-tickets" => self.no_tickets = true,
            "tls-tickets" => self.no_tickets = false,
            "no-tlsv12" | "force-tlsv13" => self.no_12 = true,
            "no-tlsv13" | "force-tlsv12" => self.no_13 = true,
            "ssl-min-ver" => self.no_12 = words.next() == Some("TLSv1.3"),
            "ssl-max-ver" => self.no_13 = words.next() != Some("TLSv1.3"),
            _ => return false,
        }
        true
    }

    fn write(&self, listener: &mut Table) {
        if self.strict_sni {
            listener.put("tls.strict_sni", true);
        }
        if self.no_tickets {
            listener.put("tls.tickets", false);
        }
        match (self.no_12, self.no_13) {
            (true, false) => listener.put("tls.versions", vec!["1.3"]),
            (false, true) => listener.put("tls.versions", vec!["1.2"]),
            _ => {}
        }
    }

    /// A certificate, in the folder that `global` names.
    pub(crate) fn certificate(&self, path: &str) -> String {
        Self::below(&self.certificates, path)
    }

    /// Authorities, in the folder that `global` names. HAProxy knows those of the system by a name of its own.
    pub(crate) fn authority(&self, path: &str) -> String {
        if path == "@system-ca" { path.to_owned() } else { Self::below(&self.authorities, path) }
    }

    fn below(base: &str, path: &str) -> String {
        let is_whole = base.is_empty() || path.starts_with('/');
        if is_whole { path.to_owned() } else { format!("{}/{path}", base.trim_end_matches('/')) }
    }
}

/// Options that mean nothing here, with a value or without.
const SILENT: [(&str, usize); 28] = [
    ("allow-0rtt", 0),
    ("ciphers", 1),
    ("ciphersuites", 1),
    ("curves", 1),
    ("ecdhe", 1),
    ("expose-fd", 1),
    ("id", 1),
    ("level", 1),
    ("nice", 1),
    ("no-alpn", 0),
    ("prefer-client-ciphers", 0),
    ("severity-output", 1),
    ("shards", 1),
    ("sigalgs", 1),
    ("tcp-ut", 1),
    ("name", 1),
    ("v4v6", 0),
    ("v6only", 0),
    ("tfo", 0),
    ("defer-accept", 0),
    ("no-sslv3", 0),
    ("no-tlsv10", 0),
    ("no-tlsv11", 0),
    ("process", 1),
    ("thread", 1),
    ("backlog", 1),
    ("alpn", 1),
    ("npn", 1),
];

impl Bind {
    /// All listeners the lines come to: what differs in more than its address becomes another.
    pub(crate) fn all(lines: &[&Line], said: &TlsWords, notes: &mut Notes) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in lines {
            let bind = Self::parse(line, said, notes);
            if bind.addresses.is_empty() {
                continue;
            }
            match all.iter_mut().find(|known| known.is_alike(&bind)) {
                Some(known) => {
                    known.port = known.port.filter(|port| Some(*port) == bind.port);
                    known.addresses.extend(bind.addresses);
                }
                None => all.push(bind),
            }
        }
        all
    }

    fn is_alike(&self, other: &Self) -> bool {
        let plain = |bind: &Self| Self { line: 0, addresses: Vec::new(), port: None, ..bind.clone() };
        plain(self) == plain(other)
    }

    fn parse(line: &Line, said: &TlsWords, notes: &mut Notes) -> Self {
        let mut bind = Self { line: line.number, words: said.clone(), ..Self::default() };
        for address in line.word(1).split(',') {
            match ours(address) {
                Ok((address, port)) => {
                    bind.addresses.push(address);
                    bind.port = port;
                }
                Err(why) => notes.missing(line.number, format!("bind {address}"), why),
            }
        }
        if bind.addresses.len() > 1 {
            bind.port = None;
        }
        let mut words = line.words.iter().skip(2).map(String::as_str);
        while let Some(word) = words.next() {
            bind.option(word, &mut words, line, notes);
        }
        bind
    }

    fn option<'w>(&mut self, word: &str, words: &mut impl Iterator<Item = &'w str>, line: &Line, notes: &mut Notes) {
        if self.words.word(word, words) {
            return;
        }
        let mut next = || words.next().unwrap_or_default().to_owned();
        match word {
            "ssl" => self.tls = true,
            "crt" => self.certificates.push(self.words.certificate(&next())),
            "accept-proxy" => self.accept_proxy = true,
            "ca-file" | "ca-verify-file" => self.client_ca = Some(self.words.authority(&next())),
            "verify" => self.verify = Some(next()),
            "mode" | "user" | "group" | "uid" | "gid" => {
                let key = word.replace("uid", "user").replace("gid", "group");
                self.permissions.push((key, next()));
            }
            _ => match SILENT.iter().find(|(known, _)| *known == word) {
                Some((_, values)) => {
                    let values: Vec<String> = (0..*values).map(|_| next()).collect();
                    if word == "alpn" && values.iter().any(|value| value.contains("h2")) {
                        notes.detail(
                            line.number,
                            format!("alpn {}", values.join(" ")),
                            "clients are offered HTTP/1.1 only",
                        );
                    }
                }
                None => notes.missing(line.number, format!("bind ... {word}"), unknown(word, &mut next)),
            },
        }
    }

    /// Says it in a listener; `false`: there can be none.
    pub(crate) fn write(&self, http: bool, listener: &mut Table, notes: &mut Notes) -> bool {
        let why = match (self.tls, http, self.certificates.is_empty()) {
            (true, false, _) => "TLS is ended on HTTP listeners only",
            (true, true, true) => "it names no certificate (`crt`)",
            _ => "",
        };
        if !why.is_empty() {
            notes.missing(self.line, "bind ... ssl", why);
            return false;
        }
        listener.put("bind", self.places());
        listener.put(
            "protocol",
            if !http {
                "tcp"
            } else if self.tls {
                "https"
            } else {
                "http"
            },
        );
        if self.accept_proxy {
            listener.put("proxy_protocol", true);
            listener.put("trusted_proxies", vec!["0.0.0.0/0", "::/0"]);
            notes.detail(
                self.line,
                "accept-proxy",
                "HAProxy takes the header from everybody: narrow `trusted_proxies` down to the proxy in front",
            );
        }
        if self.tls {
            self.write_tls(listener, notes);
        }
        true
    }

    fn write_tls(&self, listener: &mut Table, notes: &mut Notes) {
        let Some((first, more)) = self.certificates.split_first() else { return };
        if first.ends_with('/') || !first.rsplit('/').next().unwrap_or_default().contains('.') {
            notes.missing(
                self.line,
                format!("crt {first}"),
                "a folder of certificates: name each file in `certificates`",
            );
        }
        listener.put("tls.certificate", first.clone());
        listener.put("tls.key", first.clone());
        let pair = |file: &String| {
            let parts = ["certificate", "key"].map(|key| (key.to_owned(), Value::Text(file.clone())));
            Value::Inline(parts.to_vec())
        };
        if !more.is_empty() {
            listener.put("tls.certificates", more.iter().map(pair).collect::<Vec<_>>());
        }
        if let (Some(file), Some(asked @ ("optional" | "required"))) = (&self.client_ca, self.verify.as_deref()) {
            listener.put("tls.client_ca", file.clone());
            listener.put("tls.client_certificate", asked);
        }
        self.words.write(listener);
    }

    /// Where it listens: with who may connect, where that is said of socket files.
    fn places(&self) -> Value {
        let place = |address: &String| match address.starts_with("unix:") && !self.permissions.is_empty() {
            true => {
                let mut parts = vec![("address".to_owned(), Value::from(address.as_str()))];
                parts.extend(self.permissions.iter().map(|(key, said)| (key.clone(), Value::from(said.as_str()))));
                Value::Inline(parts)
            }
            false => Value::from(address.as_str()),
        };
        match self.addresses.as_slice() {
            [one] => place(one),
            several => Value::List(several.iter().map(place).collect()),
        }
    }
}

/// Why a word of a `bind` comes to nothing; those that have a value are passed over with it.
fn unknown(word: &str, next: &mut impl FnMut() -> String) -> &'static str {
    let (values, why) = match word {
        "crt-list" => (1, "a list of certificates: name each file in `certificates` of [listener.tls]"),
        "crl-file" => (1, "revocation lists are not read"),
        "maxconn" => (1, "clients are bounded at a whole listener: `connections_max` of its limits"),
        "interface" | "namespace" => (1, "name the address of the interface"),
        "transparent" => (0, "a listener has addresses of this host"),
        "accept-netscaler-cip" => (1, "only the PROXY protocol says whom a connection is for"),
        "proto" => (1, "HTTP/1.1 is spoken to clients"),
        "crt-ignore-err" | "ca-ignore-err" | "ca-sign-file" | "ca-sign-pass" | "tls-ticket-keys" | "mss"
        | "guid-prefix" => (1, "this option has no counterpart"),
        _ => (0, "this option has no counterpart"),
    };
    (0..values).for_each(|_| drop(next()));
    why
}

/// An address of HAProxy's as ours, and its port.
pub(crate) fn ours(address: &str) -> Result<(String, Option<u16>), String> {
    let address = ["ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"]
        .iter()
        .find_map(|kind| address.strip_prefix(kind))
        .unwrap_or(address);
    if address.starts_with("quic") {
        return Err("HTTP/3 is not spoken".to_owned());
    }
    if address.contains('$') {
        return Err("variables of the environment are not filled in".to_owned());
    }
    if let Some(path) = address.strip_prefix("unix@").or(address.starts_with('/').then_some(address)) {
        return Ok((format!("unix:{path}"), None));
    }
    let (host, port) = address.rsplit_once(':').ok_or("it has no port")?;
    let port: u16 = port.parse().map_err(|_| "a range of ports: write a listener for each port".to_owned())?;
    let host = match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "*" => "0.0.0.0".to_owned(),
        "::" => "[::]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    Ok((format!("{host}:{port}"), Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expect) in [
            (":80", Ok(("0.0.0.0:80", Some(80)))),
            ("*:80", Ok(("0.0.0.0:80", Some(80)))),
            (":::443", Ok(("[::]:443", Some(443)))),
            ("[::1]:443", Ok(("[::1]:443", Some(443)))),
            ("10.0.0.1:8080", Ok(("10.0.0.1:8080", Some(8080)))),
            ("unix@/run/q.sock", Ok(("unix:/run/q.sock", None))),
            (":8000-8010", Err("a range of ports: write a listener for each port")),
            ("${IP}:80", Err("variables of the environment are not filled in")),
        ] {
            let expect = expect.map(|(address, port)| (address.to_owned(), port)).map_err(str::to_owned);
            assert_eq!(ours(text), expect, "{text}");
        }
    }
}
