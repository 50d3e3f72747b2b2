//! From what a NAT scene showed to a verdict.

use super::scene::{NatAmount, NatExpect, NatFact, NatScene};
use crate::outcome::Verdict;
use crate::verdict::Judgement;
use std::collections::BTreeMap;

/// What is expected, in words and figures.
pub(crate) fn expected_text(scene: &NatScene) -> String {
    let parts: Vec<String> = scene.expect.iter().map(expect_text).collect();
    format!("{} 5-tuples used by both clients: {}", scene.pairs, parts.join(", "))
}

/// Judges; the first difference decides.
pub fn judge(scene: &NatScene, facts: &BTreeMap<NatFact, u64>) -> Judgement {
    if let Some(needed) = scene.needs.filter(|needed| facts.get(needed).is_none_or(|count| *count == 0)) {
        let why = format!("none {}: these clients' clocks gave nothing to judge", needed);
        return Judgement { verdict: Verdict::CannotRun, why };
    }
    let mut unseen = Vec::new();
    for expect in scene.expect {
        match (facts.get(&expect.fact), amount(expect.amount, facts)) {
            (Some(seen), Some(amount)) if expect.relation.holds(*seen, amount) => {}
            (Some(seen), Some(amount)) => {
                let text = expect_text(expect);
                let why = format!("expected {text} (here {amount}), seen {seen}");
                return Judgement { verdict: Verdict::Differs, why };
            }
            _ => unseen.push(expect.fact.name()),
        }
    }
    Judgement { verdict: Verdict::Holds, why: holds_text(&unseen, facts) }
}

fn holds_text(unseen: &[&str], facts: &BTreeMap<NatFact, u64>) -> String {
    let shown = [NatFact::Pairs, NatFact::Challenged, NatFact::Predicted, NatFact::Recovered, NatFact::RecoveredMsMax];
    let figures: Vec<String> = shown
        .iter()
        .filter_map(|fact| facts.get(fact).map(|value| format!("{} {value}", fact.name())))
        .chain(facts.get(&NatFact::Failed).map(|value| format!("{} {value}", NatFact::Failed)))
        .collect();
    match unseen {
        [] => figures.join(", "),
        unseen => format!("{}; not observable here: {}", figures.join(", "), unseen.join(", ")),
    }
}

fn amount(amount: NatAmount, facts: &BTreeMap<NatFact, u64>) -> Option<u64> {
    match amount {
        NatAmount::Number(number) => Some(number),
        NatAmount::Percent(percent, fact) => facts.get(&fact).map(|value| value * percent / 100),
    }
}

fn expect_text(expect: &NatExpect) -> String {
    let amount = match expect.amount {
        NatAmount::Number(number) => number.to_string(),
        NatAmount::Percent(100, fact) => format!("\"{}\"", fact.name()),
        NatAmount::Percent(percent, fact) => format!("{percent} % of \"{}\"", fact.name()),
    };
    format!("{} {} {amount}", expect.fact.name(), expect.relation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nat::catalogue;

    fn facts(changes: &[(NatFact, u64)]) -> BTreeMap<NatFact, u64> {
        let mut facts = BTreeMap::from([
            (NatFact::Pairs, 24),
            (NatFact::Challenged, 11),
            (NatFact::Accepted, 13),
            (NatFact::Predicted, 11),
            (NatFact::Mistaken, 0),
            (NatFact::Recovered, 11),
            (NatFact::RecoveredMsMax, 12),
            (NatFact::RstCarried, 11),
            (NatFact::RstFiltered, 0),
            (NatFact::Failed, 0),
            (NatFact::ClientTimeWait, 0),
            (NatFact::BalancerTimeWait, 24),
            (NatFact::PawsCounted, 11),
        ]);
        facts.extend(changes.iter().copied());
        facts
    }

    fn check(changes: &[(NatFact, u64)], verdict: Verdict, why: &str) {
        let judgement = judge(&catalogue::REUSE, &facts(changes));
        assert_eq!(judgement.verdict, verdict, "{changes:?}: {}", judgement.why);
        assert!(judgement.why.contains(why), "{changes:?}: {}", judgement.why);
    }

    #[test]
    fn figures_decide() {
        check(&[], Verdict::Holds, "answered by an ACK 11");
        check(&[(NatFact::Mistaken, 1)], Verdict::Differs, "predicted otherwise = 0 (here 0), seen 1");
        check(&[(NatFact::Recovered, 10)], Verdict::Differs, "seen 10");
        check(&[(NatFact::Failed, 2)], Verdict::Differs, "second requests failed");
        check(&[(NatFact::Pairs, 23)], Verdict::Differs, "seen 23");
        check(&[(NatFact::PawsCounted, 3)], Verdict::Differs, "PAWS");
        check(&[(NatFact::Challenged, 0)], Verdict::CannotRun, "nothing to judge");
    }

    #[test]
    fn what_was_not_observed_is_named() {
        let mut facts = facts(&[]);
        facts.remove(&NatFact::PawsCounted);
        let judgement = judge(&catalogue::REUSE, &facts);
        assert!(judgement.why.contains("not observable here: PAWS"), "{}", judgement.why);
    }

    #[test]
    fn expectations_are_told_in_figures() {
        let text = expected_text(&catalogue::REUSE);
        assert!(text.starts_with("24 5-tuples used by both clients: "), "{text}");
        assert!(text.contains("of those connected in the end = \"second SYNs answered by an ACK\""), "{text}");
    }
}
