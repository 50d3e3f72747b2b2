//! A rule: one thing that can be wrong, its explanation, and the look that finds it.

use crate::balancer::BalancerFacts;
use crate::beliefs::Belief;
use crate::facts::HostFacts;
use crate::finding::{Certainty, Cure, Finding, Severity};
use crate::question::Question;
use crate::target::TargetFacts;

/// What rules look at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// This host.
    pub host: &'a HostFacts,
    /// The probed target, where one was named.
    pub target: Option<&'a TargetFacts>,
    /// What a running balancer says of itself, where one was named.
    pub balancer: Option<&'a BalancerFacts>,
    /// What was asked.
    pub question: &'a Question,
}

/// What a look found.
#[derive(Clone, Debug)]
pub struct Found {
    severity: Severity,
    certainty: Certainty,
    evidence: String,
    cures: Vec<Cure>,
    wrong_cures: Option<&'static [&'static Belief]>,
}

impl Found {
    /// A finding as sure as its figures, without a cure yet.
    pub fn new(severity: Severity, evidence: impl Into<String>) -> Self {
        Self {
            severity,
            certainty: Certainty::Measured,
            evidence: evidence.into(),
            cures: Vec::new(),
            wrong_cures: None,
        }
    }

    /// How sure it is.
    pub fn certainty(self, certainty: Certainty) -> Self {
        Self { certainty, ..self }
    }

    /// Adds a way out.
    pub fn cure(mut self, cure: Cure) -> Self {
        self.cures.push(cure);
        self
    }

    /// What people wrongly do in this case, where that is not what they usually do.
    pub(crate) fn wrongly(self, beliefs: &'static [&'static Belief]) -> Self {
        Self { wrong_cures: Some(beliefs), ..self }
    }

    /// Adds ways out.
    pub fn cures(mut self, cures: impl IntoIterator<Item = Cure>) -> Self {
        self.cures.extend(cures);
        self
    }
}

/// One thing that can be wrong.
#[derive(Debug)]
pub struct Rule {
    /// Stable name.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// The whole story: what happens in the kernel, since which version, and where that is written.
    pub story: &'static str,
    /// What people wrongly do about it.
    pub wrong_cures: &'static [&'static Belief],
    /// Looks for it.
    pub look: fn(&Case<'_>) -> Option<Found>,
}

impl Rule {
    /// The finding, if there is one; cures sorted mildest first.
    pub(crate) fn examine(&self, case: &Case<'_>) -> Option<Finding> {
        let mut found = (self.look)(case)?;
        found.cures.sort_by_key(|cure| cure.invasiveness);
        Some(Finding {
            id: self.id,
            severity: found.severity,
            title: self.title,
            evidence: found.evidence,
            certainty: found.certainty,
            cures: found.cures,
            wrong_cures: found.wrong_cures.unwrap_or(self.wrong_cures),
        })
    }
}
