//! The diagnosis as `--json` shows it. Field names are a promise to scripts.

mod host;
mod target;

pub use host::HostReport;
pub use target::TargetReport;

use doctor_core::outlook::Outlook;
use doctor_core::{Cure, Diagnosis, Finding};
use serde::Serialize;

/// The whole diagnosis.
#[derive(Debug, Serialize)]
pub struct Report {
    /// One line.
    pub verdict: String,
    /// Worst first.
    pub findings: Vec<FindingReport>,
    /// This host.
    pub host: HostReport,
    /// The probed target, or null.
    pub target: Option<TargetReport>,
    /// Ports by destination; what was asked comes first.
    pub ports: Vec<OutlookReport>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct FindingReport {
    /// Stable name.
    pub id: &'static str,
    /// `note`, `warning`, `error`.
    pub severity: &'static str,
    /// One line.
    pub title: &'static str,
    /// The figures it rests on.
    pub evidence: String,
    /// `measured`, `derived`, `likely`.
    pub certainty: &'static str,
    /// Mildest first.
    pub cures: Vec<CureReport>,
    /// What people wrongly do instead.
    pub wrong_cures: Vec<BeliefReport>,
}

/// One way out.
#[derive(Debug, Serialize)]
pub struct CureReport {
    /// In words.
    pub what: String,
    /// What to type; empty where there is nothing to type.
    pub command: String,
    /// `client-setting`, `server-setting`, `host-setting`, `topology`, `emergency`.
    pub invasiveness: &'static str,
}

/// One common mistake.
#[derive(Debug, Serialize)]
pub struct BeliefReport {
    /// What people do.
    pub claim: &'static str,
    /// What is true.
    pub truth: &'static str,
}

/// The ports towards one destination, and how long they last.
#[derive(Debug, Serialize)]
pub struct OutlookReport {
    /// Which.
    pub to: String,
    /// Is this what was asked for (`--rate`)?
    pub asked: bool,
    /// Ports held.
    pub taken: u64,
    /// Ports there are.
    pub capacity: u64,
    /// TIME_WAITs per second, seen or asked for.
    pub rate_per_s: f64,
    /// What could go on for ever with this side closing first.
    pub rate_per_s_max: f64,
    /// Until connects fail, in s; null: they last.
    pub gone_in_s: Option<f64>,
}

impl Report {
    /// Of a diagnosis.
    pub fn of(diagnosis: &Diagnosis) -> Self {
        let tactic = diagnosis.tactic.as_ref();
        Self {
            verdict: diagnosis.verdict(),
            findings: diagnosis.findings.iter().map(finding).collect(),
            host: HostReport::of(&diagnosis.host),
            target: diagnosis.target.as_ref().map(|target| TargetReport::of(target, tactic)),
            ports: diagnosis.outlooks.iter().map(OutlookReport::of).collect(),
        }
    }
}

fn finding(finding: &Finding) -> FindingReport {
    let belief =
        |known: &&'static doctor_core::beliefs::Belief| BeliefReport { claim: known.claim, truth: known.truth };
    FindingReport {
        id: finding.id,
        severity: finding.severity.name(),
        title: finding.title,
        evidence: finding.evidence.clone(),
        certainty: finding.certainty.name(),
        cures: finding.cures.iter().map(cure).collect(),
        wrong_cures: finding.wrong_cures.iter().map(belief).collect(),
    }
}

fn cure(cure: &Cure) -> CureReport {
    CureReport { what: cure.what.clone(), command: cure.command.clone(), invasiveness: cure.invasiveness.name() }
}

impl OutlookReport {
    /// Of an outlook.
    pub fn of(outlook: &Outlook) -> Self {
        Self {
            to: outlook.to.clone(),
            asked: outlook.asked,
            taken: outlook.taken,
            capacity: outlook.capacity,
            rate_per_s: outlook.rate_per_s,
            rate_per_s_max: outlook.rate_per_s_max,
            gone_in_s: outlook.gone_in.map(|time| time.as_secs_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doctor_core::{HostFacts, Question, TargetFacts, diagnose};

    #[test]
    fn the_fixed_points_are_there() {
        let question = Question { rate_per_s: Some(5000.0), ..Question::default() };
        let target =
            TargetFacts { url: "http://x/".into(), unreachable: Some("refused".into()), ..TargetFacts::default() };
        let report = Report::of(&diagnose(HostFacts::default(), Some(target), question));
        let json = serde_json::to_value(&report).expect("plain data");
        let finding = &json["findings"][0];
        for key in ["id", "severity", "title", "evidence"] {
            assert!(finding[key].is_string(), "{key}: {finding}");
        }
        assert!(finding["cures"][0]["what"].is_string() && json["host"].is_object());
        assert!(json["target"]["timestamps"].is_boolean() && json["target"]["closes_first"].is_object());
        assert_eq!(json["target"]["reusable_at_once"], false);
        let alone = Report::of(&diagnose(HostFacts::default(), None, Question::default()));
        assert!(serde_json::to_value(&alone).expect("plain data")["target"].is_null());
    }
}
