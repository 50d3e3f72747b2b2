//! Servers that are sick in ways that do not show in `connect()`, or only for a while: what clients notice of it, and for
//! how long.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Counters, Settings};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const GET: &str = "GET /a HTTP/1.1\nHost: a\nConnection: close\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
/// Long enough for a busy machine, short enough for a test.
const RESPONSE: Duration = Duration::from_secs(1);

/// Answers whatever comes, one connection at a time, as long as it is asked to.
fn serve(listener: &TcpListener, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        if let Some(mut server) = stage::accept(listener, Duration::from_millis(10)) {
            server.reads_head();
            server.sends(OK);
        }
    }
}

/// Whoever waits for this is told, also where a test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One client after the other sends a request.
fn ask(balancer: &Handle, requests: usize) {
    for _ in 0..requests {
        let mut client = Wire::connect(balancer.addresses()[0], "the client");
        client.sends(GET);
        client.sees_status(200);
    }
}

/// Requests to a set of which one server is sick and one is well: all are answered, and the sick one is left alone after
/// a few.
fn check_left_alone(sick: SocketAddr, workers: usize, change: fn(&mut Settings)) -> Counters {
    let origin = stage::listener();
    let mut settings = stage::settings(&[sick, stage::address(&origin)]);
    settings.backend_sets[0].pool.idle_max = 0;
    settings.backend_sets[0].health.pause = PATIENCE;
    change(&mut settings);
    let balancer = stage::start(settings, workers, Default::default());
    let stop = AtomicBool::new(false);
    let counters = std::thread::scope(|scope| {
        scope.spawn(|| serve(&origin, &stop));
        let _ends = Ends(&stop);
        ask(&balancer, 16);
        balancer.drain(Duration::ZERO)
    });
    stage::check_books(&counters);
    assert_eq!((counters.responses, counters.failed_total(), counters.set_aside), (16, 0, 1), "{counters:?}");
    counters
}

/// SIGSTOP, a dead disk: the kernel still takes its connections.
#[test]
fn a_server_that_stops_answering_is_set_aside_by_all_workers() {
    let silent = stage::listener();
    for workers in [1, 4] {
        let impatient = |settings: &mut Settings| settings.backend_sets[0].timeouts.response = RESPONSE;
        let counters = check_left_alone(stage::address(&silent), workers, impatient);
        assert_eq!(counters.retries, 3, "as many as a server may fail in a row: {counters:?}");
    }
}

#[test]
fn a_server_that_drops_syns_is_set_aside_long_before_connects_time_out() {
    // A queue for one that is full: further SYNs are dropped (tcp_conn_request, sk_acceptq_is_full).
    let full = sys::socket::listen(&SocketAddr::from(([127, 0, 0, 1], 0)), 0, false).expect("a listener");
    let address = sys::socket::local_address(&full).expect("bound");
    let _fills_the_queue = Wire::connect(address, "the filler");
    // If any connect took its time, the client would not be answered in time.
    let patient = |settings: &mut Settings| settings.backend_sets[0].timeouts.connect = 10 * PATIENCE;
    let counters = check_left_alone(address, 1, patient);
    assert_eq!((counters.connects_failed_there, counters.retries), (3, 3), "{counters:?}");
}

#[test]
fn by_setting_a_server_that_answers_errors_is_set_aside() {
    let broken = stage::listener();
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&broken), stage::address(&origin)]);
    settings.backend_sets[0].health.server_errors = true;
    settings.backend_sets[0].health.pause = PATIENCE;
    let balancer = stage::start(settings, 1, Default::default());
    let mut answers = Vec::new();
    for _ in 0..12 {
        let mut client = Wire::connect(balancer.addresses()[0], "the client");
        client.sends(GET);
        let until = Instant::now() + PATIENCE;
        let status = loop {
            assert!(Instant::now() < until, "nobody is asked");
            if let Some(mut server) = stage::accept(&broken, Duration::ZERO) {
                server.reads_head();
                server.sends("HTTP/1.1 500 Oh\nContent-Length: 0\nConnection: close\n\n");
                break 500;
            }
            if let Some(mut server) = stage::accept(&origin, Duration::from_millis(1)) {
                server.reads_head();
                server.sends("HTTP/1.1 200 OK\nContent-Length: 0\nConnection: close\n\n");
                break 200;
            }
        };
        client.sees_status(status);
        answers.push(status);
    }
    assert_eq!(answers.iter().filter(|status| **status == 500).count(), 3, "{answers:?}");
    assert_eq!(balancer.drain(Duration::ZERO).set_aside, 1);
}

/// A server switches to what nobody asked for: that is its failure, and the request may go to another.
#[test]
fn a_request_goes_on_from_a_server_that_switches_unasked() {
    let (switching, origin) = (stage::listener(), stage::listener());
    let settings = stage::settings(&[stage::address(&switching), stage::address(&origin)]);
    let balancer = stage::start(settings, 1, Default::default());
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    client.sends(GET);
    let mut server = stage::accept(&switching, PATIENCE).expect("the first server's turn");
    server.reads_head();
    server.sends("HTTP/1.1 101 Switching Protocols\nUpgrade: other\nConnection: upgrade\n\n");
    let mut server = stage::accept(&origin, PATIENCE).expect("the other server");
    server.reads_head();
    server.sends(OK);
    client.sees_status(200);
    drop((client, server));
    let counters = stage::end(balancer);
    assert_eq!((counters.responses, counters.retries, counters.failed_total()), (1, 1, 0), "{counters:?}");
}

/// The only server starts anew: requests wait for it.
#[test]
fn a_restart_of_the_only_server_costs_no_request() {
    let address = testkit::free_address();
    let mut settings = stage::settings(&[address]);
    settings.backend_sets[0].timeouts.connect = 10 * PATIENCE;
    let balancer = stage::start(settings, 1, Default::default());
    let mut clients: Vec<Wire> = (0..3).map(|_| Wire::connect(balancer.addresses()[0], "a client")).collect();
    clients.iter_mut().for_each(|client| client.sends(GET));
    stage::eventually("it is refused again and again", || balancer.counters().connects_failed_there > 6);
    let origin = TcpListener::bind(address).expect("the address is free");
    origin.set_nonblocking(true).expect("non-blocking");
    for _ in 0..3 {
        let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
        server.reads_head();
        server.sends(OK);
    }
    clients.iter_mut().for_each(|client| client.sees_status(200));
    drop(clients);
    let counters = balancer.drain(Duration::ZERO);
    assert_eq!((counters.responses, counters.failed_total()), (3, 0), "{counters:?}");
}
