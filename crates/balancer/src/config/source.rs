//! The text of a configuration, kept to be shown as it is worked by, secrets hidden.

use super::keys;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// The text, if it was read from one.
#[derive(Clone, Default)]
pub struct Source(Option<Arc<str>>);

impl Source {
    pub(super) fn new(text: &str) -> Self {
        Self(Some(text.into()))
    }

    /// What it says as JSON: passwords, their hashes and keys are hidden.
    pub fn told(&self) -> Value {
        self.0.as_ref().map_or_else(|| json!({}), |text| keys::TOP.told(text))
    }
}

/// It holds secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(..)")
    }
}

/// Remarks and their likes are no part of what a configuration says.
impl PartialEq for Source {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Source {}
