//! Requests and responses without surprises: what is passed on, and how it is changed on the way.

use crate::script::Act::*;
use crate::script::{play, play_with};
use crate::stage::Stage;
use crate::wire::End::*;
use std::time::{Duration, Instant};
use testkit::when_quick;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const GOT: &str = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// One request, one response, each as sent and as seen; then the same two connections serve another.
fn check(client: &str, origin_sees: &str, origin_sends: &str, client_sees: &str) {
    let row = [ClientSends(client), OriginSees(origin_sees), OriginSends(origin_sends), ClientSees(client_sees)];
    let again = [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(OK)];
    let counters = play(&[&row[..], &again[..]].concat());
    assert_eq!((counters.accepted, counters.requests, counters.responses, counters.connects), (1, 2, 2, 1));
}

/// One request and one response, after which the client sees the end; the server's connection is kept if it can be.
fn check_closes(client: &str, origin_sees: &str, origin_sends: &str, client_sees: &str) {
    let row = [ClientSends(client), OriginSees(origin_sees), OriginSends(origin_sends), ClientSees(client_sees)];
    let counters = play(&[&row[..], &[ClientSeesEnd(Eof)]].concat());
    assert_eq!((counters.accepted, counters.requests, counters.responses, counters.connects), (1, 1, 1, 1));
}

#[test]
fn methods_and_bodies_pass() {
    check(GET, GOT, OK, OK);
    check(
        "HEAD /a HTTP/1.1\nHost: a\n\n",
        "HEAD /a HTTP/1.1\nHost: a\n[path]\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 7\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 7\n\n",
    );
    check(
        "POST /a HTTP/1.1\nHost: a\nContent-Length: 4\n\nbody",
        "POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 4\n\nbody",
        "HTTP/1.1 201 Created\nLocation: /a/1\nContent-Length: 0\n\n",
        "HTTP/1.1 201 Created\nLocation: /a/1\nContent-Length: 0\n\n",
    );
    check(
        "DELETE /a?x=1&y HTTP/1.1\nHost: a:80\nAccept: */*\n\n",
        "DELETE /a?x=1&y HTTP/1.1\nHost: a:80\nAccept: */*\n[path]\n\n",
        "HTTP/1.1 204 No Content\n\n",
        "HTTP/1.1 204 No Content\n\n",
    );
    check(
        "GET /a HTTP/1.1\nHost: a\nIf-None-Match: \"x\"\n\n",
        "GET /a HTTP/1.1\nHost: a\nIf-None-Match: \"x\"\n[path]\n\n",
        "HTTP/1.1 304 Not Modified\nETag: \"x\"\nContent-Length: 1000\n\n",
        "HTTP/1.1 304 Not Modified\nETag: \"x\"\nContent-Length: 1000\n\n",
    );
    check(
        "OPTIONS * HTTP/1.1\nHost: a\n\n",
        "OPTIONS * HTTP/1.1\nHost: a\n[path]\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    );
}

#[test]
fn chunks_and_trailers_pass_both_ways() {
    check(
        "POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: X-Sum\n\n4\nbody\n1\n!\n0\nX-Sum: 5\n\n",
        "POST /a HTTP/1.1\nHost: a\nTrailer: X-Sum\n[path]\nTransfer-Encoding: chunked\n\n4\nbody\n1\n!\n0\nX-Sum: 5\n\n",
        OK,
        OK,
    );
    let chunked =
        "HTTP/1.1 200 OK\nTrailer: X-Sum\nTransfer-Encoding: chunked\n\n3;x=1\nabc\nA\n0123456789\n0\nX-Sum: d\n\n";
    check(GET, GOT, chunked, &chunked.replace(";x=1", ""));
    let empty = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n\n";
    check(GET, GOT, empty, empty);
}

#[test]
fn what_belongs_to_one_hop_stays_there() {
    check(
        "GET /a HTTP/1.1\nHost: a\nConnection: X-One, keep-alive\nX-One: 1\nX-Two: 2\nKeep-Alive: timeout=5\n\
         Proxy-Connection: keep-alive\nTE: trailers, deflate\nUpgrade: h2c\n\n",
        "GET /a HTTP/1.1\nHost: a\nX-Two: 2\n[path]\nTE: trailers\nConnection: TE\n\n",
        "HTTP/1.1 200 OK\nConnection: X-Hop\nX-Hop: 1\nKeep-Alive: timeout=5\nX-End: 1\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\nX-End: 1\nContent-Length: 2\n\nok",
    );
}

#[test]
fn the_way_of_a_request_is_recorded() {
    check(
        "GET /a HTTP/1.1\nHost: a\nX-Forwarded-For: 203.0.113.9\nX-Forwarded-Proto: https\nVia: 1.0 fred\n\n",
        "GET /a HTTP/1.1\nHost: a\nX-Forwarded-For: 127.0.0.1\nVia: 1.0 fred, 1.1 quintet\n\
         X-Forwarded-Proto: http\n\n",
        OK,
        OK,
    );
    check("GET http://b/a HTTP/1.1\nHost: other\n\n", "GET /a HTTP/1.1\nHost: b\n[path]\n\n", OK, OK);
}

#[test]
fn http_10_clients_are_spoken_to_in_their_terms() {
    let sees_10 = "GET /a HTTP/1.1\nHost: a\nX-Forwarded-For: 127.0.0.1\nX-Forwarded-Proto: http\nVia: 1.0 quintet\n\n";
    check(
        "GET /a HTTP/1.0\nHost: a\nConnection: keep-alive\n\n",
        sees_10,
        OK,
        "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: keep-alive\n\nok",
    );
    let closed = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
    check_closes("GET /a HTTP/1.0\nHost: a\n\n", sees_10, OK, closed);
    // Chunks are unwrapped, and the connection closed even though it was to be kept.
    let chunked =
        "HTTP/1.1 200 OK\nTrailer: X-Sum\nTransfer-Encoding: chunked\n\n3\nabc\nA;e=1\n0123456789\n0\nX-Sum: d\n\n";
    let unwrapped = "HTTP/1.1 200 OK\nConnection: close\n\nabc0123456789";
    check_closes("GET /a HTTP/1.0\nHost: a\n\n", sees_10, chunked, unwrapped);
    check_closes("GET /a HTTP/1.0\nHost: a\nConnection: keep-alive\n\n", sees_10, chunked, unwrapped);
    // RFC 9110 15.2: no 1xx for HTTP/1.0.
    let interim = &format!("HTTP/1.1 103 Early Hints\nLink: <x>\n\n{OK}");
    check_closes("GET /a HTTP/1.0\nHost: a\n\n", sees_10, interim, closed);
}

#[test]
fn an_http_10_client_may_leave_out_its_host() {
    let stage = crate::stage::Stage::new(|_| {});
    let (mut client, origin) = (stage.client(), stage.origin_address());
    client.sends("GET /a HTTP/1.0\n\n");
    let mut server = stage.server();
    let head = server.reads_head();
    assert!(head.contains(&format!("\r\nHost: {origin}\r\n")), "{head}");
    server.sends(OK);
    client.sees("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok");
    client.sees_end(Eof);
    stage.end();
}

/// Each server is told its own name, whichever comes first in the configuration.
#[test]
fn an_http_10_client_without_host_means_the_server_that_was_chosen() {
    let origins = [crate::stage::listener(), crate::stage::listener()];
    let addresses = [0, 1].map(|n| crate::stage::address(&origins[n]));
    let balancer = crate::stage::start(crate::stage::settings(&addresses), 1, Default::default());
    for (origin, address) in origins.iter().zip(addresses) {
        let mut client = crate::wire::Wire::connect(balancer.addresses()[0], "the client");
        client.sends("GET /a HTTP/1.0\n\n");
        let mut server = crate::stage::accept(origin, crate::wire::PATIENCE).expect("a connection of the balancer");
        let head = server.reads_head();
        assert!(head.contains(&format!("\r\nHost: {address}\r\n")), "{head}");
        server.sends(OK);
        client.sees("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok");
    }
}

#[test]
fn connection_close_closes() {
    let closed = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
    check_closes("GET /a HTTP/1.1\nHost: a\nConnection: close\n\n", GOT, OK, closed);
    check_closes("GET /a HTTP/1.1\nHost: a\nConnection: close, X\nX: 1\n\n", GOT, OK, closed);
    let chunked = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n";
    check_closes(
        "GET /a HTTP/1.1\nHost: a\nConnection: close\n\n",
        GOT,
        &format!("{chunked}\n2\nok\n0\n\n"),
        &format!("{chunked}Connection: close\n\n2\nok\n0\n\n"),
    );
}

#[test]
fn a_server_that_closes_costs_the_client_nothing() {
    let closes = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
    let old = "HTTP/1.0 200 OK\nContent-Length: 2\n\nok";
    for answer in [closes, old] {
        let counters = play(&[
            ClientSends(GET),
            OriginSees(GOT),
            OriginSends(answer),
            ClientSees(OK),
            OriginSeesEnd(Eof),
            ClientSends(GET),
            NewServer,
            OriginSees(GOT),
            OriginSends(OK),
            ClientSees(OK),
        ]);
        assert_eq!((counters.connects, counters.pooled, counters.retries), (2, 0, 0), "{answer}");
    }
}

#[test]
fn a_body_may_end_with_the_connection() {
    let counters = play(&[
        ClientSends(GET),
        OriginSees(GOT),
        OriginSends("HTTP/1.1 200 OK\nX: 1\n\nuntil"),
        ClientSees("HTTP/1.1 200 OK\nX: 1\nConnection: close\n\nuntil"),
        ClientSeesNothing,
        OriginSends(" close"),
        OriginCloses,
        ClientSees(" close"),
        ClientSeesEnd(Eof),
    ]);
    assert_eq!((counters.responses, counters.truncated), (1, 0));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let request = |path: &str| format!("GET /{path} HTTP/1.1\nHost: a\n\n");
    let seen = |path: &str| format!("GET /{path} HTTP/1.1\nHost: a\n[path]\n\n");
    let answer = |path: &str| format!("HTTP/1.1 200 OK\nContent-Length: 1\n\n{path}");
    let three = ["x", "y", "z"].map(request).concat();
    let mut acts = vec![ClientSends(&three)];
    let rows = ["x", "y", "z"].map(|path| (seen(path), answer(path)));
    for (seen, answer) in &rows {
        acts.extend([OriginSees(seen), OriginSeesNothing, OriginSends(answer), ClientSees(answer)]);
    }
    let counters = play(&acts);
    assert_eq!((counters.requests, counters.responses, counters.connects), (3, 3, 1));
}

#[test]
fn a_pipeline_ends_with_the_request_that_closes() {
    play(&[
        ClientSends("GET /a HTTP/1.1\nHost: a\nConnection: close\n\nGET /never HTTP/1.1\nHost: a\n\n"),
        OriginSees(GOT),
        OriginSends(OK),
        ClientSees("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok"),
        ClientSeesEnd(Eof),
        OriginSeesNothing,
    ]);
}

#[test]
fn a_client_that_half_closes_gets_its_answer() {
    let closed = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
    let counters = play(&[
        ClientSends(GET),
        ClientHalfCloses,
        OriginSees(GOT),
        Pause(2 * WATCHED_AFTER),
        OriginSends(OK),
        ClientSees(closed),
        ClientSeesEnd(Eof),
    ]);
    assert_eq!((counters.responses, counters.client_closes.count(ports::ClosedFirst::PeerFin)), (1, 1));
}

/// A client on its first request is watched for leaving only after this time.
const WATCHED_AFTER: Duration = Duration::from_millis(100);

/// A FIN that was not looked for changes nothing.
#[test]
fn a_client_that_half_closes_may_get_its_answer_before_that_is_noticed() {
    let head = when_quick(WATCHED_AFTER, || {
        let stage = Stage::new(|_| {});
        let start = Instant::now();
        let mut client = stage.client();
        client.sends(GET);
        client.half_closes();
        let mut server = stage.server();
        server.reads_head();
        server.sends(OK);
        let (head, took) = (client.reads_head(), start.elapsed());
        client.sees("ok");
        client.sees_end(Eof);
        drop((client, server));
        let counters = stage.end();
        assert_eq!((counters.responses, counters.client_closes.count(ports::ClosedFirst::PeerFin)), (1, 1));
        (head, took)
    });
    assert!(!head.contains("Connection"), "{head}");
}

#[test]
fn pooled_connections_can_be_forbidden() {
    let no_pool = |settings: &mut balancer_core::Settings| settings.backend_sets[0].pool.idle_max = 0;
    let sees = "GET /a HTTP/1.1\nHost: a\n[path]\nConnection: close\n\n";
    let counters = play_with(
        no_pool,
        &[
            ClientSends(GET),
            OriginSees(sees),
            OriginSends(OK),
            ClientSees(OK),
            OriginSeesEnd(Eof),
            ClientSends(GET),
            NewServer,
            OriginSees(sees),
            OriginSends(OK),
            ClientSees(OK),
            OriginSeesEnd(Eof),
        ],
    );
    assert_eq!((counters.connects, counters.pooled), (2, 0));
}
