//! Response heads: what is understood, and what is refused with which error.

use http::{BodyKind, Limits, Method, Reading, ResponseHead, Version};
use http1::{Error, HeadSlots, Parsed, parse_response};

fn parse<T>(
    bytes: &[u8],
    method: Method,
    look: impl FnOnce(Parsed<ResponseHead<'_, '_>>) -> T,
) -> Result<Option<T>, Error> {
    Ok(parse_response(bytes, &Limits::default(), &mut HeadSlots::new(), method)?.map(look))
}

fn check_refused(input: &[u8], expect: Error) {
    let got = parse(input, Method::Get, |parsed| format!("{parsed:?}"));
    assert_eq!(got, Err(expect), "{}", input.escape_ascii());
}

#[test]
fn what_a_head_says() {
    let input = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!";
    parse(input, Method::Get, |Parsed { head, len, keep_alive, .. }| {
        assert_eq!((head.version, head.status, head.reason), (Version::Http11, 404, "Not Found"));
        assert_eq!((head.body, keep_alive, head.upgrade), (BodyKind::Length(3), false, None));
        assert_eq!((head.headers.len(), len, head.is_interim()), (2, input.len() - 3, false));
    })
    .unwrap()
    .expect("a complete head");
}

#[test]
fn bodies_by_status_method_and_fields() {
    use BodyKind::*;
    let check = |status: u16, method, fields: &str, expect| {
        let input = format!("HTTP/1.1 {status} x\r\n{fields}\r\n");
        assert_eq!(
            parse(input.as_bytes(), method, |Parsed { head, .. }| head.body),
            Ok(Some(expect)),
            "{status} {method:?} {fields}"
        );
    };
    let (length, chunked) = ("Content-Length: 7\r\n", "Transfer-Encoding: chunked\r\n");
    check(200, Method::Get, length, Length(7));
    check(200, Method::Get, "Content-Length: 0\r\n", Length(0));
    check(200, Method::Get, chunked, Chunked);
    check(200, Method::Get, "", UntilClose);
    check(500, Method::Post, "", UntilClose);
    check(200, Method::Head, length, Empty);
    check(200, Method::Head, chunked, Empty);
    check(200, Method::Head, "", Empty);
    for status in [100, 102, 103, 199, 204, 304] {
        check(status, Method::Get, length, Empty);
        check(status, Method::Get, chunked, Empty);
        check(status, Method::Get, "", Empty);
    }
    check(101, Method::Get, "", Tunnel);
    check(200, Method::Connect, length, Tunnel);
    check(299, Method::Connect, "", Tunnel);
    check(407, Method::Connect, length, Length(7));
}

#[test]
fn interim_is_1xx_but_not_101() {
    for (status, expect) in
        [(100, true), (101, false), (102, true), (103, true), (199, true), (200, false), (304, false)]
    {
        let input = format!("HTTP/1.1 {status} \r\n\r\n");
        assert_eq!(
            parse(input.as_bytes(), Method::Get, |Parsed { head, .. }| head.is_interim()),
            Ok(Some(expect)),
            "{status}"
        );
    }
}

#[test]
fn persistence() {
    let check = |version: &str, fields: &str, expect: bool| {
        let input = format!("HTTP/{version} 200 OK\r\n{fields}\r\n");
        assert_eq!(
            parse(input.as_bytes(), Method::Get, |parsed| parsed.keep_alive),
            Ok(Some(expect)),
            "{version} {fields}"
        );
    };
    check("1.1", "Content-Length: 1\r\n", true);
    check("1.1", "Content-Length: 1\r\nConnection: close\r\n", false);
    check("1.1", "Transfer-Encoding: chunked\r\n", true);
    check("1.1", "", false);
    check("1.0", "Content-Length: 1\r\n", false);
    check("1.0", "Content-Length: 1\r\nConnection: keep-alive\r\n", true);
    check("1.0", "Connection: keep-alive\r\n", false);
}

#[test]
fn a_switch_of_protocols() {
    let input = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let got = parse(input, Method::Get, |Parsed { head, keep_alive, .. }| {
        (head.body, keep_alive, head.upgrade == Some(b"websocket"))
    });
    assert_eq!(got, Ok(Some((BodyKind::Tunnel, false, true))));
}

#[test]
fn reasons_that_real_servers_send() {
    let check = |line: &[u8], expect: &str| {
        let got = parse(&[line, b"\r\n\r\n"].concat(), Method::Get, |Parsed { head, .. }| head.reason.to_owned());
        assert_eq!(got, Ok(Some(expect.to_owned())), "{}", line.escape_ascii());
    };
    check(b"HTTP/1.1 200 OK", "OK");
    check(b"HTTP/1.1 200 ", "");
    check(b"HTTP/1.1 200", "");
    check(b"HTTP/1.1 999 Request denied", "Request denied");
    check(b"HTTP/1.1 200 D\xe9j\xe0 vu", "");
}

#[test]
fn heads_that_are_refused() {
    check_refused(b"\r\nHTTP/1.1 200 OK\r\n\r\n", Error::LeadingEmptyLines);
    check_refused(b"\nHTTP/1.1 200 OK\r\n\r\n", Error::LeadingEmptyLines);
    check_refused(b"HTTP/2.0 200 OK\r\n\r\n", Error::VersionUnsupported);
    check_refused(b"HTTP/1.2 200 OK\r\n\r\n", Error::VersionUnsupported);
    check_refused(b"HTTP/2 200 OK\r\n\r\n", Error::VersionUnsupported);
    check_refused(b"ICY 200 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"SSH-2.0-OpenSSH_9.9\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1\t200 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1  200 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1 20 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1 2000 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1 099 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1 +20 OK\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1 200 O\0K\r\n\r\n", Error::StatusLine);
    check_refused(b"HTTP/1.1 200 OK\n\r\n", Error::BareLf);
    check_refused(b"HTTP/1.1 200 OK\r\nA: b\n\r\n", Error::BareLf);
    check_refused(b"HTTP/1.1 200\n\n", Error::BareLf);
    check_refused(b"HTTP/1.1 200 OK\r\n\rA", Error::BareCr);
    check_refused(b"HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", Error::BareCr);
    check_refused(b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", Error::ObsFold);
    check_refused(b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", Error::SpaceInHeaderName);
    check_refused(b"HTTP/1.1 200 OK\r\nA: \0\r\n\r\n", Error::HeaderValue);
}

#[test]
fn framing_is_as_strict_as_in_requests() {
    let check = |fields: &str, expect| {
        check_refused(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), expect);
        // Also where the body is left out: the next response must not depend on who reads it.
        check_refused(format!("HTTP/1.1 304 OK\r\n{fields}\r\n").as_bytes(), expect);
    };
    check("Content-Length: 5\r\nContent-Length: 5\r\n", Error::ContentLengthRepeated);
    check("Content-Length: 5, 5\r\n", Error::ContentLengthInvalid);
    check("Content-Length: 9223372036854775808\r\n", Error::ContentLengthTooLarge);
    check("Content-Length: -1\r\n", Error::ContentLengthInvalid);
    check("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Error::LengthAndTransferEncoding);
    check("Transfer-Encoding: gzip\r\n", Error::TransferEncodingInvalid);
    check("Transfer-Encoding: gzip, chunked\r\n", Error::TransferEncodingUnsupported);
    check_refused(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Error::TransferEncodingInHttp10);
}

/// `input` with `|` for CRLF and `/` for a bare LF: how many bytes the head has, how its body is framed, whether the
/// connection is kept, and the dialects it is in.
#[track_caller]
fn check_lenient(reading: Reading, input: &str, expect: Result<(BodyKind, bool, &[&str]), Error>) {
    let bytes = input.replace('|', "\r\n").replace('/', "\n").replace("HTTP\n", "HTTP/").into_bytes();
    let limits = Limits { reading, ..Limits::default() };
    let read = |bytes: &[u8]| {
        let mut slots = HeadSlots::new();
        let parsed = parse_response(bytes, &limits, &mut slots, Method::Get)?;
        Ok(parsed.map(|Parsed { head, len, keep_alive, dialects }| {
            let names: Vec<&str> = dialects.iter().map(http1::Dialect::name).collect();
            (head.body, keep_alive, names, len)
        }))
    };
    let got = read(&bytes);
    let expect = expect.map(|(body, keep, names)| Some((body, keep, names.to_vec(), bytes.len())));
    assert_eq!(got, expect, "{input}");
    // A head that grows is incomplete until it is whole, or refused for the same reason.
    for end in 0..bytes.len() {
        let early = read(&bytes[..end]);
        assert!(early == Ok(None) || early == expect.clone(), "{input}: {early:?} at {end}");
    }
}

#[test]
fn older_dialects_that_lenient_readers_take() {
    use BodyKind::*;
    let lenient =
        |input: &str, body, keep, names: &[&str]| check_lenient(Reading::Lenient, input, Ok((body, keep, names)));
    lenient("HTTP/1.1 200 OK|Content-Length: 5||", Length(5), true, &[]);
    lenient("HTTP/1.1 200 OK/Content-Length: 5//", Length(5), true, &["bare_lf"]);
    lenient("HTTP/1.1 200 OK|A: b/Content-Length: 5|/", Length(5), true, &["bare_lf"]);
    lenient("HTTP/1.1 200 OK|A: b| c|\td|Content-Length: 5||", Length(5), true, &["folded_line"]);
    lenient("HTTP/1.1 200 OK|A : b|Content-Length\t: 5||", Length(5), true, &["space_before_colon"]);
    lenient("HTTP/1.1 200 OK|Content-Length: 2|Content-Length: 2||", Length(2), true, &["equal_lengths"]);
    lenient("HTTP/1.1 200 OK|Content-Length: 2, 2||", Length(2), true, &["equal_lengths"]);
    lenient(
        "HTTP/1.1 200 OK|Content-Length: 2|Transfer-Encoding: chunked||",
        Chunked,
        false,
        &["length_beside_coding"],
    );
    lenient(
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Content-Length: 2||",
        Chunked,
        false,
        &["length_beside_coding"],
    );
    lenient("HTTP/1.1 304 OK|Transfer-Encoding: chunked|Content-Length: 2||", Empty, false, &["length_beside_coding"]);
    lenient("HTTP/1.0 200 OK|Transfer-Encoding: chunked||", Chunked, false, &["chunked_in_http10"]);
    lenient("HTTP/1.1 200 OK|Transfer-Encoding: identity|Content-Length: 2||", Length(2), false, &["identity_coding"]);
    lenient("HTTP/1.1 200 OK|Transfer-Encoding: identity||", UntilClose, false, &["identity_coding"]);
    lenient("HTTP/1.2 200 OK|Content-Length: 5||", Length(5), true, &["newer_version"]);
    lenient("HTTP/1.9 204/Content-Length: 5//", Empty, true, &["bare_lf", "newer_version"]);
    for before in ["|", "||", "/"] {
        let input = format!("{before}HTTP/1.1 200 OK|Content-Length: 5||");
        let expect = (Length(5), true, &["empty_line_after_interim"][..]);
        check_lenient(Reading::LenientAfterInterim, &input, Ok(expect));
        check_lenient(Reading::Lenient, &input, Err(Error::LeadingEmptyLines));
    }
}

#[test]
fn what_could_be_understood_in_two_ways_is_refused_by_lenient_readers_too() {
    let check = |input: &str, error| check_lenient(Reading::Lenient, input, Err(error));
    check("HTTP/1.1 200 OK|Content-Length: 5|Content-Length: 6||", Error::ContentLengthRepeated);
    check("HTTP/1.1 200 OK|Content-Length: 5, 6||", Error::ContentLengthRepeated);
    check("HTTP/1.1 200 OK|Content-Length: 5,||", Error::ContentLengthInvalid);
    check("HTTP/1.1 200 OK|Content-Length: +5||", Error::ContentLengthInvalid);
    check("HTTP/1.1 200 OK|Content-Length: 9223372036854775808||", Error::ContentLengthTooLarge);
    check("HTTP/1.1 200 OK|Content-Length:| 5||", Error::ObsFold);
    check("HTTP/1.1 200 OK|Transfer-Encoding: x,| chunked||", Error::ObsFold);
    check("HTTP/1.1 200 OK|Transfer-Encoding: gzip||", Error::TransferEncodingInvalid);
    check("HTTP/1.1 200 OK|Transfer-Encoding: chunked, identity||", Error::TransferEncodingInvalid);
    check("HTTP/1.1 200 OK|Transfer-Encoding: chunked, chunked||", Error::TransferEncodingInvalid);
    check("HTTP/1.1 200 OK|A: b\rc||", Error::BareCr);
    check("HTTP/1.1 200 OK|A B: c||", Error::SpaceInHeaderName);
    check("HTTP/1.1 200 OK| A: c||", Error::ObsFold);
    check("HTTP/1.1 200 OK|A: \0||", Error::HeaderValue);
    check("HTTP/2.0 200 OK||", Error::VersionUnsupported);
    check("HTTP/1.2 2000 OK||", Error::StatusLine);
    check("HTTP/1.2  200 OK||", Error::StatusLine);
    check("ICY 200 OK||", Error::StatusLine);
    let many = format!("{}HTTP/1.1 200 OK||", "|".repeat(5));
    check_lenient(Reading::LenientAfterInterim, &many, Err(Error::LeadingEmptyLines));
}

#[test]
fn a_head_over_the_limit() {
    let limits = Limits { head_bytes_max: 40, ..Limits::default() };
    let check = |len: usize, expect| {
        let input = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "x".repeat(len - 24));
        let mut slots = HeadSlots::new();
        let got = parse_response(input.as_bytes(), &limits, &mut slots, Method::Get);
        assert_eq!(got.map(|found| found.is_some()), expect, "{input}");
    };
    check(40, Ok(true));
    check(41, Err(Error::HeadTooLong));
}
