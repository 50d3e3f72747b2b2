//! `bind` lines: addresses, certificates, who is believed.

use super::lex::Line;
use crate::document::{Table, Value, one_or_list};
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
    client_ca: Option<(String, bool)>,
    versions: Option<String>,
}

/// Options that mean nothing here, with a value or without.
const SILENT: [(&str, usize); 13] = [
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
    pub(crate) fn all(lines: &[&Line], notes: &mut Notes) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for line in lines {
            let bind = Self::parse(line, notes);
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

    fn parse(line: &Line, notes: &mut Notes) -> Self {
        let mut bind = Self { line: line.number, ..Self::default() };
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
        let mut next = || words.next().unwrap_or_default().to_owned();
        match word {
            "ssl" => self.tls = true,
            "crt" => self.certificates.push(next()),
            "accept-proxy" => self.accept_proxy = true,
            "ca-file" => {
                self.client_ca = Some((next(), self.client_ca.as_ref().is_some_and(|(_, required)| *required)))
            }
            "verify" => {
                let required = next() == "required";
                let file = self.client_ca.take().map(|(file, _)| file).unwrap_or_default();
                self.client_ca = Some((file, required));
            }
            "ssl-min-ver" => self.versions = Some(next()),
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
                None => notes.missing(line.number, format!("bind ... {word}"), "this option has no counterpart"),
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
        listener.put("bind", one_or_list(self.addresses.clone()));
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
            notes.detail(
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
        if let Some((file, required)) = &self.client_ca {
            listener.put("tls.client_ca", file.clone());
            listener.put("tls.client_certificate", if *required { "required" } else { "optional" });
        }
        if self.versions.as_deref() == Some("TLSv1.3") {
            listener.put("tls.versions", vec!["1.3"]);
        }
    }
}

/// An address of HAProxy's as ours, and its port.
pub(crate) fn ours(address: &str) -> Result<(String, Option<u16>), String> {
    let address = ["ipv4@", "ipv6@", "tcp@", "tcp4@", "tcp6@"]
        .iter()
        .find_map(|kind| address.strip_prefix(kind))
        .unwrap_or(address);
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
