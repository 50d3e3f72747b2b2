//! The claims of the guide this project starts from ("Solutions to Overmuch Client Timewait"), each put to the model:
//! what is claimed, what the decisions or a simulation say, and so how far it is true.

mod failures;
mod rules;
mod solutions;

use super::engine::simulate;
use super::output::Output;
use super::plan::RawPlan;
use core::fmt;
use serde::{Serialize, Serializer};

/// How far a claim is true. Always derived from what the model shows, so that a changed decision changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// As claimed.
    True,
    /// As claimed, up to this version.
    TrueUpTo(&'static str),
    /// Not quite as claimed.
    Imprecise,
    /// Not as claimed.
    False,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => f.write_str("true"),
            Self::TrueUpTo(version) => write!(f, "true up to {version}"),
            Self::Imprecise => f.write_str("imprecise"),
            Self::False => f.write_str("false"),
        }
    }
}

impl Serialize for Judgement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Judgement {
    /// This where `shown`, else plainly true.
    const fn unless_true(self, shown: bool) -> Self {
        if shown { self } else { Self::True }
    }

    /// This where `shown`, else false.
    const fn if_shown(self, shown: bool) -> Self {
        if shown { self } else { Self::False }
    }
}

/// One claim and what became of it. Serialises to an entry of `simulate guide --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its name.
    pub name: &'static str,
    /// What the guide says.
    pub claim: &'static str,
    /// How far that is true.
    pub verdict: Judgement,
    /// What shows it.
    pub why: String,
}

/// A claim, and the test it is put to.
struct Claim {
    name: &'static str,
    claim: &'static str,
    test: fn() -> (Judgement, String),
}

/// Puts every claim to the model. The two failures behind NAT come first.
pub fn guide() -> Vec<Finding> {
    [failures::CLAIMS, rules::CLAIMS, solutions::CLAIMS]
        .into_iter()
        .flatten()
        .map(|claim| {
            let (verdict, why) = (claim.test)();
            Finding { name: claim.name, claim: claim.claim, verdict, why }
        })
        .collect()
}

/// Runs a plan that is part of this module.
fn run(raw: &RawPlan) -> Output {
    let plan = raw.check().unwrap_or_else(|error| panic!("a plan of the guide is wrong: {error}"));
    simulate(&plan)
}

/// A gateway that forgets at once and hands its ports out at random: what the guide means by "reusing the same quintet
/// within 2MSL".
fn hasty_nat(kernel: &str) -> RawPlan {
    RawPlan {
        kernel: kernel.to_owned(),
        client_kernel: "6.18".to_owned(),
        nat: "random".to_owned(),
        nat_time_wait_s: 0,
        nat_close_s: 0,
        clients: 2000,
        rate: 200,
        duration_s: 120,
        ..RawPlan::default()
    }
}

fn sysctl(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

fn percent(part: u64, whole: u64) -> String {
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}
