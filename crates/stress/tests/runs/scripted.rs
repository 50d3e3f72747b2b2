//! Runs of several requests over real sockets, against the origin.

use origin::OriginPlan;
use std::net::SocketAddr;
use std::time::Duration;
use stress::StopFlag;
use stress_core::script::{CaptureDraft, CaptureFrom};
use stress_core::{ClosePolicy, Course, LoadDraft, Oddity, Order, PlanDraft, Report, RequestDraft, ScriptDraft};
use testkit::PATIENCE;

/// A run of `requests` requests of `script` against an origin of its own.
fn run(script: ScriptDraft, close: ClosePolicy, requests: u64) -> Report {
    let origin = origin::start(OriginPlan::new(SocketAddr::from((testkit::own_loopback(), 0)))).expect("an origin");
    let url = format!("http://{}/", origin.address());
    let (requests, threads) = (Some(requests), Some(2));
    let draft =
        PlanDraft { connections: 4, requests, threads, close, script, timeout: 2 * PATIENCE, ..PlanDraft::new(url) };
    let report = stress::run(&draft.check().expect("a good plan"), &StopFlag::new(), |_| {}).expect("a run");
    assert_eq!((report.requests.ok, report.requests.failed), (requests.unwrap_or(0), 0), "{:?}", report.errors);
    report
}

fn counts(report: &Report) -> Vec<(&str, u64)> {
    report.by_request.iter().map(|one| (one.name.as_str(), one.ok)).collect()
}

#[test]
fn requests_in_turn_are_all_made_with_their_methods_and_bodies() {
    let requests = vec![
        RequestDraft::new("/bytes/10"),
        RequestDraft { body: vec![b'x'; 40_000], name: "echo".into(), ..RequestDraft::new("/echo") },
        RequestDraft { method: Some("HEAD".into()), ..RequestDraft::new("/bytes/5000") },
        RequestDraft::new("/status/404"),
    ];
    for close in ClosePolicy::ALL {
        let script =
            ScriptDraft { requests: requests.clone(), order: Order::InTurn, seed: 1, ..ScriptDraft::default() };
        let report = run(script, close, 80);
        let expect = [("GET /bytes/10", 20), ("echo", 20), ("HEAD /bytes/5000", 20), ("GET /status/404", 20)];
        assert_eq!(counts(&report), expect, "{close:?}");
        assert_eq!(report.statuses, [(200, 60), (404, 20)], "{close:?}");
        assert!(report.body_bytes >= 20 * 40_010, "{close:?}: {}", report.body_bytes);
        assert!(report.by_request.iter().all(|one| one.latency_us.is_some()));
    }
}

#[test]
fn a_long_list_is_written_one_by_one() {
    let requests = (0..200).map(|at| RequestDraft::new(format!("/bytes/{at}"))).collect();
    let report = run(
        ScriptDraft { requests, order: Order::Shuffled, seed: 5, ..ScriptDraft::default() },
        ClosePolicy::Keep,
        400,
    );
    assert_eq!(report.body_bytes, 2 * (0..200).sum::<u64>(), "each came twice");
    assert!(counts(&report).iter().all(|(_, ok)| *ok == 2));
}

/// Each request at its time, by as many threads as there are: none is lost between them.
#[test]
fn a_record_is_replayed_request_by_request() {
    let origin = origin::start(OriginPlan::new(SocketAddr::from((testkit::own_loopback(), 0)))).expect("an origin");
    let times: Vec<Duration> = (0..31).map(|at| Duration::from_millis(at * 100)).collect();
    let course = Some(Course::recorded(&times, 10.0).expect("a course"));
    let load = LoadDraft { course, ..LoadDraft::default() };
    let requests = (0..31).map(|at| RequestDraft::new(format!("/bytes/{at}"))).collect();
    let script = ScriptDraft { requests, order: Order::InTurn, seed: 0, ..ScriptDraft::default() };
    let draft = PlanDraft {
        connections: 8,
        threads: Some(2),
        load,
        script,
        ..PlanDraft::new(format!("http://{}/", origin.address()))
    };
    let report = stress::run(&draft.check().expect("a good plan"), &StopFlag::new(), |_| {}).expect("a run");
    assert!(counts(&report).iter().all(|(_, ok)| *ok == 1), "{:?}", counts(&report));
    assert!(report.duration >= Duration::from_millis(300), "{:?}", report.duration);
}

/// What the origin echoes is kept, and said by the next step of the same place only.
#[test]
fn a_scenario_goes_on_with_what_it_keeps() {
    let capture = |name: &str, from| CaptureDraft { name: name.into(), from };
    let ours = vec![
        capture("id", CaptureFrom::Json("/id".into())),
        capture("word", CaptureFrom::Regex("\"word\":\"([a-z0-9]+)\"".into())),
        capture("length", CaptureFrom::Header("content-length".into())),
    ];
    let body = b"{\"id\":{{counter 10}},\"word\":\"{{string 8}}\"}".to_vec();
    let first = RequestDraft { captures: ours, body: body.clone(), ..RequestDraft::new("/echo") };
    let second = RequestDraft { follows: true, ..RequestDraft::new("/bytes/{{id}}?{{word}}-{{length}}") };
    let lost = vec![capture("gone", CaptureFrom::Json("/gone".into()))];
    let third = RequestDraft { captures: lost, body, ..RequestDraft::new("/echo?lost") };
    let fourth = RequestDraft { follows: true, ..RequestDraft::new("/never/{{gone}}") };
    let script = |requests| ScriptDraft { requests, order: Order::InTurn, ..ScriptDraft::default() };
    for close in [ClosePolicy::Keep, ClosePolicy::Wait] {
        let report = run(script(vec![first.clone(), second.clone()]), close, 40);
        let of = |at: usize| report.by_request[at].ok;
        // A place that has no request left after a first step makes no second one.
        assert!(of(0) + of(1) == 40 && of(0) - of(1) <= 4, "{close:?}: {:?}", counts(&report));
        assert_eq!(report.statuses, [(200, 40)]);
        let report = run(script(vec![third.clone(), fourth.clone()]), close, 40);
        assert_eq!((report.by_request[0].ok, report.by_request[1].ok), (40, 0));
        assert_eq!(report.oddities, [(Oddity::CaptureMissed, 40)]);
    }
}

#[test]
fn counters_go_on_over_all_threads() {
    let request = RequestDraft::new("/bytes/{{counter 1}}");
    let report = run(ScriptDraft { requests: vec![request], ..ScriptDraft::default() }, ClosePolicy::Keep, 100);
    assert_eq!(report.body_bytes, (1..=100).sum::<u64>(), "each number once");
}
