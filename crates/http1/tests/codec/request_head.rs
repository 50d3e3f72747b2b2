//! Request heads: what is understood, and what is refused with which error.

use http::{BodyKind, Limits, Method, RequestHead, Version};
use http1::{Error, HeadSlots, Parsed, parse_request};

/// Parses `bytes` and describes the head in one line, or gives the error.
fn parse<T>(bytes: &[u8], look: impl FnOnce(Parsed<RequestHead<'_, '_>>) -> T) -> Result<Option<T>, Error> {
    Ok(parse_request(bytes, &Limits::default(), &mut HeadSlots::new())?.map(look))
}

fn check_refused(input: &[u8], expect: Error) {
    let got = parse(input, |parsed| format!("{parsed:?}"));
    assert_eq!(got, Err(expect), "{}", input.escape_ascii());
}

#[test]
fn what_a_head_says() {
    let input = b"POST /jobs?id=1 HTTP/1.1\r\nHost: example.net:8080\r\nCONTENT-length:  12 \r\nExpect: 100-Continue\r\n\r\nbody";
    parse(input, |Parsed { head, len, keep_alive, .. }| {
        assert_eq!((head.method, head.method_name), (Method::Post, "POST"));
        assert_eq!((head.target.as_str(), head.path()), ("/jobs?id=1", "/jobs"));
        assert_eq!((head.version, head.body), (Version::Http11, BodyKind::Length(12)));
        assert_eq!((keep_alive, head.expect_continue, head.upgrade), (true, true, None));
        assert_eq!(head.host, Some(&b"example.net:8080"[..]));
        assert_eq!((head.headers.len(), len), (3, input.len() - 4));
        assert_eq!((head.headers[1].name, head.headers[1].value), ("CONTENT-length", &b"12"[..]));
    })
    .unwrap()
    .expect("a complete head");
}

#[test]
fn framing() {
    let check = |fields: &str, expect: BodyKind| {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        assert_eq!(parse(input.as_bytes(), |Parsed { head, .. }| head.body), Ok(Some(expect)), "{fields}");
    };
    check("", BodyKind::Empty);
    check("Content-Length: 0\r\n", BodyKind::Length(0));
    check("Content-Length: 9223372036854775807\r\n", BodyKind::Length(i64::MAX as u64));
    check("Content-Length:\t7\t \r\n", BodyKind::Length(7));
    check("Transfer-Encoding: chunked\r\n", BodyKind::Chunked);
    check("transfer-encoding: CHUNKED\r\n", BodyKind::Chunked);
    check("Content_Length: 5\r\nX-Transfer-Encoding: chunked\r\n", BodyKind::Empty);
}

#[test]
fn framing_that_two_readers_could_understand_differently_is_refused() {
    let check =
        |fields: &str, expect| check_refused(format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes(), expect);
    for value in ["", "+5", "-5", "5 5", "5,5", "5, 5", "0x5", "5.0", "5;", "\"5\"", "five", "5a", "\u{b2}"] {
        check(&format!("Content-Length: {value}\r\n"), Error::ContentLengthInvalid);
    }
    for large in ["9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999999"] {
        check(&format!("Content-Length: {large}\r\n"), Error::ContentLengthTooLarge);
    }
    check("Content-Length: 5\r\nContent-Length: 5\r\n", Error::ContentLengthRepeated);
    check("Content-Length: 5\r\ncontent-length: 6\r\n", Error::ContentLengthRepeated);
    check("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Error::LengthAndTransferEncoding);
    check("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", Error::LengthAndTransferEncoding);
    for value in [
        "",
        ",",
        "identity",
        "gzip",
        "chunked, chunked",
        "chunked, gzip",
        "chunked,",
        ",chunked",
        "xchunked",
        "chunked;q=1",
        "\"chunked\"",
        "chunked chunked",
        "chunked, identity",
        "'chunked'",
    ] {
        check(&format!("Transfer-Encoding: {value}\r\n"), Error::TransferEncodingInvalid);
    }
    check("Transfer-Encoding: gzip, chunked\r\n", Error::TransferEncodingUnsupported);
    check("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", Error::TransferEncodingUnsupported);
    check("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Error::TransferEncodingInvalid);
    check("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", Error::TransferEncodingInvalid);
    check_refused(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Error::TransferEncodingInHttp10);
}

#[test]
fn field_lines_that_are_refused() {
    let check =
        |fields: &[u8], expect| check_refused(&[b"GET / HTTP/1.1\r\nHost: a\r\n", fields, b"\r\n"].concat(), expect);
    check(b"A: b\r\n c\r\n", Error::ObsFold);
    check(b"A: b\r\n\tc: d\r\n", Error::ObsFold);
    check(b" A: b\r\n", Error::ObsFold);
    check(b"A : b\r\n", Error::SpaceInHeaderName);
    check(b"Content-Length : 5\r\n", Error::SpaceInHeaderName);
    check(b"A\t: b\r\n", Error::SpaceInHeaderName);
    check(b"A B: c\r\n", Error::SpaceInHeaderName);
    check(b": b\r\n", Error::HeaderName);
    check(b"A\r\n", Error::HeaderName);
    check(b"A(b): c\r\n", Error::HeaderName);
    check(b"A\0: c\r\n", Error::HeaderName);
    check(b"\xc3\xa4: c\r\n", Error::HeaderName);
    check(b"Transfer-Encoding\x0b: chunked\r\n", Error::HeaderName);
    check(b"A: b\0c\r\n", Error::HeaderValue);
    check(b"A: \x01\r\n", Error::HeaderValue);
    check(b"A: b\x7f\r\n", Error::HeaderValue);
    check(b"Transfer-Encoding: \x0bchunked\r\n", Error::HeaderValue);
    check(b"A: b\rc\r\n", Error::BareCr);
    check(b"A: b\r\r\n", Error::BareCr);
    check(b"A:\rb\r\n", Error::BareCr);
    check(b"A: b\nB: c\r\n", Error::BareLf);
    check(b"A: b\n", Error::BareLf);
    check(b"A:\n", Error::BareLf);
    check(b"A: b\r\n\rX", Error::BareCr);
}

#[test]
fn request_lines_that_are_refused() {
    let check = |line: &[u8], expect| check_refused(&[line, b"\r\nHost: a\r\n\r\n"].concat(), expect);
    check(b"GET", Error::RequestLine);
    check(b"GET /", Error::RequestLine);
    check(b"GET  / HTTP/1.1", Error::RequestLine);
    check(b" GET / HTTP/1.1", Error::RequestLine);
    check(b"GET\t/ HTTP/1.1", Error::RequestLine);
    check(b"GET /  HTTP/1.1", Error::RequestLine);
    check(b"GET / HTTP/1.1 ", Error::RequestLine);
    check(b"GET /a b HTTP/1.1", Error::RequestLine);
    check(b"GET /a\tb HTTP/1.1", Error::RequestLine);
    check(b"GET /a\x01b HTTP/1.1", Error::RequestLine);
    check(b"GET / http/1.1", Error::RequestLine);
    check(b"GET / HTTPS/1.1", Error::RequestLine);
    check(b"G\xc3\x84T / HTTP/1.1", Error::RequestLine);
    check(b"GET / HTTP/1.2 ", Error::RequestLine);
    check(b"GET / HTTP/1.22", Error::RequestLine);
    check(b"G(T / HTTP/1.2", Error::RequestLine);
    check(b"GET / HTTP/0.9", Error::VersionUnsupported);
    check(b"GET / HTTP/2.0", Error::VersionUnsupported);
    check(b"GET / HTTP/1.x", Error::VersionUnsupported);
    check(b"GET /\xc3\xa4 HTTP/1.1", Error::Target);
    check(b"GET /#top HTTP/1.1", Error::Target);
    check(b"GET index.html HTTP/1.1", Error::TargetForm);
    check(b"GET * HTTP/1.1", Error::TargetForm);
    check(b"GET example.net:80 HTTP/1.1", Error::TargetForm);
    check(b"GET ftp://example.net/ HTTP/1.1", Error::TargetForm);
    check(b"GET http:/// HTTP/1.1", Error::HostInvalid);
    check(b"GET http://user@example.net/ HTTP/1.1", Error::HostInvalid);
    check(b"CONNECT example.net:443 HTTP/1.1", Error::ConnectUnsupported);
    check_refused(b"GET / HTTP/1.1\nHost: a\r\n\r\n", Error::BareLf);
    check_refused(b"GET / HTTP/1.1\rHost: a\r\n\r\n", Error::BareCr);
    check_refused(b"GET / HTTP/1.1\r\nHost: a\n\n", Error::BareLf);
    check_refused(b"GET / HTTP/1.0\r\n\n", Error::BareLf);
    check_refused(b"GET / HTTP/1.0\n\r\n", Error::BareLf);
}

#[test]
fn empty_lines_before_a_request() {
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let after = |before: &[u8]| parse(&[before, request].concat(), |parsed| parsed.len);
    assert_eq!(after(b"\r\n"), Ok(Some(request.len() + 2)));
    assert_eq!(after(&b"\r\n".repeat(16)), Ok(Some(request.len() + 32)));
    assert_eq!(after(&b"\r\n".repeat(17)), Err(Error::LeadingEmptyLines));
    assert_eq!(after(b"\r\n\n"), Err(Error::BareLf));
    assert_eq!(after(b"\r\n\r"), Err(Error::BareCr));
    assert_eq!(after(b"\n"), Err(Error::BareLf));
    assert_eq!(after(b"\r"), Err(Error::BareCr));
    assert_eq!(parse(b"\r\n", |_| ()), Ok(None));
}

#[test]
fn hosts() {
    let of = |version: &str, fields: &str| {
        parse(format!("GET / HTTP/{version}\r\n{fields}\r\n").as_bytes(), |Parsed { head, .. }| {
            head.host.map(<[u8]>::to_vec)
        })
    };
    for host in
        ["a", "example.net", "example.net:80", "example.net:", "10.0.0.1:65535", "[::1]", "[2001:db8::1]:8080", "a_b~c"]
    {
        assert_eq!(of("1.1", &format!("Host: {host}\r\n")), Ok(Some(Some(host.as_bytes().to_vec()))), "{host}");
    }
    for host in [
        "",
        ":80",
        "a b",
        "a%20b",
        "a%",
        "a,b",
        "a/b",
        "a@b",
        "a?b",
        "a#b",
        "a\\b",
        "a:b",
        "a:80:80",
        "a:65536",
        "a:99999999999",
        "a:+1",
        "::1",
        "[::1",
        "[]",
        "[::1]x",
        "[127.0.0.1]",
        "\u{e4}",
        "a<b",
    ] {
        assert_eq!(of("1.1", &format!("Host: {host}\r\n")), Err(Error::HostInvalid), "{host}");
        assert_eq!(of("1.0", &format!("Host: {host}\r\n")), Err(Error::HostInvalid), "{host}");
    }
    assert_eq!(of("1.1", ""), Err(Error::HostMissing));
    assert_eq!(of("1.0", ""), Ok(Some(None)));
    assert_eq!(of("1.1", "Host: a\r\nHost: a\r\n"), Err(Error::HostRepeated));
    assert_eq!(of("1.0", "Host: a\r\nhost: b\r\n"), Err(Error::HostRepeated));
}

#[test]
fn targets() {
    let of = |line: &str| {
        parse(format!("{line} HTTP/1.1\r\nHost: field\r\n\r\n").as_bytes(), |Parsed { head, .. }| {
            (head.path().to_owned(), String::from_utf8(head.host.unwrap().to_vec()).unwrap())
        })
    };
    let check =
        |line, path: &str, host: &str| assert_eq!(of(line), Ok(Some((path.to_owned(), host.to_owned()))), "{line}");
    check("GET /a/b?c=d?e", "/a/b", "field");
    check("GET /?", "/", "field");
    check("GET //evil/x", "//evil/x", "field");
    check("GET /%7Bx%7D|\"<>", "/%7Bx%7D|\"<>", "field");
    check("OPTIONS *", "*", "field");
    check("GET http://target:81/x?y", "/x", "target:81");
    check("GET HTTPS://target", "/", "target");
    check("GET http://target?y", "/", "target");
    check("OPTIONS http://target", "*", "target");
    check("OPTIONS http://target/", "/", "target");
}

#[test]
fn persistence() {
    let check = |version: &str, connection: &str, expect: bool| {
        let input = format!("GET / HTTP/{version}\r\nHost: a\r\n{connection}\r\n");
        assert_eq!(parse(input.as_bytes(), |parsed| parsed.keep_alive), Ok(Some(expect)), "{version} {connection}");
    };
    check("1.1", "", true);
    check("1.1", "Connection: close\r\n", false);
    check("1.1", "Connection: keep-alive, Close\r\n", false);
    check("1.1", "Connection: foo\r\nConnection: ,close ,\r\n", false);
    check("1.1", "Connection: closed\r\n", true);
    check("1.0", "", false);
    check("1.0", "Connection: Keep-Alive\r\n", true);
    check("1.0", "Connection: keep-alive, close\r\n", false);
    check("1.0", "Keep-Alive: timeout=5\r\n", false);
}

#[test]
fn upgrades() {
    let check = |version: &str, fields: &str, expect: Option<&str>| {
        let input = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
        let got = parse(input.as_bytes(), |Parsed { head, .. }| head.upgrade.map(<[u8]>::to_vec));
        assert_eq!(got, Ok(Some(expect.map(|text| text.as_bytes().to_vec()))), "{version} {fields}");
    };
    check("1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", Some("websocket"));
    check("1.1", "Upgrade: websocket\r\nConnection: keep-alive, upgrade\r\n", Some("websocket"));
    check("1.1", "Upgrade: websocket\r\n", None);
    check("1.1", "Connection: upgrade\r\n", None);
    check("1.1", "Connection: upgrade\r\nUpgrade: \r\n", None);
    check("1.1", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", None);
    check("1.1", "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n", None);
    check("1.1", "Connection: Upgrade\r\nUpgrade: HTTP/2.0\r\n", None);
    check("1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n", Some("TLS/1.0, HTTP/1.1"));
    check("1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", None);
}

#[test]
fn expectations() {
    let check = |head: &str, expect: bool| {
        assert_eq!(parse(head.as_bytes(), |Parsed { head, .. }| head.expect_continue), Ok(Some(expect)), "{head}");
    };
    check("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", true);
    check("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", true);
    check("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", false);
    check("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 200-ok\r\n\r\n", false);
    check("PUT / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", false);
}

#[test]
fn limits() {
    let limits = Limits { head_bytes_max: 64, headers_max: 2, ..Limits::default() };
    let check = |input: &str, expect: Result<Option<usize>, Error>| {
        let got =
            parse_request(input.as_bytes(), &limits, &mut HeadSlots::new()).map(|found| found.map(|parsed| parsed.len));
        assert_eq!(got, expect, "{input}");
    };
    let padded = |len: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(len - 32));
    check(&padded(64), Ok(Some(64)));
    check(&(padded(64) + &"y".repeat(100)), Ok(Some(64)));
    check(&padded(65), Err(Error::HeadTooLong));
    check(&padded(65)[..63], Ok(None));
    check(&format!("GET /{}", "x".repeat(58)), Ok(None));
    check(&format!("GET /{}", "x".repeat(59)), Err(Error::UriTooLong));
    check(&format!("\r\nGET /{}", "x".repeat(57)), Err(Error::UriTooLong));
    check("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", Ok(Some(33)));
    check("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nX: y\r\n\r\n", Err(Error::TooManyHeaders));

    let many = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(count - 1));
    let generous = Limits { headers_max: 1000, ..Limits::default() };
    let parsed =
        |count| parse_request(many(count).as_bytes(), &generous, &mut HeadSlots::new()).map(|found| found.is_some());
    assert_eq!((parsed(256), parsed(257)), (Ok(true), Err(Error::TooManyHeaders)));

    let options = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n", "x,".repeat(count));
    assert_eq!(parse(options(16).as_bytes(), |_| ()), Ok(Some(())));
    assert_eq!(parse(options(17).as_bytes(), |_| ()), Err(Error::TooManyConnectionOptions));
    let commas = |count: usize| format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: z{}\r\n\r\n", ",".repeat(count));
    assert_eq!(parse(commas(63).as_bytes(), |_| ()), Ok(Some(())));
    assert_eq!(parse(commas(64).as_bytes(), |_| ()), Err(Error::TooManyConnectionOptions));
    assert_eq!(parse(commas(7000).as_bytes(), |_| ()), Err(Error::TooManyConnectionOptions));
    let in_many_fields = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "Connection: close,\r\n".repeat(33));
    assert_eq!(parse(in_many_fields.as_bytes(), |_| ()), Err(Error::TooManyConnectionOptions));
}

#[test]
fn each_error_answers_with_its_status_and_names_its_section() {
    for (error, status) in [
        (Error::RequestLine, 400),
        (Error::HostMissing, 400),
        (Error::LengthAndTransferEncoding, 400),
        (Error::UriTooLong, 414),
        (Error::HeadTooLong, 431),
        (Error::TooManyHeaders, 431),
        (Error::ConnectUnsupported, 501),
        (Error::TransferEncodingUnsupported, 501),
        (Error::VersionUnsupported, 505),
    ] {
        assert_eq!(error.status(), status, "{error:?}");
        let words = error.to_string();
        assert!(words.contains("RFC 91") || (error.is_limit() && words.contains("limit")), "{error}");
    }
    for (at, error) in Error::ALL.iter().enumerate() {
        assert!(Error::ALL[..at].iter().all(|other| other.name() != error.name()), "{} twice", error.name());
        assert_eq!(error.is_limit(), error.to_string().contains("limit"), "a limit is called one: {error}");
        assert!((400..=505).contains(&error.status()), "{error:?}");
    }
}

/// RFC 9110 2.5: a higher minor version is understood as the highest one that is known.
#[test]
fn newer_versions_are_understood_as_http_11() {
    let head = b"GET /a HTTP/1.2\r\nHost: a\r\nX: y\r\n\r\n";
    parse(head, |Parsed { head, len, keep_alive, dialects }| {
        assert_eq!((head.method, head.path(), head.version, keep_alive), (Method::Get, "/a", Version::Http11, true));
        assert_eq!((head.headers.len(), len), (2, 34));
        assert!(dialects.has(http1::Dialect::NewerVersion));
    })
    .unwrap()
    .expect("a complete head");
    for end in 0..head.len() {
        assert_eq!(parse(&head[..end], |_| ()), Ok(None), "{end} bytes");
    }
    let after_empty_lines = [&b"\r\n\r\n"[..], head].concat();
    assert_eq!(parse(&after_empty_lines, |parsed| parsed.len), Ok(Some(head.len() + 4)));
    check_refused(b"GET / HTTP/1.2\r\nX: y\r\n\r\n", Error::HostMissing);
    check_refused(b"GET / HTTP/1.9\nHost: a\r\n\r\n", Error::BareLf);
    check_refused(b"GET / HTTP/1.2\r\nHost: a\nX: y\r\n\r\n", Error::BareLf);
    check_refused(b"GET / HTTP/1.2\r\nHost : a\r\n\r\n", Error::SpaceInHeaderName);
}

#[test]
fn strangers_are_named() {
    check_refused(b"\x16\x03\x01\x02\x00\x01", Error::TlsHello);
    check_refused(b"\x16\x03\x03\x00\xa5", Error::TlsHello);
    check_refused(b"\x80\x2e\x01\x03\x01", Error::RequestLine);
    check_refused(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\n", Error::ProxyHeader);
    check_refused(b"PROXY UNKNOWN\r\n", Error::ProxyHeader);
    check_refused(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", Error::ProxyHeader);
    check_refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Error::Http2Preface);
    check_refused(b"SSH-2.0-OpenSSH_9.9\r\n", Error::RequestLine);
}

#[test]
fn hops_are_counted_where_the_method_says_so() {
    let of = |line: &str, fields: &str| {
        let input = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        parse(input.as_bytes(), |Parsed { head, .. }| head.max_forwards).unwrap().expect("a head")
    };
    assert_eq!(of("TRACE /", "Max-Forwards: 5\r\n"), Some(5));
    assert_eq!(of("OPTIONS *", "MAX-FORWARDS: 0\r\n"), Some(0));
    assert_eq!(of("OPTIONS *", "Max-Forwards: x\r\nMax-Forwards: 7\r\n"), Some(7));
    assert_eq!(of("OPTIONS *", "Max-Forwards: 99999999999\r\n"), None);
    assert_eq!(of("GET /", "Max-Forwards: 5\r\n"), None);
}

#[test]
fn methods() {
    use Method::*;
    for (name, method) in [
        ("GET", Get),
        ("HEAD", Head),
        ("POST", Post),
        ("PUT", Put),
        ("DELETE", Delete),
        ("OPTIONS", Options),
        ("PATCH", Patch),
        ("TRACE", Trace),
        ("CONNECT", Connect),
        ("get", Other),
        ("PROPFIND", Other),
    ] {
        assert_eq!(Method::from_name(name), method, "{name}");
    }
    let idempotent = [Get, Head, Put, Delete, Options, Trace];
    let safe = [Get, Head, Options, Trace];
    for method in [Get, Head, Post, Put, Delete, Options, Patch, Trace, Connect, Other] {
        assert_eq!(method.is_idempotent(), idempotent.contains(&method), "{method:?}");
        assert_eq!(method.is_safe(), safe.contains(&method), "{method:?}");
    }
}
