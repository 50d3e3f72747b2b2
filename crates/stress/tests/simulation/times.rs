//! Rates, latencies and their percentiles, where the time of every answer is known beforehand.

use super::house::{Asked, House};
use super::target;
use super::told::{FRESH, KEPT, Seen, Told, check, check_latencies, draft, hello, ms, play, polite, says_after, us};
use ports::ClosedFirst::{OurFin, PeerFin};
use std::time::Duration;
use stress_core::ClosePolicy::{Keep, Wait};
use stress_core::{ErrorKind, Pace, PlanDraft, Rate, Spread, Tally, Verdict};

/// A house that takes so long for each answer; the request of this number stops everybody for so long.
fn house(takes: Duration, stall: Option<(u64, Duration)>) -> House {
    let mut stopped_until = Duration::ZERO;
    House::new(&[target()], move |asked: &Asked| {
        if let Some((_, length)) = stall.filter(|(number, _)| *number == asked.number) {
            stopped_until = asked.at + length;
        }
        says_after(asked, stopped_until.saturating_sub(asked.at) + takes, hello(asked))
    })
}

/// What users see who become due at a rate, of a house with so many places: an account of its own, without a simulation.
struct Line {
    /// Of each request, from when it was due, in microseconds.
    latencies: Vec<(u64, u64)>,
    /// The same from when it was made.
    services: Vec<(u64, u64)>,
    /// Requests that were due, and had no place before the end.
    not_sent: u64,
    /// Connections that were opened.
    opened: u64,
    /// When the last answer was there.
    done: u64,
    /// How long after it was due the last request was made.
    behind: u64,
}

/// `requests` each `every` microseconds; none is made from `until` on.
fn line(places: usize, requests: u64, every: u64, takes: u64, stall: Option<(u64, u64)>, until: u64) -> Line {
    let mut line = Line { latencies: Vec::new(), services: Vec::new(), not_sent: 0, opened: 0, done: 0, behind: 0 };
    let (mut free_at, mut stopped_until): (Vec<u64>, u64) = (Vec::new(), 0);
    for number in 0..requests {
        let due = number * every;
        // Whoever was free last is taken first; where nobody is, a new connection is; else the first who will be.
        let idle = (0..free_at.len()).filter(|at| free_at[*at] <= due).max_by_key(|at| free_at[*at]);
        let is_new = idle.is_none() && free_at.len() < places;
        if is_new {
            free_at.push(due);
        }
        let at = match idle {
            Some(at) => at,
            None if is_new => free_at.len() - 1,
            None => (0..places).min_by_key(|at| free_at[*at]).expect("a place"),
        };
        let made = due.max(free_at[at]);
        if made >= until {
            line.not_sent += 1;
            continue;
        }
        let (there, back) = (if is_new { FRESH - KEPT / 2 } else { KEPT / 2 }, KEPT / 2);
        if let Some((_, length)) = stall.filter(|(which, _)| *which == number) {
            stopped_until = made + there + length;
        }
        free_at[at] = (made + there).max(stopped_until) + takes + back;
        line.latencies.push((1, free_at[at] - due));
        line.services.push((1, free_at[at] - made));
        (line.done, line.behind) = (line.done.max(free_at[at]), made - due);
    }
    line.opened = free_at.len() as u64;
    line
}

fn at_rate(places: u32, per_s: u64, requests: Option<u64>, duration: Option<Duration>) -> PlanDraft {
    let rate = Rate::new(per_s, Duration::from_secs(1)).expect("a rate");
    PlanDraft { pace: Pace::Open(rate, Spread::Constant), requests, duration, ..draft(places, 1, Keep) }
}

#[track_caller]
fn check_line(scene: &str, tally: &Tally, line: &Line) {
    let counts = (tally.ok, tally.failed(), tally.not_sent, tally.connects_opened);
    assert_eq!(counts, (line.latencies.len() as u64, 0, line.not_sent, line.opened), "{scene}");
    check_latencies(scene, &tally.latency, &line.latencies);
    check_latencies(scene, &tally.service, &line.services);
}

/// Everybody who becomes due during a stall waits for its end, whether or not a connection was free to ask.
#[test]
fn a_stall_is_in_the_latency_of_all_who_were_due_in_it() {
    let seen = play(at_rate(4, 200, None, Some(ms(1_500))), house(Duration::ZERO, Some((20, ms(500)))));
    let line = line(4, 300, 5_000, 0, Some((20, 500_000)), 1_500_000);
    check_line("half a second", &seen.tally, &line);
    assert_eq!(seen.tally.elapsed, ms(1_500), "it is a rate over the time that was asked for");
    // 97 of 300 waited for a place; a tester in a closed loop tells of four.
    let waited = |latencies: &[(u64, u64)]| latencies.iter().filter(|(_, us)| *us > FRESH).count();
    assert_eq!((waited(&line.latencies), waited(&line.services)), (101, 4));
}

/// A closed loop waits with the server: one request of two hundred tells of the whole second.
#[test]
fn a_stall_in_a_closed_loop_is_one_answer() {
    let Seen { tally, .. } = play(draft(1, 200, Keep), house(Duration::ZERO, Some((50, ms(1_000)))));
    let told = Told {
        latencies: &[(1, FRESH), (198, KEPT), (1, KEPT + 1_000_000)],
        body_bytes: 1_000,
        closed: &[(OurFin, 1)],
        failed: &[],
    };
    check("a stall of a second", &tally, &told);
    assert_eq!(tally.elapsed, us(FRESH + 199 * KEPT + 1_000_000));
}

/// Percentiles lie where so many answers are slow, and not beside.
#[test]
fn percentiles_are_those_of_the_answers() {
    for (every, slow_ms) in [(10, 300), (50, 400), (100, 70)] {
        let serve = move |asked: &Asked| {
            let is_slow = asked.number % every == every - 1;
            says_after(asked, ms(if is_slow { slow_ms } else { 0 }), hello(asked))
        };
        let Seen { tally, .. } = play(draft(4, 1_000, Keep), House::new(&[target()], serve));
        let slow = 1_000 / every;
        let told = Told {
            latencies: &[(4, FRESH), (996 - slow, KEPT), (slow, KEPT + slow_ms * 1_000)],
            body_bytes: 5_000,
            closed: &[(OurFin, 4)],
            failed: &[],
        };
        check(&format!("every {every}th takes {slow_ms} ms"), &tally, &told);
    }
}

/// All are made in the end, the last ones long after they were due.
#[test]
fn who_comes_too_often_waits_longer_and_longer() {
    let seen = play(at_rate(1, 100, Some(100), None), house(ms(50), None));
    let line = line(1, 100, 10_000, 50_000, None, u64::MAX);
    check_line("twice as often as it answers", &seen.tally, &line);
    assert_eq!((seen.tally.elapsed, seen.done_at), (us(line.done), us(line.done)));
    assert_eq!(Verdict::of(&seen.tally), Verdict::Late { by: us(line.behind) });
    assert_eq!(line.behind, 200 + 99 * 50_200 - 990_000);
}

/// What has no place before the end is never sent: it is told, and no good run.
#[test]
fn a_rate_that_was_not_kept_is_told_with_what_was_not_sent() {
    for (places, takes_ms, per_s) in [(1, 100, 100), (4, 100, 400), (3, 30, 250)] {
        let seen = play(at_rate(places, per_s, None, Some(ms(1_000))), house(ms(takes_ms), None));
        let line = line(places as usize, per_s, 1_000_000 / per_s, takes_ms * 1_000, None, 1_000_000);
        check_line(&format!("{places} places, {takes_ms} ms, {per_s}/s"), &seen.tally, &line);
        assert!(line.not_sent > 0);
        let verdict = Verdict::BehindRate { not_sent: line.not_sent, of: per_s };
        assert_eq!(Verdict::of(&seen.tally), verdict);
    }
}

/// As many connections as answers are under way at a time, and no more.
#[test]
fn a_rate_takes_as_many_connections_as_it_needs() {
    let seen = play(at_rate(50, 100, None, Some(ms(1_000))), house(ms(100), None));
    let line = line(50, 100, 10_000, 100_000, None, 1_000_000);
    check_line("ten at a time, and one on its way", &seen.tally, &line);
    assert_eq!((line.opened, Verdict::of(&seen.tally)), (11, Verdict::Clean));
}

/// A server that freezes is no good server, however quick its answers were: those who wait are told, and the time in which
/// nothing came is part of the rate.
#[test]
fn a_frozen_server_is_told_with_all_who_wait() {
    let frozen = |asked: &Asked| if asked.number < 20 { polite(asked) } else { Vec::new() };
    let (duration, drain) = (Some(ms(3_000)), ms(300));
    let plan = PlanDraft { requests: None, duration, drain, ..draft(4, 1, Keep) };
    let seen = play(plan, House::new(&[target()], frozen));
    let told = Told {
        latencies: &[(4, FRESH), (16, KEPT)],
        failed: &[(ErrorKind::Unanswered, 4)],
        body_bytes: 100,
        closed: &[(OurFin, 4)],
    };
    check("frozen", &seen.tally, &told);
    let tally = &seen.tally;
    assert_eq!((tally.elapsed, tally.drained, seen.done_at), (ms(3_000), ms(300), ms(3_300)));
    assert_eq!(Verdict::of(tally), Verdict::TargetFailed { by: ErrorKind::Unanswered, failed: 4 });
}

/// A run by time makes requests until then, and counts what is answered behind.
#[test]
fn a_run_by_time_counts_to_its_last_answer() {
    let plan = PlanDraft { requests: None, duration: Some(ms(1_000)), ..draft(1, 1, Keep) };
    let Seen { tally, .. } = play(plan, house(ms(10), None));
    // At 0, at 10.4 ms, and every 10.2 ms behind that: the last but one answer is there at 999.8 ms.
    let latencies = &[(1, FRESH + 10_000), (98, KEPT + 10_000)];
    check("a second", &tally, &Told { latencies, body_bytes: 495, closed: &[(OurFin, 1)], failed: &[] });
    assert_eq!((tally.elapsed, Verdict::of(&tally)), (ms(1_010), Verdict::Clean));
}

/// Whoever is taken in late waits for that, too: the time of a request begins with its connection.
#[test]
fn a_slow_door_is_in_every_latency() {
    let mut next = Duration::ZERO;
    let serve = move |asked: &Asked| {
        let seat = next.max(asked.at);
        next = seat + ms(40);
        says_after(asked, seat - asked.at, hello(asked))
    };
    let Seen { tally, .. } = play(draft(4, 20, Wait), House::new(&[target()], serve));
    // Four come at once; each of the others waits for those four before it.
    let first = [(1, FRESH), (1, FRESH + 40_000), (1, FRESH + 80_000), (1, FRESH + 120_000)];
    let latencies = &[&first[..], &[(16, 160_000)]].concat();
    check("one in 40 ms", &tally, &Told { latencies, body_bytes: 100, closed: &[(PeerFin, 20)], failed: &[] });
}
