//! The balancer's own ports on this kernel: taken again out of TIME_WAIT at once, never lost, never dropped silently.

use crate::closing::in_state;
use crate::stage::{self, Stage, eventually};
use crate::wire::{End, PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{PortChoice, ServerClose, Settings};
use ports::ClosedFirst;
use std::net::SocketAddr;
use sys::sock_diag::TcpState;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
const SEEN: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// One local port of our own choice, connections closed by our FIN: each leaves it in TIME_WAIT.
fn one_port(port: u16) -> impl FnOnce(&mut Settings) {
    move |settings| {
        let set = &mut settings.backend_sets[0];
        set.ports.choice = PortChoice::Own;
        set.ports.range = Some((port, port));
        set.pool.idle_max = 0;
        set.pool.close = ServerClose::Fin;
    }
}

/// The headline: with timestamps, a port in TIME_WAIT is as good as a free one to whoever binds it explicitly
/// (`tcp_twsk_unique`). One port serves ten connections in a row, each of which leaves it in TIME_WAIT.
#[test]
fn an_own_port_is_taken_again_out_of_time_wait_at_once() {
    if sys::sysctl::read_u64("net.ipv4.tcp_timestamps").is_ok_and(|value| value == 0) {
        return testkit::skip("net.ipv4.tcp_timestamps=0: a port in TIME_WAIT cannot be taken again");
    }
    const PORT: u16 = 21_041;
    let stage = Stage::new(one_port(PORT));
    let mut client = stage.client();
    for round in 0..10 {
        client.sends(GET);
        let mut server = stage.server();
        server.reads_head();
        server.sends(OK);
        client.sees(SEEN);
        let ours = server.stream().peer_addr().expect("connected");
        assert_eq!(ours.port(), PORT, "round {round}");
        server.sees_end(End::Eof);
        drop(server);
        let origin = stage.origin_address();
        eventually("our FIN left the port in TIME_WAIT", || in_state(ours, origin, &[TcpState::TimeWait]) == 1);
    }
    drop(client);
    let counters = stage.end();
    let waited = (counters.queued_for_port, counters.failed_total(), counters.connects_failed_here);
    assert_eq!((counters.connects, waited), (10, (0, 0, 0)), "{counters:?}");
    assert_eq!(counters.server_closes.count(ClosedFirst::OurFin), 10, "{counters:?}");
}

/// More servers than any table of 1,024 holds: each connection still leaves from a port of our own choice.
#[test]
fn own_ports_hold_for_any_number_of_servers() {
    let mut settings = stage::settings(&[]);
    let origin = stage::listener();
    let set = &mut settings.backend_sets[0];
    set.ports.choice = PortChoice::Own;
    set.ports.range = Some((21_050, 21_059));
    let address = |n: u32| SocketAddr::from(([127, 1, (n >> 8) as u8, n as u8], stage::address(&origin).port()));
    let server = |n| balancer_core::ServerSettings::new(address(n));
    set.servers = (0..1_100).map(server).collect();
    // The last one is the one that is listened on: it must be reached from an own port, too.
    set.servers.push(balancer_core::ServerSettings {
        weight: 100_000,
        ..balancer_core::ServerSettings::new(stage::address(&origin))
    });
    let balancer = stage::start(settings, 1, Default::default());
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    client.sends(GET);
    let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
    let port = server.stream().peer_addr().expect("connected").port();
    assert!((21_050..=21_059).contains(&port), "from port {port}");
    server.reads_head();
    server.sends(OK);
    client.sees(SEEN);
}

/// A balancer with one local port of its own choice towards each server.
fn start_with_one_port(mut settings: Settings, port: u16) -> Handle {
    settings.backend_sets[0].ports.choice = PortChoice::Own;
    settings.backend_sets[0].ports.range = Some((port, port));
    stage::start(settings, 1, Default::default())
}

/// A new client with a request.
fn ask(balancer: &Handle) -> Wire {
    let mut client = Wire::connect(balancer.addresses()[0], "a client");
    client.sends(GET);
    client
}

/// Ports towards two servers are used up: the third has all the requests, and nobody waits.
#[test]
fn ports_used_up_towards_some_servers_lead_to_another() {
    const PORT: u16 = 21_048;
    let (stuck, well) = ([stage::listener(), stage::listener()], stage::listener());
    let [first, second] = [&stuck[0], &stuck[1]].map(stage::address);
    let settings = stage::settings(&[first, second, stage::address(&well)]);
    let balancer = start_with_one_port(settings, PORT);
    let holders =
        stuck.each_ref().map(|stuck| (ask(&balancer), stage::accept(stuck, PATIENCE).expect("this server's turn")));
    let mut server = None;
    for _ in 0..10 {
        let mut client = ask(&balancer);
        let server = server.get_or_insert_with(|| stage::accept(&well, PATIENCE).expect("the third server"));
        server.reads_head();
        server.sends(SEEN);
        client.sees(SEEN);
    }
    for (mut client, mut server) in holders {
        server.sends(SEEN);
        client.sees(SEEN);
    }
    drop(server);
    let counters = stage::end(balancer);
    assert_eq!((counters.responses, counters.failed_total(), counters.queued_for_port), (12, 0, 0), "{counters:?}");
    assert!(counters.connects_failed_here > 0, "the others' turns came again: {counters:?}");
}

/// Ports are used up towards both servers: the request waits for one, and is told so in the end.
#[test]
fn ports_used_up_towards_all_servers_are_waited_for() {
    const PORT: u16 = 21_056;
    let origins = [stage::listener(), stage::listener()];
    let settings = stage::settings(&origins.each_ref().map(stage::address));
    let balancer = start_with_one_port(settings, PORT);
    let holders = origins.each_ref().map(|origin| (ask(&balancer), stage::accept(origin, PATIENCE).expect("its turn")));
    ask(&balancer).sees_status(503);
    drop(holders);
    let counters = stage::end(balancer);
    let failed = counters.failed(balancer_core::Failure::NoLocalPort);
    assert_eq!((failed, counters.queued_for_port, counters.connects_failed_there), (1, 1, 0), "{counters:?}");
}
