//! The tester's report as text.

use crate::fixtures;
use present::Present;
use present::stress::{Finished, plan};

#[test]
fn the_text_is_as_expected() {
    let report = fixtures::stress();
    let seen = plan(&report.plan) + &Finished(&report).text(118);
    let expect = include_str!("../golden/stress.txt");
    assert_eq!(seen, expect, "\nseen:\n{seen}");
}

#[test]
fn nothing_measured_is_no_number() {
    let text = Finished(&fixtures::stress_nothing()).text(118);
    assert!(text.contains("unknown: no netlink") && text.contains("Verdict: nothing was measured"), "{text}");
    assert!(!text.contains("Latency") && !text.contains("Status codes"), "{text}");
}
