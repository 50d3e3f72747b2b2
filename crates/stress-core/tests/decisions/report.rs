//! Reports: their arithmetic.

use ports::{ClosedFirst, Fault};
use std::time::Duration;
use stress_core::report::{Host, RunFacts};
use stress_core::{ClosePolicy, ErrorKind, Failure, Oddity, Plan, PlanDraft, PortMode, Report, Tally, TimeWaitOurs};

fn plan(close: ClosePolicy) -> Plan {
    let draft = PlanDraft { close, connections: 10, requests: Some(2000), ..PlanDraft::new("http://192.0.2.1:8080/x") };
    draft.check().expect("a good draft")
}

fn facts(time_wait_ours: TimeWaitOurs) -> RunFacts {
    RunFacts {
        cpu: std::time::Duration::from_secs(1),
        kernel: stress_core::KernelCounts::default(),
        forecast: None,
        targets: vec![std::net::SocketAddr::from(([192, 0, 2, 1], 8080)).into()],
        threads: 2,
        stopped: false,
        time_wait_ours,
        warnings: vec!["said before".to_owned()],
        busy: Some(0.5),
        host: Host::default(),
        port_tuples: Some(28_232),
        ports_taken: Some(28_232),
        looked_up: None,
        by_hand: stress_core::ByHand::default(),
    }
}

/// 1,500 responses in 2 s, 500 connects without a port, one bad response.
fn tally() -> Tally {
    let mut tally = Tally::default();
    (tally.connects_tried, tally.connects_opened, tally.body_bytes) = (2000, 1500, 1 << 20);
    for n in 0..1500u64 {
        let status = if n % 10 == 0 { 503 } else { 200 };
        let at = Duration::from_micros(1_000_000 + n * 1_000_000 / 1499);
        tally.record_complete(status, Duration::from_micros(100 + n), at);
        tally.connect_time.record(Duration::from_micros(20));
        tally.closed.record(if n < 1000 { ClosedFirst::OurFin } else { ClosedFirst::PeerFin });
    }
    (0..500).for_each(|_| tally.record_failure(Failure::Fault(Fault::from_errno(99)), Duration::ZERO));
    tally.record_failure(Failure::Http(http1::Error::StatusLine), Duration::ZERO);
    tally.record_oddity(Oddity::UnaskedBytes);
    (tally.timestamps_asked, tally.timestamps_seen) = (24, 24);
    tally
}

#[test]
fn rates_are_of_what_was_completed_over_the_time_it_took() {
    let report = Report::new(&plan(ClosePolicy::Fin), facts(TimeWaitOurs::Counted(1000)), &tally());
    assert_eq!(report.duration, Duration::from_secs(2));
    assert_eq!((report.requests.ok, report.requests.failed, report.requests.per_s), (1500, 501, Some(750.0)));
    assert_eq!(
        (report.connections.tried, report.connections.opened, report.connections.per_s),
        (2000, 1500, Some(750.0))
    );
    assert_eq!(report.statuses, [(200, 1350), (503, 150)]);
    assert_eq!(report.errors, [(ErrorKind::ClientPorts, 500), (ErrorKind::Http, 1)]);
    let consumed = report.ports.consumed_per_1000_requests.unwrap();
    assert!((consumed - 666.67).abs() < 0.01, "{consumed}");
    assert_eq!(report.raw.timeline.entries().iter().map(stress_core::Moment::ok).sum::<u64>(), 1500);
    assert!(report.verdict.is_client_limited() && !report.verdict.is_good());
}

#[test]
fn nothing_measured_is_no_number() {
    let report =
        Report::new(&plan(ClosePolicy::Keep), facts(TimeWaitOurs::Unknown("no netlink".into())), &Tally::default());
    assert_eq!((report.requests.per_s, report.latency_us, report.ports.consumed_per_1000_requests), (None, None, None));
    assert!(matches!(&report.ports.time_wait_ours, TimeWaitOurs::Unknown(why) if why == "no netlink"));
    assert_eq!(report.verdict.to_string(), "nothing was measured");
}

#[test]
fn keep_alive_that_keeps_nothing_is_noted() {
    let check = |close, who, ends: u64, noted| {
        let mut tally = tally();
        tally.closed = Default::default();
        (0..ends).for_each(|_| tally.closed.record(who));
        let report = Report::new(&plan(close), facts(TimeWaitOurs::Counted(0)), &tally);
        let has = report.notes.iter().any(|note| note.contains("inert"));
        assert_eq!(has, noted, "{close:?} {ends} {who:?}: {:?}", report.notes);
    };
    check(ClosePolicy::Keep, ClosedFirst::PeerFin, 1500, true);
    check(ClosePolicy::Keep, ClosedFirst::RstReceived, 1500, true);
    // Ours, because there are as many connections as requests.
    check(ClosePolicy::Keep, ClosedFirst::OurFin, 1500, false);
    check(ClosePolicy::Keep, ClosedFirst::PeerFin, 700, false);
    check(ClosePolicy::Wait, ClosedFirst::PeerFin, 1500, false);
}

#[test]
fn a_tester_at_its_limit_says_so() {
    let noted = |busy, tally: &Tally| {
        let facts = RunFacts { busy, ..facts(TimeWaitOurs::Counted(0)) };
        let notes = Report::new(&plan(ClosePolicy::Keep), facts, tally).notes;
        notes.iter().any(|note| note.contains("this tester itself was at its limit"))
    };
    let shares = [None, Some(0.5), Some(0.89), Some(0.9), Some(1.02)];
    let mut clean = Tally::default();
    clean.record_complete(200, Duration::ZERO, Duration::from_secs(1));
    assert_eq!(shares.map(|busy| noted(busy, &clean)), [false, false, false, true, true]);
    assert!(!noted(Some(1.0), &Tally::default()), "too short to tell");
    assert!(!noted(Some(1.0), &tally()), "more threads are no cure for want of ports");
}

#[test]
fn a_post_on_a_kept_connection_that_ended_is_explained() {
    let noted = |method: &str, close, why| {
        let draft = PlanDraft { method: Some(method.to_owned()), close, ..PlanDraft::new("http://a/") };
        let mut tally = Tally::default();
        tally.record_failure(why, Duration::ZERO);
        let report = Report::new(&draft.check().expect("good"), facts(TimeWaitOurs::Counted(0)), &tally);
        report.notes.iter().any(|note| note.contains("is not sent again"))
    };
    assert!(noted("POST", ClosePolicy::Keep, Failure::Closed));
    assert!(!noted("GET", ClosePolicy::Keep, Failure::Closed));
    assert!(!noted("POST", ClosePolicy::Wait, Failure::Closed));
    assert!(!noted("POST", ClosePolicy::Keep, Failure::Timeout));
}

#[test]
fn why_connects_are_slow_is_said() {
    let noted = |ports_taken| {
        let mut tally = Tally::default();
        (0..20).for_each(|_| tally.record_connect_cost(Duration::from_millis(1), Duration::ZERO));
        let facts = RunFacts { ports_taken, ..facts(TimeWaitOurs::Counted(0)) };
        Report::new(&plan(ClosePolicy::Fin), facts, &tally).notes.join("; ")
    };
    assert!(noted(Some(20_000)).contains("searches long"), "{}", noted(Some(20_000)));
    assert!(noted(None).contains("searches long"));
    assert!(noted(Some(100)).contains("not for want of ports"), "{}", noted(Some(100)));
}

#[test]
fn own_ports_without_timestamps_are_noted() {
    let own = PlanDraft { ports: PortMode::Own, ..PlanDraft::new("http://a/") }.check().unwrap();
    let mut without = Tally::default();
    without.timestamps_asked = 3;
    let report = Report::new(&own, facts(TimeWaitOurs::Counted(0)), &without);
    assert!(report.notes.iter().any(|note| note.contains("timestamps")), "{:?}", report.notes);
}
