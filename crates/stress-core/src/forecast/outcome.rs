//! What was said before a run, beside what came.

use super::{Forecast, span};
use crate::plan::ClosePolicy;
use crate::tally::Tally;
use core::time::Duration;
use stats::per_second;

/// A time that was foretold may be wrong by so much of it, or by [`MISS_MIN`]: ports are not used evenly.
const MISS_SHARE: f64 = 0.25;
const MISS_MIN: Duration = Duration::from_secs(1);

/// What came.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Connections tried per second.
    pub per_s: Option<f64>,
    /// When the first connection found no port.
    pub gone_at: Option<Duration>,
    /// How long the run was.
    pub ran_for: Duration,
}

impl Seen {
    /// In a run with these counts.
    pub fn of(tally: &Tally) -> Self {
        // With those that found no port the rate is no rate of connections.
        let until = tally.ports_gone_at.unwrap_or(tally.elapsed);
        let per_s = per_second(tally.opened_before_gone(), until);
        Self { per_s, gone_at: tally.ports_gone_at, ran_for: tally.elapsed }
    }
}

/// Was it as foretold?
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// When ports were to be gone, at the rate there was.
    pub foretold: Option<Duration>,
    /// When they were.
    pub seen: Option<Duration>,
    /// Was that so? `None`: the run was over before it could be told.
    pub held: Option<bool>,
}

impl Compared {
    /// What was said, at the rate that was asked for or else at the one there was.
    pub fn of(forecast: &Forecast, seen: &Seen) -> Self {
        let per_s = forecast.asked_per_s.filter(|_| forecast.close != ClosePolicy::Keep).or(seen.per_s);
        let crowded = forecast.is_crowded().then_some(Duration::ZERO);
        let foretold = crowded.or_else(|| forecast.gone_after(per_s?));
        let held = match (foretold, seen.gone_at) {
            (None, gone) => Some(gone.is_none()),
            (Some(foretold), Some(gone)) => Some(gone.abs_diff(foretold) <= margin(foretold)),
            (Some(foretold), None) if seen.ran_for <= foretold + margin(foretold) => None,
            (Some(_), None) => Some(false),
        };
        Self { foretold, seen: seen.gone_at, held }
    }

    /// For people, where there is something to tell.
    pub fn words(&self) -> Option<String> {
        let foretold = |after: Duration| format!("forecast: ports gone after {}", span(after));
        match (self.foretold, self.seen) {
            (None, None) => None,
            (None, Some(at)) => Some(format!(
                "forecast: the ports last; but after {} a connection found none: others of this host use them, too, or they \
                 do not come back as this target's timestamps promised",
                span(at)
            )),
            (Some(after), Some(at)) => Some(format!("{}; seen: after {}", foretold(after), span(at))),
            (Some(after), None) if self.held.is_none() => Some(format!("{}; the run was over before", foretold(after))),
            (Some(after), None) => {
                Some(format!("{}; seen: they lasted, so more came back than was reckoned with", foretold(after)))
            }
        }
    }
}

fn margin(foretold: Duration) -> Duration {
    foretold.mul_f64(MISS_SHARE).max(MISS_MIN)
}
