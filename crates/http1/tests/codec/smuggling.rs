//! Known ways to hide a second request in a first one. Each must be refused, or be forwarded so that only one reading is
//! left.

use http::forward::{Forwarded, RequestEdits, write_forwarded_request};
use http::{BodyKind, Limits};
use http1::{BodyDecoder, Error, HeadSlots, HeadWriter, Parsed, parse_request};

/// What a stream of requests does to a proxy: the heads it forwards, then the error, if there is one.
fn proxy(bytes: &[u8]) -> (Vec<String>, Option<Error>) {
    let (limits, mut rest, mut forwarded) = (Limits::default(), bytes, Vec::new());
    loop {
        match forward_one(rest, &limits) {
            Ok(Some((head, consumed))) => {
                forwarded.push(head);
                rest = &rest[consumed..];
            }
            Ok(None) => return (forwarded, None),
            Err(error) => return (forwarded, Some(error)),
        }
    }
}

fn forward_one(bytes: &[u8], limits: &Limits) -> Result<Option<(String, usize)>, Error> {
    let mut slots = HeadSlots::new();
    let Some(Parsed { head, len, .. }) = parse_request(bytes, limits, &mut slots)? else { return Ok(None) };
    let client = "192.0.2.7".parse().unwrap();
    let edits = RequestEdits { fallback_host: "x", forwarded: Forwarded::Append, ..RequestEdits::plain(client) };
    let mut out = [0; 4096];
    let written = write_forwarded_request(&head, &edits, &mut HeadWriter::new(&mut out)).unwrap();
    let body = BodyDecoder::new(head.body, limits).skip(&bytes[len..])?;
    Ok(Some((String::from_utf8_lossy(&out[..written]).into_owned(), len + body.len)))
}

/// The hidden request must never be taken for one of its own.
fn check_refused(input: &str, expect: Error) {
    let (forwarded, error) = proxy(input.as_bytes());
    assert_eq!(error, Some(expect), "{input:?} forwarded {forwarded:?}");
    assert!(forwarded.iter().all(|head| !head.contains("/hidden")), "{input:?} forwarded {forwarded:?}");
}

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn length_against_chunks() {
    let post = |fields: &str, body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}{HIDDEN}");
    let chunked = "Transfer-Encoding: chunked\r\n";
    // CL.TE and TE.CL
    check_refused(&post(&format!("Content-Length: 6\r\n{chunked}"), "0\r\n\r\n"), Error::LengthAndTransferEncoding);
    check_refused(&post(&format!("{chunked}Content-Length: 4\r\n"), "5c\r\n"), Error::LengthAndTransferEncoding);
    check_refused(&post(&format!("Content-Length: 0\r\n{chunked}"), "0\r\n\r\n"), Error::LengthAndTransferEncoding);
    // CL.CL
    check_refused(&post("Content-Length: 0\r\nContent-Length: 30\r\n", ""), Error::ContentLengthRepeated);
    check_refused(&post("Content-Length: 0, 30\r\n", ""), Error::ContentLengthInvalid);
    check_refused(&post("Content-Length: 9223372036854775808\r\n", ""), Error::ContentLengthTooLarge);
    // TE.TE: one of the two is meant to be overlooked
    for fields in [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
        "Transfer-Encoding: \"chunked\"\r\n",
        "Transfer-Encoding: chunked, cow\r\n",
        "Transfer-Encoding: chunked;\r\n",
    ] {
        check_refused(&post(fields, "0\r\n\r\n"), Error::TransferEncodingInvalid);
    }
    check_refused(&post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), Error::SpaceInHeaderName);
    check_refused(&post("Transfer-Encoding\t:\tchunked\r\n", "0\r\n\r\n"), Error::SpaceInHeaderName);
    check_refused(&post(" Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), Error::ObsFold);
    check_refused(&post("X: y\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), Error::ObsFold);
    check_refused(&post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), Error::ObsFold);
    check_refused(&post("X: y\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), Error::BareLf);
    check_refused(&post("X: y\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), Error::BareCr);
    check_refused(&post("Transfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"), Error::HeaderValue);
    check_refused(&post("Transfer-Encoding: chunked\0\r\n", "0\r\n\r\n"), Error::HeaderValue);
}

#[test]
fn chunk_lines_read_in_two_ways() {
    let chunks = |body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}{HIDDEN}");
    check_refused(&chunks("0\n\n"), Error::ChunkSize);
    check_refused(&chunks("0;\n\r\n"), Error::ChunkExtension);
    check_refused(&chunks("0;x\ny\r\n\r\n"), Error::ChunkExtension);
    check_refused(&chunks("0x0\r\n\r\n"), Error::ChunkSize);
    check_refused(&chunks("10000000000000000\r\n\r\n"), Error::ChunkSize);
    check_refused(&chunks("8000000000000000\r\n\r\n"), Error::ChunkTooLarge);
    check_refused(&chunks("2\r\nxx\n0\r\n\r\n"), Error::ChunkEnd);
    check_refused(&chunks("2\r\nxxxx0\r\n\r\n"), Error::ChunkEnd);
}

#[test]
fn lines_read_in_two_ways() {
    check_refused(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: y\n\n{HIDDEN}"), Error::BareLf);
    check_refused(&format!("\n{HIDDEN}"), Error::BareLf);
    check_refused(&format!("{}{HIDDEN}", "\r\n".repeat(17)), Error::LeadingEmptyLines);
    check_refused(&format!("\r\n\n{HIDDEN}"), Error::BareLf);
    check_refused(
        &format!("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        Error::TransferEncodingInHttp10,
    );
    check_refused(&format!("GET / HTTP/1.1 {HIDDEN}"), Error::RequestLine);
    check_refused(&format!("GET /\r\n{HIDDEN}"), Error::RequestLine);
    check_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", Error::HostRepeated);
    check_refused("GET http://a@b/ HTTP/1.1\r\nHost: a\r\n\r\n", Error::HostInvalid);
}

/// A body is a body, whatever it looks like.
#[test]
fn requests_inside_bodies_stay_inside() {
    let inputs = [
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len()),
        format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len()),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{HIDDEN}\r\n0\r\n\r\n",
            HIDDEN.len()
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
            HIDDEN.len()
        ),
    ];
    for input in inputs {
        let next = format!("{input}GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        let (forwarded, error) = proxy(next.as_bytes());
        assert_eq!((forwarded.len(), error), (2, None), "{next:?}");
        assert!(
            forwarded[0].contains("Content-Length: ") || forwarded[0].contains("Transfer-Encoding: chunked"),
            "{forwarded:?}"
        );
        assert!(forwarded[1].starts_with("GET /next "), "{forwarded:?}");
    }
}

/// Clear text HTTP/2 behind a proxy is a tunnel past it.
#[test]
fn an_upgrade_to_h2c_is_not_passed_on() {
    for (connection, protocol) in [
        ("Upgrade, HTTP2-Settings", "h2c"),
        ("upgrade", "H2C"),
        ("Upgrade", "websocket, h2c"),
        ("Upgrade", "h2c-14"),
        ("Upgrade", "H2"),
        ("Upgrade", "HTTP/2.0"),
        ("Upgrade", "websocket\r\nUpgrade: h2c"),
    ] {
        let input = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AA\r\n\r\n"
        );
        let (limits, mut slots) = (Limits::default(), HeadSlots::new());
        let head = parse_request(input.as_bytes(), &limits, &mut slots).unwrap().unwrap().head;
        assert_eq!((head.upgrade, head.body), (None, BodyKind::Empty), "{protocol}");
        let (forwarded, _) = proxy(input.as_bytes());
        let lower = forwarded[0].to_ascii_lowercase();
        assert!(!lower.contains("upgrade") && !lower.contains("http2-settings"), "{protocol}: {forwarded:?}");
    }
}

/// What CGI and its kin would take for a field that was overwritten, or that tells where a body ends.
#[test]
fn twins_of_overwritten_fields_are_not_passed_on() {
    for twin in ["X_Forwarded_For", "x_forwarded-proto", "Content_Length", "Transfer.Encoding", "X~Real~IP"] {
        let (forwarded, error) =
            proxy(format!("GET / HTTP/1.1\r\nHost: a\r\n{twin}: 5\r\nmy_own: 1\r\n\r\n").as_bytes());
        assert_eq!(error, None);
        assert!(!forwarded[0].contains(twin) && forwarded[0].contains("my_own: 1"), "{forwarded:?}");
    }
}

/// A second reader may decode what the first did not.
#[test]
fn authorities_with_percent_signs_are_refused() {
    check_refused("GET / HTTP/1.1\r\nHost: a%2eb\r\n\r\n", Error::HostInvalid);
    check_refused("GET / HTTP/1.1\r\nHost: a%00\r\n\r\n", Error::HostInvalid);
    check_refused("GET http://a%2fb/ HTTP/1.1\r\nHost: a\r\n\r\n", Error::HostInvalid);
}
