//! A line as an object of JSON. What there is nothing of has no key.

use super::{Part, Told, escape, plain, time};
use crate::exchange::Outcome;
use crate::retry::RetryReason;
use crate::settings::Protocol;
use core::time::Duration;
use http::Version;
use std::io::Write;

/// Writes one line with its end.
pub(super) fn write(told: &Told<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    time::rfc3339(told.line.at, out);
    out.push(b'"');
    let mut object = Object(out);
    write_way(told, &mut object);
    write_request(told, &mut object);
    write_outcome(told, &mut object);
    write_times(told, &mut object);
    write_end(told, &mut object);
    object.0.extend_from_slice(b"}\n");
}

/// An object that has a member already.
struct Object<'o>(&'o mut Vec<u8>);

impl Object<'_> {
    fn key(&mut self, name: &str) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.quoted(name, |out| escape::json(text, out));
    }

    fn part(&mut self, told: &Told<'_>, part: Part) {
        self.text(part.name(), told.part(part));
    }

    fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        plain::number(value, self.0);
    }

    fn is(&mut self, name: &str, value: bool) {
        self.key(name);
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A word of ours, which needs no escaping.
    fn word(&mut self, name: &str, word: &str) {
        self.quoted(name, |out| out.extend_from_slice(word.as_bytes()));
    }

    /// What `write` writes, which needs no escaping or is escaped.
    fn quoted(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.key(name);
        self.0.push(b'"');
        write(self.0);
        self.0.push(b'"');
    }

    fn millis(&mut self, name: &str, time: Option<Duration>) {
        let Some(time) = time else { return };
        self.key(name);
        plain::millis(time, self.0);
    }
}

fn write_way(told: &Told<'_>, object: &mut Object<'_>) {
    let line = told.line;
    object.quoted("client", |out| plain::socket(line.peer, out));
    if line.client != line.peer.ip() {
        object.word("for", &line.client.to_string());
    }
    [Part::Listener, Part::Route, Part::Set].into_iter().for_each(|part| object.part(told, part));
    if let Some(server) = line.server {
        object.quoted("server", |out| plain::server(server, out, escape::json));
    }
}

fn write_request(told: &Told<'_>, object: &mut Object<'_>) {
    object.part(told, Part::RequestId);
    object.part(told, Part::Method);
    object.part(told, Part::Target);
    if told.line.protocol != Protocol::Tcp && !told.part(Part::Method).is_empty() {
        object.word("version", version_of(told.line.version));
    }
    [Part::Host, Part::Referer, Part::UserAgent, Part::User].into_iter().for_each(|part| object.part(told, part));
    if let Some(tls) = told.line.tls {
        object.word("tls", tls.version);
        object.word("cipher", tls.cipher);
    }
    object.part(told, Part::Sni);
    if told.is_cut() {
        object.is("cut", true);
    }
}

/// As a request line says it.
pub(super) fn version_of(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
    }
}

fn write_outcome(told: &Told<'_>, object: &mut Object<'_>) {
    let line = told.line;
    let outcome = match line.record.outcome() {
        Outcome::Responded => "responded",
        Outcome::Truncated => "truncated",
        Outcome::Replied(_) => "replied",
        Outcome::Failed(_) => "failed",
        Outcome::Abandoned => "abandoned",
    };
    if line.status != 0 {
        object.number("status", line.status.into());
    }
    object.word("outcome", outcome);
    if let Some(failure) = line.record.failure {
        object.word("failure", failure.kind().name());
        if let Some(rule) = failure.rule() {
            object.word("rule", rule.name());
        }
    }
    object.part(told, Part::Begins);
    object.number("bytes_in", line.bytes_up);
    object.number("bytes_out", line.bytes_down);
}

fn write_times(told: &Told<'_>, object: &mut Object<'_>) {
    let line = told.line;
    object.millis("wait_ms", Some(line.waited()));
    object.millis("connect_ms", line.connected_within());
    object.millis("first_byte_ms", line.first_byte_within());
    object.millis("total_ms", Some(line.took));
    object.number("attempts", line.attempts().into());
    if line.record.retries > 0 {
        let reasons = RetryReason::ALL.iter().zip(line.record.retried).filter(|(_, count)| *count > 0);
        object.key("retried_for");
        for (at, (reason, count)) in reasons.enumerate() {
            write!(object.0, "{}\"{reason}\":{count}", if at == 0 { '{' } else { ',' }).expect("memory takes it");
        }
        let none = line.record.retried.iter().all(|count| *count == 0);
        object.0.extend_from_slice(if none { b"{}" } else { b"}" });
    }
    if line.record.server.is_some() {
        object.is("reused", line.record.pooled);
    }
}

fn write_end(told: &Told<'_>, object: &mut Object<'_>) {
    match told.line.end {
        None => object.word("closed", "kept"),
        Some(end) => {
            object.word("closed", end.why.name());
            if let Some(first) = end.first {
                object.word("closed_first", first.name());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Failure;
    use crate::access::{End, Line, LogFormat, Tls, a_line, written};
    use crate::exchange::Record;
    use crate::reason::CloseReason;
    use ports::ClosedFirst;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_line_says_everything_and_nothing_twice() {
        let parts: [(Part, &[u8]); 4] =
            [(Part::Listener, b"web"), (Part::Set, b"app"), (Part::Method, b"GET"), (Part::Target, b"/x")];
        assert_eq!(
            written(LogFormat::Json, a_line(), &parts),
            "{\"time\":\"2024-02-29T12:34:56.000007Z\",\"client\":\"192.0.2.7:40000\",\"listener\":\"web\",\
             \"backend_set\":\"app\",\"server\":\"10.0.0.7:80\",\"method\":\"GET\",\"target\":\"/x\",\
             \"version\":\"HTTP/1.1\",\"status\":200,\"outcome\":\"responded\",\"bytes_in\":0,\"bytes_out\":5,\
             \"wait_ms\":2.000,\"connect_ms\":3.000,\"first_byte_ms\":20.000,\"total_ms\":31.234,\"attempts\":2,\
             \"retried_for\":{\"unreachable\":1},\"reused\":false,\"closed\":\"kept\"}\n"
        );
    }

    #[test]
    fn a_failure_is_told_with_its_rule_its_first_bytes_and_how_the_connection_ended() {
        let record = Record { failure: Some(Failure::BadRequest(http1::Error::TlsHello)), ..Record::begun(ms(1)) };
        let end = Some(End { first: Some(ClosedFirst::PeerFin), why: CloseReason::ProtocolError });
        let tls = Some(Tls { version: "TLSv1.3", cipher: "TLS13_AES_256_GCM_SHA384" });
        let line = Line { record, status: 400, server: None, end, tls, client: [9, 9, 9, 9].into(), ..a_line() };
        let text = written(LogFormat::Json, line, &[(Part::Begins, b"\x16\x03\x01\"\n"), (Part::Sni, b"a.example")]);
        for piece in [
            "\"for\":\"9.9.9.9\"",
            "\"status\":400,\"outcome\":\"failed\",\"failure\":\"bad_request\",\"rule\":\"tls_hello\"",
            "\"begins\":\"\\u0016\\u0003\\u0001\\\"\\n\"",
            "\"attempts\":0,\"closed\":\"protocol_error\",\"closed_first\":\"peer_fin\"}",
            "\"tls\":\"TLSv1.3\",\"cipher\":\"TLS13_AES_256_GCM_SHA384\",\"sni\":\"a.example\"",
        ] {
            assert!(text.contains(piece), "{piece} in {text}");
        }
        assert!(!text.contains("version\":\"HTTP") && text.lines().count() == 1, "{text}");
    }
}
