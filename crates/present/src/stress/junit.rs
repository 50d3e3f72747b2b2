//! A run as a JUnit report, which CI systems show: a test for the requests, and one for each threshold.

use maud::Escaper;
use std::fmt::Write;
use stress_core::Report;

/// A test: its name, and why it failed, if it did.
struct Case {
    name: String,
    failed: Option<String>,
}

/// Names are escaped by what makes our pages: what HTML needs is what XML needs.
pub(super) fn junit(report: &Report) -> String {
    let seconds = format!("{:.3}", report.duration.as_secs_f64());
    let cases = cases(report);
    let failures = cases.iter().filter(|case| case.failed.is_some()).count();
    let suite = format!(
        "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\" time=\"{seconds}\" \
         hostname=\"{}\">",
        escaped(&format!("quintet stress {}", report.plan.url)),
        cases.len(),
        escaped(&report.host.name),
    );
    let cases: String = cases.iter().map(|one| case(one, &seconds)).collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{suite}\n{cases}</testsuite>\n")
}

fn cases(report: &Report) -> Vec<Case> {
    let requests = Case {
        name: "every request got its response".to_owned(),
        failed: (!report.is_as_allowed()).then(|| report.verdict.to_string()),
    };
    let thresholds = report
        .thresholds
        .iter()
        .map(|one| Case { name: one.threshold.text().to_owned(), failed: (!one.kept).then(|| one.to_string()) });
    std::iter::once(requests).chain(thresholds).collect()
}

fn case(case: &Case, seconds: &str) -> String {
    let head = format!("  <testcase classname=\"quintet.stress\" name=\"{}\" time=\"{seconds}\"", escaped(&case.name));
    match &case.failed {
        None => format!("{head}/>\n"),
        Some(why) => format!("{head}>\n    <failure message=\"{}\"/>\n  </testcase>\n", escaped(why)),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    let _memory = Escaper::new(&mut out).write_str(text);
    out
}
