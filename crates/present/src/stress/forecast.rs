//! What is foretold before a run, and whether it was so.

use crate::Present;
use serde_json::{Value, json};
use std::time::Duration;
use stress_core::Forecast;
use stress_core::forecast::{Compared, Lasts};
use stress_core::report::PlanSummary;

/// A run that could begin: `stress --preflight-only`.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'a> {
    /// The plan, as it would be run.
    pub plan: &'a PlanSummary,
    /// What is to be expected.
    pub forecast: &'a Forecast,
    /// What a person should know.
    pub warnings: &'a [String],
}

impl Present for Ready<'_> {
    /// The plan was shown before.
    fn text(&self, _columns: usize) -> String {
        let files = self.forecast.facts.files;
        let mut text = format!("Forecast: {}\n", self.forecast.words());
        text.push_str(&format!("          file descriptors: {} of {}\n", files.needed, files.limit));
        for warning in self.warnings {
            text.push_str(&format!("warning: {warning}\n"));
        }
        text
    }

    fn json(&self) -> Value {
        json!({ "plan": self.plan, "forecast": forecast(self.forecast), "warnings": self.warnings })
    }
}

/// As foretold, and as it came.
pub(super) fn with_outcome((said, came): &(Forecast, Compared)) -> Value {
    let mut value = forecast(said);
    value["seen"] = json!({
        "expected_gone_after_s": seconds(came.foretold),
        "gone_after_s": seconds(came.seen),
        "held": came.held,
    });
    value
}

fn forecast(said: &Forecast) -> Value {
    let (lasts, gone_after) = match said.lasts {
        Lasts::Yes => ("yes", None),
        Lasts::Until(after) => ("no", Some(after)),
        Lasts::Depends => ("depends", None),
    };
    json!({
        "good": said.is_good(),
        "text": said.words(),
        "asked_per_s": said.asked_per_s,
        "connections": said.in_all,
        "close": said.close,
        "ports": said.ports,
        "tuples": said.tuples,
        "free": said.free(),
        "per_s_max": said.per_s_max,
        "lasts": lasts,
        "gone_after_s": seconds(gone_after),
        "conntrack_full_after_s": seconds(said.conntrack_full),
        "ways": said.ways,
        "facts": said.facts,
    })
}

fn seconds(time: Option<Duration>) -> Option<f64> {
    time.map(|time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stress_core::forecast::{PortFacts, Seen, Stock};
    use stress_core::{ClosePolicy, PlanDraft, PortMode};

    #[test]
    fn a_forecast_has_one_shape_before_the_run_and_after() {
        let duration = Some(Duration::from_secs(60));
        let draft = PlanDraft { close: ClosePolicy::Fin, duration, ..PlanDraft::new("http://192.0.2.1/") };
        let facts = PortFacts { kernel: Some(Stock { ports: 28_232, taken: Some(232) }), ..PortFacts::default() };
        let plan = draft.check().expect("a good draft");
        let said = Forecast::of(&plan, PortMode::Kernel, &facts);
        let summary = PlanSummary::new(&plan, &[std::net::SocketAddr::from(([192, 0, 2, 1], 80)).into()], 1);
        let ready = Ready { plan: &summary, forecast: &said, warnings: &said.warnings() };
        let before = ready.json();
        assert_eq!(before["forecast"]["lasts"], "depends");
        assert_eq!((&before["forecast"]["tuples"], &before["forecast"]["free"]), (&json!(28_232), &json!(28_000)));
        assert_eq!(before["forecast"]["ways"][0], json!({ "flags": "--close wait", "per_s_max": null }));
        assert!(
            ready.text(100).contains("warning: asked for connections as fast as answers come"),
            "{}",
            ready.text(100)
        );
        let seen =
            Seen { per_s: Some(2800.0), gone_at: Some(Duration::from_secs(11)), ran_for: Duration::from_secs(60) };
        let came = Compared::of(&said, &seen);
        let mut after = with_outcome(&(said, came));
        assert_eq!(after["seen"], json!({ "expected_gone_after_s": 10.0, "gone_after_s": 11.0, "held": true }));
        after.as_object_mut().expect("an object").remove("seen");
        assert_eq!(after, before["forecast"]);
    }
}
