//! Ways of a request: where redirects lead, and in a line with others.

use super::{check_sums, here, random_pace, simulate, target};
use reactor_sim::{HostConfig, Weather};
use seed::Rng;
use std::time::Duration;
use stress_core::plan::WireDraft;
use stress_core::{ClosePolicy, ErrorKind, Oddity, Pace, Plan, PlanDraft, PortMode};
use testkit::sweep;

/// A row of three redirects is one request, whoever ends connections and however they break.
#[test]
fn redirects_are_followed_within_their_request() {
    let plan = |rng: &mut Rng, follow| {
        let draft = PlanDraft {
            connections: 1 + rng.range(0, 4) as u32,
            requests: Some(40),
            close: *rng.pick(&ClosePolicy::ALL),
            ports: *rng.pick(&[PortMode::Kernel, PortMode::Own]),
            follow: Some(follow),
            ..PlanDraft::new(format!("http://{}/redirect/3", target()))
        };
        draft.check().expect("a good draft")
    };
    sweep(here("redirects_are_followed_within_their_request"), 40, |seed| {
        let mut rng = Rng::new(seed);
        let (fair, follow) = (rng.chance(0.5), if rng.chance(0.5) { 10 } else { 2 });
        let plan = plan(&mut rng, follow);
        let weather =
            if fair { Weather::fair(&mut rng) } else { Weather { no_buffers: 0.0, ..Weather::rough(&mut rng) } };
        let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
        check_sums(&plan, &seen)?;
        let tally = &seen.tally;
        let (followed, astray) = (tally.redirects.followed, tally.errors(ErrorKind::Redirect));
        if tally.redirects.elsewhere > 0 || tally.statuses().any(|(status, _)| status != 200) {
            return Err(format!("{:?}, {:?}", tally.redirects, tally.statuses().collect::<Vec<_>>()));
        }
        let whole = if follow == 2 { 2 * astray } else { 3 * tally.ok };
        let expect = if follow == 2 { (0, 40) } else { (40, 0) };
        match fair {
            true if (tally.ok, astray) != expect || followed != whole || seen.answered != 40 * (1 + whole / 40) => {
                Err(format!("{} ok, {astray} astray, {followed} followed, {} answered", tally.ok, seen.answered))
            }
            _ if followed < whole => Err(format!("{followed} followed of {whole} at least")),
            _ => Ok(()),
        }
    });
}

/// `draft` with up to so many requests in flight on each connection.
fn in_a_line(most: u32, draft: PlanDraft) -> Plan {
    let wire = WireDraft { pipeline: Some(most), ..WireDraft::default() };
    PlanDraft { wire, ..draft }.check().expect("a good draft")
}

/// The origin takes 100 ms for each, one after the other: of four that are in flight together the last has waited for all.
#[test]
fn answers_are_matched_in_their_order() {
    let mut rng = Rng::new(5);
    let draft = PlanDraft::new(format!("http://{}/delay/100", target()));
    let plan = in_a_line(4, PlanDraft { connections: 1, requests: Some(12), ..draft });
    let weather = Weather::fair(&mut rng);
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default()).expect("a clean run");
    let tally = &seen.tally;
    assert_eq!((tally.ok, tally.failed(), tally.connects_opened, seen.answered), (12, 0, 1, 12));
    let of = tally.latency.percentiles().expect("twelve responses");
    // 100, 200, 300, and nine times 400, and for each the round trips.
    let [least, mean, most] = [of.min, of.mean, of.max].map(|us| us / 1e3);
    assert!((100.0..140.0).contains(&least) && (350.0..420.0).contains(&mean), "{least} {mean}");
    assert!((400.0..460.0).contains(&most), "{most}");
}

/// Whatever breaks: every request has one outcome, and in fair weather a good one.
fn lined_up(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let path = *rng.pick(&["/", "/bytes/0", "/bytes/70000", "/chunked/900", "/delay/3", "/close"]);
    let draft = PlanDraft {
        connections: 1 + rng.range(0, 5) as u32,
        requests: Some(1 + rng.range(0, 80)),
        pace: if path == "/close" { Pace::Closed } else { random_pace(&mut rng) },
        timeout: Duration::from_secs(120),
        ..PlanDraft::new(format!("http://{}{path}", target()))
    };
    let plan = in_a_line(2 + rng.range(0, 30) as u32, draft);
    let fair = rng.chance(0.5);
    let weather = if fair { Weather::fair(&mut rng) } else { Weather { no_buffers: 0.0, ..Weather::rough(&mut rng) } };
    let seen = simulate(&plan, &mut rng, weather, HostConfig::default())?;
    check_sums(&plan, &seen)?;
    let tally = &seen.tally;
    if fair && tally.failed() > 0 {
        return Err(format!("{path}: {} failed: {:?}", tally.failed(), tally.faults()));
    }
    let is_kept = path != "/close" && fair;
    if is_kept && (seen.answered != tally.ok || tally.connects_opened > u64::from(plan.connections)) {
        return Err(format!("{path}: {} answered, {} opened", seen.answered, tally.connects_opened));
    }
    // Whoever closes says so: what was behind goes out again, and nothing is lost.
    let again = tally.oddities(Oddity::SentAgain);
    if fair && path == "/close" && plan.connections == 1 && tally.connects_opened != tally.ok {
        return Err(format!("{} opened for {}, {again} again", tally.connects_opened, tally.ok));
    }
    Ok(())
}

#[test]
fn requests_in_a_line_have_one_outcome_each() {
    sweep(here("requests_in_a_line_have_one_outcome_each"), 120, lined_up);
}
