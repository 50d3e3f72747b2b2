//! Every recorded case of the doctor, as text and as page.

use crate::support;
use doctor_core::{Diagnosis, diagnose_all};
use present::doctor::Found;
use present::{Page, Present};
use std::path::Path;

/// Each case by its name.
fn cases() -> Vec<(String, Diagnosis)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../doctor-core/cases");
    let entries = std::fs::read_dir(folder).expect("the cases are there");
    let read = |path: &Path| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let case = support::parse(&name, &std::fs::read_to_string(path).expect("readable"));
        (name, diagnose_all(case.subjects(), case.question))
    };
    entries.map(|entry| read(&entry.expect("readable").path())).collect()
}

#[test]
fn renderings_hold_every_finding_and_no_foreign_markup() {
    for (name, mut diagnosis) in cases() {
        diagnosis.host.release = "6.1<script>alert('x')</script>".to_owned();
        let found = Found { diagnosis: &diagnosis, applied: None };
        let (text, html) =
            (found.text(160), found.page(&present::Made { host: "here".to_owned(), unix_s: 0, version: "1" }));
        for finding in &diagnosis.findings {
            assert!(text.contains(finding.id) && html.contains(finding.id), "{name}: {}", finding.id);
        }
        assert!(!html.contains("<script") && !html.contains("src=") && !html.contains("href="), "{name}");
        assert!(text.starts_with(&diagnosis.verdict()[..20]), "{name}: the verdict comes first");
        assert!(text.lines().all(|line| line.chars().count() <= 160), "{name}");
    }
}

#[test]
fn paragraphs_keep_to_a_narrow_terminal() {
    for (name, diagnosis) in cases() {
        let text = Found { diagnosis: &diagnosis, applied: None }.text(60);
        let is_short = |line: &str| line.chars().count() <= 60 || !line.trim().contains(' ');
        assert!(text.lines().all(is_short), "{name}: {text}");
    }
}
