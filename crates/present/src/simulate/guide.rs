//! The guide's claims, and how far each is true.

use crate::Present;
use crate::table::table;
use crate::text::Text;
use serde_json::{Value, json};
use tcp_model::simulate::{Finding, Judgement};

/// A table needs as many columns, so that no word is broken.
const TABLE_COLUMNS_MIN: usize = 96;

/// Claims that were put to the model.
#[derive(Clone, Copy, Debug)]
pub struct Guide<'a>(pub &'a [Finding]);

impl Present for Guide<'_> {
    fn text(&self, columns: usize) -> String {
        let mut text = Text::new(columns);
        let header = [("the guide says", 38), ("verdict", 14), ("what the model shows", 48)];
        match columns >= TABLE_COLUMNS_MIN {
            true => text.block(&table(columns, &header, self.0.iter().map(row))),
            false => self.0.iter().for_each(|finding| push_stacked(&mut text, finding)),
        }
        text.section(tally(self.0));
        text.finish()
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

/// Where a table would break its words.
fn push_stacked(text: &mut Text, finding: &Finding) {
    text.section(format!("{}: {}", finding.name, finding.verdict));
    text.paragraph(2, &format!("the guide says: {}", finding.claim));
    text.paragraph(2, &format!("the model shows: {}", finding.why));
}

fn row(finding: &Finding) -> Vec<String> {
    vec![format!("{}: {}", finding.name, finding.claim), finding.verdict.to_string(), finding.why.clone()]
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
