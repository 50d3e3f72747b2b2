//! Listeners that join connections: whatever is spoken, whoever speaks first, however either side ends.

use crate::script::Act::*;
use crate::script::{Act, TIGHT, play_with};
use crate::stage::{self, Stage, accept, eventually};
use crate::wire::End::*;
use crate::wire::{PATIENCE, Wire};
use balancer_core::{CloseReason, Counters, Failure, Protocol, Settings};
use ports::ClosedFirst;
use std::time::Duration;

fn tcp(settings: &mut Settings) {
    settings.listeners[0].protocol = Protocol::Tcp;
}

/// One connection that is joined with the origin's, and these acts.
fn check(acts: &[Act<'_>]) -> Counters {
    check_with(|_| {}, acts)
}

fn check_with(change: impl FnOnce(&mut Settings), acts: &[Act<'_>]) -> Counters {
    let change = |settings: &mut Settings| (tcp(settings), change(settings)).1;
    let counters = play_with(change, acts);
    assert_eq!((counters.tunnels, counters.requests, counters.failed_total()), (1, 1, 0));
    counters
}

fn why(counters: &Counters, reason: CloseReason) -> (u64, u64) {
    (counters.client_reasons[reason as usize], counters.server_reasons[reason as usize])
}

#[test]
fn whoever_speaks_first_is_heard() {
    let counters = check(&[
        ClientSends("GET / HTTP/1.0\n\n"),
        OriginSees("GET / HTTP/1.0\n\n"),
        OriginSends("\0\u{1}no HTTP"),
        ClientSees("\0\u{1}no HTTP"),
        ClientHalfCloses,
        OriginSeesEnd(Eof),
        OriginHalfCloses,
        ClientSeesEnd(Eof),
    ]);
    assert_eq!((counters.tunnel_bytes_up, counters.tunnel_bytes_down), (18, 9));
    assert_eq!(why(&counters, CloseReason::TunnelOver), (1, 1));
    assert_eq!((counters.statuses, counters.retries), ([0; 5], 0));
    check(&[NewClient, OriginSends("220 ready\n"), ClientSees("220 ready\n"), ClientSends("QUIT"), OriginSees("QUIT")]);
}

#[test]
fn more_than_every_buffer_holds_goes_through_both_ways() {
    let large = "0123456789abcdef".repeat(40_000);
    let both = [
        ClientSends("begin"),
        OriginSees("begin"),
        OriginSends(&large),
        ClientSees(&large),
        ClientSends(&large),
        OriginSees(&large),
    ];
    let counters = check(&both);
    assert_eq!(counters.tunnel_bytes_down, large.len() as u64);
}

#[test]
fn each_side_ends_its_own_direction() {
    check(&[
        ClientSends("last words"),
        ClientHalfCloses,
        OriginSees("last words"),
        OriginSeesEnd(Eof),
        Pause(Duration::from_millis(20)),
        OriginSends("still here"),
        ClientSees("still here"),
        OriginCloses,
        ClientSeesEnd(Eof),
    ]);
    let counters = check(&[
        ClientSends("x"),
        OriginSees("x"),
        OriginSends("last words"),
        OriginHalfCloses,
        ClientSees("last words"),
        ClientSeesEnd(Eof),
        ClientSends("still here"),
        OriginSees("still here"),
        ClientHalfCloses,
        OriginSeesEnd(Eof),
    ]);
    let first = |closes: &ports::ClosingTally, who| closes.count(who);
    assert_eq!(first(&counters.server_closes, ClosedFirst::PeerFin), 1, "TIME_WAIT stays with the server");
}

/// A reset is passed on as one: a FIN would tell the other side that it has everything.
#[test]
fn a_reset_arrives_as_a_reset_behind_what_came_before_it() {
    let counters = check(&[ClientSends("x"), OriginSees("x"), OriginResets, ClientSeesEnd(Reset)]);
    assert_eq!(why(&counters, CloseReason::OtherSideFailed), (1, 0));
    assert_eq!(why(&counters, CloseReason::PeerAborted), (0, 1));
    let counters = check(&[ClientSends("x"), OriginSees("x"), ClientResets, OriginSeesEnd(Reset)]);
    assert_eq!(why(&counters, CloseReason::PeerAborted), (1, 0));
    let said = "0123456789abcdef".repeat(2_000);
    check(&[
        ClientSends("x"),
        OriginSees("x"),
        OriginSends(&said),
        Pause(Duration::from_millis(50)),
        OriginResets,
        ClientSees(&said),
        ClientSeesEnd(Reset),
    ]);
}

#[test]
fn a_silent_connection_ends_after_the_time_of_tunnels() {
    let tight = |settings: &mut Settings| settings.listeners[0].timeouts.tunnel = TIGHT;
    let acts = [ClientSends("x"), OriginSees("x"), ClientSeesEnd(Eof), NoSoonerThan(TIGHT), OriginSeesEnd(Reset)];
    let counters = check_with(tight, &acts);
    assert_eq!(why(&counters, CloseReason::Idle).0, 1);
    let half = |settings: &mut Settings| settings.listeners[0].timeouts.body = TIGHT;
    check_with(half, &[ClientSends("x"), ClientHalfCloses, OriginSees("x"), ClientSeesEnd(Eof), NoSoonerThan(TIGHT)]);
}

#[test]
fn another_server_is_tried_before_the_client_hears_of_it() {
    let gone = stage::address(&stage::listener());
    for at in [0, 1] {
        let counters = check_with(
            |settings| settings.backend_sets[0].servers.insert(at, balancer_core::ServerSettings::new(gone)),
            &[ClientSends("x"), OriginSees("x"), OriginSends("y"), ClientSees("y")],
        );
        assert_eq!((counters.retries, counters.connects_failed_there), (1 - at as u64, 1 - at as u64));
    }
}

#[test]
fn a_connection_without_a_server_is_reset_and_counted() {
    let gone = stage::address(&stage::listener());
    let stage = Stage::new(|settings| {
        tcp(settings);
        settings.backend_sets[0].servers = vec![balancer_core::ServerSettings::new(gone)];
        settings.backend_sets[0].retries_max = 0;
    });
    match std::net::TcpStream::connect(stage.address()) {
        Ok(stream) => Wire::new(stream, "the client").sees_end(Reset),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it came at once"),
    }
    let counters = stage.end();
    assert_eq!((counters.failed(Failure::ServerUnreachable), counters.tunnels, counters.set_aside), (1, 0, 1));
    assert_eq!(counters.client_closes.count(ClosedFirst::RstSent), 1, "no TIME_WAIT on either side");
}

/// A server that is away for a moment costs no connection; what the client says meanwhile is kept.
#[test]
fn connects_are_spaced_while_nobody_is_there() {
    let place = stage::listener();
    let address = stage::address(&place);
    drop(place);
    let stage = Stage::new(|settings| {
        tcp(settings);
        settings.backend_sets[0].servers = vec![balancer_core::ServerSettings::new(address)];
    });
    let mut client = stage.client();
    client.sends("early");
    stage.counts("it is tried", |counters| counters.connects_failed_there > 0);
    let place = std::net::TcpListener::bind(address).expect("it is free");
    place.set_nonblocking(true).expect("non-blocking");
    let mut server = accept(&place, PATIENCE).expect("another attempt");
    server.sees("early");
    client.half_closes();
    server.sees_end(Eof);
    drop((client, server));
    let counters = stage.end_with_patience(PATIENCE);
    assert_eq!((counters.tunnels, counters.failed_total()), (1, 0));
}

#[test]
fn a_drain_leaves_joined_connections_their_time() {
    let stage = Stage::new(tcp);
    let (mut client, mut server) = (stage.client(), stage.server());
    client.sends("x");
    server.sees("x");
    let draining = std::thread::spawn(move || stage.end_with_patience(Duration::from_millis(600)));
    std::thread::sleep(Duration::from_millis(100));
    server.sends("y");
    client.sees("y");
    client.sees_end(Eof);
    server.sees_end(Reset);
    let counters = draining.join().expect("drained");
    assert_eq!(why(&counters, CloseReason::Draining).0, 1);
}

/// Clients of a listener that is to speak something else go on as they began, or go where they are idle.
#[test]
fn a_listener_may_turn_from_requests_to_connections() {
    const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
    const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    let origin = stage::listener();
    let settings = stage::settings(&[stage::address(&origin)]);
    let mut balancer = stage::start(settings.clone(), 1, Default::default());
    let address = balancer.addresses()[0];
    let mut idle = Wire::connect(address, "the idle client");
    idle.sends(GET);
    let mut kept = accept(&origin, PATIENCE).expect("a connection");
    kept.reads_head();
    kept.sends(OK);
    idle.sees(OK);
    let mut busy = Wire::connect(address, "the busy client");
    busy.sends(GET);
    kept.reads_head();

    let mut turned = settings;
    tcp(&mut turned);
    balancer.apply(&turned).expect("it is good");
    assert_eq!(balancer.addresses()[0], address, "the socket stays");
    idle.sees_end(Eof);
    let mut stream = Wire::connect(address, "the new client");
    let mut joined = accept(&origin, PATIENCE).expect("at once");
    joined.sends("hello");
    stream.sees("hello");
    kept.sends(OK);
    busy.sees(&OK.replace("\n\n", "\nConnection: close\n\n"));
    busy.sees_end(Eof);
    drop((stream, joined));
    eventually("all clients are gone", || balancer.counters().clients_open == 0);
    let counters = stage::end_within(balancer, PATIENCE);
    assert_eq!((counters.tunnels, counters.responses), (1, 3));
}
