//! `simulate guide`: the guide's claims and how far each is true.

use crate::failure::{Outcome, Result};
use crate::output::{Output, width};
use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Table, Width};
use serde_json::{Value, json};
use tcp_model::simulate::{Finding, Judgement, guide};

pub(super) const EXAMPLES: &str = "\
Examples:
  quintet simulate guide
  quintet simulate guide --json - | jq '.[] | select(.verdict != \"true\") | {name, why}'

A verdict is `true`, `true up to VERSION`, `imprecise` or `false`, derived from the model or from a simulation of it.
Exit code 0: every claim was judged. The guide's mistakes are known; they are no failure of this run.";

pub(super) fn run(json: Option<&str>) -> Result {
    let mut output = Output::open(json)?;
    let findings = guide();
    output.say(table(&findings).to_string());
    output.say(format!("\n{}", tally(&findings)));
    output.write_json(&findings.iter().map(finding).collect::<Vec<_>>())?;
    Ok(Outcome::AsHoped)
}

fn finding(finding: &Finding) -> Value {
    json!({
        "name": finding.name,
        "claim": finding.claim,
        "verdict": finding.verdict.to_string(),
        "why": finding.why,
    })
}

fn table(findings: &[Finding]) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width());
    table.set_header(["the guide says", "verdict", "what the model shows"]);
    for finding in findings {
        let claim = format!("{}: {}", finding.name, finding.claim);
        table.add_row([claim, finding.verdict.to_string(), finding.why.clone()].map(Cell::new));
    }
    for (column, share) in table.column_iter_mut().zip([38, 14, 48]) {
        column.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(share)));
    }
    table
}

fn tally(findings: &[Finding]) -> String {
    let count = |fits: fn(&Judgement) -> bool| findings.iter().filter(|finding| fits(&finding.verdict)).count();
    format!(
        "{} claims: {} true, {} true up to a version, {} imprecise, {} false",
        findings.len(),
        count(|verdict| *verdict == Judgement::True),
        count(|verdict| matches!(verdict, Judgement::TrueUpTo(_))),
        count(|verdict| *verdict == Judgement::Imprecise),
        count(|verdict| *verdict == Judgement::False),
    )
}
