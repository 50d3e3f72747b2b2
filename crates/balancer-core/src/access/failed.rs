//! A request that failed, in words: for whoever watches a balancer without an access log.

use super::{Part, Told, escape};
use core::fmt;
use core::time::Duration;

/// One request that failed. All texts are printable ASCII.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Address and port of its client.
    pub client: String,
    /// The name of the listener.
    pub listener: String,
    /// Method and target, as far as they are known.
    pub request: Option<String>,
    /// How it began, where it was refused.
    pub begins: Option<String>,
    /// What failed, as counters call it; the rule that was broken, where that says more.
    pub failure: &'static str,
    /// The same in words.
    pub why: &'static str,
    /// What the client was told; 0: nothing.
    pub status: u16,
    /// The set, and the server that was asked last.
    pub backend_set: Option<String>,
    /// Its address.
    pub server: Option<String>,
    /// Where nobody was there for it: how the servers of the set stood.
    pub servers: Option<String>,
    /// How many servers were asked.
    pub attempts: u32,
    /// How long it took.
    pub took: Duration,
}

impl Failed {
    /// `None`: it did not fail.
    pub fn of(told: &Told<'_>) -> Option<Self> {
        let line = told.line;
        if !line.record.has_failed() {
            return None;
        }
        let failure = line.record.failure;
        let server = line.server.map(|server| server.to_string());
        Some(Self {
            client: line.peer.to_string(),
            listener: text(told.part(Part::Listener)).unwrap_or_default(),
            request: request(told),
            begins: text(told.part(Part::Begins)),
            failure: failure
                .map_or("truncated", |failure| failure.rule().map_or(failure.kind().name(), |rule| rule.name())),
            why: failure.map_or("the server failed in the middle of its response", |failure| failure.text()),
            status: line.status,
            backend_set: text(told.part(Part::Set)),
            server,
            servers: line.nobody.map(|nobody| nobody.to_string()),
            attempts: line.attempts(),
            took: line.took,
        })
    }
}

fn text(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::new();
    escape::quoted(bytes, &mut out);
    (!out.is_empty()).then(|| String::from_utf8_lossy(&out).into_owned())
}

fn request(told: &Told<'_>) -> Option<String> {
    let method = text(told.part(Part::Method))?;
    Some(match text(told.part(Part::Target)) {
        Some(target) => format!("{method} {target}"),
        None => method,
    })
}

/// One line: `request of 192.0.2.7:40000 at web failed (server_closed, 502): the server closed ...; GET /x; server
/// app/10.0.0.7:80, 2 attempts, 0.031 s`.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request of {} at {} failed ({}", self.client, self.listener, self.failure)?;
        match self.status {
            0 => write!(f, "): {}", self.why)?,
            status => write!(f, ", {status}): {}", self.why)?,
        }
        if let Some(request) = &self.request {
            write!(f, "; {request}")?;
        }
        if let Some(begins) = &self.begins {
            write!(f, "; it begins \"{begins}\"")?;
        }
        match (&self.backend_set, &self.server) {
            (Some(set), Some(server)) => {
                write!(f, "; server {set}/{server}, {}", units::counted(self.attempts.into(), "attempt"))?;
            }
            (Some(set), None) => write!(f, "; set {set}")?,
            (None, _) => {}
        }
        if let Some(servers) = &self.servers {
            write!(f, ", of whose servers {servers}")?;
        }
        write!(f, ", {:.3} s", self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;
    use crate::access::{Batch, Line, Nobody, Note, a_line};

    fn failed(line: Line, parts: &[(Part, &[u8])]) -> Option<String> {
        let mut note = Note::default();
        note.line = Some(line);
        parts.iter().for_each(|(part, text)| note.tell(*part, text));
        let mut batch = Batch::with_room(1, 10_000);
        assert!(batch.push(&note));
        let told = batch.told().next().expect("one line");
        Failed::of(&told).map(|failed| failed.to_string())
    }

    #[test]
    fn a_failure_is_one_line_with_server_and_reason() {
        assert_eq!(failed(a_line(), &[]), None);
        let record = a_line().record;
        let lost = Line {
            record: crate::exchange::Record {
                failure: Some(Failure::ServerClosed),
                responded: false,
                status: 0,
                ..record
            },
            status: 502,
            ..a_line()
        };
        let parts: [(Part, &[u8]); 4] =
            [(Part::Listener, b"web"), (Part::Set, b"app"), (Part::Method, b"GET"), (Part::Target, b"/x\n\"")];
        assert_eq!(
            failed(lost, &parts).as_deref(),
            Some(
                "request of 192.0.2.7:40000 at web failed (server_closed, 502): the server closed the connection before it \
                 answered; GET /x\\x0a\\\"; server app/10.0.0.7:80, 2 attempts, 0.031 s"
            )
        );
        let refused = Line {
            record: crate::exchange::Record {
                failure: Some(Failure::BadRequest(http1::Error::TlsHello)),
                server: None,
                ..lost.record
            },
            server: None,
            status: 400,
            ..lost
        };
        let text = failed(refused, &[(Part::Listener, b"web"), (Part::Begins, b"\x16\x03\n")]).expect("it failed");
        assert!(text.starts_with("request of 192.0.2.7:40000 at web failed (tls_hello, 400): "), "{text}");
        assert!(text.ends_with("; it begins \"\\x16\\x03\\x0a\", 0.031 s"), "{text}");
        let cut = Line { record: crate::exchange::Record { responded: false, truncated: true, ..record }, ..a_line() };
        assert!(failed(cut, &parts).is_some_and(|text| text.contains("(truncated, 200)")));
    }

    /// Where nobody was there, the set is named, and how its servers stood.
    #[test]
    fn that_nobody_was_there_is_told_with_why() {
        let nobody = Nobody { down: 2, drained: 1, ..Nobody::default() };
        let record = crate::exchange::Record {
            failure: Some(Failure::NoServer),
            responded: false,
            status: 0,
            server: None,
            ..a_line().record
        };
        let nowhere = Line { record, server: None, status: 503, nobody: Some(nobody), ..a_line() };
        let text = failed(nowhere, &[(Part::Listener, b"web"), (Part::Set, b"app")]).expect("it failed");
        assert!(
            text.ends_with("; set app, of whose servers 2 are down by their checks, 1 is drained, 0.031 s"),
            "{text}"
        );
        assert_eq!(Nobody::default().to_string(), "it has none");
    }
}
