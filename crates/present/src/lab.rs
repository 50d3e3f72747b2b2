//! What `quintet lab` shows: a table of claims, the curves of those that measured some, and how many hold.

use crate::Present;
use crate::curves;
use crate::table::table;
use crate::text::{Text, Tone};
use lab::{Experiment, Outcome, Verdict};
use serde_json::{Value, json};

/// Columns of the longest usual name.
const NAME_COLUMNS: usize = 24;
/// A table needs as many, so that no word is broken.
const TABLE_COLUMNS_MIN: usize = 96;

/// Claims that were tried.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes<'a>(pub &'a [Outcome]);

impl Present for Outcomes<'_> {
    fn text(&self, columns: usize) -> String {
        result(self, Text::new(columns), columns)
    }

    fn coloured(&self, columns: usize) -> String {
        result(self, Text::coloured(columns), columns)
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

/// Names and claims.
pub fn list<'a>(experiments: impl IntoIterator<Item = &'a Experiment>, columns: usize) -> String {
    let mut text = Text::new(columns);
    experiments.into_iter().for_each(|experiment| text.entry(experiment.name, NAME_COLUMNS, experiment.claim));
    text.finish()
}

fn row(outcome: &Outcome) -> Vec<String> {
    vec![format!("{}: {}", outcome.name, outcome.claim), seen(outcome), verdict(outcome)]
}

fn seen(outcome: &Outcome) -> String {
    outcome.seen.as_ref().map_or_else(|| "nothing ran".to_owned(), lab::Seen::summary)
}

fn verdict(outcome: &Outcome) -> String {
    match outcome.verdict {
        Verdict::Holds => Verdict::Holds.to_string(),
        other => format!("{other}: {}", outcome.why),
    }
}

/// Where a table would break its words.
fn push_stacked(text: &mut Text, outcome: &Outcome) {
    text.section(outcome.name);
    text.paragraph(2, &outcome.claim);
    text.paragraph(2, &format!("seen: {}", seen(outcome)));
    text.paragraph(2, &format!("verdict: {}", verdict(outcome)));
}

fn result(outcomes: &Outcomes<'_>, mut text: Text, columns: usize) -> String {
    let outcomes = outcomes.0;
    if columns < TABLE_COLUMNS_MIN {
        outcomes.iter().for_each(|outcome| push_stacked(&mut text, outcome));
    } else {
        text.block(&table(columns, &[("claim", 44), ("what was seen", 36), ("verdict", 20)], outcomes.iter().map(row)));
    }
    for curve in outcomes.iter().filter_map(|outcome| outcome.seen.as_ref()).map(|seen| &seen.connect_times) {
        text.drawing(&curves::draw(curve, columns));
    }
    let differs = outcomes.iter().any(|outcome| outcome.verdict == Verdict::Differs);
    text.headline(if differs { Tone::Bad } else { Tone::Good }, tally(outcomes));
    text.finish()
}

fn tally(outcomes: &[Outcome]) -> String {
    let count = |verdict| outcomes.iter().filter(|outcome| outcome.verdict == verdict).count();
    format!(
        "{} claims: {} hold, {} differ, {} cannot run here",
        outcomes.len(),
        count(Verdict::Holds),
        count(Verdict::Differs),
        count(Verdict::CannotRun)
    )
}
