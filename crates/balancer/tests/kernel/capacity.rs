//! Servers with a bound of connections: requests wait in line, over all workers, and are told which limit it was when they
//! may not.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Capacity, Failure, Settings};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

fn start(origin: &TcpListener, workers: usize, capacity: Capacity, change: impl FnOnce(&mut Settings)) -> Handle {
    let mut settings = stage::settings(&[stage::address(origin)]);
    settings.backend_sets[0].capacity = capacity;
    change(&mut settings);
    stage::start(settings, workers, Default::default())
}

fn at_most(connections_max: u32) -> Capacity {
    Capacity { connections_max: Some(connections_max), queue_max: 100, queue_timeout: PATIENCE, requests_max: None }
}

fn ask(balancer: &Handle, request: &str) -> Wire {
    ask_at(balancer.addresses()[0], request)
}

fn ask_at(address: SocketAddr, request: &str) -> Wire {
    let mut client = Wire::connect(address, "a client");
    client.sends(request);
    client
}

fn asked(origin: &TcpListener) -> Wire {
    let mut server = stage::accept(origin, PATIENCE).expect("a connection of the balancer");
    server.reads_head();
    server
}

/// One connection, one after the other: the second request is sent on the connection the first one had.
#[test]
fn who_waits_goes_on_with_the_connection_that_comes_free() {
    let origin = stage::listener();
    let balancer = start(&origin, 1, at_most(1), |_| {});
    let mut first = ask(&balancer, GET);
    let mut server = asked(&origin);
    let mut second = ask(&balancer, GET);
    stage::eventually("it waits", || balancer.counters().queued == 1);
    assert!(stage::accept(&origin, Duration::ZERO).is_none(), "one connection, not two");
    server.sends(OK);
    first.sees(OK);
    server.reads_head();
    server.sends(OK);
    second.sees(OK);
    drop((first, second, server));
    let counters = stage::end(balancer);
    assert_eq!((counters.connects, counters.pooled, counters.responses), (1, 1, 2));
}

#[test]
fn a_503_says_which_limit_it_was() {
    let origin = stage::listener();
    let full = Capacity { queue_max: 0, ..at_most(1) };
    let balancer = start(&origin, 1, full, |_| {});
    let mut first = ask(&balancer, GET);
    let mut server = asked(&origin);
    let mut second = ask(&balancer, GET);
    second.sees_status(503);
    server.sends(OK);
    first.sees(OK);
    let counters = stage::end(balancer);
    assert_eq!((counters.queue_full, counters.queued, counters.failed(Failure::QueueFull)), (1, 0, 1));

    let origin = stage::listener();
    let short = Capacity { queue_timeout: Duration::from_millis(50), ..at_most(1) };
    let balancer = start(&origin, 1, short, |_| {});
    let mut first = ask(&balancer, GET);
    let mut server = asked(&origin);
    let mut second = ask(&balancer, GET);
    second.sees_status(503);
    server.sends(OK);
    first.sees(OK);
    let counters = stage::end(balancer);
    assert_eq!((counters.queue_timed_out, counters.queued, counters.failed(Failure::QueueTimeout)), (1, 1, 1));
}

/// Who leaves while waiting leaves the line; who stands behind has the turn.
#[test]
fn who_leaves_the_line_costs_nobody_a_turn() {
    let origin = stage::listener();
    let balancer = start(&origin, 1, at_most(1), |_| {});
    let mut first = ask(&balancer, GET);
    let mut server = asked(&origin);
    let second = ask(&balancer, GET);
    stage::eventually("it waits", || balancer.counters().queued == 1);
    let mut third = ask(&balancer, GET);
    stage::eventually("it waits, too", || balancer.counters().queued == 2);
    second.resets();
    stage::eventually("it has left", || balancer.counters().abandoned == 1);
    server.sends(OK);
    first.sees(OK);
    server.reads_head();
    server.sends(OK);
    third.sees(OK);
    stage::end(balancer);
}

/// A tunnel holds its place as long as it lasts.
#[test]
fn a_tunnel_holds_a_place() {
    let origin = stage::listener();
    let balancer = start(&origin, 2, at_most(1), |_| {});
    let upgrade = "GET /a HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: x\n\n";
    let mut tunnel = ask(&balancer, upgrade);
    let mut server = asked(&origin);
    server.sends("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n");
    assert!(tunnel.reads_head().starts_with("HTTP/1.1 101 "));
    let mut other = ask(&balancer, GET);
    stage::eventually("it waits", || balancer.counters().queued == 1);
    drop((tunnel, server));
    asked(&origin).sends(OK);
    other.sees(OK);
    stage::end(balancer);
}

/// The only place is that of an idle connection. Whichever of four workers is asked next: it goes on.
#[test]
fn an_idle_connection_makes_room_for_a_request_at_another_worker() {
    let origin = stage::listener();
    let balancer = start(&origin, 4, at_most(1), |_| {});
    let stop = AtomicBool::new(false);
    let counters = std::thread::scope(|scope| {
        scope.spawn(|| serve(&origin, &stop));
        // Each client connection comes to one of the workers; none is used again.
        for _ in 0..40 {
            ask(&balancer, GET).sees(OK);
        }
        stop.store(true, SeqCst);
        stage::end(balancer)
    });
    assert_eq!((counters.responses, counters.failed_total()), (40, 0), "{counters:?}");
}

/// Answers on every connection until it is told to stop.
fn serve(origin: &TcpListener, stop: &AtomicBool) {
    std::thread::scope(|scope| {
        while !stop.load(SeqCst) {
            let Some(mut server) = stage::accept(origin, Duration::from_millis(5)) else { continue };
            scope.spawn(move || {
                while server.next_head() {
                    server.sends(OK);
                }
            });
        }
    });
}

/// Four workers, three connections, many clients: all are answered, in no more than three connections at once as the
/// balancer counts them. No wake-up is lost, and nobody starves.
#[test]
fn many_clients_of_many_workers_share_a_few_places() {
    let origin = stage::listener();
    let balancer = start(&origin, 4, at_most(3), |_| {});
    let stop = AtomicBool::new(false);
    let begun = Instant::now();
    let counters = std::thread::scope(|scope| {
        scope.spawn(|| serve(&origin, &stop));
        let clients: Vec<_> = (0..12)
            .map(|number| {
                let address = balancer.addresses()[0];
                scope.spawn(move || {
                    // Half keep their connection, half come anew each time, perhaps to another worker.
                    let mut client = ask_at(address, GET);
                    client.sees(OK);
                    for _ in 0..60 {
                        match number % 2 {
                            0 => client.sends(GET),
                            _ => client = ask_at(address, GET),
                        }
                        client.sees(OK);
                    }
                })
            })
            .collect();
        let ended = clients.into_iter().all(|client| client.join().is_ok());
        stop.store(true, SeqCst);
        assert!(ended, "a client was not answered, after {:?}", begun.elapsed());
        stage::end(balancer)
    });
    assert_eq!((counters.responses, counters.failed_total()), (12 * 61, 0), "{counters:?}");
    assert!(counters.queued > 0, "{counters:?}");
}

/// More places by another configuration: who waits goes on at once.
#[test]
fn a_higher_limit_lets_who_waits_go_on() {
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&origin)]);
    settings.backend_sets[0].capacity = at_most(1);
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let (mut first, mut server) = (ask(&balancer, GET), asked(&origin));
    let mut others: Vec<Wire> = (0..2).map(|_| ask(&balancer, GET)).collect();
    stage::eventually("both wait", || balancer.counters().queued == 2);
    settings.listeners[0].binds = vec![balancer.addresses()[0].into()];
    settings.backend_sets[0].capacity = at_most(3);
    balancer.apply(&settings).expect("it goes on by these");
    let mut servers = [asked(&origin), asked(&origin)];
    servers.iter_mut().for_each(|server| server.sends(OK));
    others.iter_mut().for_each(|other| other.sees(OK));
    server.sends(OK);
    first.sees(OK);
    stage::end(balancer);
}
