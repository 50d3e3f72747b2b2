//! How a command ends.

use std::time::Duration;

/// A second signal this soon after the first is the same wish: timeout(1) signals its child, then its whole group.
pub(crate) const SAME_WISH: Duration = Duration::from_millis(200);

/// A command that ran to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit code 0.
    AsHoped,
    /// Exit code 1: the finding, or a threshold, is bad.
    Bad,
}

/// A command that could not run: exit code 2, with what to say.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: anyhow::Error,
    /// It stands among lines that have a time.
    pub(crate) has_time: bool,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), has_time: false }
    }
}

/// What a command's `run` gives.
pub(crate) type Result = std::result::Result<Outcome, Failure>;
