//! What a balancer owes the protocol: older dialects read and written to the letter, the way of a request, its circles and
//! its end, dates; and what is refused, called by its rule.

use crate::script::Act::*;
use crate::script::{play, play_with};
use crate::stage::Stage;
use crate::wire::End::*;
use balancer_core::{Failure, ForwardedPolicy, ResponseReading, Settings, Twins, WayField};

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const GOT: &str = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// The server answers so, byte for byte (a Date is in it, so that none is added); the client sees that, and whether the
/// connection to the server is used again.
fn check_dialect(answer: &str, expect: &str, reused: bool) {
    let stage = Stage::new(|_| {});
    let (mut client, mut other) = (stage.client(), stage.client());
    client.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    server.sends_bytes(answer.as_bytes());
    client.sees(expect);
    client.sends(GET);
    let mut next = if reused { server } else { stage.server() };
    next.reads_head();
    next.sends(OK);
    client.sees(OK);
    assert!(stage.counters().dialects.iter().sum::<u64>() > 0 || answer.contains(" ;"), "{answer:?} is counted");
    other.sends("x");
    drop((client, other, next));
    stage.end();
}

#[test]
fn older_dialects_of_servers_are_written_to_the_letter() {
    let date = "Date: Thu, 01 Jan 1970 00:00:00 GMT";
    let plain = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    check_dialect(&format!("HTTP/1.1 200 OK\n{date}\nContent-Length: 2\n\nok"), plain, true);
    check_dialect(&format!("HTTP/1.2 200 OK\r\n{date}\r\nContent-Length: 2\r\n\r\nok"), plain, true);
    check_dialect(&format!("HTTP/1.1 200 OK\r\n{date}\r\nContent-Length: 2, 2\r\n\r\nok"), plain, true);
    check_dialect(
        &format!("HTTP/1.1 200 OK\r\n{date}\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
        plain,
        true,
    );
    check_dialect(
        &format!("HTTP/1.1 200 OK\r\n{date}\r\nX-Long: a\r\n  b\r\n\tc\r\nX-Spaced : d\r\nContent-Length: 2\r\n\r\nok"),
        "HTTP/1.1 200 OK\nX-Long: a b c\nX-Spaced: d\nContent-Length: 2\n\nok",
        true,
    );
    let chunked = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n";
    check_dialect(
        &format!("HTTP/1.1 200 OK\r\n{date}\r\nTransfer-Encoding: chunked\r\n\r\n2 ;x\r\nok\r\n0  \r\n\r\n"),
        chunked,
        true,
    );
    check_dialect(
        &format!(
            "HTTP/1.1 200 OK\r\n{date}\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        ),
        chunked,
        false,
    );
    check_dialect(
        &format!("HTTP/1.1 103 Early Hints\r\n\r\n\r\nHTTP/1.1 200 OK\r\n{date}\r\nContent-Length: 2\r\n\r\nok"),
        &format!("HTTP/1.1 103 Early Hints\n\n{plain}"),
        true,
    );
}

#[test]
fn a_strict_set_takes_no_older_dialect() {
    let strict = |settings: &mut Settings| settings.backend_sets[0].responses = ResponseReading::Strict;
    for answer in [
        "HTTP/1.2 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2, 2\n\nok",
        "HTTP/1.1 200 OK\nContent-Length: 7\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2 \nok\n0\n\n",
        "HTTP/1.1 200 OK\nX: a\n b\nContent-Length: 2\n\nok",
    ] {
        let acts = [ClientSends(GET), OriginSees(GOT), OriginSends(answer), ClientSeesStatus(502)];
        let lone = |settings: &mut Settings| {
            strict(settings);
            settings.backend_sets[0].retries_max = 0;
        };
        assert_eq!(play_with(lone, &acts).failed(Failure::ServerNonsense(http1::Error::StatusLine)), 1, "{answer}");
    }
}

#[test]
fn requests_are_read_strictly_but_for_two_old_habits() {
    let counters = play(&[
        ClientSends("\n\n\nGET /a HTTP/1.1\nHost: a\n\n"),
        OriginSees(GOT),
        OriginSends(OK),
        ClientSees(OK),
        ClientSends("\nGET /a HTTP/1.2\nHost: a\n\n"),
        OriginSees(GOT),
        OriginSends(OK),
        ClientSees(OK),
    ]);
    assert_eq!((counters.responses, counters.connects), (2, 1));
}

/// What a client says about its way, and what the server is told of it.
#[test]
fn the_way_of_a_request_by_policy() {
    let said = "X-Forwarded-For: 1.1.1.1\nX-Real-IP: 2.2.2.2\nX-Forwarded-Host: h\nForwarded: for=3.3.3.3\nX-Forwarded-Proto: https\n";
    let sent = format!("GET /a HTTP/1.1\nHost: a\n{said}X_Real_IP: 4.4.4.4\n\n");
    let check = |change: &dyn Fn(&mut Settings), fields: &str| {
        let seen = format!("GET /a HTTP/1.1\nHost: a\n{fields}\n");
        play_with(
            |settings| change(settings),
            &[ClientSends(&sent), OriginSees(&seen), OriginSends(OK), ClientSees(OK)],
        );
    };
    let trust = |network: &'static str| {
        move |settings: &mut Settings| {
            settings.listeners[0].requests.forwarded = ForwardedPolicy::Trust;
            settings.listeners[0].requests.trusted = [network.parse().expect("a network")].into_iter().collect();
        }
    };
    let alone = "X-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nVia: 1.1 quintet\n";
    check(&|_| {}, alone);
    check(&trust("10.0.0.0/8"), alone);
    check(
        &trust("127.0.0.0/8"),
        "X-Forwarded-For: 1.1.1.1, 127.0.0.1\nX-Real-IP: 1.1.1.1\nX-Forwarded-Host: h\nForwarded: for=3.3.3.3, for=127.0.0.1\n\
         X-Forwarded-Proto: https\nVia: 1.1 quintet\n",
    );
    check(
        &|settings| settings.listeners[0].requests.forwarded = ForwardedPolicy::Append,
        "X-Forwarded-For: 1.1.1.1, 127.0.0.1\nForwarded: for=3.3.3.3, for=127.0.0.1\nX-Forwarded-Proto: http\nVia: 1.1 quintet\n",
    );
    check(
        &|settings| {
            settings.listeners[0].requests.twins = Twins::Keep;
            settings.backend_sets[0].via = false;
        },
        "X-Forwarded-For: 127.0.0.1\nX_Real_IP: 4.4.4.4\nX-Forwarded-Proto: http\n",
    );
}

/// A proxy that cannot say who its client is stands for it, and that is counted.
#[test]
fn a_client_nobody_can_name_is_the_proxy() {
    let trusting = |settings: &mut Settings| {
        settings.listeners[0].requests.trusted = ["127.0.0.0/8".parse().expect("a network")].into_iter().collect();
        settings.listeners[0].requests.tells = WayField::tells(&[WayField::RealIp]);
    };
    let ask = |said: &str| format!("GET /a HTTP/1.1\nHost: a\n{said}\n\n");
    let seen = |client: &str| format!("GET /a HTTP/1.1\nHost: a\nVia: 1.1 quintet\nX-Real-IP: {client}\n\n");
    let counters = play_with(
        trusting,
        &[
            ClientSends(&ask("X-Forwarded-For: 192.0.2.1, unknown")),
            OriginSees(&seen("127.0.0.1")),
            OriginSends(OK),
            ClientSees(OK),
            ClientSends(&ask("X-Real-IP: 192.0.2.1")),
            OriginSees(&seen("192.0.2.1")),
            OriginSends(OK),
            ClientSees(OK),
        ],
    );
    assert_eq!((counters.origin_unreadable, counters.responses), (1, 2));
}

#[test]
fn a_request_that_goes_in_a_circle_is_told_so() {
    let with = |passages: usize| format!("GET /a HTTP/1.1\nHost: a\n{}\n", "Via: 1.1 quintet\n".repeat(passages));
    let via = format!("Via: {}1.1 quintet\n", "1.1 quintet, ".repeat(4));
    let seen = format!("GET /a HTTP/1.1\nHost: a\n{via}X-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\n\n");
    play(&[ClientSends(&with(4)), OriginSees(&seen), OriginSends(OK), ClientSees(OK)]);
    let counters = play(&[ClientSends(&with(5)), ClientSeesStatus(508), ClientSeesEnd(Eof)]);
    assert_eq!((counters.failed(Failure::Loop), counters.connects), (1, 0));
}

#[test]
fn a_request_without_hops_left_ends_here() {
    for (method, status) in [("OPTIONS", 200), ("TRACE", 405)] {
        let sent = format!("{method} /a HTTP/1.1\nHost: a\nMax-Forwards: 0\n\n");
        let counters = play(&[ClientSends(&sent), ClientSeesStatus(status), ClientSeesEnd(Eof)]);
        assert_eq!((counters.failed(Failure::HopsSpent { options: true }), counters.connects), (1, 0), "{method}");
    }
    play(&[
        ClientSends("OPTIONS /a HTTP/1.1\nHost: a\nMax-Forwards: 2\n\n"),
        OriginSees("OPTIONS /a HTTP/1.1\nHost: a\nMax-Forwards: 1\n[path]\n\n"),
        OriginSends(OK),
        ClientSees(OK),
    ]);
}

/// RFC 9110 6.6.1: whoever receives a response without Date says when that was. The balancer's own answers have one, too.
#[test]
fn a_response_that_was_not_dated_is() {
    let stage = Stage::new(|_| {});
    let mut client = stage.client();
    client.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    server.sends_bytes(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.reads_head(), "HTTP/1.1 103 Early Hints\r\n\r\n");
    let head = client.reads_head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: ") && head.contains(" GMT\r\n"), "{head}");
    client.sends("GET / HTTP/1.1\n\n");
    let head = client.reads_head();
    assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\nDate: "), "{head}");
    drop((client, server));
    stage.end();
}

/// What is refused is counted by its rule, and remembered with whose it was and how it began.
#[test]
fn what_is_refused_is_named() {
    for (bytes, rule, words) in [
        (&b"\x16\x03\x01\x02\0\x01\0\x01\xfc"[..], http1::Error::TlsHello, "\\x16\\x03\\x01\\x02\\x00"),
        (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", http1::Error::ProxyHeader, "PROXY TCP4 192.0.2.1"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21", http1::Error::ProxyHeader, "\\r\\n\\r\\n\\x00"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http1::Error::Http2Preface, "PRI * HTTP/2.0"),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", http1::Error::BareLf, "GET / HTTP/1.1\\nHost: a"),
    ] {
        let stage = Stage::new(|_| {});
        let mut client = stage.client();
        client.sends_bytes(bytes);
        client.sees_status(rule.status());
        stage.counts("by its rule", |counters| counters.refused_requests.count(rule) == 1);
        let refused = stage.refused();
        let [line] = &refused[..] else { panic!("{refused:?}") };
        assert!(line.starts_with("request of 127.0.0.1:") && line.contains(words), "{line}");
        assert!(line.contains(&format!("({})", rule.name())), "{line}");
        drop(client);
        stage.end();
    }
    let stage = Stage::new(|settings| settings.backend_sets[0].retries_max = 0);
    let mut client = stage.client();
    client.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    server.sends_bytes(b"SSH-2.0-OpenSSH_9.9\r\n");
    client.sees_status(502);
    let refused = stage.refused();
    let expect = format!("response of {} refused (status_line): ", stage.origin_address());
    assert!(refused.len() == 1 && refused[0].starts_with(&expect) && refused[0].contains("SSH-2.0"), "{refused:?}");
    drop((client, server));
    stage.end();
}
