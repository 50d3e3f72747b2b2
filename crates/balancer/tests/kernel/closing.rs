//! Who closes first, on both sides and by every policy: as the peer sees it, as the kernel's tables show it, and as the
//! balancer counts it.

use crate::script::Act::*;
use crate::script::{Act, play_with};
use crate::stage::{Stage, eventually};
use crate::wire::End::*;
use crate::wire::{PATIENCE, Wire};
use balancer_core::{ClientClose, CloseReason, Counters, PortChoice, ServerClose, Settings};
use ports::ClosedFirst;
use std::net::SocketAddr;
use std::time::Duration;
use sys::sock_diag::{End as Socket, Filter, SockDiag, States, TcpState};

const ASKS_CLOSE: &str = "GET /a HTTP/1.1\nHost: a\nConnection: close\n\n";
const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const GOT: &str = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const CLOSED: &str = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";

const SHORT: Duration = Duration::from_millis(150);

/// A client that closes is waited for as long as it takes.
fn closing(policy: ClientClose) -> impl FnOnce(&mut Settings) {
    closing_within(policy, PATIENCE)
}

fn closing_within(policy: ClientClose, close: Duration) -> impl FnOnce(&mut Settings) {
    move |settings: &mut Settings| {
        settings.listeners[0].close = policy;
        settings.listeners[0].timeouts.close = close;
    }
}

/// A response in whole, then this; one client, closed by whom?
fn check_client(policy: ClientClose, then: &[Act<'_>], who: ClosedFirst) -> Counters {
    check_client_with(closing(policy), policy, then, who)
}

fn check_client_with(
    change: impl FnOnce(&mut Settings),
    policy: ClientClose,
    then: &[Act<'_>],
    who: ClosedFirst,
) -> Counters {
    let exchange = [ClientSends(ASKS_CLOSE), OriginSees(GOT), OriginSends(OK), ClientSees(CLOSED)];
    let counters = play_with(change, &[&exchange[..], then].concat());
    assert_eq!(counters.client_closes.count(who), 1, "{policy:?}: {counters:?}");
    assert_eq!(counters.client_reasons[CloseReason::ExchangeOver as usize], 1, "{policy:?}: {counters:?}");
    counters
}

#[test]
fn balancer_first_sends_its_fin_with_the_response() {
    check_client(ClientClose::BalancerFirst, &[ClientSeesEnd(Eof)], ClosedFirst::OurFin);
}

#[test]
fn client_first_waits_for_the_clients_fin() {
    let waits = [ClientSeesNothing, ClientHalfCloses, ClientSeesEnd(Eof)];
    check_client(ClientClose::ClientFirst, &waits, ClosedFirst::PeerFin);
    // A client that never closes is not waited for beyond the limit.
    let (short, never) = (closing_within(ClientClose::ClientFirst, SHORT), [ClientSeesEnd(Eof), NoSoonerThan(SHORT)]);
    check_client_with(short, ClientClose::ClientFirst, &never, ClosedFirst::OurFin);
    // A client may have closed its side before.
    let early = [ClientSends(ASKS_CLOSE), ClientHalfCloses, OriginSees(GOT), Pause(SHORT), OriginSends(OK)];
    let counters =
        play_with(closing(ClientClose::ClientFirst), &[&early[..], &[ClientSees(CLOSED), ClientSeesEnd(Eof)]].concat());
    assert_eq!(counters.client_closes.count(ClosedFirst::PeerFin), 1);
}

#[test]
fn reset_when_safe_loses_no_byte_of_the_response() {
    check_client(ClientClose::ResetWhenSafe, &[ClientSeesEnd(Reset)], ClosedFirst::RstSent);
    // The client reads late: the reset comes once everything is acknowledged, and what is acknowledged can be read.
    let late = [
        ClientSends(ASKS_CLOSE),
        OriginSees(GOT),
        OriginSends(OK),
        Pause(SHORT),
        ClientSees(CLOSED),
        ClientSeesEnd(Reset),
    ];
    let counters = play_with(closing(ClientClose::ResetWhenSafe), &late);
    assert_eq!(counters.client_closes.count(ClosedFirst::RstSent), 1);
}

/// Only a FIN can end a body that ends with the connection, whatever the policy.
#[test]
fn a_body_until_close_ends_by_fin() {
    let body = "HTTP/1.1 200 OK\n\nbody";
    let sees = "HTTP/1.1 200 OK\nConnection: close\n\nbody";
    for policy in [ClientClose::BalancerFirst, ClientClose::ClientFirst, ClientClose::ResetWhenSafe] {
        let acts =
            [ClientSends(GET), OriginSees(GOT), OriginSends(body), OriginCloses, ClientSees(sees), ClientSeesEnd(Eof)];
        let counters = play_with(closing(policy), &acts);
        assert_eq!((counters.client_closes.count(ClosedFirst::OurFin), counters.truncated), (1, 0), "{policy:?}");
    }
}

/// ab without -k, and whoever sent FIN after the request: they read until the connection ends.
#[test]
fn a_client_that_reads_to_the_end_gets_a_fin() {
    let got = GOT.replace("[path]\n", &crate::script::PATH.replace("1.1 quintet", "1.0 quintet"));
    let old = [ClientSends("GET /a HTTP/1.0\nHost: a\n\n"), OriginSees(&got), OriginSends(OK), ClientSees(CLOSED)];
    let half = [ClientSends(GET), OriginSees(GOT), ClientHalfCloses, Pause(SHORT), OriginSends(OK), ClientSees(CLOSED)];
    for policy in [ClientClose::BalancerFirst, ClientClose::ClientFirst, ClientClose::ResetWhenSafe] {
        let counters = play_with(closing(policy), &[&old[..], &[ClientSeesEnd(Eof)]].concat());
        assert_eq!(counters.client_closes.count(ClosedFirst::OurFin), 1, "{policy:?}: {counters:?}");
        let counters = play_with(closing(policy), &[&half[..], &[ClientSeesEnd(Eof)]].concat());
        assert_eq!(counters.client_closes.count(ClosedFirst::PeerFin), 1, "{policy:?}: {counters:?}");
    }
}

#[test]
fn a_kept_connection_is_closed_by_its_client() {
    for policy in [ClientClose::BalancerFirst, ClientClose::ClientFirst, ClientClose::ResetWhenSafe] {
        let acts =
            [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(OK), ClientHalfCloses, ClientSeesEnd(Eof)];
        let counters = play_with(closing(policy), &acts);
        assert_eq!(counters.client_closes.count(ClosedFirst::PeerFin), 1, "{policy:?}");
        assert_eq!(counters.client_reasons[CloseReason::PeerLeft as usize], 1, "{policy:?}");
    }
}

/// Where TIME_WAIT is after a short connection: at the balancer, at the client.
fn time_wait_after(policy: ClientClose) -> (usize, usize) {
    let stage = Stage::new(closing(policy));
    let mut client = stage.client();
    client.sends(ASKS_CLOSE);
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    client.sees(CLOSED);
    let (here, there) = (client.stream().local_addr().expect("bound"), stage.address());
    if policy == ClientClose::ClientFirst {
        client.half_closes();
    }
    let end = if policy == ClientClose::ResetWhenSafe { Reset } else { Eof };
    client.sees_end(end);
    drop(client);
    eventually("the connection is over", || in_state(here, there, &OPEN) + in_state(there, here, &OPEN) == 0);
    let waits = |local, remote| in_state(local, remote, &[TcpState::TimeWait]);
    (waits(there, here), waits(here, there))
}

const OPEN: [TcpState; 7] = [
    TcpState::Established,
    TcpState::FinWait1,
    TcpState::FinWait2,
    TcpState::CloseWait,
    TcpState::LastAck,
    TcpState::Closing,
    TcpState::NewSynReceived,
];

pub(crate) fn in_state(local: SocketAddr, remote: SocketAddr, states: &[TcpState]) -> usize {
    let filter = Filter { states: States::of(states), local: Socket::Exact(local), remote: Socket::Exact(remote) };
    let mut count = 0;
    SockDiag::open().expect("sock_diag").for_each(&filter, |_| count += 1).expect("sock_diag");
    count
}

#[test]
fn the_policy_decides_where_time_wait_stays() {
    assert_eq!(time_wait_after(ClientClose::BalancerFirst), (1, 0));
    assert_eq!(time_wait_after(ClientClose::ClientFirst), (0, 1));
    assert_eq!(time_wait_after(ClientClose::ResetWhenSafe), (0, 0));
}

/// One request and its response: both ends of the balancer.
fn served(stage: &Stage) -> (Wire, Wire) {
    let mut client = stage.client();
    client.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
    (client, server)
}

/// One response, then the server connection is retired for this reason: how does the origin see it end?
fn check_server(change: fn(&mut Settings), close: ServerClose, reason: CloseReason) {
    let (end, who) = match close {
        ServerClose::Fin | ServerClose::Auto => (Eof, ClosedFirst::OurFin),
        ServerClose::ResetWhenSafe => (Reset, ClosedFirst::RstSent),
    };
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].pool.close = close;
        change(settings);
    });
    let (client, mut server) = served(&stage);
    server.sees_end(end);
    let (remote, local) = (server.stream().local_addr().expect("bound"), server.stream().peer_addr());
    drop(server);
    if let Ok(local) = local {
        eventually("the connection is over", || in_state(local, remote, &OPEN) == 0);
        assert_eq!(in_state(local, remote, &[TcpState::TimeWait]), usize::from(end == Eof), "{close:?}");
    }
    drop(client);
    let counters = stage.end();
    assert_eq!(counters.server_closes.count(who), 1, "{close:?}: {counters:?}");
    assert_eq!(counters.server_reasons[reason as usize], 1, "{close:?}: {counters:?}");
}

#[test]
fn server_connections_are_retired_by_the_sets_policy() {
    for close in ServerClose::ALL {
        check_server(|settings| settings.backend_sets[0].pool.idle_timeout = SHORT, close, CloseReason::Idle);
        check_server(|settings| settings.backend_sets[0].pool.idle_max = 0, close, CloseReason::PoolRetired);
    }
}

/// A FIN would cost one of two ports a minute of TIME_WAIT: then a reset is the lesser evil.
#[test]
fn where_ports_are_scarce_connections_are_retired_by_reset() {
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].ports.choice = PortChoice::Own;
        settings.backend_sets[0].ports.range = Some((21_046, 21_047));
        settings.backend_sets[0].pool.idle_timeout = SHORT;
    });
    let (client, mut server) = served(&stage);
    server.sees_end(Reset);
    drop((client, server));
    assert_eq!(stage.end().server_closes.count(ClosedFirst::RstSent), 1);
}

/// Each FIN leaves a port in TIME_WAIT: two of six, and the one that is open, are half of them.
#[test]
fn ports_become_scarce_by_time_wait_too() {
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].ports.choice = PortChoice::Own;
        settings.backend_sets[0].ports.range = Some((21_050, 21_055));
        settings.backend_sets[0].pool.idle_max = 0;
    });
    let mut client = stage.client();
    for end in [Eof, Eof, Reset] {
        client.sends(GET);
        let mut server = stage.server();
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
        server.sees_end(end);
    }
    drop(client);
    stage.end();
}

#[test]
fn a_server_that_closes_first_is_counted_as_such() {
    let acts =
        [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(OK), OriginHalfCloses, OriginSeesEnd(Reset)];
    for close in ServerClose::ALL {
        let acts = match close {
            ServerClose::Fin | ServerClose::Auto => [&acts[..5], &[OriginSeesEnd(Eof)]].concat(),
            ServerClose::ResetWhenSafe => acts.to_vec(),
        };
        let counters = play_with(|settings| settings.backend_sets[0].pool.close = close, &acts);
        assert_eq!(counters.server_reasons[CloseReason::PeerLeft as usize], 1, "{close:?}: {counters:?}");
    }
}

#[test]
fn the_pool_evicts_its_oldest_connection() {
    let stage = Stage::new(|settings| settings.backend_sets[0].pool.idle_max = 1);
    let mut ends: Vec<_> = (0..2)
        .map(|_| {
            let mut client = stage.client();
            client.sends(GET);
            (client, stage.server())
        })
        .collect();
    for (client, server) in &mut ends {
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    }
    ends[0].1.sees_end(Eof);
    ends[1].1.sees_nothing(Duration::from_millis(20));
    drop(ends);
    let counters = stage.end();
    assert_eq!(counters.server_reasons[CloseReason::PoolRetired as usize], 1, "{counters:?}");
}
