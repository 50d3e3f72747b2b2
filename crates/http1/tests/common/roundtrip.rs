//! What must be true of every head a proxy passes on, whatever it was made from.

use std::net::{IpAddr, Ipv4Addr};

use http::forward::{
    Connection, Forwarded, RequestEdits, ResponseEdits, write_forwarded_request, write_forwarded_response,
};
use http::{BodyKind, Date, Header, Limits, Method, Name, Reading, RequestHead, ResponseHead, Version};
use http1::{HeadSlots, HeadWriter, Parsed, parse_request, parse_response};

/// Fields a proxy writes itself or drops, in both directions.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// The same, in requests only.
const OURS_IN_REQUESTS: &[&str] = &[
    "content_length",
    "expect",
    "forwarded",
    "host",
    "max-forwards",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x_forwarded_for",
];

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

/// If `bytes` start with a request head: forwards it, parses that again, and asserts that it means the same. Returns
/// whether there was one.
pub(crate) fn check_request(bytes: &[u8], connection: Connection) -> bool {
    let limits = Limits { headers_max: 110, ..Limits::default() };
    let mut slots = HeadSlots::new();
    let Ok(Some(Parsed { head, .. })) = parse_request(bytes, &limits, &mut slots) else { return false };
    let edits = RequestEdits {
        connection,
        fallback_host: "fallback",
        forwarded: Forwarded::Append,
        ..RequestEdits::plain(CLIENT)
    };
    let mut out = vec![0; bytes.len() + 512];
    let len = write_forwarded_request(&head, &edits, &mut HeadWriter::new(&mut out)).expect("room enough");

    let generous = Limits { head_bytes_max: out.len(), headers_max: 128, ..limits };
    let mut slots = HeadSlots::new();
    let again = parse_request(&out[..len], &generous, &mut slots).expect("a good head").expect("a complete head");
    assert_same_request(&head, &again, connection);
    assert_eq!(again.len, len, "one head and nothing else: {}", out[..len].escape_ascii());
    true
}

fn assert_same_request(head: &RequestHead<'_, '_>, again: &Parsed<RequestHead<'_, '_>>, connection: Connection) {
    let (again, keep_alive) = (&again.head, again.keep_alive);
    assert_eq!((head.method_name, head.path(), head.body), (again.method_name, again.path(), again.body));
    assert_eq!(head.target.query(), again.target.query());
    assert!(again.target.as_str().starts_with('/') || again.target.as_str() == "*", "{:?}", again.target);
    assert_eq!(again.version, Version::Http11);
    assert_eq!(again.host, Some(head.host.unwrap_or(b"fallback")));
    assert_eq!(again.expect_continue, head.expect_continue);
    assert_eq!(keep_alive, connection != Connection::Close);
    assert_eq!(again.upgrade, head.upgrade.filter(|_| connection == Connection::Upgrade));
    assert_framed_once(again.headers, again.body);
    for name in ["host", "x-forwarded-for", "x-forwarded-proto", "via"] {
        assert_eq!(values(again.headers, name).count(), 1, "exactly one {name}");
    }
    assert!(values(again.headers, "x-forwarded-for").all(|value| value.ends_with(b"192.0.2.7")));
    assert_end_to_end(head.headers, again.headers, &[OURS, OURS_IN_REQUESTS].concat());
}

/// The same for a response to `method`, sent to a client of that version.
pub(crate) fn check_response(bytes: &[u8], method: Method, client_version: Version, connection: Connection) -> bool {
    let limits = Limits { headers_max: 110, reading: Reading::Lenient, ..Limits::default() };
    let mut slots = HeadSlots::new();
    let Ok(Some(Parsed { head, .. })) = parse_response(bytes, &limits, &mut slots, method) else { return false };
    let edits = ResponseEdits {
        client_version,
        connection,
        body: head.body.for_client(client_version),
        date: (!head.dated).then(|| Date::at(0)),
        coding: None,
        varies: false,
        cookie: None,
        ruled: None,
    };
    let mut out = vec![0; bytes.len() + 512];
    let len = write_forwarded_response(&head, &edits, &mut HeadWriter::new(&mut out)).expect("room enough");

    // Whatever dialect it came in, it goes out to the letter.
    let generous = Limits { head_bytes_max: out.len(), headers_max: 128, reading: Reading::Strict, ..limits };
    let mut slots = HeadSlots::new();
    let again =
        parse_response(&out[..len], &generous, &mut slots, method).expect("a good head").expect("a complete head");
    assert_eq!(again.len, len, "one head and nothing else: {}", out[..len].escape_ascii());
    assert_same_response(&head, &again, &edits);
    true
}

fn assert_same_response(head: &ResponseHead<'_, '_>, again: &Parsed<ResponseHead<'_, '_>>, edits: &ResponseEdits) {
    let (again, keep_alive) = (&again.head, again.keep_alive);
    assert_eq!((head.status, head.reason, edits.body), (again.status, again.reason, again.body));
    assert_framed_once(again.headers, again.body);
    if again.is_interim() {
        assert_eq!(values(again.headers, "connection").count(), 0);
    } else if edits.connection == Connection::Close {
        assert!(!keep_alive);
    }
    if edits.client_version == Version::Http10 {
        assert_eq!(values(again.headers, "transfer-encoding").count(), 0);
    }
    assert!(again.dated);
    let mut ours = OURS.to_vec();
    if !head.dated {
        ours.push("date");
    }
    if again.body != BodyKind::Chunked {
        ours.push("trailer");
    }
    assert_end_to_end(head.headers, again.headers, &ours);
}

fn assert_framed_once(headers: &[Header<'_>], body: BodyKind) {
    let (lengths, codings) = (values(headers, "content-length").count(), values(headers, "transfer-encoding").count());
    assert!(lengths + codings <= 1, "two framings");
    assert_eq!(codings == 1, body == BodyKind::Chunked);
}

/// Fields for the recipient arrive unchanged and in order; fields for one hop do not.
fn assert_end_to_end(before: &[Header<'_>], after: &[Header<'_>], ours: &[&str]) {
    let is_ours = |header: &Header<'_>| ours.iter().any(|name| header.name.eq_ignore_ascii_case(name));
    // The parser's own names can never be dropped by being named in Connection.
    let kept_always = |name: &str| !matches!(Name::of(name), Name::Other | Name::Twin);
    let is_named = |header: &Header<'_>| {
        let named = values(before, "connection").any(|value| {
            value
                .split(|&byte| byte == b',')
                .any(|option| option.trim_ascii().eq_ignore_ascii_case(header.name.as_bytes()))
        });
        named && !kept_always(header.name)
    };
    let expect = before.iter().filter(|header| !is_ours(header) && !is_named(header));
    let got = after.iter().filter(|header| !is_ours(header));
    let same = expect.clone().count() == got.clone().count()
        && expect.zip(got).all(|(before, after)| before.name == after.name && unfolded(before.value) == after.value);
    assert!(same, "end-to-end fields differ: {before:?} became {after:?}");
}

/// A value as it was meant, in one line.
fn unfolded(value: &[u8]) -> Vec<u8> {
    value
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(&b' ')
}

fn values<'h>(headers: &'h [Header<'_>], name: &'h str) -> impl Iterator<Item = &'h [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}
