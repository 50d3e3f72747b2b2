//! Whole runs over real sockets on loopback, against a scripted server.

use crate::common::{LONG_BYTES, Script, Server};
use ports::ClosedFirst;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stress::{StopFlag, StressError};
use stress_core::plan::{ExpectDraft, ReachDraft, WireDraft};
use stress_core::{
    ClosePolicy, ErrorKind, KernelCounter, Oddity, Pace, PlanDraft, PortMode, Rate, Report, Spread, TimeWaitOurs,
    Verdict,
};
use sys::sock_diag::{End, Filter, SockDiag};
use testkit::{PATIENCE, eventually};

fn draft(server: &Server, requests: u64) -> PlanDraft {
    let draft = PlanDraft::new(server.url());
    PlanDraft { connections: 4, requests: Some(requests), threads: Some(2), timeout: 2 * PATIENCE, ..draft }
}

fn run(draft: PlanDraft) -> Report {
    let plan = draft.check().expect("a good plan");
    stress::run(&plan, &StopFlag::new(), |_| {}).expect("a run")
}

#[track_caller]
fn check_all_ok(report: &Report, requests: u64) {
    assert_eq!((report.requests.ok, report.requests.failed), (requests, 0), "{:?}", report.errors);
    assert_eq!(report.statuses, [(200, requests)]);
    assert_eq!(report.verdict, Verdict::Clean);
    assert_eq!(report.body_bytes, 5 * requests);
    let latency = report.latency_us.expect("latencies");
    assert!(latency.p50 > 0.0 && latency.p50 <= latency.p99 && latency.p99 <= latency.max);
    assert_eq!(report.closed_first.total(), report.connections.opened, "every connection has an end");
}

#[test]
fn keep_serves_all_requests_on_a_few_connections() {
    let server = Server::start(Script::Polite);
    let report = run(PlanDraft { threads: Some(1), ..draft(&server, 400) });
    check_all_ok(&report, 400);
    assert_eq!(report.connections.opened, 4);
    assert_eq!(report.closed_first.count(ClosedFirst::OurFin), 4);
    assert_eq!(report.ports.consumed_per_1000_requests, Some(10.0));
    assert_eq!(server.requests.load(Ordering::SeqCst), 400);
}

#[test]
fn wait_leaves_time_wait_to_the_server() {
    let server = Server::start(Script::Polite);
    let report = run(PlanDraft { close: ClosePolicy::Wait, ..draft(&server, 200) });
    check_all_ok(&report, 200);
    assert_eq!(report.connections.opened, 200);
    assert_eq!(report.closed_first.count(ClosedFirst::PeerFin), 200);
    let cost = report.parts.connect_cost_us.expect("each connect(2) is timed");
    assert!(cost.min > 0.0, "{cost:?}");
    assert_eq!(report.ports.time_wait_ours, TimeWaitOurs::Counted(0));
    assert_eq!(report.ports.consumed_per_1000_requests, Some(0.0));
}

/// With the same ends as always, and a body that nobody looks at, or somebody does.
#[test]
fn sockets_are_used_again_where_that_is_asked_for() {
    let server = Server::start(Script::Polite);
    for (close, end) in [(ClosePolicy::Wait, ClosedFirst::PeerFin), (ClosePolicy::Rst, ClosedFirst::RstSent)] {
        let report = run(PlanDraft { close, recycle: true, ..draft(&server, 400) });
        check_all_ok(&report, 400);
        assert_eq!((report.connections.opened, report.closed_first.count(end)), (400, 400), "{close:?}");
        assert!(report.connections.sockets_reused > 0, "{close:?}");
        assert_eq!(report.ports.time_wait_ours, TimeWaitOurs::Counted(0));
    }
    let report = run(PlanDraft { close: ClosePolicy::Rst, ..draft(&server, 20) });
    assert_eq!(report.connections.sockets_reused, 0);
}

#[test]
fn a_long_body_counts_whether_anybody_looks_at_it_or_not() {
    let looking = || ExpectDraft { body: Some("the end".into()), ..ExpectDraft::default() };
    for expect in [ExpectDraft::default(), looking()] {
        let server = Server::start(Script::Long);
        let report = run(PlanDraft { expect, ..draft(&server, 40) });
        assert_eq!((report.requests.ok, report.requests.failed), (40, 0), "{:?}", report.errors);
        assert_eq!((report.body_bytes, report.connections.opened), (40 * LONG_BYTES as u64, 4));
        assert!(report.received_bytes > report.body_bytes);
    }
}

#[test]
fn fin_keeps_time_wait_here() {
    let server = Server::start(Script::Polite);
    let report = run(PlanDraft { close: ClosePolicy::Fin, ..draft(&server, 200) });
    check_all_ok(&report, 200);
    assert_eq!(report.closed_first.count(ClosedFirst::OurFin), 200);
    assert_eq!(report.ports.consumed_per_1000_requests, Some(1000.0));
    let TimeWaitOurs::Counted(count) = report.ports.time_wait_ours else { panic!("{:?}", report.ports) };
    // A server under load may close the last ones after the tester's patience.
    assert!(count <= 200, "{count}");
    let time_waits = || SockDiag::open().and_then(|mut diag| diag.time_wait_towards(server.address));
    eventually("every one of them is in TIME_WAIT", || time_waits().expect("sock_diag") == 200);
}

/// Each connection has its share of requests, then the server is asked to close; it may be one that speaks HTTP/1.0.
#[test]
fn connections_carry_as_many_requests_as_was_said() {
    let per_connection = |bounds, http10| WireDraft { per_connection: Some(bounds), http10, ..WireDraft::default() };
    for http10 in [false, true] {
        let server = Server::start(Script::Polite);
        let report = run(PlanDraft { connections: 1, wire: per_connection((5, 5), http10), ..draft(&server, 200) });
        check_all_ok(&report, 200);
        let ends = (report.connections.opened, report.closed_first.count(ClosedFirst::PeerFin));
        assert_eq!(ends, (40, 40), "{:?}", report.closed_first);
        assert_eq!(server.connections.load(Ordering::SeqCst), 40);
    }
    let server = Server::start(Script::Polite);
    let some = PlanDraft { close: ClosePolicy::Fin, wire: per_connection((2, 20), false), ..draft(&server, 400) };
    let report = run(some);
    check_all_ok(&report, 400);
    assert!((20..200).contains(&report.connections.opened), "{}", report.connections.opened);
    assert_eq!(report.closed_first.count(ClosedFirst::OurFin), report.connections.opened);
}

/// They are failures of their own, on connections that go on.
#[test]
fn responses_that_are_not_as_expected_are_counted_apart() {
    let run_with = |expect: ExpectDraft| {
        let server = Server::start(Script::Polite);
        // Of two threads one may have made all requests before the other begins.
        let report = run(PlanDraft { expect, threads: Some(1), ..draft(&server, 100) });
        assert_eq!(report.connections.opened, 4, "{:?}", report.errors);
        report
    };
    let good = ExpectDraft { statuses: vec!["200".into()], headers: Vec::new(), body: Some("ell".into()) };
    check_all_ok(&run_with(good.clone()), 100);
    let report = run_with(ExpectDraft { statuses: vec!["204".into()], ..good.clone() });
    assert_eq!((&report.errors[..], report.requests.ok), (&[(ErrorKind::Status, 100)][..], 0));
    assert_eq!((&report.unexpected[..], report.verdict.is_good()), (&[(200, 100)][..], false));
    let report = run_with(ExpectDraft { body: Some("bye".into()), ..good });
    assert_eq!(report.errors, [(ErrorKind::Body, 100)]);
}

/// A name that no resolver knows, by an address, by another place, and by a proxy, which is asked for the whole URL.
#[test]
fn connections_go_where_it_was_said() {
    let server = Server::start(Script::Polite);
    let (ip, port) = (server.address.ip(), server.address.port());
    let reach = |resolve: &str, connect_to: &str, proxy: Option<String>| {
        let list = |text: &str| if text.is_empty() { Vec::new() } else { vec![text.to_owned()] };
        ReachDraft { resolve: list(resolve), connect_to: list(connect_to), proxy, ..ReachDraft::default() }
    };
    for (url, reach) in [
        (format!("http://a.invalid:{port}/"), reach(&format!("a.invalid:{port}:{ip}"), "", None)),
        ("http://a.invalid/".to_owned(), reach("", &format!("::{ip}:{port}"), None)),
        ("http://a.invalid/x".to_owned(), reach("", "", Some(format!("http://{}", server.address)))),
    ] {
        let report = run(PlanDraft { url: url.clone(), reach, ..draft(&server, 40) });
        check_all_ok(&report, 40);
        assert_eq!(report.plan.targets, [server.address], "{url}");
    }
}

/// The server sees our FIN behind the request, and its response comes all the same: one that closes, and one that never would.
#[test]
fn half_closes_before_it_reads() {
    for script in [Script::Polite, Script::NeverCloses] {
        let server = Server::start(script);
        let report = run(PlanDraft { close: ClosePolicy::Half, ..draft(&server, 100) });
        check_all_ok(&report, 100);
        assert_eq!(report.closed_first.count(ClosedFirst::OurFin), 100, "{script:?}: {:?}", report.closed_first);
        assert_eq!((report.connections.opened, report.oddities.len()), (100, 0), "{script:?}: {:?}", report.oddities);
    }
}

#[test]
fn rst_leaves_no_time_wait() {
    let server = Server::start(Script::Polite);
    let report = run(PlanDraft { close: ClosePolicy::Rst, ..draft(&server, 200) });
    check_all_ok(&report, 200);
    assert_eq!(report.closed_first.count(ClosedFirst::RstSent), 200);
    assert_eq!(report.ports.time_wait_ours, TimeWaitOurs::Counted(0));
}

#[test]
fn our_own_ports_outlast_their_range() {
    // A port whose last connection the server has not closed yet cannot be used again.
    let server = Server::one_at_a_time(Script::Polite);
    // Outside the usual ephemeral range, so that nobody else's connect() takes them.
    let own = PlanDraft { ports: PortMode::Own, port_range: Some((21_000, 21_031)), ..draft(&server, 320) };
    let report = run(PlanDraft { close: ClosePolicy::Fin, ..own });
    check_all_ok(&report, 320);
    assert_eq!(report.closed_first.count(ClosedFirst::OurFin), 320);
    let TimeWaitOurs::Counted(count) = report.ports.time_wait_ours else { panic!("{:?}", report.ports) };
    assert!(count <= 32, "32 ports cannot leave {count} TIME_WAITs");
    assert_eq!(report.connections.timestamps_seen, report.connections.timestamps_asked);
}

/// Ports bound inside the kernel's range would be lost to every other program of this host for 60 s.
#[test]
fn our_own_ports_are_nobody_elses() {
    let server = Server::one_at_a_time(Script::Polite);
    let own = PlanDraft { ports: PortMode::Own, close: ClosePolicy::Fin, ..draft(&server, 40) };
    check_all_ok(&run(own), 40);
    let (low, high) = sys::sysctl::local_port_range().expect("every Linux has a range");
    let filter = Filter { remote: End::Exact(server.address), ..Filter::default() };
    let mut ports = Vec::new();
    let mut diag = SockDiag::open().expect("sock_diag");
    diag.for_each(&filter, |entry| ports.push(entry.local.port())).expect("the table");
    assert!(ports.len() >= 40 && ports.iter().all(|port| *port < low || *port > high), "{low}-{high}: {ports:?}");
}

/// What a run costs this host is told while it goes on, and at its end.
#[test]
fn ports_and_what_the_kernel_counts_are_told() {
    let server = Server::start(Script::Polite);
    let rate = Pace::Open(Rate::new(100, Duration::from_secs(1)).expect("a rate"), Spread::default());
    let (close, pace, duration) = (ClosePolicy::Fin, rate, Some(Duration::from_millis(1600)));
    let plan = PlanDraft { close, pace, duration, requests: None, ..draft(&server, 1) }.check().expect("a good plan");
    let mut last = None;
    let report = stress::run(&plan, &StopFlag::new(), |snapshot| last = Some(snapshot.clone())).expect("a run");
    let last = last.expect("it is told twice a second");
    let (waiting, free) = (last.ports.time_wait.expect("sock_diag"), last.ports.free.expect("a range of ports"));
    assert!((1..=200).contains(&waiting) && free > 0, "{last:?}");
    assert!(last.connect_us.is_some_and(|each| each > 0.0), "{last:?}");
    for counter in KernelCounter::ALL {
        assert!(
            last.kernel.get(counter).is_some() && report.kernel.get(counter) >= last.kernel.get(counter),
            "{counter}"
        );
    }
    assert!(report.kernel.get(KernelCounter::Segments) > Some(300), "{:?}", report.kernel);
    assert!(report.tester.cpu_percent.is_some_and(|percent| percent > 0.0), "{:?}", report.tester.cpu_percent);
    let (said, came) = report.forecast.expect("before the start");
    assert_eq!((said.asked_per_s, said.is_good(), came.held), (Some(100.0), true, Some(true)), "{}", said.words());
}

#[test]
fn every_framing_is_understood() {
    for script in [Script::Chunked, Script::UntilClose, Script::TooMuch] {
        for close in ClosePolicy::ALL {
            let server = Server::start(script);
            let report = run(PlanDraft { close, ..draft(&server, 40) });
            assert_eq!((report.requests.ok, report.body_bytes), (40, 200), "{script:?} {close:?}: {:?}", report.errors);
        }
    }
}

#[test]
fn a_request_body_of_many_buffers_arrives_whole() {
    let server = Server::start(Script::Polite);
    let report = run(PlanDraft { body: vec![b'x'; 300_000], ..draft(&server, 20) });
    check_all_ok(&report, 20);
    assert_eq!(server.body_bytes.load(Ordering::SeqCst), 20 * 300_000);
}

#[track_caller]
fn check_fails(script: Script, timeout: Duration, expect: ErrorKind) {
    let server = Server::start(script);
    let report = run(PlanDraft { timeout, ..draft(&server, 8) });
    assert_eq!(report.errors, [(expect, 8)], "{script:?}");
    assert_eq!((report.requests.ok, report.requests.per_s), (0, Some(0.0)), "failures are no requests per second");
    assert!(matches!(report.verdict, Verdict::TargetFailed { by, failed: 8 } if by == expect));
    assert_eq!(report.latency_us, None);
}

/// Every second request goes to a connection that is already closed. hey, ab and wrk count none of them as failed.
#[test]
fn a_server_that_closes_kept_connections_fails_nothing() {
    let server = Server::start(Script::ClosesSilently);
    let report = run(draft(&server, 200));
    check_all_ok(&report, 200);
    let again = report.oddities.iter().find(|(what, _)| *what == Oddity::SentAgain).map_or(0, |(_, count)| *count);
    assert_eq!(report.connections.opened, 4 + again, "each has one request");
    assert!(again >= 190, "{:?}", report.oddities);
}

#[test]
fn every_address_of_a_name_has_its_turn() {
    let servers = [Server::start(Script::Polite), Server::start(Script::Polite)];
    let plan = PlanDraft { close: ClosePolicy::Wait, ..draft(&servers[0], 40) }.check().expect("a good plan");
    let mut ready = stress::prepare(&plan).expect("ready");
    ready.targets = servers.iter().map(|server| server.address.into()).collect();
    let report = stress::run_prepared(ready, &StopFlag::new(), |_| {}).expect("a run");
    check_all_ok(&report, 40);
    let shares = servers.each_ref().map(|server| server.connections.load(Ordering::SeqCst));
    // Each of two threads takes turns by itself.
    assert!(shares.iter().sum::<u64>() == 40 && shares[0].abs_diff(shares[1]) <= 2, "{shares:?}");
    assert_eq!(report.plan.targets.len(), 2);
}

#[test]
fn a_head_of_many_buffers_is_read_and_said() {
    let server = Server::start(Script::LongHead);
    let report = run(draft(&server, 40));
    check_all_ok(&report, 40);
    assert_eq!(report.oddities, [(Oddity::LargeHead, 40)]);
}

#[test]
fn one_request_per_connection_can_be_asked_for_by_its_field() {
    let server = Server::start(Script::Polite);
    let report = run(PlanDraft { headers: vec!["Connection: close".into()], ..draft(&server, 100) });
    check_all_ok(&report, 100);
    assert_eq!((report.connections.opened, report.closed_first.count(ClosedFirst::PeerFin)), (100, 100));
    assert_eq!(report.oddities, []);
}

#[test]
fn failures_of_the_target_are_told_apart() {
    check_fails(Script::CutsShort, PATIENCE, ErrorKind::Closed);
    check_fails(Script::Nonsense, PATIENCE, ErrorKind::Http);
    check_fails(Script::Silent, Duration::from_millis(200), ErrorKind::Timeout);
}

#[test]
fn a_target_that_refuses_is_tried_again_without_haste() {
    let server = Server::start(Script::Polite);
    let (url, address) = (server.url(), server.address);
    drop(server);
    eventually("the server is gone", || std::net::TcpStream::connect(address).is_err());
    let started = Instant::now();
    let report = run(PlanDraft { connections: 2, requests: Some(20), threads: Some(1), ..PlanDraft::new(url) });
    assert_eq!(report.errors, [(ErrorKind::Refused, 20)], "no connection gives up");
    // Twenty tries of two connections: the slower one made at least nine pauses, 1 + 2 + 4 + ... + 64 + 100 + 100 ms.
    assert!(started.elapsed() >= Duration::from_millis(327), "{:?}", started.elapsed());
    assert_eq!(report.connections.opened, 0);
}

#[test]
fn used_up_ports_are_this_hosts_failure() {
    let server = Server::start(Script::Polite);
    // Ten ports for twenty connections: ten connects fail at once, however slow this host is.
    let scarce = PlanDraft { connections: 20, threads: Some(1), ..draft(&server, 40) };
    let report = run(PlanDraft { close: ClosePolicy::Fin, port_range: Some((33_000, 33_009)), ..scarce });
    assert_eq!(report.errors, [(ErrorKind::ClientPorts, 40 - report.requests.ok)]);
    assert!(report.requests.ok > 0 && report.requests.failed >= 10, "{:?}", report.requests);
    assert!(report.verdict.is_client_limited());
    assert_eq!(report.faults[0].0.errno_name(), "EADDRNOTAVAIL");
    assert_eq!((report.connections.tried, report.connections.opened), (40, report.requests.ok));
}

#[test]
fn a_server_that_never_closes_is_waited_for_no_longer_than_the_time_out() {
    let server = Server::start(Script::NeverCloses);
    let patient = PlanDraft { close: ClosePolicy::Wait, timeout: Duration::from_secs(1), ..draft(&server, 8) };
    let report = run(patient);
    assert_eq!((report.requests.ok, report.requests.failed), (8, 0));
    assert_eq!(report.oddities, [(Oddity::WaitExpired, 8)]);
    assert_eq!(report.closed_first.count(ClosedFirst::OurFin), 8);
}

#[test]
fn a_run_ends_in_time_and_drains() {
    let server = Server::start(Script::Silent);
    let endless = PlanDraft { requests: None, duration: Some(Duration::from_secs(1)), ..draft(&server, 1) };
    let started = Instant::now();
    let report = run(PlanDraft { drain: Duration::from_millis(200), ..endless });
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    assert_eq!((report.requests.ok, &report.errors[..]), (0, &[(ErrorKind::Unanswered, 4)][..]));
    assert!(report.drained >= Duration::from_millis(200), "{:?}", report.drained);
}

/// What was answered before is a rate over the time that was asked for, not over the time until the target froze.
#[test]
fn a_target_that_freezes_is_no_clean_run() {
    let server = Server::start(Script::Freezes(40));
    let timed = PlanDraft { requests: None, duration: Some(Duration::from_secs(2)), ..draft(&server, 1) };
    let report = run(PlanDraft { drain: Duration::from_millis(200), ..timed });
    assert_eq!(report.errors, [(ErrorKind::Unanswered, 4)], "every connection has one in flight");
    assert_eq!(report.verdict, Verdict::TargetFailed { by: ErrorKind::Unanswered, failed: 4 });
    assert!(report.requests.ok >= 36, "{:?}", report.requests);
    assert!(report.duration >= Duration::from_secs(2) && report.duration < PATIENCE, "{:?}", report.duration);
    let rate = report.requests.ok as f64 / report.duration.as_secs_f64();
    assert_eq!(report.requests.per_s, Some(rate));
}

#[test]
fn source_addresses_take_turns_and_multiply_the_ports() {
    let server = Server::start(Script::Polite);
    let sources: Vec<std::net::IpAddr> = (2..=5u8).map(|last| [127, 0, 0, last].into()).collect();
    let scarce = PlanDraft { close: ClosePolicy::Fin, port_range: Some(ten_free_ports()), ..draft(&server, 40) };
    let one_thread = PlanDraft { threads: Some(1), connections: 40, ..scarce };
    let report = run(PlanDraft { sources, ..one_thread });
    check_all_ok(&report, 40);
}

/// Ten ports in a row from which `connect()` works: it passes over those that somebody has bound, and a `bind()` to find
/// that out would make one in TIME_WAIT such a port.
fn ten_free_ports() -> (u16, u16) {
    let target = std::net::TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let to = target.local_addr().expect("bound");
    let first = 34_000 + (std::process::id() % 1000) as u16 * 10;
    let mut starts = (first..60_000).step_by(10);
    let low = starts.find(|low| (*low..low + 10).all(|port| connects_from(port, to))).expect("ten free ports in a row");
    (low, low + 9)
}

/// Leaves nothing behind: the connection is reset.
fn connects_from(port: u16, to: std::net::SocketAddr) -> bool {
    let connect = || {
        let fd = sys::socket::tcp_for(&to)?;
        sys::sockopt::set_local_port_range(&fd, port, port)?;
        sys::sockopt::set_linger_reset(&fd)?;
        sys::socket::connect(&fd, &to)
    };
    connect().is_ok()
}

#[test]
fn a_stopped_run_reports_what_was_done() {
    let server = Server::start(Script::Polite);
    let endless = PlanDraft { requests: None, duration: Some(20 * PATIENCE), ..draft(&server, 1) };
    let plan = endless.check().expect("a good plan");
    let stop = StopFlag::new();
    let started = Instant::now();
    let stop_early = |snapshot: &stress_core::Snapshot| {
        if snapshot.ok > 0 {
            stop.stop();
        }
    };
    let report = stress::run(&plan, &stop, stop_early).expect("a run");
    assert!(started.elapsed() < 2 * PATIENCE, "{:?}", started.elapsed());
    assert!(report.stopped && report.requests.ok > 0);
    assert_eq!(report.requests.failed, 0);
}

#[test]
fn what_cannot_start_is_named_before_the_start() {
    let check = |draft: PlanDraft| {
        let plan = draft.check().expect("a good plan");
        stress::run(&plan, &StopFlag::new(), |_| {}).expect_err("cannot start")
    };
    let many = check(PlanDraft { connections: 1_000_000, ..PlanDraft::new("http://127.0.0.1:9") });
    assert!(matches!(many, StressError::Files { connections: 1_000_000, .. }), "{many}");
    assert!(many.to_string().contains("ulimit -n"));
    let unknown = check(PlanDraft::new("http://no-such-host.invalid/"));
    assert!(matches!(unknown, StressError::Resolve { .. }), "{unknown}");
    let sources = vec!["::1".parse().unwrap()];
    let family = check(PlanDraft { sources, ..PlanDraft::new("http://127.0.0.1:9") });
    assert!(matches!(family, StressError::Family { .. }), "{family}");
    let sources = vec!["192.0.2.77".parse().unwrap()];
    let elsewhere = check(PlanDraft { sources, ..PlanDraft::new("http://127.0.0.1:9") });
    assert!(matches!(elsewhere, StressError::SourceNotHere { .. }), "{elsewhere}");
    let narrow = PlanDraft {
        ports: PortMode::Own,
        port_range: Some((100, 101)),
        threads: Some(3),
        ..PlanDraft::new("http://127.0.0.1:9")
    };
    assert!(check(narrow).to_string().contains("fewer threads"));
}
