//! How many connections a plan asks for.

use crate::pace::Pace;
use crate::plan::{ClosePolicy, Plan};
use core::time::Duration;

/// Connections that a plan opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Wish {
    /// Per second, where that is said; `None`: as fast as answers come.
    pub(super) per_s: Option<f64>,
    /// In all, where that is bounded.
    pub(super) in_all: Option<u64>,
    /// For how long at most.
    pub(super) lasts: Option<Duration>,
}

impl Wish {
    pub(super) fn of(plan: &Plan) -> Self {
        let kept = plan.close == ClosePolicy::Keep;
        let per_s = match plan.pace {
            // A connection that is kept is opened once.
            _ if kept => Some(0.0),
            Pace::Open(rate, _) => Some(rate.per_s()),
            Pace::Closed => None,
        };
        let by_time = per_s.zip(plan.duration).map(|(per_s, time)| (per_s * time.as_secs_f64()).ceil() as u64);
        let by_number = plan.requests.into_iter().chain(by_time).min();
        let in_all = if kept { Some(plan.connections.into()) } else { by_number };
        Self { per_s, in_all, lasts: plan.duration }
    }
}
