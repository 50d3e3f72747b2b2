//! What is done to requests and responses on their way: fields by rule, ids, who may ask.

use crate::script::Act::*;
use crate::script::{PATH, play_with};
use crate::stage::{Stage, accept};
use crate::wire::{End, PATIENCE};
use balancer_core::{
    Access, CloseReason, Failure, LimitName, Networks, Rate, RateBy, RateLimit, RequestIds, Settings, parse_network,
};
use http::forward::{FieldRules, Message};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\nServer: x\nContent-Length: 2\n\nok";

fn networks(list: &[&str]) -> Networks {
    list.iter().map(|network| parse_network(network).expect("a network")).collect()
}

fn set(fields: &[(&str, &str)], of: Message) -> FieldRules {
    let mut rules = FieldRules::NONE;
    fields.iter().for_each(|(name, value)| rules.set(name, value, of).expect(name));
    rules
}

/// A listener's rules, and a backend set's above them.
fn with_rules(settings: &mut Settings) {
    let [listener, backend] = [&mut settings.listeners[0].treatment.headers, &mut settings.backend_sets[0].headers];
    listener.requests = set(&[("X-Way", "{listener} {client} {scheme}://{host_port}{uri}")], Message::Request);
    listener.requests.remove("X-Debug", Message::Request).expect("a name");
    listener.responses = set(&[("X-Path", "{method} {path}"), ("X-By", "listener")], Message::Response);
    listener.responses.remove("Server", Message::Response).expect("a name");
    backend.requests = set(&[("Host", "inside")], Message::Request);
    backend.responses = set(&[("X-By", "backend")], Message::Response);
}

#[test]
fn fields_are_set_and_removed_by_rule() {
    let seen = format!("GET /a?b HTTP/1.1\nHost: inside\n{PATH}X-Way: web 127.0.0.1 http://a:80/a?b\n\n");
    let counters = play_with(
        with_rules,
        &[
            ClientSends("GET /a?b HTTP/1.1\nHost: a:80\nX-Debug: 1\nX-Way: forged\n\n"),
            OriginSees(&seen),
            OriginSends(OK),
            ClientSees("HTTP/1.1 200 OK\nX-Path: GET /a\nX-By: backend\nContent-Length: 2\n\nok"),
            // An answer of the balancer's own: the listener's rules, not those of servers.
            ClientSends("TRACE /a HTTP/1.1\nHost: a\nMax-Forwards: 0\n\n"),
            ClientSeesStatus(405),
        ],
    );
    assert_eq!((counters.responses, counters.requests), (1, 2));
}

#[test]
fn a_request_that_is_repeated_is_changed_again_and_keeps_its_id() {
    let stage = Stage::new(|settings| {
        settings.listeners[0].requests.ids = RequestIds::Make;
        settings.listeners[0].treatment.headers.responses = set(&[("X-Request-Id", "{request_id}")], Message::Response);
        settings.backend_sets[0].headers.requests = set(&[("X-To", "{host}")], Message::Request);
    });
    let mut client = stage.client();
    let mut ids = Vec::new();
    for round in 0..2 {
        client.sends("GET /a HTTP/1.1\nHost: a\nX-Request-Id: forged\n\n");
        let mut server = stage.server();
        let first = server.reads_head();
        drop(server); // without an answer
        let mut server = stage.server();
        let again = server.reads_head();
        assert_eq!(first, again, "the same request");
        assert!(again.contains("\r\nX-To: a\r\n") && !again.contains("forged"), "{again}");
        let id = again.split("X-Request-Id: ").nth(1).and_then(|rest| rest.get(..32)).expect("an id").to_owned();
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        server.sends("HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n\n");
        let answer = client.reads_head();
        assert!(answer.contains(&format!("\r\nX-Request-Id: {id}\r\n")), "round {round}: {answer}");
        ids.push(id);
    }
    assert_ne!(ids[0], ids[1], "each request has its own");
    drop(client);
    stage.end();
}

#[test]
fn an_id_of_a_trusted_proxy_stands() {
    let keep = |settings: &mut Settings| {
        settings.listeners[0].requests.ids = RequestIds::Keep;
        settings.listeners[0].requests.trusted = networks(&["127.0.0.0/8"]);
    };
    let seen = "GET /a HTTP/1.1\nHost: a\n[path]\nX-Request-Id: theirs-7\n\n".replace("[path]\n", PATH);
    play_with(
        keep,
        &[
            ClientSends("GET /a HTTP/1.1\nHost: a\nx-request-id: theirs-7\n\n"),
            OriginSees(&seen),
            OriginSends(OK),
            ClientSees(OK),
        ],
    );
}

#[test]
fn who_is_not_let_in_is_closed_at_once() {
    let allow = networks(&["10.0.0.0/8"]);
    let stage = Stage::new(|settings| {
        settings.listeners[0].treatment.access = vec![Access { allow, ..Access::default() }];
    });
    // The reset may come before connect() is back.
    let end = TcpStream::connect(stage.address()).and_then(|mut stream| stream.read(&mut [0]));
    assert_eq!(end.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
    stage.counts("it was closed", |counters| counters.client_reasons[CloseReason::Denied as usize] == 1);
    let counters = stage.end();
    assert_eq!((counters.accepted, counters.requests), (1, 0));
}

/// Behind a trusted proxy each request has a client of its own.
#[test]
fn behind_a_trusted_proxy_each_request_is_looked_at() {
    let lists = |settings: &mut Settings| {
        settings.listeners[0].requests.trusted = networks(&["127.0.0.0/8"]);
        settings.listeners[0].treatment.access =
            vec![Access { deny: networks(&["192.0.2.0/24"]), ..Access::default() }];
    };
    let from = |client: &str| format!("GET /a?b HTTP/1.1\nHost: a:80\nX-Forwarded-For: {client}\n\n");
    let (bad, good) = (from("10.0.0.1, 192.0.2.9"), from("192.0.2.9, 10.0.0.1"));
    let seen = format!("GET /a?b HTTP/1.1\nHost: a:80\n{PATH}\n").replace("127.0.0.1", "10.0.0.1");
    let counters = play_with(
        lists,
        &[
            ClientSends(&bad),
            ClientSeesStatus(403),
            // The connection is another client's as well.
            ClientSends(&good),
            OriginSees(&seen),
            OriginSends(OK),
            ClientSees(OK),
            // A body that nobody wants is not waited for.
            ClientSends("POST / HTTP/1.1\nHost: a\nX-Forwarded-For: 192.0.2.1\nContent-Length: 9\n\nhalf"),
            ClientSeesStatus(403),
            ClientSeesEnd(End::Eof),
        ],
    );
    assert_eq!((counters.failed(Failure::Denied), counters.responses, counters.accepted), (2, 1, 1));
}

#[test]
fn what_a_rule_copies_cannot_end_its_line() {
    // A client that puts line ends into what a rule copies is refused before the rule sees it.
    let copy = |settings: &mut Settings| {
        settings.listeners[0].treatment.headers.responses =
            set(&[("X-Copy", "{header:X-In}{query}")], Message::Response);
    };
    play_with(
        copy,
        &[
            ClientSends("GET /a?b=%0d%0aX:1 HTTP/1.1\nHost: a\nX-In: v\n\n"),
            OriginSees(&"GET /a?b=%0d%0aX:1 HTTP/1.1\nHost: a\nX-In: v\n[path]\n\n".replace("[path]\n", PATH)),
            OriginSends(OK),
            ClientSees("HTTP/1.1 200 OK\nServer: x\nX-Copy: vb=%0d%0aX:1\nContent-Length: 2\n\nok"),
            ClientSends("GET /a HTTP/1.1\nHost: a\nX-In: v\rX: 1\n\n"),
            ClientSeesStatus(400),
            ClientSeesEnd(End::Eof),
        ],
    );
}

fn at_most_10_bytes(settings: &mut Settings) {
    settings.listeners[0].treatment.body_bytes_max = Some(10);
}

#[test]
fn a_body_that_is_told_to_be_too_large_is_not_waited_for() {
    let counters = play_with(
        at_most_10_bytes,
        &[
            ClientSends("POST /a HTTP/1.1\nHost: a\nContent-Length: 10\n\n0123456789"),
            OriginSees(&format!("POST /a HTTP/1.1\nHost: a\n{PATH}Content-Length: 10\n\n0123456789")),
            OriginSends(OK),
            ClientSees(OK),
            ClientSends("POST /a HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 11\n\n"),
            ClientSeesStatus(413),
            ClientSeesEnd(End::Eof),
        ],
    );
    assert_eq!((counters.failed(Failure::BodyTooLarge), counters.connects), (1, 1), "nobody was asked");
    assert_eq!(counters.client_reasons[CloseReason::Denied as usize], 1);
}

#[test]
fn a_body_that_becomes_too_large_is_cut_off() {
    let head = "POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n";
    let seen = format!("POST /a HTTP/1.1\nHost: a\n{PATH}Transfer-Encoding: chunked\n\n6\n012345\n");
    let counters = play_with(
        at_most_10_bytes,
        &[
            ClientSends(&format!("{head}6\n012345\n")),
            OriginSees(&seen),
            // Framing does not count: ten bytes of content in many chunks are let through.
            ClientSends("1\n6\n1\n7\n1\n8\n1\n9\n"),
            OriginSees("1\n6\n1\n7\n1\n8\n1\n9\n"),
            ClientSends("1\nx\n0\n\n"),
            ClientSeesStatus(413),
            OriginSeesEnd(End::Reset),
            ClientSeesEnd(End::Eof),
        ],
    );
    assert_eq!((counters.failed(Failure::BodyTooLarge), counters.connects), (1, 1));
}

fn twice_an_hour(dry_run: bool) -> impl FnOnce(&mut Settings) {
    move |settings| {
        let rate = Rate::new(1, Duration::from_secs(3600), 2).expect("a rate");
        let limit = RateLimit { rate, by: RateBy::Client, dry_run, name: LimitName::default() };
        settings.listeners[0].treatment.rates = vec![limit];
        settings.listeners[0].requests.trusted = networks(&["127.0.0.0/8"]);
    }
}

#[test]
fn who_asks_too_often_is_told_when_to_ask_again() {
    let stage = Stage::new(twice_an_hour(false));
    let (mut client, origin) = (stage.client(), stage.origin());
    let mut server = None;
    let mut ask = |from: &str, told: u16| {
        client.sends(&format!("GET / HTTP/1.1\nHost: a\nX-Forwarded-For: {from}\n\n"));
        if told == 200 {
            let server = server.get_or_insert_with(|| accept(&origin, PATIENCE).expect("a connection"));
            server.reads_head();
            server.sends("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
        }
        let head = client.reads_head();
        assert!(head.starts_with(&format!("HTTP/1.1 {told} ")), "{from}: {head}");
        let again = head.lines().find_map(|line| line.strip_prefix("Retry-After: ")).map(|text| text.parse().unwrap());
        if told != 200 {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
            client.reads(length.parse().expect("a number"));
        }
        again
    };
    assert_eq!((ask("192.0.2.1", 200), ask("192.0.2.1", 200)), (None, None));
    let again: u64 = ask("192.0.2.1", 429).expect("a time");
    assert!((3500..=3600).contains(&again), "{again}");
    // Others are not concerned; of IPv6 a /64 is one client.
    assert_eq!((ask("192.0.2.2", 200), ask("2001:db8::1", 200), ask("2001:db8::2", 200)), (None, None, None));
    assert!(ask("2001:db8::3", 429).is_some());
    drop((client, server));
    stage.counts("all clients are gone", |counters| counters.clients_open == 0);
    let counters = stage.end();
    assert_eq!(counters.failed(Failure::RateLimited { retry_after_s: 0 }), 2);
}

#[test]
fn a_dry_run_refuses_nobody() {
    let (sent, seen) = ("GET / HTTP/1.1\nHost: a\n\n", format!("GET / HTTP/1.1\nHost: a\n{PATH}\n"));
    let once = [ClientSends(sent), OriginSees(&seen), OriginSends(OK), ClientSees(OK)];
    let counters = play_with(twice_an_hour(true), &[once, once, once, once].concat());
    assert_eq!((counters.responses, counters.rate_would_refuse), (4, 2));
}
