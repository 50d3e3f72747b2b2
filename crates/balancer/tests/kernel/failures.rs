//! Servers that are down, slow, reset, or talk nonsense: the client gets a clear answer, the counters say why.

use crate::script::Act::*;
use crate::script::{Act, TIGHT, play_with};
use crate::stage::{self, Stage};
use crate::wire::End::*;
use crate::wire::{PATIENCE, Wire};
use balancer_core::{Counters, Failure, PortChoice, Settings};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const GOT: &str = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
const POST: &str = "POST /a HTTP/1.1\nHost: a\nContent-Length: 1\n\nx";
const POSTED: &str = "POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 1\n\nx";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const SHORT: Duration = Duration::from_millis(200);

/// The server does this with a request; the client is told with this status, and can use its connection further.
fn check_told(server_does: &[Act<'_>], status: u16, failure: Failure) -> Counters {
    check_told_with(|_| {}, server_does, status, failure)
}

fn check_told_with(change: fn(&mut Settings), server_does: &[Act<'_>], status: u16, failure: Failure) -> Counters {
    let acts = [&[ClientSends(POST), OriginSees(POSTED)][..], server_does, &[ClientSeesStatus(status)]].concat();
    let again = [ClientSends(POST), NewServer, OriginSees(POSTED), OriginSends(OK), ClientSees(OK)];
    let counters = play_with(change, &[&acts[..], &again].concat());
    assert_eq!((counters.failed(failure), counters.failed_total()), (1, 1), "{counters:?}");
    assert_eq!((counters.accepted, counters.retries, counters.responses), (1, 0, 1), "{counters:?}");
    counters
}

#[test]
fn a_server_that_breaks_off_before_its_answer_gives_502() {
    let half = "HTTP/1.1 200 OK\nContent-";
    check_told(&[OriginCloses], 502, Failure::ServerClosed);
    check_told(&[OriginResets], 502, Failure::ServerClosed);
    check_told(&[OriginSends(half), Pause(Duration::from_millis(10)), OriginCloses], 502, Failure::ServerClosed);
    check_told(&[OriginSends(half), Pause(Duration::from_millis(10)), OriginResets], 502, Failure::ServerClosed);
    check_told(
        &[OriginSends("HTTP/1.1 103 Early Hints\n\n"), ClientSees("HTTP/1.1 103 Early Hints\n\n"), OriginCloses],
        502,
        Failure::ServerClosed,
    );
}

#[test]
fn a_server_that_talks_nonsense_gives_502() {
    let long = format!("HTTP/1.1 200 OK\nX: {}", "x".repeat(40_000));
    for answer in [
        "SSH-2.0-OpenSSH_9.9\n",
        "HTTP/2 200 OK\n\n",
        "HTTP/1.1 20 OK\n\n",
        "\nHTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 3\n\nok",
        "HTTP/1.1 200 OK\nContent-Length: 2\nTransfer-Encoding: chunked\n\nok",
        "HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n",
        "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nno chunk\n",
        &long,
    ] {
        let long = answer.len() > 32 * 1024;
        let rule = if long { http1::Error::HeadTooLong } else { http1::Error::StatusLine };
        let counters = check_told(&[OriginSends(answer)], 502, Failure::ServerNonsense(rule));
        assert_eq!(counters.refused_responses.count(http1::Error::HeadTooLong), u64::from(long));
    }
}

#[test]
fn a_server_that_never_answers_gives_504_in_time() {
    let tight = |settings: &mut Settings| settings.backend_sets[0].timeouts.response = TIGHT;
    let start = Instant::now();
    check_told_with(tight, &[], 504, Failure::ServerTimeout);
    check_told_with(tight, &[OriginSends("HTTP/1.1 200")], 504, Failure::ServerTimeout);
    let took = start.elapsed();
    assert!(took >= 2 * TIGHT && took < PATIENCE, "took {took:?}");
}

/// The server does nothing more.
const STALLS: Act<'_> = Pause(Duration::ZERO);

/// A response under way cannot become another: it is cut, in a way that cannot be taken for its end.
fn check_truncated(answer: &str, server_does: Act<'_>, end: crate::wire::End) {
    let sees = answer.replace("\n\n", if answer.contains(':') { "\n\n" } else { "\nConnection: close\n\n" });
    let acts =
        [ClientSends(GET), OriginSees(GOT), OriginSends(answer), ClientSees(&sees), server_does, ClientSeesEnd(end)];
    let tight = |settings: &mut Settings| {
        if matches!(server_does, Pause(_)) {
            settings.backend_sets[0].timeouts.body = TIGHT;
        }
    };
    let counters = play_with(tight, &acts);
    assert_eq!((counters.truncated, counters.responses, counters.retries), (1, 0, 0), "{answer:?}: {counters:?}");
}

#[test]
fn a_server_that_breaks_off_in_the_body_cuts_the_response() {
    let length = "HTTP/1.1 200 OK\nContent-Length: 10\n\nhalf";
    let chunked = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhalf";
    let until_close = "HTTP/1.1 200 OK\n\nhalf";
    for answer in [length, chunked] {
        check_truncated(answer, OriginCloses, Eof);
        check_truncated(answer, OriginResets, Eof);
        check_truncated(answer, STALLS, Eof);
    }
    check_truncated(chunked, OriginSends("xxxx"), Eof);
    // Here a FIN would say that the body is whole.
    check_truncated(until_close, OriginResets, Reset);
    check_truncated(until_close, STALLS, Reset);
}

#[test]
fn a_server_that_is_down_gives_502() {
    let down = testkit::free_address();
    let mut settings = stage::settings(&[down]);
    settings.backend_sets[0].timeouts.connect = SHORT;
    let balancer = stage::start(settings, 1, Default::default());
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    client.sends(GET);
    client.sees_status(502);
    // A failure of the servers does not cost the client its connection.
    client.sends(GET);
    client.sees_status(502);
    drop(client);
    let counters = stage::end(balancer);
    assert_eq!((counters.failed(Failure::ServerUnreachable), counters.accepted), (2, 1));
    // Attempts go on for as long as a connect may take, with pauses of 50 and 100 ms, which may be late here.
    let attempts = counters.connects_failed_there;
    assert!((4..=6).contains(&attempts) && counters.connects_failed_here == 0, "blamed on the server: {counters:?}");
    assert_eq!((counters.retries, counters.set_aside), (attempts - 2, 1));
}

#[test]
fn one_server_down_of_two_is_not_noticed() {
    let origin = stage::listener();
    let mut settings = stage::settings(&[testkit::free_address(), stage::address(&origin)]);
    settings.backend_sets[0].health.pause = PATIENCE;
    let balancer = stage::start(settings, 1, Default::default());
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    let mut server: Option<Wire> = None;
    for request in [GET, POST, GET, POST, GET, GET, GET, GET] {
        client.sends(request);
        let server = server.get_or_insert_with(|| stage::accept(&origin, PATIENCE).expect("the server that is up"));
        server.reads_head();
        if request == POST {
            server.sees("x");
        }
        server.sends(OK);
        client.sees(OK);
    }
    drop(client);
    let counters = stage::end(balancer);
    assert_eq!((counters.responses, counters.failed_total()), (8, 0));
    assert_eq!((counters.connects_failed_there, counters.set_aside), (1, 1), "set aside after a failure: {counters:?}");
}

/// The only server refuses: without a number of attempts they are spaced through a restart, with one they are no more.
#[test]
fn a_number_of_attempts_counts_at_a_server_that_refuses() {
    for (waits_for_restart, attempts) in [(false, 3..=3), (true, 5..=9)] {
        let dead = stage::address(&stage::listener());
        let mut settings = stage::settings(&[dead]);
        settings.backend_sets[0].waits_for_restart = waits_for_restart;
        settings.backend_sets[0].timeouts.connect = Duration::from_secs(2);
        let balancer = stage::start(settings, 1, Default::default());
        let mut client = Wire::connect(balancer.addresses()[0], "the client");
        client.sends(GET);
        client.sees_status(502);
        drop(client);
        let counters = stage::end(balancer);
        assert_eq!((counters.failed(Failure::ServerUnreachable), counters.failed_total()), (1, 1));
        assert!(attempts.contains(&counters.connects_failed_there), "{}", counters.connects_failed_there);
    }
}

#[test]
fn a_server_that_takes_no_connection_gives_504_in_time() {
    // A queue for one that is full: further SYNs are dropped (tcp_conn_request, sk_acceptq_is_full).
    let full = sys::socket::listen(&SocketAddr::from(([127, 0, 0, 1], 0)), 0, false).expect("a listener");
    let address = sys::socket::local_address(&full).expect("bound");
    let _fills_the_queue = Wire::connect(address, "the filler");
    let mut settings = stage::settings(&[address]);
    settings.backend_sets[0].timeouts.connect = SHORT;
    settings.backend_sets[0].retries_max = 0;
    let balancer = stage::start(settings, 1, Default::default());
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    let start = Instant::now();
    client.sends(GET);
    client.sees_status(504);
    let took = start.elapsed();
    let default = stage::settings(&[address]).backend_sets[0].timeouts.connect;
    assert!(took >= SHORT && took < default, "took {took:?}");
    drop(client);
    let counters = stage::end(balancer);
    assert_eq!(
        (counters.failed(Failure::ConnectTimeout), [counters.connects_failed_here, counters.connects_failed_there]),
        (1, [0, 1])
    );
}

#[test]
fn without_a_local_port_the_balancer_blames_itself() {
    // Our own choice is free of the kernel's range: nobody else uses these.
    check_ports(PortChoice::Own, (21_034, 21_035));
    check_ports(PortChoice::Kernel, two_free_ports());
}

/// Two requests hold both ports; the third is told so at once, and the server is none the worse for it.
fn check_ports(choice: PortChoice, range: (u16, u16)) {
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].ports.choice = choice;
        settings.backend_sets[0].ports.range = Some(range);
    });
    let begin = || {
        let mut client = stage.client();
        client.sends(GET);
        (client, stage.server())
    };
    let mut holders = [begin(), begin()];
    let mut third = stage.client();
    third.sends(GET);
    third.sees_status(503);
    let answer = |server: &mut Wire, client: &mut Wire| {
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    };
    for (client, server) in &mut holders {
        answer(server, client);
    }
    // The last one idle is the first used.
    third.sends(GET);
    answer(&mut holders[1].1, &mut third);
    drop((holders, third));
    let counters = stage.end();
    assert_eq!((counters.failed(Failure::NoLocalPort), counters.failed_total()), (1, 1), "{choice:?}");
    assert_eq!(
        (counters.connects, [counters.connects_failed_here, counters.connects_failed_there]),
        (2, [1, 0]),
        "{choice:?}"
    );
}

/// A port that comes back soon is waited for.
#[test]
fn a_request_waits_a_moment_for_a_local_port() {
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].ports.choice = PortChoice::Own;
        settings.backend_sets[0].ports.range = Some((21_036, 21_036));
    });
    let (mut first, mut second) = (stage.client(), stage.client());
    first.sends(GET);
    let mut server = stage.server();
    second.sends(GET);
    stage.counts("the second waits", |counters| counters.queued_for_port == 1);
    for client in [&mut first, &mut second] {
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    }
    drop((first, second));
    let counters = stage.end();
    assert_eq!((counters.responses, counters.connects, counters.failed_total()), (2, 1, 0), "{counters:?}");
}

/// Two neighbours of the kernel's range from which it does connect: a port that was bound lately may be held by a
/// TIME_WAIT that `bind()` overlooks and `connect()` does not.
fn two_free_ports() -> (u16, u16) {
    let target = stage::listener();
    let start = 40_000 + (std::process::id() % 10_000) as u16;
    let low = (start..60_000).step_by(2).find(|low| connect_twice(*low, stage::address(&target)));
    let low = low.expect("two free ports");
    (low, low + 1)
}
fn connect_twice(low: u16, to: SocketAddr) -> bool {
    let connect = |_| {
        let fd = sys::socket::tcp_for(&to)?;
        sys::sockopt::set_local_port_range(&fd, low, low + 1)?;
        sys::sockopt::set_linger_reset(&fd)?;
        sys::socket::connect(&fd, &to).map(|_| fd)
    };
    let both: [Result<_, sys::Errno>; 2] = [0, 1].map(connect);
    both.iter().all(Result::is_ok)
}

#[test]
fn a_failed_head_request_is_told_without_a_body() {
    let stage = Stage::new(|_| {});
    let mut client = stage.client();
    client.sends("HEAD /a HTTP/1.1\nHost: a\n\n");
    let mut server = stage.server();
    server.reads_head();
    server.sends("nonsense\n\n");
    let head = client.reads_head();
    assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\nDate: ") && head.contains("\r\nContent-Length: "), "{head}");
    client.sees_nothing(SHORT);
    assert_eq!(stage.end().failed(Failure::ServerNonsense(http1::Error::StatusLine)), 1);
}
