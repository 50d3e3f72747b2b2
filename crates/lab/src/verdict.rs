//! From what was observed to a verdict: nothing but comparing figures.

use crate::experiment::{Expect, Fact, Phase, Scale};
use crate::outcome::Verdict;
use std::collections::BTreeMap;

/// What was observed in one phase. A fact that could not be observed is not in here.
#[derive(Clone, Debug, Default)]
pub struct PhaseFacts {
    /// The figures.
    pub facts: BTreeMap<Fact, u64>,
    /// From the first connect to the end of the phase.
    pub elapsed_ms: u64,
}

/// A verdict and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, in one sentence.
    pub why: String,
}

/// Judges the phases of an experiment, in order; the first difference decides.
pub fn judge(phases: &[Phase], seen: &[PhaseFacts], scale: Scale) -> Judgement {
    if seen.len() != phases.len() {
        return cannot(format!("only {} of {} phases ran", seen.len(), phases.len()));
    }
    let mut unseen = Vec::new();
    for (phase, facts) in phases.iter().zip(seen) {
        if phase.within_reuse_delay && facts.elapsed_ms >= scale.reuse_delay_ms {
            return cannot(format!(
                "using up the ports took {} ms, longer than tcp_tw_reuse_delay={} ms: this machine is too busy \
                 for so many ports; use fewer with --ports",
                facts.elapsed_ms, scale.reuse_delay_ms
            ));
        }
        if let Some(difference) = first_difference(phase, facts, scale, &mut unseen) {
            return Judgement { verdict: Verdict::Differs, why: difference };
        }
    }
    match unseen.is_empty() {
        true => Judgement { verdict: Verdict::Holds, why: "everything expected was seen".into() },
        false => Judgement { verdict: Verdict::Holds, why: confined(unseen) },
    }
}

/// What the phases expect, in figures.
pub(crate) fn expected_text(phases: &[Phase], scale: Scale) -> String {
    let phase_text = |phase: &Phase| {
        let parts: Vec<String> = phase.expect.iter().map(|expect| expect_text(expect, scale)).collect();
        format!("{} requests: {}", phase.requests.value(scale), parts.join(", "))
    };
    let texts: Vec<String> = phases.iter().map(phase_text).collect();
    texts.join(&format!("; then, after {} ms, ", scale.reuse_delay_ms))
}

fn first_difference(phase: &Phase, facts: &PhaseFacts, scale: Scale, unseen: &mut Vec<String>) -> Option<String> {
    for expect in phase.expect {
        match facts.facts.get(&expect.fact) {
            None => unseen.push(expect.fact.label()),
            Some(seen) if expect.relation.holds(*seen, expect.amount.value(scale)) => {}
            Some(seen) => return Some(format!("expected {}, seen {seen}", expect_text(expect, scale))),
        }
    }
    None
}

fn expect_text(expect: &Expect, scale: Scale) -> String {
    format!("{} {} {}", expect.fact.label(), expect.relation, expect.amount.value(scale))
}

fn cannot(why: String) -> Judgement {
    Judgement { verdict: Verdict::CannotRun, why }
}

fn confined(mut unseen: Vec<String>) -> String {
    unseen.sort();
    unseen.dedup();
    format!("everything that can be observed here was as expected; not observable here: {}", unseen.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::experiment::{Method, Traffic};

    const SCALE: Scale = Scale { ports: 100, reuse_delay_ms: 1000 };

    fn traffic(name: &str) -> Traffic {
        match catalogue::find(name).expect("in the catalogue").method {
            Method::Traffic(traffic) => traffic,
            _ => panic!("{name} is no traffic experiment"),
        }
    }

    /// A world in which everything is as expected, but for one fact of one phase.
    fn world(name: &str, changed: Option<(usize, Fact, Option<u64>)>) -> Vec<PhaseFacts> {
        let as_expected = |phase: &Phase| PhaseFacts {
            facts: phase.expect.iter().map(|expect| (expect.fact, expect.amount.value(SCALE))).collect(),
            elapsed_ms: 400,
        };
        let mut seen: Vec<PhaseFacts> = traffic(name).phases.iter().map(as_expected).collect();
        match changed {
            Some((phase, fact, Some(value))) => drop(seen[phase].facts.insert(fact, value)),
            Some((phase, fact, None)) => drop(seen[phase].facts.remove(&fact)),
            None => {}
        }
        seen
    }

    #[track_caller]
    fn check(name: &str, changed: Option<(usize, Fact, Option<u64>)>, verdict: Verdict, why: &str) {
        let judgement = judge(traffic(name).phases, &world(name, changed), SCALE);
        assert_eq!(judgement.verdict, verdict, "{name} {changed:?}: {}", judgement.why);
        assert!(judgement.why.contains(why), "{name} {changed:?}: {}", judgement.why);
    }

    #[test]
    fn as_expected_holds() {
        for experiment in catalogue::catalogue() {
            if matches!(experiment.method, Method::Traffic(_)) {
                check(experiment.name, None, Verdict::Holds, "everything expected was seen");
            }
        }
    }

    #[test]
    fn any_changed_figure_differs_and_both_are_named() {
        let opens = Fact::ClientCounter("Tcp.ActiveOpens");
        let cases = [
            ("problem", 0, Fact::Succeeded, 101, "expected succeeded = 100, seen 101"),
            ("problem", 0, Fact::Errno("EADDRNOTAVAIL"), 24, "expected EADDRNOTAVAIL = 25, seen 24"),
            ("problem", 1, Fact::Succeeded, 1, "expected succeeded = 0, seen 1"),
            ("timestamps-on", 1, Fact::Failed, 3, "expected failed = 0, seen 3"),
            ("reuse-off", 1, Fact::ClientTimeWait, 99, "expected client TIME_WAIT = 100, seen 99"),
            ("balancer-closes-first", 0, Fact::ClientTimeWait, 1, "expected client TIME_WAIT = 0, seen 1"),
            ("balancer-closes-first", 0, Fact::BalancerTimeWait, 0, "expected balancer TIME_WAIT >= 1, seen 0"),
            ("header-alone", 0, opens, 2000, "expected client Tcp.ActiveOpens = 100, seen 2000"),
            ("reset", 0, Fact::BalancerTimeWait, 5, "expected balancer TIME_WAIT = 0, seen 5"),
            ("keep-alive", 0, Fact::ClientTimeWait, 2, "expected client TIME_WAIT <= 1, seen 2"),
            ("own-ports", 0, Fact::Failed, 1, "expected failed = 0, seen 1"),
        ];
        for (name, phase, fact, value, why) in cases {
            check(name, Some((phase, fact, Some(value))), Verdict::Differs, why);
        }
    }

    #[test]
    fn what_was_not_observed_is_named_and_never_assumed() {
        let recycled = Fact::ClientCounter("TcpExt.TWRecycled");
        let why = "not observable here: client TcpExt.TWRecycled";
        check("problem", Some((0, recycled, None)), Verdict::Holds, why);
    }

    #[test]
    fn a_phase_that_took_too_long_proves_nothing() {
        let mut seen = world("timestamps-on", None);
        seen[0].elapsed_ms = 1000;
        let judgement = judge(traffic("timestamps-on").phases, &seen, SCALE);
        assert_eq!(judgement.verdict, Verdict::CannotRun);
        assert!(judgement.why.contains("--ports"), "{}", judgement.why);
    }

    #[test]
    fn a_missing_phase_proves_nothing() {
        let seen = &world("problem", None)[..1];
        assert_eq!(judge(traffic("problem").phases, seen, SCALE).verdict, Verdict::CannotRun);
    }

    #[test]
    fn expectations_are_told_in_figures() {
        let text = expected_text(traffic("timestamps-on").phases, SCALE);
        assert!(text.starts_with("125 requests: succeeded = 100, EADDRNOTAVAIL = 25"), "{text}");
        assert!(text.contains("; then, after 1000 ms, 100 requests: succeeded = 100"), "{text}");
    }
}
