//! A line as an object of JSON. What there is nothing of has no key.

use super::time::Moment;
use super::{Part, Told, escape, plain};
use crate::exchange::Outcome;
use crate::retry::RetryReason;
use crate::settings::Protocol;
use core::time::Duration;
use http::Version;
use std::io::Write;

/// Bytes of a line beside its texts: room is made once.
const FRAME_BYTES_MAX: usize = 640;

/// A member's name with what stands around it. Texts of the program are put together before it runs: a line has some twenty.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":")
    };
}

/// A member that is a word of ours, which needs no escaping.
macro_rules! word {
    ($name:literal, $word:literal) => {
        concat!(",\"", $name, "\":\"", $word, "\"")
    };
}

/// The keys of texts, in the order of [`Part`].
const PART_KEYS: [&str; Part::ALL.len()] = [
    key!("listener"),
    key!("route"),
    key!("backend_set"),
    key!("method"),
    key!("target"),
    key!("host"),
    key!("referer"),
    key!("user_agent"),
    key!("request_id"),
    key!("user"),
    key!("sni"),
    key!("begins"),
];

/// Writes one line with its end.
pub(super) fn write(told: &Told<'_>, moment: &mut Moment, out: &mut Vec<u8>) {
    out.reserve(FRAME_BYTES_MAX);
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(moment.at(told.line.at));
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
    /// Inlined, so that the length is known where it is copied.
    #[inline(always)]
    fn put(&mut self, text: &'static str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn part(&mut self, told: &Told<'_>, part: Part) {
        let text = told.part(part);
        if !text.is_empty() {
            self.put(PART_KEYS[part as usize]);
            self.quoted(|out| escape::json(text, out));
        }
    }

    fn number(&mut self, value: u64) {
        plain::number(value, self.0);
    }

    /// A word of ours, which needs no escaping.
    fn word(&mut self, word: &str) {
        self.quoted(|out| out.extend_from_slice(word.as_bytes()));
    }

    /// What `write` writes, which needs no escaping or is escaped.
    #[inline]
    fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.push(b'"');
        write(self.0);
        self.0.push(b'"');
    }

    #[inline(always)]
    fn millis(&mut self, key: &'static str, time: Option<Duration>) {
        let Some(time) = time else { return };
        self.put(key);
        plain::millis(time, self.0);
    }
}

fn write_way(told: &Told<'_>, object: &mut Object<'_>) {
    let line = told.line;
    object.put(key!("client"));
    object.quoted(|out| plain::socket(line.peer, out));
    if line.client != line.peer.ip() {
        object.put(key!("for"));
        object.word(&line.client.to_string());
    }
    [Part::Listener, Part::Route, Part::Set].into_iter().for_each(|part| object.part(told, part));
    if let Some(server) = line.server {
        object.put(key!("server"));
        object.quoted(|out| plain::server(server, out, escape::json));
    }
}

fn write_request(told: &Told<'_>, object: &mut Object<'_>) {
    object.part(told, Part::RequestId);
    object.part(told, Part::Method);
    object.part(told, Part::Target);
    if told.line.protocol != Protocol::Tcp && !told.part(Part::Method).is_empty() {
        object.put(key!("version"));
        object.word(version_of(told.line.version));
    }
    [Part::Host, Part::Referer, Part::UserAgent, Part::User].into_iter().for_each(|part| object.part(told, part));
    if let Some(tls) = told.line.tls {
        object.put(key!("tls"));
        object.word(tls.version);
        object.put(key!("cipher"));
        object.word(tls.cipher);
    }
    object.part(told, Part::Sni);
    if told.is_cut() {
        object.put(concat!(key!("cut"), "true"));
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
    if line.status != 0 {
        object.put(key!("status"));
        object.number(line.status.into());
    }
    match line.record.outcome() {
        Outcome::Responded => object.put(word!("outcome", "responded")),
        Outcome::Truncated => object.put(word!("outcome", "truncated")),
        Outcome::Replied(_) => object.put(word!("outcome", "replied")),
        Outcome::Failed(_) => object.put(word!("outcome", "failed")),
        Outcome::Abandoned => object.put(word!("outcome", "abandoned")),
    }
    if let Some(failure) = line.record.failure {
        object.put(key!("failure"));
        object.word(failure.kind().name());
        if let Some(rule) = failure.rule() {
            object.put(key!("rule"));
            object.word(rule.name());
        }
    }
    object.part(told, Part::Begins);
    object.put(key!("bytes_in"));
    object.number(line.bytes_up);
    object.put(key!("bytes_out"));
    object.number(line.bytes_down);
}

fn write_times(told: &Told<'_>, object: &mut Object<'_>) {
    let line = told.line;
    object.millis(key!("wait_ms"), Some(line.waited()));
    object.millis(key!("connect_ms"), line.connected_within());
    object.millis(key!("first_byte_ms"), line.first_byte_within());
    object.millis(key!("total_ms"), Some(line.took));
    object.put(key!("attempts"));
    object.number(line.attempts().into());
    if line.record.retries > 0 {
        write_retries(told, object);
    }
    match line.record.server.map(|_| line.record.pooled) {
        Some(true) => object.put(concat!(key!("reused"), "true")),
        Some(false) => object.put(concat!(key!("reused"), "false")),
        None => {}
    }
}

#[cold]
fn write_retries(told: &Told<'_>, object: &mut Object<'_>) {
    let retried = told.line.record.retried;
    object.put(key!("retried_for"));
    for (at, (reason, count)) in RetryReason::ALL.iter().zip(retried).filter(|(_, count)| *count > 0).enumerate() {
        write!(object.0, "{}\"{reason}\":{count}", if at == 0 { '{' } else { ',' }).expect("memory takes it");
    }
    object.put(if retried.iter().all(|count| *count == 0) { "{}" } else { "}" });
}

fn write_end(told: &Told<'_>, object: &mut Object<'_>) {
    let Some(end) = told.line.end else { return object.put(word!("closed", "kept")) };
    object.put(key!("closed"));
    object.word(end.why.name());
    if let Some(first) = end.first {
        object.put(key!("closed_first"));
        object.word(first.name());
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
    fn texts_have_their_names() {
        let names: Vec<_> = Part::ALL.iter().map(|part| format!(",\"{part}\":")).collect();
        assert_eq!(names, PART_KEYS);
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
