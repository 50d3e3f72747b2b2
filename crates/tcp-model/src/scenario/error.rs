//! What is wrong with a scenario file: where, and what would be right.

use core::fmt;

/// A mistake in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// What is wrong there.
    pub problem: String,
    /// What would be right.
    pub advice: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.problem, self.advice)
    }
}

impl core::error::Error for ScenarioError {}

/// A mistake in one line, before the line's number is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) problem: String,
    pub(super) advice: String,
}

impl Wrong {
    pub(super) fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { problem: problem.into(), advice: advice.into() }
    }

    pub(super) fn at(self, file: &str, line: u32) -> ScenarioError {
        ScenarioError { file: file.to_owned(), line, problem: self.problem, advice: self.advice }
    }
}
