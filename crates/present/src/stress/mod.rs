//! What `quintet stress` shows: the plan as understood, the line while it runs, the report.

mod forecast;
mod json;
mod plan;
mod progress;
mod report;
mod search;

use crate::Present;
pub use forecast::Ready;
pub use plan::plan;
pub use progress::progress;
pub use search::{Searched, is_kept, step};
use serde_json::Value;
use stress_core::Report;

/// The JSON Schema (draft 2020-12) of what [`Finished`] is as JSON.
pub const SCHEMA: &str = include_str!("schema.json");

/// A run that is over. Its plan was shown before ([`plan`]).
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a>(pub &'a Report);

impl Present for Finished<'_> {
    fn text(&self, columns: usize) -> String {
        report::text(self.0, columns)
    }

    fn json(&self) -> Value {
        json::report(self.0)
    }
}
