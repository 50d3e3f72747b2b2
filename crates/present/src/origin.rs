//! What `quintet origin` shows at its end.

use crate::Present;
use crate::counts::{closes, object};
use crate::number::count;
use crate::text::happened;
use origin::Counters;
use serde_json::{Value, json};

/// An origin's totals.
#[derive(Clone, Copy, Debug)]
pub struct Totals<'a>(pub &'a Counters);

impl Present for Totals<'_> {
    fn text(&self, _columns: usize) -> String {
        let counters = self.0;
        let troubles = [
            ("accepts failed", counters.accept_failed),
            ("out of buffers", counters.shortages),
            ("closed for idling", counters.idle),
        ];
        let closed = happened(closes(&counters.closes, "client")).unwrap_or_else(|| "nobody".to_owned());
        format!(
            "connections {}, requests {}, refused {}{}; closed first: {closed}\n",
            count(counters.accepted),
            count(counters.requests),
            count(counters.refused),
            happened(troubles).map(|troubles| format!(", {troubles}")).unwrap_or_default(),
        )
    }

    fn json(&self) -> Value {
        let counters = self.0;
        json!({
            "accepted": counters.accepted,
            "requests": counters.requests,
            "refused": counters.refused,
            "accept_failed": counters.accept_failed,
            "shortages": counters.shortages,
            "idle": counters.idle,
            "closed_first": object(closes(&counters.closes, "client")),
        })
    }
}
