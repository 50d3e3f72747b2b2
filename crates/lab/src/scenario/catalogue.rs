//! Which scenarios the running kernel can be asked about.

use std::time::Duration;
use tcp_model::Version;
use tcp_model::scenario::Scenario;

/// What can be done with a scenario here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It runs.
    Runs,
    /// It does not; why.
    Not(String),
}

/// Can `scenario` be played against a kernel of this version, within this time?
pub fn outlook(scenario: &Scenario, version: Version, limit: Duration) -> Outlook {
    if let Some(why) = &scenario.model_only {
        return Outlook::Not(format!("model only: {why}"));
    }
    if !scenario.holds_for(version) {
        return Outlook::Not(format!("not for Linux {version}"));
    }
    if scenario.longest() > limit {
        return Outlook::Not(format!("takes up to {:?}, longer than {limit:?}", scenario.longest()));
    }
    Outlook::Runs
}
