//! Scenes whose outcome is known: what the tester reports is what the server did, one to one.

mod house;

use house::{Act, House};
use ports::ClosedFirst::{self, OurFin, PeerFin, RstReceived, RstSent};
use std::time::Duration;
use stress::StopFlag;
use stress_core::ClosePolicy::{self, Fin, Keep, Rst, Wait};
use stress_core::ErrorKind::{self, Closed, Http, Reset, Timeout, Unanswered};
use stress_core::{Pace, PlanDraft, Rate, Report, Spread, Verdict};
use testkit::PATIENCE;

/// Long enough for any answer that comes, on any machine.
const SHORT: Duration = Duration::from_secs(4);

fn draft(house: &House, close: ClosePolicy, requests: u64) -> PlanDraft {
    PlanDraft {
        close,
        connections: 4,
        threads: Some(2),
        requests: Some(requests),
        timeout: 2 * PATIENCE,
        ..PlanDraft::new(format!("http://{}/", house.address))
    }
}

fn run(draft: PlanDraft) -> Report {
    stress::run(&draft.check().expect("a good plan"), &StopFlag::new(), |_| {}).expect("a run")
}

/// What is expected of 40 requests: complete responses, failures of one kind, bytes of bodies, who closed how many.
type Scene = (Act, ClosePolicy, u64, Option<(ErrorKind, u64)>, u64, &'static [(ClosedFirst, u64)]);

const REQUESTS: u64 = 40;

#[track_caller]
fn check((act, close, ok, failed, bytes, closed): Scene) {
    let house = House::open(act);
    let timeout = if matches!(act, Act::Hangs(_)) { SHORT } else { 2 * PATIENCE };
    let report = run(PlanDraft { timeout, ..draft(&house, close, REQUESTS) });
    let scene = format!("{act:?}, --close {close}: {:?} {:?}", report.errors, report.closed_first);
    assert_eq!(
        (report.requests.ok, report.errors.as_slice()),
        (ok, &failed.into_iter().collect::<Vec<_>>()[..]),
        "{scene}"
    );
    assert_eq!(report.body_bytes, bytes, "{scene}");
    assert_eq!(report.statuses.iter().map(|(_, count)| count).sum::<u64>(), ok, "{scene}");
    for (who, count) in closed {
        assert_eq!(report.closed_first.count(*who), *count, "{scene}");
    }
    assert_eq!(report.verdict.is_good(), failed.is_none(), "{scene}");
    assert_eq!(report.closed_first.total(), report.connections.opened, "every connection has one end: {scene}");
}

/// Whatever the framing, and whoever closes, every answer counts once with all of its bytes.
#[test]
fn good_answers_count_once() {
    // One thread may have made all requests before the other begins: how many connections are kept is open, not how they end.
    let kept: &[_] = &[(PeerFin, 0), (RstSent, 0), (RstReceived, 0)];
    let each = [(Wait, &[(PeerFin, REQUESTS)]), (Fin, &[(OurFin, REQUESTS)]), (Rst, &[(RstSent, REQUESTS)])];
    let each = each.map(|(close, ends): (_, &'static [_; 1])| (close, &ends[..]));
    for (close, ends) in [(Keep, kept)].into_iter().chain(each) {
        check((Act::Polite, close, 40, None, 200, ends));
        check((Act::Late(20), close, 40, None, 200, ends));
        check((Act::Chunked, close, 40, None, 200, ends));
        check((Act::Empty, close, 40, None, 0, ends));
        check((Act::Drips, close, 40, None, 200, ends));
        check((Act::Big(300_000), close, 40, None, 12_000_000, ends));
        check((Act::UntilClose, close, 40, None, 200, &[]));
        check((Act::TooMuch, close, 40, None, 200, &[]));
    }
}

/// Who closes is told even where it is not who was asked to.
#[test]
fn closes_are_told_as_they_were() {
    // Whether the next request, or the end of the run, is quicker than the server's close is open: that no request is lost is not.
    check((Act::ClosesSilently, Keep, 40, None, 200, &[(RstSent, 0)]));
    check((Act::ClosesSilently, Wait, 40, None, 200, &[(PeerFin, 40), (OurFin, 0)]));
    check((Act::NeverCloses, Fin, 40, None, 200, &[(OurFin, 40), (PeerFin, 0)]));
    check((Act::NeverCloses, Rst, 40, None, 200, &[(RstSent, 40), (PeerFin, 0)]));
    check((Act::ResetsAfter, Wait, 40, None, 200, &[(RstReceived, 40), (OurFin, 0)]));
}

/// Each failure is counted as what it was, and no other request suffers by it.
#[test]
fn failures_are_of_their_kind() {
    let failed = |act, kind, bytes| check((act, Wait, 32, Some((kind, 8)), bytes, &[]));
    failed(Act::Resets(5), Reset, 160);
    failed(Act::Leaves(5), Closed, 160);
    failed(Act::Babbles(5), Http, 160);
    failed(Act::BadChunk(5), Http, 160);
    failed(Act::TwoLengths(5), Http, 160);
    // Two bytes of the body came.
    failed(Act::Cuts(5), Closed, 160 + 16);
    failed(Act::ResetsWithin(5), Reset, 160 + 16);
    failed(Act::Hangs(5), Timeout, 160);
    check((Act::Leaves(1), Wait, 0, Some((Closed, 40)), 0, &[]));
    check((Act::Resets(1), Wait, 0, Some((Reset, 40)), 0, &[]));
    check((Act::Babbles(1), Fin, 0, Some((Http, 40)), 0, &[]));
}

/// A status of 400 or above is an answer, and told as what it is.
#[test]
fn statuses_are_answers() {
    for close in [Keep, Fin, Rst] {
        let house = House::open(Act::Status(4, 503));
        let report = run(draft(&house, close, REQUESTS));
        assert_eq!((report.requests.ok, report.requests.failed), (40, 0), "{close}: {:?}", report.errors);
        assert_eq!(report.statuses, [(200, 30), (503, 10)], "{close}");
        assert_eq!(report.verdict, Verdict::ErrorStatuses { count: 10 }, "{close}");
    }
}

/// No request that the server has seen once is made up or left out.
#[test]
fn the_server_saw_what_is_told() {
    for close in [Keep, Wait, Fin, Rst] {
        let house = House::open(Act::Polite);
        let report = run(draft(&house, close, REQUESTS));
        let seen = house.requests.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!((report.requests.ok, seen), (REQUESTS, REQUESTS), "{close}");
    }
}

/// No answer comes earlier than it was sent.
#[test]
fn a_delay_is_in_every_latency() {
    for close in [Keep, Wait, Fin, Rst] {
        let report = run(draft(&House::open(Act::Late(30)), close, REQUESTS));
        let latency = report.latency_us.expect("latencies");
        assert!(latency.min >= 30_000.0 && latency.p50 >= 30_000.0, "{close}: {latency:?}");
    }
}

fn at_a_rate(act: Act, per_s: u64, time: Duration) -> Report {
    let house = House::open(act);
    let rate = Pace::Open(Rate::new(per_s, Duration::from_secs(1)).expect("a rate"), Spread::default());
    run(PlanDraft { pace: rate, duration: Some(time), requests: None, ..draft(&house, Keep, 1) })
}

/// Everybody who becomes due during a stall waits for its end, whether or not a connection was free to ask.
#[test]
fn a_stall_is_in_the_latency_of_all_who_were_due_in_it() {
    let report = at_a_rate(Act::Stalls(20, 500), 200, Duration::from_millis(1500));
    assert_eq!((report.requests.ok, report.not_sent), (300, 0), "{:?}", report.errors);
    let (told, naive) = (report.latency_us.expect("latencies"), report.uncorrected_us.expect("latencies"));
    // 100 were due within it, one each 5 ms: of 300 those of the highest tenth waited for 350 ms and longer.
    assert!(told.max >= 500_000.0 && told.p90 >= 340_000.0 && told.p75 >= 100_000.0, "{told:?}");
    assert!(naive.p50 <= told.p90, "four connections alone waited: {naive:?}");
}

/// A server that freezes is no good server, however quick its answers were before.
#[test]
fn a_frozen_server_is_told_with_all_who_wait() {
    let house = House::open(Act::Freezes(20));
    let (drain, duration) = (Duration::from_millis(300), Some(Duration::from_secs(3)));
    let report = run(PlanDraft { drain, duration, requests: None, ..draft(&house, Keep, 1) });
    assert_eq!((report.requests.ok, report.errors.as_slice()), (20, &[(Unanswered, 4)][..]));
    assert!(report.duration >= Duration::from_secs(3), "the time in which nothing came counts: {:?}", report.duration);
    assert_eq!(report.verdict, Verdict::TargetFailed { by: Unanswered, failed: 4 });
}

/// Rates that the server cannot answer are told as not kept.
#[test]
fn a_rate_that_was_not_kept_is_no_good_run() {
    let report = at_a_rate(Act::Late(100), 400, Duration::from_millis(800));
    assert!(report.not_sent > 0 && !report.is_good(), "{:?}", report.verdict);
    assert!(report.requests.ok <= 160, "four connections, ten answers a second each: {:?}", report.requests);
    let made = report.requests.ok + report.requests.failed + report.not_sent;
    assert_eq!(made, 320, "whoever was due is told: {:?}", report.requests);
}
