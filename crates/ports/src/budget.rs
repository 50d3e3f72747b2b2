//! How many connections per second a set of ports pays for, and when it is used up.
//!
//! Pure arithmetic: with the client closing first, each connection keeps its 4-tuple for 60 s of
//! TIME_WAIT or a little more, so the budget that lasts is 4-tuples / 62 s.

use core::fmt;
use core::time::Duration;

/// A TIME_WAIT of 60 s ends up to 2.05 s late on most kernels: timers lie in slots that grow with their distance
/// (`kernel/time/timer.c` since 4.8, HZ=250; seen: 60.06 to 62.06 s). What is promised to last reckons with the latest.
pub const TIME_WAIT_LONGEST: Duration = Duration::from_secs(62);

/// What one client has to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Ports per source address.
    pub ports: u32,
    /// Source addresses.
    pub sources: u32,
    /// Distinct destinations (address and port).
    pub destinations: u32,
    /// Of the 4-tuples, those that are taken already.
    pub taken: u64,
}

/// What a planned rate does to a [`Budget`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BudgetVerdict {
    /// The ports come back as fast as they are used.
    Lasts {
        /// Connections per second the ports would pay for.
        rate_per_s_max: f64,
    },
    /// The ports run out.
    RunsOut {
        /// Connections per second the ports pay for.
        rate_per_s_max: f64,
        /// Until the first connect fails.
        after: Duration,
    },
}

impl Budget {
    /// One source and one destination.
    pub fn of_ports(ports: u32) -> Self {
        Self { ports, sources: 1, destinations: 1, taken: 0 }
    }

    /// All 4-tuples.
    pub fn tuples(&self) -> u64 {
        u64::from(self.ports) * u64::from(self.sources) * u64::from(self.destinations)
    }

    /// 4-tuples that are not taken yet.
    pub fn left(&self) -> u64 {
        self.tuples().saturating_sub(self.taken)
    }

    /// Connections per second that can go on for ever when each leaves a TIME_WAIT here.
    pub fn rate_per_s_max(&self) -> f64 {
        self.tuples() as f64 / TIME_WAIT_LONGEST.as_secs_f64()
    }

    /// How long the ports last at `rate_per_s`; `None` when for ever. For ever means that the first
    /// TIME_WAITs expire before the last port is used.
    pub(crate) fn lasts_for(&self, rate_per_s: f64) -> Option<Duration> {
        if rate_per_s <= 0.0 {
            return None;
        }
        let seconds = self.left() as f64 / rate_per_s;
        (seconds < TIME_WAIT_LONGEST.as_secs_f64()).then(|| Duration::from_secs_f64(seconds))
    }

    /// What `rate_per_s` connections per second would lead to.
    pub fn verdict(&self, rate_per_s: f64) -> BudgetVerdict {
        let rate_per_s_max = self.rate_per_s_max();
        match self.lasts_for(rate_per_s) {
            None => BudgetVerdict::Lasts { rate_per_s_max },
            Some(after) => BudgetVerdict::RunsOut { rate_per_s_max, after },
        }
    }
}

impl fmt::Display for BudgetVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lasts { rate_per_s_max } => write!(f, "budget {rate_per_s_max:.0} connections/s: the ports last"),
            Self::RunsOut { rate_per_s_max, after } => {
                let seconds = after.as_secs_f64();
                write!(f, "budget {rate_per_s_max:.0} connections/s: ports gone in about {seconds:.1} s")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(budget: Budget, rate: f64, expect: &str) {
        assert_eq!(budget.verdict(rate).to_string(), expect);
    }

    #[test]
    fn the_budget_is_tuples_over_the_longest_time_wait() {
        let linux = Budget::of_ports(28_232);
        check(linux, 5000.0, "budget 455 connections/s: ports gone in about 5.6 s");
        check(linux, 455.0, "budget 455 connections/s: the ports last");
        check(linux, 0.0, "budget 455 connections/s: the ports last");
        check(Budget { sources: 4, ..linux }, 1800.0, "budget 1821 connections/s: the ports last");
        check(Budget { destinations: 2, ..linux }, 1000.0, "budget 911 connections/s: ports gone in about 56.5 s");
        check(Budget { taken: 28_000, ..linux }, 464.0, "budget 455 connections/s: ports gone in about 0.5 s");
        check(Budget { taken: 30_000, ..linux }, 1.0, "budget 455 connections/s: ports gone in about 0.0 s");
    }
}
