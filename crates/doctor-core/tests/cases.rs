//! Every recorded case in `cases/`: facts in, exactly these findings out.

mod support;

use doctor_core::{Cure, Diagnosis, Subjects, diagnose, diagnose_all};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The issue's own bound.
const CASES_MIN: usize = 30;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let entries = std::fs::read_dir(folder).expect("the cases are here");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

fn diagnosed(path: &Path) -> (String, support::Recorded, Diagnosis) {
    let name = path.file_name().expect("a file").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).expect("readable");
    let case = support::parse(&name, &text);
    let diagnosis = diagnose_all(case.subjects(), case.question);
    (name, case, diagnosis)
}

fn check(path: &Path) -> Diagnosis {
    let (name, case, diagnosis) = diagnosed(path);
    let mut seen: Vec<String> =
        diagnosis.findings.iter().map(|one| format!("{} {}", one.severity.name(), one.id)).collect();
    seen.sort();
    assert_eq!(seen, case.expected, "{name}");
    let find = |id: &str| diagnosis.findings.iter().find(|one| one.id == id);
    for (id, text) in &case.evidence {
        let evidence = &find(id).unwrap_or_else(|| panic!("{name}: no {id}")).evidence;
        assert!(evidence.contains(text), "{name}: {id}: {evidence:?} should say {text:?}");
    }
    for (id, text) in &case.cures {
        let cures = &find(id).unwrap_or_else(|| panic!("{name}: no {id}")).cures;
        assert!(cures.iter().any(|cure| cure.command.contains(text)), "{name}: {id}: {cures:?} should offer {text:?}");
    }
    let shown = |cure: &Cure| format!("{} {} {:?}", cure.what, cure.command, cure.elsewhere);
    for (id, text) in &case.first_cures {
        let first = find(id).and_then(|one| one.cures.first()).map(shown).unwrap_or_default();
        assert!(first.contains(text), "{name}: {id}: first {first:?}, which should be {text:?}");
    }
    for (id, text) in &case.no_cures {
        let cures = &find(id).unwrap_or_else(|| panic!("{name}: no {id}")).cures;
        assert!(
            !cures.iter().any(|cure| shown(cure).contains(text)),
            "{name}: {id}: {text:?} does not help: {cures:?}"
        );
    }
    diagnosis
}

#[test]
fn recorded_cases_give_exactly_their_findings() {
    let files = files();
    assert!(files.len() >= CASES_MIN, "{} cases", files.len());
    for file in &files {
        let diagnosis = check(file);
        let sorted = diagnosis.findings.is_sorted_by_key(|one| std::cmp::Reverse(one.severity));
        assert!(sorted, "{file:?}: worst first");
        for finding in &diagnosis.findings {
            assert!(finding.cures.is_sorted_by_key(|cure| cure.invasiveness), "{file:?}: {}", finding.id);
        }
    }
}

#[test]
fn every_rule_is_found_by_some_case() {
    let mut found = BTreeSet::new();
    for file in files() {
        found.extend(diagnosed(&file).2.findings.iter().map(|one| one.id));
    }
    let missing: Vec<&str> = doctor_core::all_rules().map(|rule| rule.id).filter(|id| !found.contains(id)).collect();
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

#[test]
fn nothing_is_said_of_a_healthy_host() {
    let diagnosis = diagnose(support::healthy(), None, Default::default());
    assert!(diagnosis.findings.is_empty(), "{:?}", diagnosis.findings);
    assert_eq!(diagnosis.verdict(), "nothing is wrong here");
    let diagnosis = diagnose(support::healthy(), Some(support::target::good()), Default::default());
    assert!(diagnosis.findings.is_empty(), "{:?}", diagnosis.findings);
    assert_eq!(diagnosis.tactic.expect("a target").flags(), "--close wait --ports kernel");
    let host = support::healthy();
    let subjects = Subjects { host, target: None, balancer: Some(support::balancer::good()) };
    let diagnosis = diagnose_all(subjects, Default::default());
    assert!(diagnosis.findings.is_empty(), "{:?}", diagnosis.findings);
}
