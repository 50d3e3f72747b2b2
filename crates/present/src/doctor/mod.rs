//! What `quintet doctor` shows: a diagnosis, a look at a host that fills, changes made and taken back.

mod change;
mod json;
mod page;
mod story;
mod text;
mod watch;
mod words;

use crate::text::Text;
use crate::{Made, Page, Present};
pub use change::{Applied, Reverted, planned};
use doctor_core::Diagnosis;
use serde_json::Value;
pub use story::{stories, story};
pub use watch::Look;

/// A diagnosis.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Findings and the facts they rest on.
    pub diagnosis: &'a Diagnosis,
    /// What `--apply` has changed because of it.
    pub applied: Option<Applied<'a>>,
}

impl Present for Found<'_> {
    /// Without what was applied: that is said as it happens.
    fn text(&self, columns: usize) -> String {
        text::text(self.diagnosis, Text::new(columns))
    }

    fn coloured(&self, columns: usize) -> String {
        text::text(self.diagnosis, Text::coloured(columns))
    }

    fn json(&self) -> Value {
        let mut report = json::report(self.diagnosis);
        if let Some(applied) = self.applied {
            report["applied"] = serde_json::json!(applied);
        }
        report
    }
}

impl Page for Found<'_> {
    fn page(&self, made: &Made) -> String {
        page::page(self.diagnosis, made)
    }
}
