//! What two readers could understand differently is refused: the client gets its status, the origin sees nothing of it.

use crate::script::Act::*;
use crate::script::play;
use crate::wire::End::Eof;
use balancer_core::Failure;

/// All broken rules are counted as one failure.
const BAD: Failure = Failure::BadRequest(http1::Error::RequestLine);
const HIDDEN: &str = "GET /hidden HTTP/1.1\nHost: a\n\n";

/// Refused before anything is forwarded.
fn check(request: &str, status: u16) {
    let text = format!("{request}{HIDDEN}");
    let counters = play(&[ClientSends(&text), ClientSeesStatus(status), ClientSeesEnd(Eof)]);
    let told = (counters.failed(BAD), counters.failed_total(), counters.requests);
    assert_eq!((told, counters.connects), ((1, 1, 1), 0), "{request:?}");
}

#[test]
fn requests_read_in_two_ways_are_refused() {
    let post = "POST / HTTP/1.1\nHost: a\n";
    for fields in [
        "Content-Length: 6\nTransfer-Encoding: chunked\n",
        "Transfer-Encoding: chunked\nContent-Length: 4\n",
        "Content-Length: 0\nContent-Length: 30\n",
        "Content-Length: 0, 30\n",
        "Content-Length: +5\n",
        "Content-Length: 0x5\n",
        "Content-Length: 18446744073709551616\n",
        "Content-Length: 9223372036854775808\n",
        "Content-Length : 5\n",
        "Transfer-Encoding: xchunked\n",
        "Transfer-Encoding: chunked\nTransfer-Encoding: x\n",
        "Transfer-Encoding: chunked, cow\n",
        "Transfer-Encoding : chunked\n",
        "X: y\n Transfer-Encoding: chunked\n",
        "Transfer-Encoding:\n chunked\n",
        "Transfer-Encoding: \u{b}chunked\n",
        "X: y\rTransfer-Encoding: chunked\n",
        "X: \0\n",
        "Host: b\n",
    ] {
        check(&format!("{post}{fields}\n0\n\n"), 400);
    }
}

#[test]
fn malformed_lines_are_refused() {
    for (line, status) in [
        ("GET / HTTP/1.1\nX: 1\n\n", 400),
        ("GET / HTTP/1.1\nHost: \n\n", 400),
        ("GET  / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/2.0\nHost: a\n\n", 505),
        ("GET / HTTP/1.1\nHost: a%2eb\n\n", 400),
        ("PRI * HTTP/2.0\n\nSM\n\n", 505),
        ("PROXY TCP4 127.0.0.1 127.0.0.1 1 2\n", 400),
        ("CONNECT a:1 HTTP/1.1\nHost: a:1\n\n", 501),
        ("GET a HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.0\nTransfer-Encoding: chunked\n\n0\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n0\n\n", 501),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0", 400),
    ] {
        check(line, status);
    }
}

/// A request that is good so far is on its way already: it is taken back, and what hides behind it is not passed on.
#[test]
fn a_body_that_breaks_the_rules_ends_everything() {
    let chunked = "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n";
    for body in ["2\nxxxx0\n\n", "10000000000000000\n\n", "0x0\n\n", "1;\u{1}\nx\n0\n\n", "8000000000000000\n\n", "\n"]
    {
        let bad = format!("{body}{HIDDEN}");
        let counters = play(&[
            ClientSends(chunked),
            OriginSees("POST / HTTP/1.1\nHost: a\n[path]\nTransfer-Encoding: chunked\n\n"),
            ClientSends(&bad),
            ClientSeesStatus(400),
            ClientSeesEnd(Eof),
            OriginSeesEnd(crate::wire::End::Reset),
        ]);
        assert_eq!(counters.failed(BAD), 1, "{body:?}");
    }
}

#[test]
fn a_good_request_before_a_bad_one_is_answered() {
    let ok = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    let counters = play(&[
        ClientSends(
            "GET /a HTTP/1.1\nHost: a\n\nGET /b HTTP/1.1\nHost: a\nContent-Length: 1, 2\n\nGET /c HTTP/1.1\nHost: a\n\n",
        ),
        OriginSees("GET /a HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(ok),
        ClientSees(ok),
        ClientSeesStatus(400),
        ClientSeesEnd(Eof),
        OriginSeesNothing,
    ]);
    assert_eq!((counters.requests, counters.responses, counters.failed_total()), (2, 1, 1));
}

/// A body is a body, whatever it looks like.
#[test]
fn requests_inside_bodies_stay_inside() {
    let ok = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    let length = crate::wire::crlf(HIDDEN).len();
    let sent = format!("GET /a HTTP/1.1\nHost: a\nConnection: Content-Length\nContent-Length: {length}\n\n{HIDDEN}");
    let seen = format!("GET /a HTTP/1.1\nHost: a\n[path]\nContent-Length: {length}\n\n{HIDDEN}");
    let next = "GET /b HTTP/1.1\nHost: a\n";
    let (next_sent, next_seen) = (format!("{next}\n"), format!("{next}[path]\n\n"));
    let counters = play(&[
        ClientSends(&sent),
        OriginSees(&seen),
        OriginSends(ok),
        ClientSees(ok),
        ClientSends(&next_sent),
        NewServer,
        OriginSees(&next_seen),
        OriginSends(ok),
        ClientSees(ok),
    ]);
    assert_eq!(counters.requests, 2);
}

/// Bytes after a response must not become the answer to somebody else's request.
#[test]
fn bytes_after_a_response_are_not_the_next_response() {
    let get = "GET /a HTTP/1.1\nHost: a\n\n";
    let got = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
    let ok = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    let poison = format!("{ok}HTTP/1.1 200 OK\nContent-Length: 6\n\npoison");
    let late = [OriginSends("HTTP/1.1 200 OK\nContent-Length: 6\n\npoison")];
    let first = [ClientSends(get), OriginSees(got), OriginSends(&poison), ClientSees(ok), OriginSeesEnd(Eof)];
    let idle = [ClientSends(get), OriginSees(got), OriginSends(ok), ClientSees(ok)];
    let next = [NewServer, OriginSees(got), OriginSends(ok), ClientSees(ok)];
    play(&[&first[..], &[ClientSends(get)], &next[..]].concat());
    let gone = [OriginSeesEnd(Eof), ClientSends(get)];
    play(&[&idle[..], &late[..], &gone[..], &next[..]].concat());
}
