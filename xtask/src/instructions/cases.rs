//! What is measured. Each case runs so many rounds of one operation; what it prepares before is cancelled out by the
//! runner, which compares two numbers of rounds.

use balancer_core::exchange::{Exchange, Fact, Opening, ResponseFacts, Scene, Took};
use balancer_core::router::{Condition, Conditions, HostPattern, PathPattern, Pattern, Route, Scratch, Wanted};
use balancer_core::statuses::Statuses;
use balancer_core::{Action, ClientClose, ClientTimeouts, RouteRules, Router, ServerTimeouts};
use http::forward::{Connection, RequestEdits, ResponseEdits, write_forwarded_request, write_forwarded_response};
use http::{BodyKind, Limits, Method, RequestHead, Target, Version};
use http1::{BodyDecoder, ChunkLine, HeadSlots, HeadWriter, Parsed, parse_request, parse_response};
use ports::{ClosedFirst, PortAllocator, PortEnd, PortRange, PortSet};
use reactor::TimerWheel;
use std::hint::black_box;
use std::time::Duration;

/// One operation.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) run: fn(u32),
}

/// All of them, in the order they are shown.
pub(super) const CASES: &[Case] = &[
    Case { name: "http1/parse-request", run: parse_a_request },
    Case { name: "http1/forward-request", run: forward_a_request },
    Case { name: "http1/parse-response", run: parse_a_response },
    Case { name: "http1/forward-response", run: forward_a_response },
    Case { name: "http1/pass-16-chunks", run: pass_chunks },
    Case { name: "router/none", run: route_without_routes },
    Case { name: "router/100-routes", run: route_among_100 },
    Case { name: "router/10000-routes", run: route_among_10_000 },
    Case { name: "exchange/keep-alive", run: exchange_on_a_pooled_connection },
    Case { name: "ports/take-and-give-back", run: take_and_give_back },
    Case { name: "wheel/set-and-cancel", run: set_and_cancel },
    Case { name: "wheel/set-and-pop", run: set_and_pop },
];

/// A browser's request: ten fields besides Host.
const REQUEST: &[u8] = b"GET /shop/items?page=2&sort=price HTTP/1.1\r\nHost: www.example.net\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\nReferer: http://www.example.net/shop\r\nConnection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef\r\nCache-Control: max-age=0\r\nX-Request-Id: 7f1c9a52\r\n\r\n";

/// Its answer: ten fields.
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: origin/1.0\r\n\
    Content-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\
    Cache-Control: private, max-age=60\r\nETag: \"5f3c-1a2b3c4d\"\r\nVary: Accept-Encoding\r\n\
    X-Request-Id: 7f1c9a52\r\nLast-Modified: Sun, 31 Dec 2023 00:00:00 GMT\r\n\r\n";

const GOOD: &str = "the head is good";

fn parse_a_request(rounds: u32) {
    let limits = Limits::default();
    for _ in 0..rounds {
        let mut slots = HeadSlots::new();
        black_box(parse_request(black_box(REQUEST), &limits, &mut slots).expect(GOOD));
    }
}

fn forward_a_request(rounds: u32) {
    let (limits, mut slots, mut out) = (Limits::default(), HeadSlots::new(), [0; 4096]);
    let Parsed { head, .. } = parse_request(REQUEST, &limits, &mut slots).expect(GOOD).expect(GOOD);
    for _ in 0..rounds {
        let client = black_box([192, 0, 2, 7].into());
        let edits = RequestEdits { fallback_host: "fallback", ..RequestEdits::plain(client) };
        black_box(write_forwarded_request(black_box(&head), &edits, &mut HeadWriter::new(black_box(&mut out))))
            .expect(GOOD);
    }
}

fn parse_a_response(rounds: u32) {
    let limits = Limits::default();
    for _ in 0..rounds {
        let mut slots = HeadSlots::new();
        black_box(parse_response(black_box(RESPONSE), &limits, &mut slots, black_box(Method::Get)).expect(GOOD));
    }
}

fn forward_a_response(rounds: u32) {
    let (limits, mut slots, mut out) = (Limits::default(), HeadSlots::new(), [0; 4096]);
    let Parsed { head, .. } = parse_response(RESPONSE, &limits, &mut slots, Method::Get).expect(GOOD).expect(GOOD);
    for _ in 0..rounds {
        let (client_version, connection) = (black_box(Version::Http11), black_box(Connection::KeepAlive));
        let edits = ResponseEdits {
            client_version,
            connection,
            body: head.body,
            date: None,
            coding: None,
            varies: false,
            cookie: None,
            ruled: None,
        };
        black_box(write_forwarded_response(black_box(&head), &edits, &mut HeadWriter::new(black_box(&mut out))))
            .expect(GOOD);
    }
}

/// Sixteen chunks of 1 KiB, as one read.
fn pass_chunks(rounds: u32) {
    let chunk = [ChunkLine::new(1024).as_bytes(), &[b'x'; 1024], b"\r\n"].concat();
    let body = [chunk.repeat(16), b"0\r\n\r\n".to_vec()].concat();
    let limits = Limits::default();
    for _ in 0..rounds {
        let passed = BodyDecoder::new(black_box(BodyKind::Chunked), &limits).pass(black_box(&body));
        assert!(passed.is_ok_and(|passed| passed.done && passed.len == body.len()));
    }
}

/// A GET that came whole, answered in one piece, both connections kept.
fn exchange_on_a_pooled_connection(rounds: u32) {
    let request = Opening {
        idempotent: true,
        bodiless: true,
        keep_alive: true,
        requests_left: true,
        kept: true,
        ..Opening::NONE
    };
    let (client, server, retry_on) = (ClientTimeouts::default(), ServerTimeouts::default(), Statuses::default());
    let response =
        ResponseFacts { status: 200, keep_alive: true, chunked: false, until_close: false, switch_asked: false };
    for round in 0..rounds {
        let now = Duration::from_millis(u64::from(round));
        let close = black_box(ClientClose::BalancerFirst);
        let scene = Scene {
            now,
            client: &client,
            server: &server,
            close,
            retries_max: 2,
            waits_for_restart: true,
            retry_on: &retry_on,
            queue_timeout: Duration::from_secs(5),
            server_errors: false,
            draining: false,
        };
        let (mut exchange, _pick) = Exchange::begin(black_box(request), &scene);
        black_box(exchange.handle(Fact::AttemptStarted { server: 0, pooled: true, hurry: None, took: None }, &scene));
        black_box(exchange.handle(Fact::ServerTook(Took::All), &scene));
        black_box(exchange.handle(Fact::ResponseBegun, &scene));
        black_box(exchange.plan_head(black_box(&response), &scene));
        black_box(exchange.handle(Fact::ResponseBytes { len: 5, whole: true, leftover: false }, &scene));
        assert!(exchange.handle(Fact::ClientTook, &scene).end.is_some());
    }
}

/// Each port has rested as TIME_WAIT with timestamps and is taken over.
fn take_and_give_back(rounds: u32) {
    const PORTS: u16 = 1000;
    let range = PortRange::new(10_000, 10_000 + PORTS - 1).expect("a range");
    let mut ports = PortAllocator::new(PortSet::any_address(range));
    let to = ports.destination(([192, 0, 2, 1], 80).into()).expect("the first");
    let end = PortEnd { closed_first: Some(ClosedFirst::OurFin), timestamps: true };
    for round in 0..u32::from(PORTS) + rounds {
        let now = Duration::from_millis(u64::from(round) * 10);
        let lease = ports.take(black_box(now), to).expect("ports come free in time");
        ports.give_back(now, lease, black_box(end));
    }
}

/// Hosts, wildcards, prefixes, exact paths with what they ask further, and a few patterns.
fn routes(count: usize) -> Router {
    let forward = || RouteRules::new("", Action::Forward { set: 0 });
    let host = |text: String| vec![HostPattern::parse(&text).expect(GOOD)];
    let asks = |at: usize| match at % 5 {
        0 => Conditions { hosts: host(format!("host-{at}.example.net")), ..Conditions::default() },
        1 => Conditions { hosts: host(format!("*.zone-{at}.example.net")), ..Conditions::default() },
        2 => Conditions {
            paths: vec![PathPattern::Prefix(format!("/shop/{}/items-{at}", at % 7))],
            ..Conditions::default()
        },
        3 if at < 50 => Conditions {
            paths: vec![PathPattern::Pattern(Pattern::parse(&format!("^/v{at}/[a-z]+$")).expect(GOOD))],
            ..Conditions::default()
        },
        _ => Conditions {
            paths: vec![PathPattern::Exact(format!("/shop/page-{at}"))],
            further: vec![Condition::Header("X-Beta".to_owned(), Wanted::Present)],
            ..Conditions::default()
        },
    };
    let routes = (0..count).map(|at| Route { conditions: asks(at), rules: forward() });
    Router::new(routes.collect(), forward())
}

/// Requests by turns: for a host, a host below one, a path below a prefix, an exact path whose field is missing, nothing at
/// all, and a path that has to be decoded.
fn route_among(router: &Router, rounds: u32) {
    let asked = [
        ("host-10.example.net", "/shop/items?page=2"),
        ("www.zone-11.example.net:8080", "/"),
        ("www.example.net", "/shop/5/items-12/reviews/latest"),
        ("www.example.net", "/shop/page-54"),
        ("www.example.net", "/shop/items?page=2&sort=price"),
        ("www.example.net", "/shop/x/../5/%69tems-12"),
    ];
    let headers =
        [http::Header { name: "User-Agent", value: b"Mozilla/5.0" }, http::Header { name: "Accept", value: b"*/*" }];
    let mut scratch = Scratch::default();
    for round in 0..rounds {
        let (host, target) = asked[round as usize % asked.len()];
        let target = Target::parse(target, Method::Get).expect(GOOD);
        let head = RequestHead { host: Some(host.as_bytes()), target, headers: &headers, ..RequestHead::default() };
        let facts = head.facts(black_box([192, 0, 2, 7].into()), false);
        assert!(black_box(router).decide(black_box(&facts), &headers, &mut scratch).is_ok());
    }
}

fn route_without_routes(rounds: u32) {
    route_among(&routes(0), rounds);
}

fn route_among_100(rounds: u32) {
    route_among(&routes(100), rounds);
}

fn route_among_10_000(rounds: u32) {
    route_among(&routes(10_000), rounds);
}

/// As many timers as a busy worker has.
fn busy_wheel() -> TimerWheel<u32> {
    let mut wheel = TimerWheel::new();
    for key in 0..1000 {
        wheel.set(Duration::from_secs(3600 + u64::from(key)), key);
    }
    wheel
}

fn set_and_cancel(rounds: u32) {
    let mut wheel = busy_wheel();
    for key in 0..rounds {
        let timer = wheel.set(black_box(Duration::from_millis(5000 + u64::from(key))), key);
        assert!(wheel.cancel(black_box(timer)));
    }
}

/// A timer each 10 ms, due after a second.
fn set_and_pop(rounds: u32) {
    let (mut wheel, mut popped) = (busy_wheel(), 0);
    for key in 0..rounds {
        let now = Duration::from_millis(u64::from(key) * 10);
        wheel.set(black_box(now + Duration::from_secs(1)), key);
        while wheel.pop_due(now).is_some() {
            popped += 1;
        }
    }
    black_box(popped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_runs_and_has_its_own_name() {
        for (at, case) in CASES.iter().enumerate() {
            (case.run)(200);
            assert!(CASES[..at].iter().all(|other| other.name != case.name), "{} twice", case.name);
        }
    }
}
