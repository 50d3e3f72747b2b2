//! Who waits in line for a place, and whoever comes back meanwhile: a server that checks had found down, one whose pause is
//! over, one that nobody may be sent to.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Capacity, Counters, Failure, Settings};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\nHost: a\nConnection: close\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// Two servers with one place each.
fn start(servers: [SocketAddr; 2], workers: usize, change: impl FnOnce(&mut Settings)) -> Handle {
    let mut settings = stage::settings(&servers);
    settings.backend_sets[0].capacity =
        Capacity { connections_max: Some(1), queue_max: 100, queue_timeout: 2 * PATIENCE, requests_max: None };
    change(&mut settings);
    stage::start(settings, workers, Default::default())
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

fn answers(mut server: Wire, mut client: Wire) {
    server.sends(OK);
    client.sees_status(200);
}

fn end(balancer: Handle) -> Counters {
    let counters = balancer.drain(Duration::ZERO);
    stage::check_books(&counters);
    assert_eq!(counters.failed_total(), 0, "{counters:?}");
    counters
}

#[test]
fn a_server_that_its_checks_find_up_again_takes_who_waits() {
    let origins = [stage::listener(), stage::listener()];
    let balancer = start([0, 1].map(|at| stage::address(&origins[at])), 1, |_| {});
    let (boards, other) = (balancer.boards(), stage::address(&origins[1]));
    boards.note_check("app", other.into(), true);
    let first = (ask(&balancer), asked(&origins[0]));
    let waiting: Vec<Wire> = (0..2).map(|_| ask(&balancer)).collect();
    stage::eventually("both wait", || balancer.counters().queued == 2);
    boards.note_check("app", other.into(), false);
    // One after the other, while the first server stays busy.
    waiting.into_iter().for_each(|client| answers(asked(&origins[1]), client));
    answers(first.1, first.0);
    end(balancer);
}

/// Whichever worker they wait at: once nobody is left to wait for they are told so, and so is who comes later.
#[test]
fn who_waits_is_told_at_once_when_the_last_server_goes_down() {
    let origins = [stage::listener(), stage::listener()];
    let servers = [0, 1].map(|at| stage::address(&origins[at]));
    let balancer = start(servers, 4, |_| {});
    let boards = balancer.boards();
    boards.note_check("app", servers[1].into(), true);
    let first = (ask(&balancer), asked(&origins[0]));
    let waiting: Vec<Wire> = (0..12).map(|_| ask(&balancer)).collect();
    stage::eventually("all wait", || balancer.counters().queued == 12);
    boards.note_check("app", servers[0].into(), true);
    // Their own patience is twice that of this test.
    waiting.into_iter().for_each(|mut client| client.sees_status(503));
    ask(&balancer).sees_status(503);
    answers(first.1, first.0);
    boards.note_check("app", servers[1].into(), false);
    let next = ask(&balancer);
    answers(asked(&origins[1]), next);
    let counters = balancer.drain(Duration::ZERO);
    stage::check_books(&counters);
    assert_eq!((counters.failed(Failure::NoServer), counters.responses), (13, 2), "{counters:?}");
}

/// So are they where another configuration takes the servers away.
#[test]
fn who_waits_is_told_when_all_servers_leave() {
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&origin)]);
    settings.backend_sets[0].capacity =
        Capacity { connections_max: Some(1), queue_timeout: 2 * PATIENCE, ..Capacity::default() };
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let first = (ask(&balancer), asked(&origin));
    let waiting: Vec<Wire> = (0..6).map(|_| ask(&balancer)).collect();
    stage::eventually("all wait", || balancer.counters().queued == 6);
    settings.listeners[0].binds = vec![balancer.addresses()[0].into()];
    settings.backend_sets[0].servers.clear();
    balancer.apply(&settings).expect("it is good");
    waiting.into_iter().for_each(|mut client| client.sees_status(503));
    answers(first.1, first.0);
    let counters = balancer.drain(Duration::ZERO);
    stage::check_books(&counters);
    assert_eq!((counters.failed(Failure::NoServer), counters.responses), (6, 1), "{counters:?}");
}

/// Whichever worker it comes to, and whichever of the two comes first: the server, or who waits.
#[test]
fn no_turn_is_lost_between_a_server_that_returns_and_who_comes() {
    let origins = [stage::listener(), stage::listener()];
    let balancer = start([0, 1].map(|at| stage::address(&origins[at])), 4, |_| {});
    let (boards, other) = (balancer.boards(), stage::address(&origins[1]));
    boards.note_check("app", other.into(), true);
    let first = (ask(&balancer), asked(&origins[0]));
    for round in 0..100u64 {
        let client = ask(&balancer);
        if round % 4 == 0 {
            stage::eventually("it waits", || balancer.counters().queued > round / 4);
        }
        boards.note_check("app", other.into(), false);
        answers(asked(&origins[1]), client);
        boards.note_check("app", other.into(), true);
        stage::eventually("its place is free", || balancer.counters().servers_open == 1);
    }
    answers(first.1, first.0);
    end(balancer);
}

#[test]
fn a_server_whose_pause_is_over_takes_who_waits() {
    let origin = stage::listener();
    let gone = stage::listener();
    let address = stage::address(&gone);
    drop(gone);
    let balancer = start([stage::address(&origin), address], 1, |settings| {
        settings.backend_sets[0].health.pause = Duration::from_millis(100);
    });
    let first = (ask(&balancer), asked(&origin));
    let second = ask(&balancer);
    stage::eventually("it found nobody there, and waits", || {
        let counters = balancer.counters();
        (counters.set_aside, counters.queued) == (1, 1)
    });
    // Pauses go on, each twice as long as the one before, and who waits asks after each.
    let returned = TcpListener::bind(address).expect("its own address");
    returned.set_nonblocking(true).expect("a listener that does not block");
    answers(asked(&returned), second);
    answers(first.1, first.0);
    let counters = end(balancer);
    assert_eq!(counters.set_aside, 1, "once, however often it was asked then");
}

/// A server with weight 0 is well, but nobody's place: who waits goes on waiting, and does not ask again and again.
#[test]
fn who_takes_nothing_new_is_not_waited_for() {
    let origins = [stage::listener(), stage::listener()];
    let balancer = start([0, 1].map(|at| stage::address(&origins[at])), 1, |settings| {
        settings.backend_sets[0].servers[1].weight = 0;
    });
    let first = (ask(&balancer), asked(&origins[0]));
    let second = ask(&balancer);
    stage::eventually("it waits", || balancer.counters().queued == 1);
    answers(first.1, first.0);
    answers(asked(&origins[0]), second);
    end(balancer);
}
