//! What a search for the highest rate found.

use super::json;
use crate::Present;
use crate::number::{count, rate, time_us};
use crate::table::table;
use crate::text::Text;
use serde_json::{Value, json};
use stress_core::search::Ended;
use stress_core::{Rate, Report};

/// A search that is over.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Its steps, in their order: the rate that was asked for, and what came of it.
    pub steps: Vec<(Rate, Report)>,
    /// The highest rate that was kept.
    pub answer: Option<Rate>,
    /// Why it is over; `None`: it was stopped, or its time was up.
    pub ended: Option<Ended>,
}

/// Is a step kept? What this host lacks is no answer about the target.
pub fn is_kept(report: &Report) -> bool {
    report.is_good() && !report.stopped
}

/// One line, when a step is over.
pub fn step(asked: Rate, report: &Report) -> String {
    format!("{}: {}", rate(Some(asked.per_s())), words(report))
}

/// Kept, or what was not.
fn words(report: &Report) -> String {
    let missed = report.thresholds.iter().filter(|one| !one.kept).map(|one| one.threshold.text());
    let missed: Vec<&str> = missed.collect();
    match (is_kept(report), missed.as_slice()) {
        (true, _) => "kept".to_owned(),
        (false, []) => format!("not kept: {}", report.verdict),
        (false, missed) => format!("not kept: {}", missed.join(", ")),
    }
}

impl Searched {
    fn words(&self) -> String {
        let answer = self.answer.map(|answer| rate(Some(answer.per_s())));
        match (answer, self.ended) {
            (None, _) => "no rate that was tried keeps the thresholds".to_owned(),
            (Some(answer), Some(Ended::Found)) => {
                format!("{answer} is the highest rate that keeps the thresholds, to 5 %")
            }
            (Some(answer), Some(Ended::Highest)) => format!("{answer} is kept, the highest rate that can be asked for"),
            (Some(answer), _) => match self.limit() {
                Some((missed, _)) => {
                    let missed = rate(Some(missed.per_s()));
                    format!("{answer} is kept, {missed} is not: the search ended before it was done")
                }
                None => format!("{answer} is kept; the search ended before it was done: it may be higher"),
            },
        }
    }

    /// The first step that was not kept says what the limit is.
    fn limit(&self) -> Option<&(Rate, Report)> {
        let missed = self.steps.iter().filter(|(_, report)| !is_kept(report));
        missed.min_by(|one, other| one.0.per_s().total_cmp(&other.0.per_s()))
    }
}

impl Present for Searched {
    fn text(&self, columns: usize) -> String {
        let mut text = Text::new(columns);
        text.section("Highest rate");
        let header = [
            ("asked", 100),
            ("complete", 100),
            ("50 %", 100),
            ("99 %", 100),
            ("failed", 100),
            ("not sent", 100),
            ("", 60),
        ];
        let time = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), time_us);
        let row = |(asked, report): &(Rate, Report)| {
            let latency = report.latency_us.as_ref();
            vec![
                rate(Some(asked.per_s())),
                rate(report.requests.per_s),
                time(latency.map(|of| of.p50)),
                time(latency.map(|of| of.p99)),
                count(report.requests.failed),
                count(report.not_sent),
                words(report),
            ]
        };
        text.block(&table(columns, &header, self.steps.iter().map(row)));
        text.section(format!("Answer: {}", self.words()));
        if let Some((_, limit)) = self.limit() {
            text.line(format!("  above it: {}", limit.verdict));
            limit.notes.iter().for_each(|note| text.line(format!("  note: {note}")));
            limit.advice.iter().for_each(|advice| text.line(format!("  try {advice}")));
        }
        text.finish()
    }

    fn json(&self) -> Value {
        let step = |(asked, report): &(Rate, Report)| json!({ "rate_per_s": asked.per_s(), "kept": is_kept(report), "report": json::report(report) });
        json!({
            "answer_per_s": self.answer.map(|answer| answer.per_s()),
            "ended": self.ended.map_or("stopped", Ended::name),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}
