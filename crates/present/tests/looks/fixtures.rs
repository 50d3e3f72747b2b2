//! What the commands found, once, made by hand: each field that is shown has a value of its own.

use balancer_core::{CloseReason, Counters, Failure, Side};
use doctor_core::HostFacts;
use doctor_core::outlook::Outlook;
use lab::Outcome;
use ports::{ClosedFirst, ClosingTally, Fault};
use std::collections::BTreeMap;
use std::time::Duration;
use stress_core::by_hand::Change;
use stress_core::report::{Host, RunFacts};
use stress_core::{
    ClosePolicy, Failure as Failed, Oddity, Pace, Plan, PlanDraft, PortMode, Rate, Report, Spread, Tally, Threshold,
    TimeWaitOurs,
};

fn plan(close: ClosePolicy) -> Plan {
    let thresholds = ["p99<2ms", "errors<0.1%"].map(|text| Threshold::parse(text).expect("a good threshold")).to_vec();
    let url = "http://192.0.2.1:8080/x";
    let draft = PlanDraft {
        close,
        ports: PortMode::Kernel,
        connections: 10,
        requests: Some(2000),
        thresholds,
        ..PlanDraft::new(url)
    };
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
        host: Host { name: "here".to_owned(), kernel: "6.18.0".to_owned(), cpus: 2, started_unix_s: 1_764_115_200 },
        port_tuples: Some(28_232),
        ports_taken: Some(28_232),
        looked_up: Some(Duration::from_micros(1234)),
        by_hand: stress_core::ByHand::default(),
    }
}

/// 1,500 responses in 2 s, 500 connects without a port, one bad response.
fn tally() -> Tally {
    let mut tally = Tally::default();
    (tally.connects_tried, tally.body_bytes, tally.received_bytes) = (2000, 1 << 20, (1 << 20) + 60_000);
    for n in 0..1500u64 {
        let status = if n % 10 == 0 { 503 } else { 200 };
        let at = Duration::from_micros(1_000_000 + n * 1_000_000 / 1499);
        tally.record_complete(status, Duration::from_micros(100 + n), at);
        tally.record_opened(Duration::from_micros(20), at);
        tally.first_byte.record(Duration::from_micros(80 + n));
        tally.record_connect_cost(Duration::from_micros(10), at);
        tally.record_close(if n < 1000 { ClosedFirst::OurFin } else { ClosedFirst::PeerFin }, at);
    }
    (0..500).for_each(|_| tally.record_failure(Failed::Fault(Fault::from_errno(99)), Duration::ZERO));
    tally.record_failure(Failed::Http(http1::Error::StatusLine), Duration::ZERO);
    tally.record_oddity(Oddity::UnaskedBytes);
    (tally.timestamps_asked, tally.timestamps_seen) = (24, 24);
    tally
}

/// A run that met everything.
pub(crate) fn stress() -> Report {
    Report::new(&plan(ClosePolicy::Fin), facts(TimeWaitOurs::Counted(1000)), &tally())
}

/// A run that was stopped before its first response.
pub(crate) fn stress_nothing() -> Report {
    let draft = PlanDraft {
        ports: PortMode::Own,
        duration: Some(Duration::from_millis(1500)),
        sources: vec!["10.0.0.2".parse().expect("an address"), "10.0.0.3".parse().expect("an address")],
        port_range: Some((21_000, 21_999)),
        body: b"12345".to_vec(),
        ..PlanDraft::new("http://[::1]/")
    };
    let facts = RunFacts { stopped: true, ..facts(TimeWaitOurs::Unknown("no netlink".to_owned())) };
    Report::new(&draft.check().expect("a good draft"), facts, &Tally::default())
}

/// A run at a rate that was not kept.
pub(crate) fn stress_open() -> Report {
    let rate = Rate::new(1000, Duration::from_secs(1)).expect("a good rate");
    let draft = PlanDraft { pace: Pace::Open(rate, Spread::Constant), ..PlanDraft::new("http://192.0.2.1:8080/x") };
    let mut tally = tally();
    tally.not_sent = 7;
    tally.service.record(Duration::from_micros(90));
    let asked = stress_core::Asked::PerSecond(1200.0);
    let by_hand = stress_core::ByHand::new(vec![Change { at: Duration::from_millis(1500), asked }], 0);
    let facts = RunFacts { by_hand, ..facts(TimeWaitOurs::Counted(3)) };
    Report::new(&draft.check().expect("a good draft"), facts, &tally)
}

/// Different counts of every way to end.
fn closes(first: u64) -> ClosingTally {
    let mut tally = ClosingTally::default();
    for (at, who) in ClosedFirst::ALL.into_iter().enumerate() {
        (0..first + at as u64).for_each(|_| tally.record(who));
    }
    tally
}

/// A balancer's totals.
pub(crate) fn serve() -> Counters {
    let mut counters = Counters {
        accepted: 1234,
        accept_paused: 2,
        full: 12,
        requests: 98_765,
        responses: 98_000,
        statuses: [1, 97_000, 300, 400, 299],
        truncated: 6,
        retries: 7,
        connects: 50,
        connects_failed_here: 3,
        connects_failed_there: 4,
        pooled: 97_950,
        queued_for_port: 8,
        port_queue_full: 13,
        recv_waited_for_buffer: 14,
        pipes_missing: 16,
        unwatchable: 15,
        abandoned: 16,
        uploads_cut: 17,
        set_aside: 18,
        tunnels: 9,
        clients_open: 10,
        servers_open: 11,
        client_closes: closes(20),
        server_closes: closes(30),
        ..Counters::default()
    };
    counters.count_failure(Failure::NoLocalPort);
    counters.count_failure(Failure::ServerTimeout);
    counters.count_close(Side::Client, Some(ClosedFirst::PeerFin), CloseReason::PeerLeft);
    counters.count_close(Side::Server, None, CloseReason::PoolRetired);
    counters
}

/// An origin's totals.
pub(crate) fn origin() -> origin::Counters {
    origin::Counters {
        accepted: 5,
        accept_failed: 6,
        requests: 1700,
        refused: 8,
        shortages: 9,
        idle: 10,
        closes: closes(11),
    }
}

/// A look at a host that fills.
pub(crate) fn snapshot() -> doctor::Snapshot {
    let outlook = |to: &str, taken: u64, gone_in_s: Option<u64>| Outlook {
        to: to.to_owned(),
        taken,
        time_wait: taken / 2,
        capacity: 1000,
        rate_per_s: 12.5,
        rate_per_s_max: 16.7,
        gone_in: gone_in_s.map(Duration::from_secs),
        asked: false,
    };
    let outlooks =
        vec![outlook("10.0.0.1:80 from 10.0.0.2", 250, Some(90)), outlook("10.0.0.3:80 from 10.0.0.2", 10, None)];
    doctor::Snapshot { at: Duration::from_secs(3), host: HostFacts::default(), outlooks }
}

/// A claim that holds, one that differs and one that was not tried.
pub(crate) fn lab() -> Vec<Outcome> {
    let part = |tried: u64| lab::Seen {
        tried,
        succeeded: tried - 75,
        errors: BTreeMap::from([("EADDRNOTAVAIL".to_owned(), 75)]),
        client_time_wait: 300,
        balancer_time_wait: 2,
        responses: Some(tried - 75),
        ..lab::Seen::default()
    };
    let curve = |name: &'static str, top: f64| lab::outcome::Series {
        name,
        points: vec![
            lab::outcome::Point { time_wait_percent: 0.0, connect_us_median: 20.5 },
            lab::outcome::Point { time_wait_percent: 100.0, connect_us_median: top },
        ],
    };
    let all = lab::Seen {
        counters: BTreeMap::from([("client.TcpExt.TW".to_owned(), 5)]),
        gateway: BTreeMap::from([("RSTs carried".to_owned(), 6)]),
        phases: vec![part(375), part(100)],
        connect_times: vec![curve("kernel's choice", 1000.0), curve("own ports", 25.0)],
        ..part(475)
    };
    let outcome = |name, verdict, why: &str, seen| Outcome {
        name,
        claim: format!("what {name} says (guide, section 2)"),
        expected: "375 requests: tried = 375".to_owned(),
        seen,
        verdict,
        why: why.to_owned(),
    };
    vec![
        outcome("problem", lab::Verdict::Holds, "as expected", Some(all)),
        outcome("reuse", lab::Verdict::Differs, "expected tried = 375, seen 374", Some(part(374))),
        outcome("recycle", lab::Verdict::CannotRun, "no such kernel", None),
    ]
}
