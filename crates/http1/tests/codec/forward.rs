//! Heads as they are passed on: word by word for known input, by properties for any.

use std::cell::Cell;

use crate::common::{config, corpus, nearly, roundtrip};
use http::forward::{
    Connection, FieldRules, Forwarded, Message, NO_RULES, RequestEdits, ResponseEdits, Tells, write_forwarded_request,
    write_forwarded_response,
};
use http::{BodyKind, Limits, Method, TooLong, Values, Version};
use http1::{HeadSlots, HeadWriter, parse_request, parse_response};
use proptest::prelude::*;

fn edits(connection: Connection) -> RequestEdits<'static> {
    RequestEdits {
        connection,
        fallback_host: "fallback:81",
        forwarded: Forwarded::Append,
        ..RequestEdits::plain([192, 0, 2, 7].into())
    }
}

fn forward_request(input: &str, connection: Connection, room: usize) -> Result<String, TooLong> {
    forward_with(input, &edits(connection), room)
}

fn forward_with(input: &str, edits: &RequestEdits<'_>, room: usize) -> Result<String, TooLong> {
    let mut slots = HeadSlots::new();
    let head = parse_request(input.as_bytes(), &Limits::default(), &mut slots).expect(input).expect(input).head;
    let mut out = vec![0; room];
    let len = write_forwarded_request(&head, edits, &mut HeadWriter::new(&mut out))?;
    Ok(String::from_utf8(out[..len].to_vec()).unwrap())
}

/// `input` and `expect` with `|` for CRLF. The fields every forwarded request ends with are left out of `expect`.
fn check_request(connection: Connection, input: &str, expect: &str) {
    let got = forward_request(&input.replace('|', "\r\n"), connection, 4096).unwrap();
    assert_eq!(got.replace("\r\n", "|"), expect, "{input}");
}

#[test]
fn requests_word_by_word() {
    let keep = |input, expect| check_request(Connection::KeepAlive, input, expect);
    keep(
        "GET /a?b HTTP/1.1|Host: x|Accept: */*||",
        "GET /a?b HTTP/1.1|Host: x|Accept: */*|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet||",
    );
    keep(
        "GET http://target:8080?q HTTP/1.1|Host: field||",
        "GET /?q HTTP/1.1|Host: target:8080|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet||",
    );
    keep(
        "OPTIONS http://target HTTP/1.1|Host: field||",
        "OPTIONS * HTTP/1.1|Host: target|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet||",
    );
    keep(
        "POST / HTTP/1.0|Expect: 100-continue|Content-Length: 007||",
        "POST / HTTP/1.1|Host: fallback:81|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.0 quintet|Content-Length: 7||",
    );
    keep(
        "PUT / HTTP/1.1|transfer-encoding: CHUNKED|Expect: 100-continue|Trailer: X-Sum|Host: x||",
        "PUT / HTTP/1.1|Host: x|Expect: 100-continue|Trailer: X-Sum|X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet|Transfer-Encoding: chunked||",
    );
}

#[test]
fn the_way_of_a_request_is_continued_in_one_list() {
    check_request(
        Connection::KeepAlive,
        "GET / HTTP/1.1|Host: x|x-forwarded-for: 198.51.100.1|X-Forwarded-Proto: https|Via: 1.0 a|A: b|X-Forwarded-For: 198.51.100.2, ::1|X-Forwarded-For:|VIA: 1.1 b||",
        "GET / HTTP/1.1|Host: x|X-Forwarded-For: 198.51.100.1, 198.51.100.2, ::1, 192.0.2.7|Via: 1.0 a, 1.1 b, 1.1 quintet|A: b|X-Forwarded-Proto: http||",
    );
}

#[test]
fn hop_by_hop_fields_of_requests() {
    let tail = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet|";
    let check = |connection, fields: &str, expect: &str, hop: &str| {
        check_request(
            connection,
            &format!("GET / HTTP/1.1|Host: x|{fields}|"),
            &format!("GET / HTTP/1.1|Host: x|{expect}{tail}{hop}|"),
        );
    };
    let keep = Connection::KeepAlive;
    check(keep, "Connection: close|Keep-Alive: timeout=1|Proxy-Connection: keep-alive|", "", "");
    check(Connection::Close, "Connection: keep-alive|", "", "Connection: close|");
    check(keep, "Connection: X-Hop, x-other|X-Hop: 1|X-OTHER: 2|X-Keep: 3|", "X-Keep: 3|", "");
    check(keep, "X-Hop: 1|Connection: close|Connection: X-Hop|", "", "");
    check(keep, "Connection: Host, Via, X-Forwarded-For, Expect|Expect: x|", "Expect: x|", "");
    check(keep, "Connection: Content-Length|Content-Length: 5|", "", "Content-Length: 5|");
    check(keep, "Connection: Transfer-Encoding|Transfer-Encoding: chunked|", "", "Transfer-Encoding: chunked|");
    check(keep, "TE: deflate, Trailers;q=1|Connection: TE|", "", "");
    check(keep, "TE: deflate, Trailers|Connection: TE|", "", "TE: trailers|Connection: TE|");
    check(Connection::Close, "TE: trailers|", "", "TE: trailers|Connection: close, TE|");
    let websocket = "Connection: Upgrade|Upgrade: websocket|Sec-WebSocket-Key: AA==|";
    check(keep, websocket, "Sec-WebSocket-Key: AA==|", "");
    check(Connection::Upgrade, websocket, "Sec-WebSocket-Key: AA==|", "Upgrade: websocket|Connection: upgrade|");
    check(Connection::Upgrade, "Upgrade: websocket|", "", "");
    check(Connection::Upgrade, "Connection: Upgrade, HTTP2-Settings|Upgrade: h2c|HTTP2-Settings: AA|", "", "");
}

/// What a client says about its way, and what a server is told: by policy.
#[test]
fn the_way_of_a_request_by_policy() {
    let said = "X-Forwarded-For: 1.1.1.1|X-Real-IP: 2.2.2.2|X-Forwarded-Host: h|X-Forwarded-Port: 9|Forwarded: for=3.3.3.3|X-Forwarded-Proto: https|";
    let check = |forwarded, said: &str, expect: &str| {
        let input = format!("GET / HTTP/1.1|Host: x|{said}|").replace('|', "\r\n");
        let edits = RequestEdits { forwarded, ..edits(Connection::KeepAlive) };
        let got = forward_with(&input, &edits, 4096).unwrap().replace("\r\n", "|");
        assert_eq!(got, format!("GET / HTTP/1.1|Host: x|{expect}Via: 1.1 quintet||"), "{forwarded:?}");
    };
    let alone = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|";
    check(Forwarded::Replace, said, alone);
    check(
        Forwarded::Append,
        said,
        "X-Forwarded-For: 1.1.1.1, 192.0.2.7|Forwarded: for=3.3.3.3, for=192.0.2.7|X-Forwarded-Proto: http|",
    );
    check(
        Forwarded::Trust,
        said,
        "X-Forwarded-For: 1.1.1.1, 192.0.2.7|X-Real-IP: 192.0.2.7|X-Forwarded-Host: h|X-Forwarded-Port: 9|Forwarded: for=3.3.3.3, for=192.0.2.7|X-Forwarded-Proto: https|",
    );
    for policy in [Forwarded::Replace, Forwarded::Append, Forwarded::Trust] {
        check(policy, "", alone);
        // Nobody makes this proxy drop what it has been told by naming it for one hop.
        let named = "Connection: X-Real-IP, X-Forwarded-Proto, X-Forwarded-For|X-Forwarded-Proto: https|";
        let proto = if policy == Forwarded::Trust { "https" } else { "http" };
        check(
            policy,
            named,
            &match proto {
                "https" => "X-Forwarded-Proto: https|X-Forwarded-For: 192.0.2.7|".to_owned(),
                _ => alone.to_owned(),
            },
        );
    }
}

#[test]
fn settings_that_pass_on_what_is_usually_not() {
    let input = "GET / HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 1\r\nVia: 1.1 a\r\nVia: 1.1 b\r\n\r\n";
    let with = |via, keep_twins| {
        let edits = RequestEdits { via, keep_twins, ..edits(Connection::KeepAlive) };
        forward_with(input, &edits, 4096).unwrap().replace("\r\n", "|")
    };
    let tail = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http||";
    assert_eq!(with(false, true), format!("GET / HTTP/1.1|Host: x|X_Forwarded_For: 1|Via: 1.1 a|Via: 1.1 b|{tail}"));
    assert_eq!(with(true, false), format!("GET / HTTP/1.1|Host: x|Via: 1.1 a, 1.1 b, 1.1 quintet|{tail}"));
}

/// `-Name`, `Name: value` (set) and `+Name: value` (add), divided by `|`.
fn rules(text: &str, of: Message) -> FieldRules {
    let mut rules = FieldRules::NONE;
    for rule in text.split('|').filter(|rule| !rule.is_empty()) {
        match (rule.strip_prefix('-'), rule.strip_prefix('+')) {
            (Some(name), _) => rules.remove(name, of),
            (_, Some(rule)) => rule.split_once(": ").map(|(name, value)| rules.add(name, value, of)).unwrap(),
            _ => rule.split_once(": ").map(|(name, value)| rules.set(name, value, of)).unwrap(),
        }
        .expect(rule);
    }
    rules
}

#[test]
fn rules_change_fields_of_requests() {
    let ours = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet|";
    let check = |first: &str, second: &str, fields: &str, expect: &str| {
        let layers = [&rules(first, Message::Request), &rules(second, Message::Request)];
        let edits = RequestEdits { rules: layers, listener: "web", request_id: b"id7", ..edits(Connection::KeepAlive) };
        let got = forward_with(&format!("GET /p?q HTTP/1.1|Host: a:80|{fields}|").replace('|', "\r\n"), &edits, 4096);
        assert_eq!(got.unwrap().replace("\r\n", "|"), format!("GET /p?q HTTP/1.1|{expect}|"), "{first} {second}");
    };
    check("", "", "A: 1|", &format!("Host: a:80|A: 1|{ours}"));
    check("-A|B: 2|+C: 3", "", "a: 1|b: 1|c: 1|d: 1|", &format!("Host: a:80|c: 1|d: 1|{ours}B: 2|C: 3|"));
    check("A: 1|+A: 2", "", "A: 0|A: 0|", &format!("Host: a:80|{ours}A: 1|A: 2|"));
    check("A: 1|+B: 1|-C", "A: 2|+B: 2|C: 3", "C: 0|", &format!("Host: a:80|{ours}B: 1|A: 2|B: 2|C: 3|"));
    check(
        "A: {client} {host} {uri} {method} {scheme} {listener} {request_id} {server}",
        "",
        "",
        &format!("Host: a:80|{ours}A: 192.0.2.7 a /p?q GET http web id7 fallback:81|"),
    );
    check("Host: other:1|A: {host_port}", "", "", &format!("Host: other:1|{ours}A: a:80|"));
    check("Host: other", "Host: {host}", "", &format!("Host: a|{ours}"));
    check("Host: other", "Host: {server}", "", &format!("Host: fallback:81|{ours}"));
    check(
        "-X-Forwarded-For|X-Forwarded-Proto: https",
        "-Via",
        "X-Forwarded-For: ::1|",
        "Host: a:80|X-Forwarded-Proto: https|",
    );
    check("A: {header:B}|C: {header:None}", "", "B: x y|B: z|", &format!("Host: a:80|B: x y|B: z|{ours}A: x y|"));
}

#[test]
fn more_is_told_of_the_way_where_that_is_asked_for() {
    let all = Tells { host: true, port: true, real_ip: true, forwarded: true, ..Tells::default() };
    let none = Tells { forwarded_for: false, proto: false, host: false, port: false, real_ip: false, forwarded: false };
    let check = |tells, forwarded, said: &str, expect: &str| {
        let peer = [10, 0, 0, 9].into();
        let edits = RequestEdits { tells, forwarded, peer, port: 8080, ..edits(Connection::KeepAlive) };
        let got =
            forward_with(&format!("GET / HTTP/1.1|Host: x:1|{said}|").replace('|', "\r\n"), &edits, 4096).unwrap();
        assert_eq!(
            got.replace("\r\n", "|").replace("Via: 1.1 quintet|", ""),
            format!("GET / HTTP/1.1|Host: x:1|{expect}|")
        );
    };
    let said = "X-Forwarded-For: 192.0.2.7|X-Real-IP: 192.0.2.7|X-Forwarded-Host: h|Forwarded: for=192.0.2.7|";
    let ours = "X-Forwarded-Host: x:1|X-Forwarded-Port: 8080|X-Real-IP: 192.0.2.7|";
    let begun = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|";
    let element = "host=\"x:1\";proto=http|";
    check(all, Forwarded::Replace, said, &format!("{begun}{ours}Forwarded: for=192.0.2.7;{element}"));
    check(
        all,
        Forwarded::Append,
        "",
        &format!("{}{ours}Forwarded: for=10.0.0.9;{element}", begun.replace("192.0.2.7", "10.0.0.9")),
    );
    check(
        all,
        Forwarded::Trust,
        said,
        &format!(
            "X-Forwarded-For: 192.0.2.7, 10.0.0.9|X-Real-IP: 192.0.2.7|X-Forwarded-Host: h|X-Forwarded-Proto: http|\
             X-Forwarded-Port: 8080|Forwarded: for=192.0.2.7, for=10.0.0.9;{element}"
        ),
    );
    check(none, Forwarded::Replace, said, "");
    check(none, Forwarded::Append, "X-Forwarded-For: ::1|", "X-Forwarded-For: ::1, 10.0.0.9|");
}

/// Servers that fold names as CGI does would take the twins of what we write for our word.
#[test]
fn twins_of_what_we_write_are_not_passed_on() {
    let layers = [&rules("X-User: {client}|-X-Debug", Message::Request), &FieldRules::NONE];
    let ruled = RequestEdits {
        rules: layers,
        request_id: b"id7",
        tells_id: true,
        identity: Some(("X-Subject", "")),
        ..edits(Connection::KeepAlive)
    };
    let check = |edits: &RequestEdits<'_>, name: &str, passes: bool| {
        let got = forward_with(&format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: evil\r\n\r\n"), edits, 4096).unwrap();
        assert_eq!(got.contains("evil"), passes, "{name}: {got}");
    };
    for name in ["X_User", "x.user", "X_Debug", "X_Request-Id", "X_Subject", "X-Subject", "X-User"] {
        check(&ruled, name, false);
    }
    check(&ruled, "X_Users", true);
    let kept = RequestEdits { keep_twins: true, ..ruled };
    check(&kept, "X_User", true);
    check(&kept, "X_Subject", false);
}

#[test]
fn an_id_of_ours_stands_in_place_of_what_came() {
    let edits = RequestEdits { request_id: b"id7", tells_id: true, ..edits(Connection::KeepAlive) };
    let got = forward_with("GET / HTTP/1.1\r\nHost: x\r\nx-request-id: theirs\r\n\r\n", &edits, 4096).unwrap();
    assert!(got.ends_with("Via: 1.1 quintet\r\nX-Request-Id: id7\r\n\r\n") && !got.contains("theirs"), "{got}");
}

#[test]
fn rules_change_fields_of_responses() {
    let check = |first: &str, fields: &str, expect: &str| {
        let input = format!("HTTP/1.1 200 OK|{fields}Content-Length: 0||").replace('|', "\r\n");
        let mut slots = HeadSlots::new();
        let head = parse_response(input.as_bytes(), &Limits::default(), &mut slots, Method::Get).unwrap().unwrap().head;
        let first = rules(first, Message::Response);
        let ruled = ([&first, &NO_RULES], Values { client: b"::1", ..Values::default() });
        let (client_version, connection) = (Version::Http11, Connection::KeepAlive);
        let edits = ResponseEdits {
            client_version,
            connection,
            body: head.body,
            date: Some(http::Date::EPOCH),
            coding: None,
            varies: false,
            cookie: None,
            ruled: Some(&ruled),
        };
        let mut out = [0; 4096];
        let len = write_forwarded_response(&head, &edits, &mut HeadWriter::new(&mut out)).unwrap();
        let got = String::from_utf8(out[..len].to_vec()).unwrap().replace("\r\n", "|");
        assert_eq!(got, format!("HTTP/1.1 200 OK|{expect}Content-Length: 0||"), "{first:?}");
    };
    let date = "Date: Thu, 01 Jan 1970 00:00:00 GMT|";
    check("", "Server: x|", &format!("Server: x|{date}"));
    check(
        "-Server|Strict-Transport-Security: max-age=1",
        "server: x|",
        &format!("{date}Strict-Transport-Security: max-age=1|"),
    );
    check("-Date|+Set-Cookie: a={client}", "Set-Cookie: b|", "Set-Cookie: b|Set-Cookie: a=::1|");
}

#[test]
fn hops_are_counted_down() {
    let tail = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet||";
    let check = |line: &str, before: &str, after: &str| {
        let input = format!("{line} HTTP/1.1|Host: x|Max-Forwards: {before}||");
        check_request(Connection::KeepAlive, &input, &format!("{line} HTTP/1.1|Host: x|Max-Forwards: {after}|{tail}"));
    };
    check("OPTIONS *", "7", "6");
    check("TRACE /", "10", "9");
    check("TRACE /", "x", "x");
    check("GET /", "7", "7");
}

#[test]
fn passages_are_counted_by_our_name() {
    let count = |fields: &str| {
        let input = format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        let mut slots = HeadSlots::new();
        let head = parse_request(input.as_bytes(), &Limits::default(), &mut slots).unwrap().unwrap().head;
        (head.via, http::forward::passages(head.headers))
    };
    assert_eq!(count(""), (false, 0));
    assert_eq!(count("Via: 1.1 a, 1.1 quintette\r\n"), (true, 0));
    assert_eq!(count("Via: 1.1 quintet, 1.0  quintet (x) , 1.1 a\r\nVia: 1.1\tquintet\r\n"), (true, 3));
}

/// The cost of a long list in `Connection` is that of its bytes: each field is compared with the options, not the bytes.
#[test]
fn a_long_list_of_hop_fields_is_looked_at_once() {
    let others = (0..100).map(|at| format!("X-{at}: y|")).collect::<String>();
    let long = format!("{}, X-7{}x-8, ,", ",".repeat(50), " ".repeat(7000));
    let expect = others.replace("X-7: y|", "").replace("X-8: y|", "");
    let input = format!("GET / HTTP/1.1|Host: x|Connection: z, {}|{others}|", long.replace("X-7 ", "X-7, "));
    let tail = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet||";
    check_request(Connection::KeepAlive, &input, &format!("GET / HTTP/1.1|Host: x|{expect}{tail}"));
}

/// Options that name no field take no place of those that do.
#[test]
fn known_options_do_not_hide_others() {
    let known = "close, keep-alive, upgrade, TE, ".repeat(9);
    let input = format!("GET / HTTP/1.1|Host: x|Connection: {known}X-Hop|X-Hop: 1|X-Keep: 2||");
    let tail = "X-Forwarded-For: 192.0.2.7|X-Forwarded-Proto: http|Via: 1.1 quintet||";
    check_request(Connection::KeepAlive, &input, &format!("GET / HTTP/1.1|Host: x|X-Keep: 2|{tail}"));
}

#[test]
fn too_little_room_is_an_error() {
    let input = "PUT http://t/ HTTP/1.1\r\nHost: x\r\nA: b\r\nContent-Length: 5\r\nTE: trailers\r\nVia: 1.1 a\r\nX-Forwarded-For: ::1\r\nConnection: upgrade\r\nUpgrade: u\r\n\r\n";
    let whole = forward_request(input, Connection::Upgrade, 4096).unwrap();
    for room in 0..whole.len() {
        assert_eq!(forward_request(input, Connection::Upgrade, room), Err(TooLong), "{room} bytes");
    }
    assert_eq!(forward_request(input, Connection::Upgrade, whole.len()), Ok(whole));
}

/// What the client is and gets, and how the response goes on, with `|` for CRLF.
struct Response {
    method: Method,
    client_version: Version,
    connection: Connection,
}

impl Response {
    fn check(&self, input: &str, expect: &str) {
        let input = input.replace('|', "\r\n");
        let mut slots = HeadSlots::new();
        let parsed = parse_response(input.as_bytes(), &Limits::default(), &mut slots, self.method);
        let head = parsed.expect(&input).expect(&input).head;
        let edits = ResponseEdits {
            client_version: self.client_version,
            connection: self.connection,
            body: head.body.for_client(self.client_version),
            date: None,
            coding: None,
            varies: false,
            cookie: None,
            ruled: None,
        };
        let mut out = [0; 4096];
        let len = write_forwarded_response(&head, &edits, &mut HeadWriter::new(&mut out)).unwrap();
        assert_eq!(std::str::from_utf8(&out[..len]).unwrap().replace("\r\n", "|"), expect, "{input}");
    }
}

#[test]
fn responses_word_by_word() {
    let response = |client_version, connection| Response { method: Method::Get, client_version, connection };
    let keep = response(Version::Http11, Connection::KeepAlive);
    keep.check("HTTP/1.0 200 Fine|A: b|content-length: 05||", "HTTP/1.1 200 Fine|A: b|Content-Length: 5||");
    keep.check(
        "HTTP/1.1 200 OK|Connection: close, X-Hop|X-Hop: 1|Keep-Alive: x|Content-Length: 0|Via: 1.1 a||",
        "HTTP/1.1 200 OK|Via: 1.1 a|Content-Length: 0||",
    );
    keep.check(
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Trailer: X||",
        "HTTP/1.1 200 OK|Trailer: X|Transfer-Encoding: chunked||",
    );
    keep.check(
        "HTTP/1.1 200 OK|Upgrade: h2,h2c|Connection: upgrade|Content-Length: 1||",
        "HTTP/1.1 200 OK|Content-Length: 1||",
    );
    keep.check("HTTP/1.1 200||", "HTTP/1.1 200 |Connection: close||");
    keep.check("HTTP/1.1 204 No|Content-Length: 5||", "HTTP/1.1 204 No||");
    keep.check("HTTP/1.1 304 No|Content-Length: 5||", "HTTP/1.1 304 No|Content-Length: 5||");
    keep.check("HTTP/1.1 304 No|Transfer-Encoding: chunked||", "HTTP/1.1 304 No||");
    keep.check("HTTP/1.1 103 Early|Link: x|Content-Length: 5||", "HTTP/1.1 103 Early|Link: x||");
    keep.check(
        "HTTP/1.1 426 U|Upgrade: TLS/1.3|Connection: upgrade|Content-Length: 0||",
        "HTTP/1.1 426 U|Content-Length: 0|Upgrade: TLS/1.3|Connection: upgrade||",
    );

    let close = response(Version::Http11, Connection::Close);
    close.check(
        "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive||",
        "HTTP/1.1 200 OK|Content-Length: 5|Connection: close||",
    );
    close.check("HTTP/1.1 100 Continue||", "HTTP/1.1 100 Continue||");

    let old = response(Version::Http10, Connection::KeepAlive);
    old.check("HTTP/1.1 200 OK|Content-Length: 5||", "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive||");
    old.check("HTTP/1.1 200 OK|Transfer-Encoding: chunked|Trailer: X||", "HTTP/1.1 200 OK|Connection: close||");

    let upgrade = response(Version::Http11, Connection::Upgrade);
    upgrade.check(
        "HTTP/1.1 101 S|Upgrade: websocket|Connection: Upgrade||",
        "HTTP/1.1 101 S|Upgrade: websocket|Connection: upgrade||",
    );

    let head = Response { method: Method::Head, ..keep };
    head.check("HTTP/1.1 200 OK|Content-Length: 5||", "HTTP/1.1 200 OK|Content-Length: 5||");
    head.check("HTTP/1.1 200 OK|Transfer-Encoding: chunked||", "HTTP/1.1 200 OK||");
}

#[test]
fn a_body_for_an_old_client() {
    for (body, expect) in [
        (BodyKind::Chunked, BodyKind::UntilClose),
        (BodyKind::Length(5), BodyKind::Length(5)),
        (BodyKind::UntilClose, BodyKind::UntilClose),
        (BodyKind::Empty, BodyKind::Empty),
    ] {
        assert_eq!((body.for_client(Version::Http10), body.for_client(Version::Http11)), (expect, body));
    }
}

/// The property must have had something to hold for.
fn assert_enough(forwarded: u32, cases: u32) {
    assert!(forwarded >= cases / 20, "only {forwarded} of {cases} heads were good enough to forward");
}

fn connections() -> impl Strategy<Value = Connection> {
    prop::sample::select(vec![Connection::KeepAlive, Connection::Close, Connection::Upgrade])
}

#[test]
fn a_forwarded_request_means_the_same() {
    let (config, forwarded) = (config(10_000), Cell::new(0));
    proptest!(config.clone(), |(bytes in nearly(corpus::REQUEST_LINES), connection in connections())| {
        forwarded.set(forwarded.get() + u32::from(roundtrip::check_request(&bytes, connection)));
    });
    assert_enough(forwarded.get(), config.cases);
}

#[test]
fn a_forwarded_response_means_the_same() {
    let methods = prop::sample::select(vec![Method::Get, Method::Head]);
    let versions = prop::sample::select(vec![Version::Http10, Version::Http11]);
    let (config, forwarded) = (config(10_000), Cell::new(0));
    let input = (nearly(corpus::STATUS_LINES), methods, versions, connections());
    proptest!(config.clone(), |((bytes, method, version, connection) in input)| {
        forwarded.set(forwarded.get() + u32::from(roundtrip::check_response(&bytes, method, version, connection)));
    });
    assert_enough(forwarded.get(), config.cases);
}

/// What is for this proxy alone goes no further; everything else does.
#[test]
fn a_cookie_of_our_own_is_left_out() {
    let check = |cookies: &str, expect: &str| {
        let input = format!("GET / HTTP/1.1|Host: a|{cookies}|").replace('|', "\r\n");
        let edits = RequestEdits { without_cookie: Some("Q"), ..edits(Connection::KeepAlive) };
        let out = forward_with(&input, &edits, 4096).unwrap();
        let got: String =
            out.split_inclusive("\r\n").filter(|line| line.to_lowercase().starts_with("cookie")).collect();
        assert_eq!(got.replace("\r\n", "|"), expect, "{cookies}");
    };
    check("Cookie: a=1; Q=7; b=2|", "Cookie: a=1; b=2|");
    check("Cookie: Q=7|", "");
    check("cookie: Q=7;a=1|Cookie: b=Q|", "cookie: a=1|Cookie: b=Q|");
    check("Cookie: QQ=1; q=2|", "Cookie: QQ=1; q=2|");
}
