//! What `quintet lab` shows: a table of claims, the curves of those that measured some, and how many hold.

use crate::Present;
use crate::curves;
use crate::table::table;
use crate::text::Text;
use lab::{Experiment, Outcome, Verdict};
use serde_json::{Value, json};

/// Claims that were tried.
#[derive(Clone, Copy, Debug)]
pub struct Outcomes<'a>(pub &'a [Outcome]);

impl Present for Outcomes<'_> {
    fn text(&self, columns: usize) -> String {
        let mut text = Text::new(columns);
        text.block(&table(columns, &[("claim", 44), ("what was seen", 36), ("verdict", 20)], self.0.iter().map(row)));
        for curve in self.0.iter().filter_map(|outcome| outcome.seen.as_ref()).map(|seen| &seen.connect_times) {
            text.drawing(&curves::draw(curve));
        }
        text.section(tally(self.0));
        text.finish()
    }

    fn json(&self) -> Value {
        json!(self.0)
    }
}

/// Names and claims.
pub fn list<'a>(experiments: impl IntoIterator<Item = &'a Experiment>) -> String {
    experiments.into_iter().map(|experiment| format!("{:<24} {}\n", experiment.name, experiment.claim)).collect()
}

fn row(outcome: &Outcome) -> Vec<String> {
    let seen = outcome.seen.as_ref().map_or_else(|| "nothing ran".to_owned(), lab::Seen::summary);
    let verdict = match outcome.verdict {
        Verdict::Holds => Verdict::Holds.to_string(),
        other => format!("{other}: {}", outcome.why),
    };
    vec![format!("{}: {}", outcome.name, outcome.claim), seen, verdict]
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
