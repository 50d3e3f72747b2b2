//! The orderly end: no new connections, what is idle closed at once, what is in flight finished, the rest cut.

use crate::stage::{self, Stage, check_books, eventually};
use crate::wire::End::*;
use crate::wire::{PATIENCE, Wire};
use balancer::{Inheritance, Logging, Plan};
use balancer_core::{CloseReason, Counters, Failure, ListenerStage};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const CLOSED: &str = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";

/// A patience that nothing here needs.
const LONG: Duration = Duration::from_secs(60);

/// Drains in the background; answers with the counters and the time it took.
fn drain(stage: Stage, patience: Duration) -> std::thread::JoinHandle<(Counters, Duration)> {
    std::thread::spawn(move || {
        let start = Instant::now();
        let counters = stage.end_with_patience(patience);
        (counters, start.elapsed())
    })
}

fn begin(stage: &Stage) -> (Wire, Wire) {
    let mut client = stage.client();
    client.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    (client, server)
}

#[test]
fn a_drain_without_traffic_is_immediate() {
    let stage = Stage::new(|_| {});
    let (mut idle, (mut client, mut server)) = (stage.client(), begin(&stage));
    server.sends(OK);
    client.sees(OK);
    let (counters, took) = drain(stage, LONG).join().expect("drained");
    assert!(took < LONG / 2, "took {took:?}");
    // One idle client that never spoke, one that was kept, one pooled server connection.
    idle.sees_end(Eof);
    client.sees_end(Eof);
    server.sees_end(Eof);
    let draining = CloseReason::Draining as usize;
    assert_eq!((counters.client_reasons[draining], counters.server_reasons[draining]), (2, 1));
}

#[test]
fn a_request_in_flight_is_finished() {
    let stage = Stage::new(|_| {});
    let mut idle = stage.client();
    let (mut client, mut server) = begin(&stage);
    let address = stage.address();
    let draining = drain(stage, LONG);
    idle.sees_end(Eof);
    eventually("new connections are refused", || TcpStream::connect(address).is_err());
    server.sends(OK);
    client.sees(CLOSED);
    client.sees_end(Eof);
    let (counters, took) = draining.join().expect("drained");
    assert!(took < LONG / 2, "took {took:?}");
    assert_eq!((counters.responses, counters.truncated), (1, 0));
}

#[test]
fn requests_sent_ahead_are_not_begun() {
    let stage = Stage::new(|_| {});
    let (mut client, mut server) = begin(&stage);
    let address = stage.address();
    let draining = drain(stage, LONG);
    eventually("the drain has begun", || TcpStream::connect(address).is_err());
    client.sends(GET);
    server.sends(OK);
    client.sees(CLOSED);
    client.sees_end(Eof);
    drop(client);
    assert_eq!(draining.join().expect("drained").0.requests, 1);
}

#[test]
fn patience_has_an_end() {
    let patience = Duration::from_millis(200);
    let stage = Stage::new(|_| {});
    let (mut client, mut server) = begin(&stage);
    let (mut half, mut tunnel) = (stage.client(), stage.client());
    half.sends("GET / HT");
    tunnel.sends("GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: x\n\n");
    let mut tunnel_server = stage.server();
    tunnel_server.reads_head();
    tunnel_server.sends("HTTP/1.1 101 Switching Protocols\nConnection: upgrade\nUpgrade: x\n\n");
    tunnel.reads_head();
    let (counters, took) = drain(stage, patience).join().expect("drained");
    // Sooner than anything else would have ended these.
    let others = stage::settings(&[]).backend_sets[0].timeouts.response;
    assert!(took >= patience && took < others, "took {took:?}");
    client.sees_status(503);
    client.sees_end(Eof);
    server.sees_end(Reset);
    half.sees_status(503);
    half.sees_end(Eof);
    tunnel.sees_end(Eof);
    assert_eq!(counters.client_reasons[CloseReason::Draining as usize], 3, "{counters:?}");
    assert_eq!((counters.failed(Failure::Draining), counters.drain_cut), (2, 1), "{counters:?}");
}

#[test]
fn dropping_the_handle_ends_everything() {
    let origin = stage::listener();
    let balancer = stage::start(stage::settings(&[stage::address(&origin)]), 2, Default::default());
    let address = balancer.addresses()[0];
    let mut client = Wire::connect(address, "the client");
    client.sends(GET);
    let mut server = stage::accept(&origin, PATIENCE).expect("a request");
    server.reads_head();
    drop(balancer);
    client.sees_status(503);
    client.sees_end(Eof);
    server.sees_end(Reset);
    assert!(TcpStream::connect(address).is_err(), "still listening");
}

#[test]
fn all_workers_drain() {
    let origin = stage::listener();
    let balancer = stage::start(stage::settings(&[stage::address(&origin)]), 3, Default::default());
    let mut clients: Vec<_> = (0..24).map(|_| Wire::connect(balancer.addresses()[0], "a client")).collect();
    eventually("all are accepted", || balancer.counters().accepted == 24);
    let counters = balancer.drain(LONG);
    clients.iter_mut().for_each(|client| client.sees_end(Eof));
    check_books(&counters);
    assert_eq!(counters.client_reasons[CloseReason::Draining as usize], 24);
}

/// Who came before the end and waits in the accept queue is answered all the same.
#[test]
fn the_accept_queue_is_served() {
    const WAITING: usize = 20;
    let stage = Stage::new(|settings| settings.listeners[0].limits.connections_max = 1);
    let (mut first, mut server) = begin(&stage);
    let mut waiting: Vec<Wire> = (0..WAITING).map(|_| stage.client()).collect();
    waiting.iter_mut().for_each(|client| client.sends(GET));
    let (address, origin) = (stage.address(), stage.origin());
    let draining = drain(stage, LONG);
    server.sends(OK);
    first.reads_head();
    first.sees("ok");
    first.sees_end(Eof);
    for client in &mut waiting {
        let mut server = stage::accept(&origin, PATIENCE).expect("a request");
        server.reads_head();
        server.sends(OK);
        client.sees(CLOSED);
        client.sees_end(Eof);
    }
    let (counters, took) = draining.join().expect("drained");
    assert!(took < LONG / 2, "took {took:?}");
    assert_eq!((counters.accepted, counters.responses), (1 + WAITING as u64, 1 + WAITING as u64), "{counters:?}");
    assert!(TcpStream::connect(address).is_err(), "still listening");
}

/// Another balancer accepts from the same sockets, with more workers than there were, then with less than there are sockets.
#[test]
fn a_successor_has_the_sockets_and_who_is_idle_may_ask_once_more() {
    let origin = stage::listener();
    let settings = stage::settings(&[stage::address(&origin)]);
    let start = |workers, doors| {
        let plan = Plan { settings: settings.clone(), workers, reactor: Default::default(), pin: false };
        balancer::start_with(
            &plan,
            Inheritance { doors, is_ordered: true, ..Inheritance::default() },
            Logging::default(),
        )
        .expect("it starts")
    };
    let first = start(2, Vec::new());
    let address = first.addresses()[0];
    let mut idle = Wire::connect(address, "the idle client");
    idle.sends(GET);
    let mut server = stage::accept(&origin, PATIENCE).expect("a request");
    server.reads_head();
    server.sends(OK);
    idle.sees(OK);

    let second = start(3, first.to_inherit());
    assert_eq!(second.addresses(), [address]);
    let leaving = std::thread::spawn(move || (first.leave(LONG, LONG), Instant::now()));
    let start_of_end = Instant::now();
    // The order arrives a moment after it was given.
    eventually("the idle client is told to come anew", || {
        idle.sends(GET);
        server.reads_head();
        server.sends(OK);
        let head = idle.reads_head();
        idle.sees("ok");
        head.contains("Connection: close")
    });
    idle.sees_end(Eof);
    let (counters, ended) = leaving.join().expect("it left");
    assert!(ended - start_of_end < LONG / 2, "after {:?}", ended - start_of_end);
    assert_eq!((counters.accepted, counters.failed_total(), counters.drain_cut), (1, 0, 0), "{counters:?}");

    let crowd = || (0..24).map(|_| Wire::connect(address, "a client")).collect::<Vec<_>>();
    let _of_second = crowd();
    eventually("all come to the second", || second.counters().accepted == 24);
    let third = start(1, second.to_inherit());
    let leaving = std::thread::spawn(move || second.leave(Duration::ZERO, LONG));
    let _of_both = crowd();
    let second = leaving.join().expect("it left");
    eventually("nobody is lost", || second.accepted + third.counters().accepted == 48);
    let _of_third = crowd();
    eventually("all come to the third", || second.accepted + third.counters().accepted == 72);
}

#[test]
fn a_socket_that_no_listener_names_is_a_mistake_where_it_was_made_for_us() {
    let origin = stage::listener();
    let settings = stage::settings(&[stage::address(&origin)]);
    let other = stage::start(settings.clone(), 1, Default::default());
    let mut doors = other.to_inherit();
    doors.iter_mut().for_each(|door| door.name = "other".to_owned());
    let plan = Plan { settings, workers: 1, reactor: Default::default(), pin: false };
    let why = balancer::start_with(
        &plan,
        Inheritance { doors: doors.clone(), is_ordered: true, ..Inheritance::default() },
        Logging::default(),
    )
    .err()
    .expect("a mistake");
    assert!(why.to_string().contains("no listener has that address"), "{why}");
    let started = balancer::start_with(&plan, Inheritance { doors, ..Inheritance::default() }, Logging::default())
        .expect("it is let go");
    assert_ne!(started.addresses(), other.addresses());
}

/// A load balancer in front goes on sending clients until it has learned that this one goes.
#[test]
fn in_its_grace_a_listener_accepts_and_every_answer_closes() {
    const GRACE: Duration = Duration::from_secs(5);
    let stage = Stage::new(|settings| settings.backend_sets[0].pool.idle_max = 0);
    let (mut kept, mut server) = begin(&stage);
    server.sends(OK);
    kept.sees(OK);
    let (address, origin) = (stage.address(), stage.origin());
    let draining = std::thread::spawn(move || (stage.end_with_grace(GRACE, LONG), Instant::now()));
    let start = Instant::now();
    let serve = |client: &mut Wire| {
        client.sends(GET);
        let mut server = stage::accept(&origin, PATIENCE).expect("a request");
        server.reads_head();
        server.sends(OK);
        client.reads_head()
    };
    // The drain begins a moment after it was asked for.
    let closed = |head: String| head.contains("Connection: close");
    eventually("answers say that the connection closes", || closed(serve(&mut Wire::connect(address, "a client"))));
    assert!(closed(serve(&mut kept)), "a kept connection is good for another request");
    drop(kept);
    let (counters, ended) = draining.join().expect("drained");
    assert!(ended - start >= GRACE, "after {:?}", ended - start);
    assert_eq!((counters.truncated, counters.failed_total()), (0, 0), "{counters:?}");
    assert!(TcpStream::connect(address).is_err(), "still listening");
}

/// A balancer of one worker or two, of which a listener is drained by order, and its settings.
fn drained_by_order(workers: usize) -> (std::net::TcpListener, balancer::Handle, balancer_core::Settings) {
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&origin)]);
    settings.backend_sets[0].pool.idle_max = 0;
    let balancer = stage::start(settings.clone(), workers, Default::default());
    (origin, balancer, settings)
}

fn enter(balancer: &mut balancer::Handle, settings: &mut balancer_core::Settings, stage: ListenerStage) {
    settings.listeners[0].stage = stage;
    balancer.apply(settings).expect("it is good");
}

#[test]
fn a_listener_that_is_drained_by_order_goes_from_stage_to_stage_and_accepts_again() {
    for workers in [1, 2] {
        let (origin, mut balancer, mut settings) = drained_by_order(workers);
        let address = balancer.addresses()[0];
        for _ in 0..2 {
            let (mut idle, mut kept) = (Wire::connect(address, "idle"), Wire::connect(address, "kept"));
            kept.sends(GET);
            let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
            server.reads_head();
            // It accepts, and every answer says that its connection closes.
            enter(&mut balancer, &mut settings, ListenerStage::Grace);
            server.sends(OK);
            kept.sees(CLOSED);
            kept.sees_end(Eof);
            let mut late = Wire::connect(address, "late");
            late.sends(GET);
            let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
            server.reads_head();
            // Nobody is accepted, what is idle goes, what is under way is finished.
            enter(&mut balancer, &mut settings, ListenerStage::Shut);
            idle.sees_end(Eof);
            eventually("new connections are refused", || TcpStream::connect(address).is_err());
            balancer.apply(&settings).expect("the same once more");
            assert!(TcpStream::connect(address).is_err(), "it stays shut");
            server.sends(OK);
            late.sees(CLOSED);
            late.sees_end(Eof);
            enter(&mut balancer, &mut settings, ListenerStage::Open);
            let mut again = Wire::connect(address, "again");
            again.sends(GET);
            let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
            server.reads_head();
            server.sends(OK);
            again.sees(OK);
        }
        assert_eq!(balancer.counters().failed_total(), 0, "{workers}");
    }
}

#[test]
fn who_takes_too_long_at_a_listener_that_is_drained_is_told_and_then_cut() {
    let (origin, mut balancer, mut settings) = drained_by_order(1);
    let address = balancer.addresses()[0];
    let mut without_answer = Wire::connect(address, "without an answer");
    without_answer.sends(GET);
    let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
    server.reads_head();
    let mut half = Wire::connect(address, "half an answer");
    half.sends(GET);
    let mut slow = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
    slow.reads_head();
    slow.sends("HTTP/1.1 200 OK\nContent-Length: 9\n\nabc");
    half.sees("HTTP/1.1 200 OK\nContent-Length: 9\n\nabc");
    enter(&mut balancer, &mut settings, ListenerStage::Shut);
    enter(&mut balancer, &mut settings, ListenerStage::LastCall);
    let head = without_answer.reads_head();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    half.sees_end(Eof);
    enter(&mut balancer, &mut settings, ListenerStage::Cut);
    let counters = balancer.counters();
    assert_eq!((counters.failed(Failure::Draining), counters.abandoned, counters.clients_open), (1, 1, 0));
    enter(&mut balancer, &mut settings, ListenerStage::Open);
    drop(TcpStream::connect(address).expect("it accepts again"));
}

/// The place is bound all the while, but not listened at.
#[test]
fn somebody_else_who_listens_where_a_drained_listener_did_is_told_of() {
    let (_origin, mut balancer, mut settings) = drained_by_order(1);
    let address = balancer.addresses()[0];
    enter(&mut balancer, &mut settings, ListenerStage::Shut);
    eventually("nobody is accepted any more", || TcpStream::connect(address).is_err());
    let other = std::net::TcpListener::bind(address).expect("nobody listens there");
    settings.listeners[0].stage = ListenerStage::Open;
    let why = balancer.apply(&settings).expect_err("it is taken").to_string();
    assert!(why.contains(&format!("cannot listen on {address}: it is in use: stop what listens there")), "{why}");
    drop(other);
    balancer.apply(&settings).expect("it is free again");
    drop(TcpStream::connect(address).expect("it accepts again"));
}

/// A file cannot be closed and opened again.
#[test]
fn who_comes_to_the_file_of_a_listener_that_is_drained_is_turned_away() {
    let (_origin, mut balancer, mut settings) = drained_by_order(1);
    let folder = testkit::Folder::new();
    let path = folder.path().join("web.sock");
    let file = ports::UnixPath::new(path.to_str().expect("plain")).expect("a short path");
    settings.listeners[0].binds.push(ports::Address::from(file).into());
    balancer.apply(&settings).expect("it is good");
    let is_turned_away = || {
        let mut client = std::os::unix::net::UnixStream::connect(&path).expect("the file is there");
        client.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
        !matches!(std::io::Read::read(&mut client, &mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert!(!is_turned_away());
    enter(&mut balancer, &mut settings, ListenerStage::Shut);
    assert!(is_turned_away());
    enter(&mut balancer, &mut settings, ListenerStage::Open);
    assert!(!is_turned_away());
}
