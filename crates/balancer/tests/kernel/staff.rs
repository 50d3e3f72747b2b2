//! Another number of workers while clients are at work: nobody is refused, nobody is reset, and what was counted stays.

use crate::stage::{self, check_books, eventually};
use crate::wire::{End, PATIENCE, Wire};
use balancer::{Handle, Next, Parting};
use balancer_core::{PortChoice, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const GET: &str = "GET /bytes/3 HTTP/1.1\r\nHost: a\r\n\r\n";
/// Longer than anything here takes.
const PARTING: Parting = Parting { grace: PATIENCE, patience: PATIENCE };

fn go_over(balancer: &mut Handle, settings: &Settings, workers: usize) {
    let next = Next { settings, log: None, workers, parting: PARTING };
    balancer.go_over_to(next).expect("it is good");
    assert_eq!(balancer.workers(), workers);
}

/// One request; whether the connection stays.
fn ask(client: &mut BufReader<TcpStream>) -> bool {
    client.get_mut().write_all(GET.as_bytes()).expect("nobody is reset");
    let (mut line, mut stays) = (String::new(), true);
    while line != "\r\n" {
        line.clear();
        assert!(client.read_line(&mut line).expect("nobody is reset") > 0, "ended without an answer");
        assert!(!line.starts_with("HTTP/1.1 5"), "{line}");
        stays &= !line.eq_ignore_ascii_case("connection: close\r\n");
    }
    client.read_exact(&mut [0; 3]).expect("the body");
    stays
}

/// Comes again and again for so many requests each time, until it is told to end; every one is answered.
fn client(address: SocketAddr, requests: usize, ends: &AtomicBool, answered: &AtomicU64) {
    while !ends.load(Relaxed) {
        let stream = TcpStream::connect(address).expect("nobody is refused");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time");
        let mut stream = BufReader::new(stream);
        for _ in 0..requests {
            let stays = ask(&mut stream);
            answered.fetch_add(1, Relaxed);
            if !stays || ends.load(Relaxed) {
                break;
            }
        }
    }
}

/// Whether ports are the kernel's choice, or divided anew each time.
fn come_and_go(ports: PortChoice) {
    let origin = stage::origin();
    let mut settings = stage::settings(&[origin.address()]);
    settings.backend_sets[0].ports.choice = ports;
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let address = balancer.addresses()[0];
    let (ends, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for requests in [1, 1, 7, usize::MAX, usize::MAX] {
            let (ends, answered) = (&ends, &answered);
            scope.spawn(move || client(address, requests, ends, answered));
        }
        for workers in [4, 1, 3, 2, 2, 5, 1, 2] {
            go_over(&mut balancer, &settings, workers);
            let until = answered.load(Relaxed) + 50;
            eventually("answers come", || answered.load(Relaxed) >= until);
            assert!(balancer.counters().responses + 5 >= answered.load(Relaxed) - 50, "what was counted stays");
        }
        ends.store(true, Relaxed);
    });
    let counters = balancer.drain(PATIENCE);
    check_books(&counters);
    assert_eq!((counters.responses, counters.failed_total()), (answered.load(Relaxed), 0), "{counters:?}");
}

#[test]
fn workers_come_and_go_and_nobody_notices() {
    come_and_go(PortChoice::Kernel);
}

#[test]
fn ports_of_our_own_choice_are_divided_anew() {
    come_and_go(PortChoice::Own);
}

/// Who waits at the socket of a worker that goes is let in by another; a request of its own is finished; who is kept may ask
/// once more, and goes by what is configured then; it ends with its last client, and what it counted stays.
#[test]
fn a_worker_that_is_not_needed_finishes_its_work() {
    let (old, new) = (stage::listener(), stage::listener());
    let settings = stage::settings(&[stage::address(&old)]);
    let mut balancer = stage::start(settings.clone(), 4, Default::default());
    let address = balancer.addresses()[0];
    let mut clients: Vec<Wire> = (0..24).map(|_| Wire::connect(address, "a client")).collect();
    eventually("all are accepted", || balancer.counters().accepted == 24);
    for client in &mut clients {
        client.sends("GET /a HTTP/1.1\nHost: a\n\n");
    }
    let mut servers: Vec<Wire> =
        (0..24).map(|_| stage::accept(&old, PATIENCE).expect("a connection of the balancer")).collect();
    let other = stage::settings(&[stage::address(&new)]);
    let other = Settings { listeners: settings.listeners.clone(), ..other };
    go_over(&mut balancer, &other, 1);
    let mut late = Wire::connect(address, "who comes late");
    late.sends("GET /a HTTP/1.1\nHost: a\n\n");
    for server in &mut servers {
        server.reads_head();
        server.sends("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    }
    let mut of_new = stage::accept(&new, PATIENCE).expect("a connection of the balancer");
    of_new.reads_head();
    of_new.sends("HTTP/1.1 200 OK\nContent-Length: 2\n\nok");
    late.sees_status(200);
    let told: Vec<bool> = clients.iter_mut().map(told_to_go).collect();
    let gone = told.iter().filter(|gone| **gone).count();
    assert!(gone < 24, "the worker that stays keeps its own");
    for (client, _) in clients.iter_mut().zip(&told).filter(|(_, gone)| **gone) {
        client.sees_end(End::Eof);
    }
    assert_eq!(balancer.counters().accepted, 25);
    // The next change finds that they have ended.
    eventually("what they counted stays", || {
        go_over(&mut balancer, &other, 1);
        let report = balancer.report();
        let web = report.listeners.iter().map(|(_, counters)| counters.accepted).sum::<u64>();
        web == 25 && report.total().clients_open == 25 - gone as u64
    });
    drop((clients, late));
    check_books(&balancer.drain(PATIENCE));
}

/// The answer of a request, and whether it says that the connection closes.
fn told_to_go(client: &mut Wire) -> bool {
    let head = client.reads_head();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    client.sees("ok");
    head.to_ascii_lowercase().contains("connection: close")
}

/// A worker that cannot begin changes nothing: here there are not ports enough for so many.
#[test]
fn a_number_that_cannot_be_changes_nothing() {
    let origin = stage::origin();
    let mut settings = stage::settings(&[origin.address()]);
    settings.backend_sets[0].ports.choice = PortChoice::Own;
    settings.backend_sets[0].ports.range = Some((20_000, 20_001));
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let next = Next { settings: &settings, log: None, workers: 3, parting: PARTING };
    let error = balancer.go_over_to(next).expect_err("three shares of two ports").to_string();
    assert!(error.contains("workers"), "{error}");
    assert_eq!(balancer.workers(), 2);
    let stream = TcpStream::connect(balancer.addresses()[0]).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    ask(&mut BufReader::new(stream));
    stage::end_within(balancer, Duration::from_secs(1));
}
