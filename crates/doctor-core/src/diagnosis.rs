//! Runs every rule and sums up.

use crate::balancer::BalancerFacts;
use crate::facts::HostFacts;
use crate::finding::{Finding, Severity};
use crate::outlook::{self, Outlook};
use crate::question::Question;
use crate::rule::Case;
use crate::rules;
use crate::tactic::{self, Tactic};
use crate::target::TargetFacts;

/// Everything the doctor has to say.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What was read off this host.
    pub host: HostFacts,
    /// What probes of the target saw.
    pub target: Option<TargetFacts>,
    /// What a running balancer says of itself.
    pub balancer: Option<BalancerFacts>,
    /// What was asked.
    pub question: Question,
    /// Worst first.
    pub findings: Vec<Finding>,
    /// How the ports of each destination stand, fullest first; what was asked comes before.
    pub outlooks: Vec<Outlook>,
    /// How a stress test against the target should close and choose its ports.
    pub tactic: Option<Tactic>,
}

/// Whom facts are known of.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    /// This host.
    pub host: HostFacts,
    /// A target that was probed.
    pub target: Option<TargetFacts>,
    /// A running balancer that was asked.
    pub balancer: Option<BalancerFacts>,
}

/// Looks at the facts with every rule.
pub fn diagnose(host: HostFacts, target: Option<TargetFacts>, question: Question) -> Diagnosis {
    diagnose_all(Subjects { host, target, balancer: None }, question)
}

/// As [`diagnose`], of all that there is.
pub fn diagnose_all(subjects: Subjects, question: Question) -> Diagnosis {
    let Subjects { host, target, balancer } = subjects;
    let case = Case { host: &host, target: target.as_ref(), balancer: balancer.as_ref(), question: &question };
    let mut findings: Vec<Finding> = rules::all().filter_map(|rule| rule.examine(&case)).collect();
    // Stable: rules of one severity keep their order, causes before symptoms.
    findings.sort_by_key(|finding| core::cmp::Reverse(finding.severity));
    let outlooks = outlook::of(&case);
    let tactic = target.as_ref().filter(|target| target.is_reached()).map(|target| tactic::for_target(&host, target));
    Diagnosis { host, target, balancer, question, findings, outlooks, tactic }
}

impl Diagnosis {
    /// Findings of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Is there a finding of severity error? Then the exit code is 1.
    pub fn is_bad(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// The short answer.
    pub fn verdict(&self) -> String {
        let worst = self.findings.first();
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        match worst {
            Some(worst) if errors > 0 => format!("{}: {}", counted(errors, "error"), worst.title),
            Some(worst) if warnings > 0 => format!("no error, {}: {}", counted(warnings, "warning"), worst.title),
            _ => "nothing is wrong here".to_owned(),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
