//! Bounds and time-outs towards clients.

use crate::script::Act::*;
use crate::script::{TIGHT, play, play_with};
use crate::stage::{self, Stage};
use crate::wire::End::*;
use crate::wire::{PATIENCE, Wire};
use balancer_core::{CloseReason, Failure, PaceRules, Settings};
use reactor::epoll::EpollConfig;
use std::collections::VecDeque;
use std::io::Read;
use std::num::NonZeroU32;
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const GOT: &str = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const CLOSED: &str = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";
const SHORT: Duration = Duration::from_millis(150);

fn check_refused(request: &str, status: u16) {
    let counters = play(&[ClientSends(request), ClientSeesStatus(status), ClientSeesEnd(Eof)]);
    assert_eq!(
        (counters.failed(Failure::BadRequest(http1::Error::HeadTooLong)), counters.connects),
        (1, 0),
        "{counters:?}"
    );
}

#[test]
fn heads_are_bounded() {
    check_refused(&format!("GET / HTTP/1.1\nHost: a\nX: {}\n\n", "x".repeat(33_000)), 431);
    check_refused(&format!("GET / HTTP/1.1\nHost: a\n{}\n", "X: 1\n".repeat(128)), 431);
    check_refused(&format!("GET /{} HTTP/1.1\nHost: a\n\n", "x".repeat(33_000)), 414);
    // Refused as soon as it is too long, not when (if ever) it ends.
    check_refused(&format!("GET / HTTP/1.1\nHost: a\nX: {}", "x".repeat(33_000)), 431);
}

/// A head of 256 KiB passes where it is allowed, in both directions; one byte more is over the limit, and called so.
#[test]
fn heads_may_be_as_long_as_is_allowed() {
    const ALLOWED: usize = 256 * 1024;
    let allowed = |settings: &mut Settings| {
        settings.listeners[0].limits.head_bytes_max = ALLOWED;
        settings.backend_sets[0].limits.head_bytes_max = ALLOWED;
    };
    let of_length = |before: &str, length: usize| {
        let before = format!("{before}X: ");
        let fill = length - crate::wire::crlf(&before).len() - 4;
        format!("{before}{}\n", "x".repeat(fill))
    };
    let request = of_length("GET / HTTP/1.1\nHost: a\n", ALLOWED);
    let answer = format!("{}\nok", of_length("HTTP/1.1 200 OK\nContent-Length: 2\n", ALLOWED));
    let answered = answer.replace("Content-Length: 2\n", "").replace("\n\nok", "\nContent-Length: 2\n\nok");
    let (sent, seen) = (format!("{request}\n"), format!("{request}[path]\n\n"));
    let exchange = [ClientSends(&sent), OriginSees(&seen), OriginSends(&answer), ClientSees(&answered)];
    let short = [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(OK)];
    play_with(allowed, &[&exchange[..], &short, &exchange].concat());

    let request = format!("{}\n", of_length("GET / HTTP/1.1\nHost: a\n", ALLOWED + 1));
    let counters = play_with(allowed, &[ClientSends(&request), ClientSeesStatus(431), ClientSeesEnd(Eof)]);
    assert_eq!(counters.refused_requests.count(http1::Error::HeadTooLong), 1);
    let answer = format!("{}\n", of_length("HTTP/1.1 200 OK\nContent-Length: 2\n", ALLOWED + 1));
    let told = [ClientSends(GET), OriginSees(GOT), OriginSends(&answer), ClientSeesStatus(502)];
    let counters = play_with(allowed, &told);
    let failure = Failure::ServerNonsense(http1::Error::HeadTooLong);
    assert_eq!((counters.failed(failure), counters.failed_total(), counters.retries), (1, 1, 0));
    assert_eq!(counters.refused_responses.count(http1::Error::HeadTooLong), 1);
}

#[test]
fn heads_up_to_the_bound_pass() {
    let long = format!("GET / HTTP/1.1\nHost: a\nX: {}\n", "x".repeat(32_000));
    let many = format!("GET / HTTP/1.1\nHost: a\n{}", "X: 1\n".repeat(127));
    for head in [long, many] {
        let (sent, seen) = (format!("{head}\n"), format!("{head}[path]\n\n"));
        play(&[ClientSends(&sent), OriginSees(&seen), OriginSends(OK), ClientSees(OK)]);
    }
}

#[test]
fn a_client_that_waits_too_long_is_closed() {
    let exchange = [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(OK)];
    for (acts, idle) in [(&[NewClient][..], SHORT), (&exchange, TIGHT)] {
        let acts = [acts, &[ClientSeesEnd(Eof), NoSoonerThan(idle)]].concat();
        let counters = play_with(|settings| settings.listeners[0].timeouts.idle = idle, &acts);
        assert_eq!(counters.client_reasons[CloseReason::Idle as usize], 1, "{counters:?}");
    }
}

#[test]
fn a_head_that_does_not_end_is_answered_408() {
    let short = |settings: &mut Settings| settings.listeners[0].timeouts.head = SHORT;
    let counters = play_with(
        short,
        &[
            ClientSends("GET / HTTP/1.1\nHost: a\nX: "),
            // A byte now and then does not extend it.
            ClientDrips("x"),
            NoSoonerThan(SHORT),
            ClientSeesStatus(408),
            ClientSeesEnd(Eof),
        ],
    );
    assert_eq!(counters.failed(Failure::HeadTimeout), 1);
}

#[test]
fn a_body_that_stalls_is_answered_408() {
    let short = |settings: &mut Settings| settings.listeners[0].timeouts.body = TIGHT;
    let counters = play_with(
        short,
        &[
            ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 9\n\n1"),
            OriginSees("POST / HTTP/1.1\nHost: a\n[path]\nContent-Length: 9\n\n1"),
            Pause(TIGHT / 4),
            ClientSends("2"),
            OriginSees("2"),
            Pause(TIGHT / 4),
            ClientSends("3"),
            OriginSees("3"),
            ClientSeesStatus(408),
            NoSoonerThan(TIGHT),
            ClientSeesEnd(Eof),
            OriginSeesEnd(Reset),
        ],
    );
    assert_eq!(counters.failed(Failure::BodyTimeout), 1);
}

#[test]
fn a_body_that_stalls_after_the_answer_has_begun_is_cut_off() {
    let short = |settings: &mut Settings| settings.listeners[0].timeouts.body = TIGHT;
    let counters = play_with(
        short,
        &[
            ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 9\n\n1"),
            OriginSees("POST / HTTP/1.1\nHost: a\n[path]\nContent-Length: 9\n\n1"),
            OriginSends("HTTP/1.1 200 OK\nContent-Length: 9\n\n1"),
            ClientSees("HTTP/1.1 200 OK\nContent-Length: 9\n\n1"),
            ClientSeesEnd(Eof),
            OriginSeesEnd(Reset),
        ],
    );
    assert_eq!((counters.truncated, counters.failed_total()), (1, 0), "{counters:?}");
}

#[test]
fn a_request_that_takes_too_long_in_all_is_answered_504() {
    let short = |settings: &mut Settings| settings.listeners[0].timeouts.request = TIGHT;
    let counters = play_with(
        short,
        &[
            ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 10000\n\n1"),
            OriginSees("POST / HTTP/1.1\nHost: a\n[path]\nContent-Length: 10000\n\n1"),
            // A byte now and then does not extend it.
            ClientDrips("2"),
            NoSoonerThan(TIGHT),
            ClientSeesStatus(504),
            ClientSeesEnd(Eof),
            OriginSeesEndAfterAny("2", Reset),
        ],
    );
    assert_eq!(counters.failed(Failure::RequestTimeout), 1);
}

/// A client that reads nothing holds a connection to a server only so long.
#[test]
fn a_client_that_does_not_read_is_cut() {
    let short = |settings: &mut Settings| settings.listeners[0].timeouts.body = SHORT;
    let stage = Stage::new(short);
    let mut client = stage.client();
    client.sends(GET);
    let server = stage.server();
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = server.stream();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").expect("sent");
        let block = [b'x'; 65536];
        (0..1600).map(|_| stream.write_all(&block)).find_map(Result::err)
    });
    let error = sender.join().expect("the sender ends").expect("the balancer closes");
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the balancer closes in time");
    let counters = stage.end();
    assert_eq!(counters.client_reasons[CloseReason::TimedOut as usize], 1, "{counters:?}");
}

#[test]
fn a_connection_serves_only_so_many_requests() {
    let two = |settings: &mut Settings| settings.listeners[0].limits.requests_per_connection_max = 2;
    let exchange = |answer| [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(answer)];
    let acts = [&exchange(OK)[..], &exchange(CLOSED), &[ClientSeesEnd(Eof), NewClient], &exchange(OK)].concat();
    let counters = play_with(two, &acts);
    assert_eq!((counters.accepted, counters.connects), (2, 1));
}

#[test]
fn clients_beyond_the_limit_wait_while_nobody_is_idle() {
    let stage = Stage::new(|settings| settings.listeners[0].limits.connections_max = 1);
    let (mut first, mut second) = (stage.client(), stage.client());
    first.sends(GET);
    second.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    second.sees_nothing(Duration::from_millis(80));
    assert_eq!(stage.counters().clients_open, 1);
    server.sends(OK);
    first.sees(OK);
    // From now on the first is idle.
    server.reads_head();
    server.sends(OK);
    second.sees(OK);
    first.sees_end(Eof);
    let counters = stage.end();
    assert_eq!((counters.accepted, counters.responses), (2, 2));
    assert!(counters.full > 0, "{counters:?}");
    assert_eq!(counters.client_reasons[CloseReason::MadeRoom as usize], 1);
}

#[test]
fn at_the_limit_the_client_that_is_idle_for_longest_makes_room() {
    let stage = Stage::new(|settings| settings.listeners[0].limits.connections_max = 3);
    let mut server = None;
    let mut serve = |client: &mut Wire| {
        client.sends(GET);
        let server = server.get_or_insert_with(|| stage.server());
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    };
    // In the order of their last words: one that never spoke, two that were served.
    let (mut silent, mut kept, mut busy) = (stage.client(), stage.client(), stage.client());
    stage.counts("all have come in", |counters| counters.accepted == 3);
    serve(&mut kept);
    serve(&mut busy);
    let mut new = [stage.client(), stage.client()];
    serve(&mut new[0]);
    silent.sees_end(Eof);
    serve(&mut busy);
    serve(&mut new[1]);
    kept.sees_end(Eof);
    serve(&mut busy);
    serve(&mut new[0]);
    let counters = stage.end();
    assert_eq!(counters.client_reasons[CloseReason::MadeRoom as usize], 2, "{counters:?}");
    assert_eq!((counters.responses, counters.failed_total()), (7, 0), "{counters:?}");
}

/// A balancer with several workers, each with an accept queue of its own, and an origin that answers each request on a
/// connection of its own.
fn workers(connections_max: usize) -> (balancer::Handle, std::net::TcpListener) {
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&origin)]);
    settings.listeners[0].limits.connections_max = connections_max;
    settings.backend_sets[0].pool.idle_max = 0;
    (stage::start(settings, 4, EpollConfig::default()), origin)
}

fn answer(origin: &std::net::TcpListener) {
    let mut server = stage::accept(origin, PATIENCE).expect("a request");
    server.reads_head();
    server.sends(OK);
}

/// Whichever worker a client comes to: it gets in while anybody is idle, at whichever worker that is.
#[test]
fn idle_clients_of_one_worker_make_room_at_another() {
    const PLACES: usize = 4;
    let (balancer, origin) = workers(PLACES);
    let client = || Wire::connect(balancer.addresses()[0], "a client");
    let mut clients: Vec<Wire> = (0..PLACES).map(|_| client()).collect();
    stage::eventually("all have come in", || balancer.counters().accepted == PLACES as u64);
    for _ in 0..3 * PLACES {
        let mut new = client();
        new.sends(GET);
        answer(&origin);
        new.sees(OK);
        clients.push(new);
        stage::eventually("the limit holds", || balancer.counters().clients_open <= PLACES as u64);
    }
    let counters = stage::end(balancer);
    assert_eq!(counters.client_reasons[CloseReason::MadeRoom as usize], 3 * PLACES as u64, "{counters:?}");
}

/// Whoever waits at one worker is let in when somebody leaves another, or falls idle there.
#[test]
fn room_at_one_worker_is_known_to_all() {
    for leaves in [true, false, true, false] {
        let (balancer, origin) = workers(2);
        let client = || Wire::connect(balancer.addresses()[0], "a client");
        let mut busy = [client(), client()];
        let mut servers = busy.each_mut().map(|client| {
            client.sends(GET);
            let mut server = stage::accept(&origin, PATIENCE).expect("a request");
            server.reads_head();
            server
        });
        let mut new = client();
        new.sends(GET);
        new.sees_nothing(Duration::from_millis(80));
        let [first, _] = &mut busy;
        servers[0].sends(OK);
        first.sees(OK);
        if leaves {
            first.half_closes();
        }
        answer(&origin);
        new.sees(OK);
        first.sees_end(Eof);
        assert_eq!(balancer.counters().clients_open, 2);
    }
}

/// Connections are accepted in batches; the bound holds for a crowd that waits all the same.
#[test]
fn a_crowd_does_not_get_past_the_limit() {
    let stage = Stage::new(|settings| settings.listeners[0].limits.connections_max = 3);
    let mut crowd: VecDeque<_> = (0..60).map(|_| stage.client()).collect();
    while !crowd.is_empty() {
        let open = stage.counters().clients_open;
        assert!(open <= 3, "{open} clients at once");
        crowd.drain(..crowd.len().min(3));
    }
    stage.counts("all have come and gone", |counters| counters.accepted == 60 && counters.clients_open == 0);
    stage.end();
}

/// With reactors this small.
fn told_of_a_shortage(reactor: EpollConfig) {
    let origin = stage::listener();
    let balancer = stage::start(stage::settings(&[stage::address(&origin)]), 1, reactor);
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    client.sends(GET);
    client.sees_status(503);
    drop(client);
    let counters = stage::end(balancer);
    assert_eq!((counters.failed(Failure::NoLocalResource), counters.failed_total()), (1, 1), "{reactor:?}");
    assert_eq!(counters.connects_failed_there, 0, "no server is to blame");
}

#[test]
fn a_shortage_of_ours_is_told_as_such() {
    told_of_a_shortage(EpollConfig { connections_max: 1, ..EpollConfig::default() });
    told_of_a_shortage(EpollConfig { buffers_max: 1, ..EpollConfig::default() });
}

/// The client neither reads the answer nor sends the rest of its request: that ends, too.
#[test]
fn a_client_stuck_in_both_directions_is_cut_off() {
    let stage = Stage::new(|settings| settings.listeners[0].timeouts.body = TIGHT);
    let mut client = stage.client();
    client.sends("POST / HTTP/1.1\nHost: a\nContent-Length: 100\n\n0123456789");
    let mut server = stage.server();
    server.reads_head();
    server.sends("HTTP/1.1 200 OK\nContent-Length: 100000000\n\n");
    server.stream().set_write_timeout(Some(TIGHT / 5)).expect("a time-out");
    let flood = vec![0; 1 << 20];
    while std::io::Write::write(&mut server.stream(), &flood).is_ok() {}
    client.sends("0123456789");
    stage.counts("the client was cut off", |counters| counters.clients_open == 0);
    let counters = stage.end();
    assert_eq!(counters.client_reasons[CloseReason::TimedOut as usize], 1, "{counters:?}");
}

/// Heads that have only begun hold no buffers: other requests are still served.
#[test]
fn slow_heads_do_not_use_up_the_buffers() {
    const BUFFERS: usize = 16;
    let origin = stage::listener();
    let reactor = EpollConfig { buffers_max: BUFFERS, ..EpollConfig::default() };
    let mut settings = stage::settings(&[stage::address(&origin)]);
    settings.listeners[0].timeouts.head = 10 * PATIENCE;
    let balancer = stage::start(settings, 1, reactor);
    let address = balancer.addresses()[0];
    let mut slow: Vec<Wire> = (0..4 * BUFFERS).map(|_| Wire::connect(address, "a slow client")).collect();
    slow.iter_mut().for_each(|client| client.sends("GET /a HTTP/1.1\nHo"));
    stage::eventually("all have begun", || balancer.counters().accepted == 4 * BUFFERS as u64);
    // What they have sent was there before this client came, so it is read before.
    let mut client = Wire::connect(address, "the client");
    client.sends(GET);
    let mut server = stage::accept(&origin, PATIENCE).expect("a request");
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
    for client in &mut slow {
        client.sends("st: a\n\n");
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    }
}

/// A byte now and then keeps the gap short; the rate is what ends it.
#[test]
fn a_body_that_comes_too_slowly_is_answered_408() {
    let slow = |settings: &mut Settings| {
        let grace = Duration::from_millis(500);
        settings.listeners[0].timeouts.pace =
            PaceRules { request: NonZeroU32::new(1_000_000), grace, ..PaceRules::NONE };
    };
    let counters = play_with(
        slow,
        &[
            ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 10000\n\n1"),
            OriginSees("POST / HTTP/1.1\nHost: a\n[path]\nContent-Length: 10000\n\n1"),
            ClientDrips("2"),
            NoSoonerThan(Duration::from_millis(400)),
            ClientSeesStatus(408),
            ClientSeesEnd(Eof),
            OriginSeesEndAfterAny("2", Reset),
            // A server that is waited for is nobody's slowness.
            NewClient,
            ClientSends("POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\nok"),
            NewServer,
            OriginSees("POST / HTTP/1.1\nHost: a\n[path]\nContent-Length: 2\n\nok"),
            Pause(Duration::from_millis(700)),
            OriginSends(OK),
            ClientSees(OK),
        ],
    );
    assert_eq!((counters.failed(Failure::BodyTooSlow), counters.failed_total(), counters.responses), (1, 1, 1));
}

/// It reads a byte now and then, which would be progress enough for a time-out between two bytes.
#[test]
fn a_client_that_reads_too_slowly_is_cut() {
    let stage = Stage::new(|settings| {
        let grace = Duration::from_secs(1);
        settings.listeners[0].timeouts.pace =
            PaceRules { response: NonZeroU32::new(1_000_000), grace, ..PaceRules::NONE };
    });
    let mut client = stage.client();
    client.sends(GET);
    let server = stage.server();
    let sender = std::thread::spawn(move || {
        use std::io::Write;
        let mut stream = server.stream();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").expect("sent");
        let block = [b'x'; 65536];
        (0..1600).map(|_| stream.write_all(&block)).find_map(Result::err)
    });
    while !sender.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        let _gone_when_cut = client.stream().read(&mut [0]);
    }
    let error = sender.join().expect("the sender ends").expect("the balancer closes");
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the balancer closes in time");
    let counters = stage.end();
    assert_eq!(counters.client_reasons[CloseReason::SlowReader as usize], 1, "{counters:?}");
}
