//! Sets with a bound of what is under way (`requests_max`), over all workers: one more is told so at once, and by which set.

use crate::stage;
use crate::wire::{End, PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Failure, Protocol, Settings};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const FULL: &str = "backend set \"app\" has as many requests under way as its requests_max\n";

fn at_most(origin: &TcpListener, requests_max: u32) -> Settings {
    let mut settings = stage::settings(&[stage::address(origin)]);
    settings.backend_sets[0].capacity.requests_max = Some(requests_max);
    settings.backend_sets[0].pool.idle_max = 0; // whichever worker asks opens a connection
    settings
}

fn ask(balancer: &Handle) -> Wire {
    let mut client = Wire::connect(balancer.addresses()[0], "a client");
    client.sends(GET);
    client
}

fn asked(origin: &TcpListener) -> Wire {
    let mut server = stage::accept(origin, PATIENCE).expect("a connection of the balancer");
    server.reads_head();
    server
}

/// Whichever worker they come to, so many are turned away, at once.
fn all_are_turned_away(balancer: &Handle, count: usize) {
    for _ in 0..count {
        let mut client = ask(balancer);
        let head = client.reads_head();
        assert!(head.starts_with("HTTP/1.1 503 ") && !head.contains("Retry-After"), "{head}");
        assert_eq!(client.reads(FULL.len()), FULL.as_bytes());
    }
}

#[test]
fn over_four_workers_no_more_are_under_way_than_may_be() {
    let origin = stage::listener();
    let mut settings = at_most(&origin, 3);
    let mut balancer = stage::start(settings.clone(), 4, Default::default());
    let mut pairs: Vec<(Wire, Wire)> = (0..3).map(|_| (ask(&balancer), asked(&origin))).collect();
    all_are_turned_away(&balancer, 20);
    // Another configuration counts those that are under way.
    settings.listeners[0].binds = vec![balancer.addresses()[0].into()];
    settings.backend_sets[0].capacity.requests_max = Some(2);
    balancer.apply(&settings).expect("it goes on by these");
    all_are_turned_away(&balancer, 4);
    let (mut client, mut server) = pairs.pop().expect("one");
    server.sends(OK);
    client.sees(OK);
    all_are_turned_away(&balancer, 4);
    settings.backend_sets[0].capacity.requests_max = Some(4);
    balancer.apply(&settings).expect("it goes on by these");
    pairs.extend((0..2).map(|_| (ask(&balancer), asked(&origin))));
    all_are_turned_away(&balancer, 8);
    drop(pairs);
    let counters = stage::end(balancer);
    assert_eq!((counters.set_full, counters.failed(Failure::SetFull), counters.responses), (36, 36, 1), "{counters:?}");
}

/// A tunnel is under way as long as it lasts, and so is a joined connection.
#[test]
fn tunnels_and_joined_connections_are_under_way() {
    let origin = stage::listener();
    let balancer = stage::start(at_most(&origin, 1), 4, Default::default());
    let mut tunnel = Wire::connect(balancer.addresses()[0], "the client");
    tunnel.sends("GET /a HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: x\n\n");
    let mut server = asked(&origin);
    server.sends("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n");
    assert!(tunnel.reads_head().starts_with("HTTP/1.1 101 "));
    all_are_turned_away(&balancer, 8);
    drop((tunnel, server));
    stage::eventually("it is over", || balancer.counters().clients_open == 0);
    let mut client = ask(&balancer);
    asked(&origin).sends(OK);
    client.sees(OK);
    drop(client);
    stage::end(balancer);

    let mut settings = at_most(&origin, 1);
    settings.listeners[0].protocol = Protocol::Tcp;
    let balancer = stage::start(settings, 4, Default::default());
    let first = Wire::connect(balancer.addresses()[0], "the client");
    let server = stage::accept(&origin, PATIENCE).expect("joined");
    for _ in 0..8 {
        // It may be over before it was seen to begin.
        if let Ok(client) = TcpStream::connect(balancer.addresses()[0]) {
            Wire::new(client, "one too many").sees_end(End::Reset);
        }
    }
    assert!(stage::accept(&origin, Duration::ZERO).is_none(), "nobody was asked");
    drop((first, server));
    let counters = stage::end(balancer);
    assert_eq!((counters.set_full, counters.tunnels), (8, 1), "{counters:?}");
}
