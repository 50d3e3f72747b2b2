//! What a report tells of where answers have led, and of what they set.

use super::Astray;
use crate::plan::Plan;
use crate::tally::{Redirects, Tally};

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Led {
    /// Redirects, where they were to be followed.
    pub redirects: Option<Redirects>,
    /// Redirects that were not followed, those that there were.
    pub astray: Vec<(Astray, u64)>,
    /// Cookies that answers set, where clients keep them.
    pub cookies: Option<u64>,
    /// Why a proxy opened no tunnel, the first of it.
    pub refusals: Vec<(String, u64)>,
}

impl Led {
    pub(crate) fn of(plan: &Plan, tally: &Tally) -> Self {
        let astray = Astray::ALL.into_iter().map(|why| (why, tally.astray(why)));
        Self {
            redirects: plan.follow.map(|_| tally.redirects),
            astray: astray.filter(|(_, count)| *count > 0).collect(),
            cookies: plan.cookies.as_ref().map(|_| tally.cookies),
            refusals: tally.proxy().to_vec(),
        }
    }
}
