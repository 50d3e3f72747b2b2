//! What `quintet simulate` shows: one scene, a table of kernels and settings, the guide's claims.

mod guide;
mod json;
mod page;
mod sweep;
mod text;
mod words;

use crate::{Made, Page, Present};
pub use guide::Guide;
use serde_json::Value;
pub use sweep::Swept;
use tcp_model::simulate::{Output, RawPlan};

/// A scene that was run.
#[derive(Clone, Copy, Debug)]
pub struct Ran<'a> {
    /// As it was said.
    pub raw: &'a RawPlan,
    /// What came of it.
    pub result: &'a Output,
}

impl Present for Ran<'_> {
    fn text(&self, columns: usize) -> String {
        text::text(self, columns)
    }

    fn json(&self) -> Value {
        json::report(self.result)
    }
}

impl Page for Ran<'_> {
    fn page(&self, made: &Made) -> String {
        page::page(self, made)
    }
}
