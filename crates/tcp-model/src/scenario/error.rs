//! What is wrong with a scenario file: where, and what would be right.

/// A mistake in a scenario file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {problem}; {advice}")]
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
