//! What `quintet stress` shows: the plan as understood, the line while it runs, the report.

pub mod compare;
mod csv;
mod forecast;
mod json;
mod junit;
pub mod live;
mod metrics;
mod page;
mod plan;
mod progress;
mod report;
mod search;

use crate::text::Text;
use crate::{Made, Page, Present};
pub use forecast::Ready;
pub use metrics::metrics;
pub use plan::plan;
pub use progress::progress;
pub use search::{Searched, is_kept, step};
use serde_json::Value;
use stress_core::Report;

/// The JSON Schema (draft 2020-12) of what [`Finished`] is as JSON.
pub const SCHEMA: &str = include_str!("schema.json");

/// The series as CSV, a line per second.
pub fn csv(report: &Report) -> String {
    csv::csv(report)
}

/// A JUnit report: a test for the requests, and one for each threshold.
pub fn junit(report: &Report) -> String {
    junit::junit(report)
}

/// All latencies as a log of HdrHistogram, in nanoseconds.
pub fn hdr(report: &Report) -> String {
    let what = format!("quintet {} stress {}, latency in nanoseconds", env!("CARGO_PKG_VERSION"), report.plan.url);
    report.raw.latency.hdr_log(report.host.started_unix_s, report.duration, &[what])
}

/// A run that is over. Its plan was shown before ([`plan`]).
#[derive(Clone, Copy, Debug)]
pub struct Finished<'a>(pub &'a Report);

impl Present for Finished<'_> {
    fn text(&self, columns: usize) -> String {
        report::text(self.0, Text::new(columns), columns)
    }

    fn coloured(&self, columns: usize) -> String {
        report::text(self.0, Text::coloured(columns), columns)
    }

    fn json(&self) -> Value {
        json::report(self.0)
    }
}

impl Page for Finished<'_> {
    fn page(&self, made: &Made) -> String {
        page::of_one(self.0, &self.json(), made)
    }
}
