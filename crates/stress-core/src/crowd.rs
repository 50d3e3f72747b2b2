//! How many connections a closed loop has, as that changes while a run goes on.

use crate::course::PHASES_MAX;
use crate::plan::{CONNECTIONS_MAX, TIME_MAX};
use core::time::Duration;
use serde::Serialize;
use std::sync::Arc;

/// A stretch in which the number of connections goes in a straight line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CrowdPhase {
    /// How long.
    #[serde(rename = "lasts_s", serialize_with = "crate::report::seconds")]
    pub lasts: Duration,
    /// Connections at its beginning.
    pub from: u32,
    /// Connections at its end.
    pub to: u32,
}

/// The number of connections over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd(Arc<[CrowdPhase]>);

/// Why there is no such crowd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrowdError {
    /// No phase, or more than [`PHASES_MAX`].
    #[error("{0} phases: there may be 1 to {PHASES_MAX}")]
    Count(usize),
    /// More than can be kept.
    #[error("phase {}: there may be 0 to {CONNECTIONS_MAX} connections", .0 + 1)]
    Connections(usize),
    /// A phase without time, or of more than a day.
    #[error("phase {}: it lasts longer than 0 and at most a day", .0 + 1)]
    Time(usize),
    /// No phase has any.
    #[error("no phase has a connection: give one of them some")]
    Nobody,
}

impl Crowd {
    /// In phases.
    ///
    /// # Errors
    /// A phase that is none.
    pub fn new(phases: &[CrowdPhase]) -> Result<Self, CrowdError> {
        if phases.is_empty() || phases.len() > PHASES_MAX {
            return Err(CrowdError::Count(phases.len()));
        }
        for (at, phase) in phases.iter().enumerate() {
            if phase.from > CONNECTIONS_MAX || phase.to > CONNECTIONS_MAX {
                return Err(CrowdError::Connections(at));
            }
            if phase.lasts.is_zero() || phase.lasts > TIME_MAX {
                return Err(CrowdError::Time(at));
            }
        }
        let crowd = Self(phases.into());
        if crowd.most() == 0 { Err(CrowdError::Nobody) } else { Ok(crowd) }
    }

    /// Its phases.
    pub fn phases(&self) -> &[CrowdPhase] {
        &self.0
    }

    /// The most connections there are at a time.
    pub fn most(&self) -> u32 {
        self.0.iter().map(|phase| phase.from.max(phase.to)).max().unwrap_or(0)
    }

    /// How long it lasts.
    pub fn lasts(&self) -> Duration {
        self.0.iter().map(|phase| phase.lasts).sum()
    }

    /// How many there may be at `at`, and when that is another number; before the beginning as at it, after the end as there.
    pub fn at(&self, at: Duration) -> (u32, Option<Duration>) {
        let mut begun = Duration::ZERO;
        for (nth, phase) in self.0.iter().enumerate() {
            let end = begun + phase.lasts;
            if at < end {
                let (now, change) = phase.at(at - begun);
                let is_last = nth + 1 == self.0.len();
                return (now, change.map(|change| begun + change).or((!is_last).then_some(end)));
            }
            begun = end;
        }
        (self.0.last().map_or(0, |last| last.to), None)
    }
}

impl CrowdPhase {
    /// The same from its beginning, and when the next step of its line is; `None`: not before its end.
    fn at(&self, at: Duration) -> (u32, Option<Duration>) {
        let steps = u128::from(self.from.abs_diff(self.to));
        let nanos = self.lasts.as_nanos();
        // Step n of so many begins at n / (steps + 1) of the phase, so that both ends have their time.
        let done = (at.as_nanos() * (steps + 1) / nanos).min(steps);
        let now = if self.from <= self.to { self.from + done as u32 } else { self.from - done as u32 };
        let next = (done < steps).then(|| ((done + 1) * nanos).div_ceil(steps + 1));
        (now, next.map(|nanos| Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(phases: &[(u64, u32, u32)]) -> Result<Crowd, CrowdError> {
        let phase = |&(ms, from, to)| CrowdPhase { lasts: Duration::from_millis(ms), from, to };
        Crowd::new(&phases.iter().map(phase).collect::<Vec<_>>())
    }

    /// What there is from the beginning on, change by change: since when (in ms), how many.
    fn steps(crowd: &Crowd) -> Vec<(u64, u32)> {
        let (mut at, mut steps) = (Duration::ZERO, Vec::new());
        loop {
            let (now, next) = crowd.at(at);
            steps.push((at.as_millis() as u64, now));
            match next {
                Some(next) => {
                    assert!(next > at, "time goes on");
                    at = next;
                }
                None => return steps,
            }
        }
    }

    #[test]
    fn connections_come_and_go_in_steps() {
        let up_and_down = crowd(&[(300, 1, 3), (100, 5, 5), (200, 5, 4)]).expect("a crowd");
        assert_eq!(steps(&up_and_down), [(0, 1), (100, 2), (200, 3), (300, 5), (400, 5), (500, 4)]);
        assert_eq!((up_and_down.most(), up_and_down.lasts()), (5, Duration::from_millis(600)));
        assert_eq!(up_and_down.at(Duration::from_secs(9)), (4, None));
        let from_nothing = crowd(&[(1000, 0, 1000)]).expect("a crowd");
        assert_eq!(steps(&from_nothing).len(), 1001);
    }

    #[test]
    fn what_is_no_crowd_says_why() {
        assert_eq!(crowd(&[]), Err(CrowdError::Count(0)));
        assert_eq!(crowd(&[(1, 1, 1), (0, 1, 1)]), Err(CrowdError::Time(1)));
        assert_eq!(crowd(&[(1, 0, 0)]), Err(CrowdError::Nobody));
        assert_eq!(crowd(&[(1, 0, 2_000_000)]), Err(CrowdError::Connections(0)));
    }
}
