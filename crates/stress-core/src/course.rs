//! How the rate of an open loop goes: even, in phases, or as it was recorded.

use crate::pace::{PER_S_MAX, Rate};
use core::time::Duration;
use serde::Serialize;
use std::sync::Arc;

/// Phases one course may have.
pub const PHASES_MAX: usize = 1000;

/// A stretch of a course: the rate goes in a straight line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// How long.
    #[serde(rename = "lasts_s", serialize_with = "crate::report::seconds")]
    pub lasts: Duration,
    /// Requests per second at its beginning.
    pub from_per_s: f64,
    /// Requests per second at its end.
    pub to_per_s: f64,
}

impl Phase {
    /// The same rate from beginning to end.
    pub fn even(lasts: Duration, per_s: f64) -> Self {
        Self { lasts, from_per_s: per_s, to_per_s: per_s }
    }

    /// Requests that become due in it.
    fn requests(&self) -> f64 {
        (self.from_per_s + self.to_per_s) / 2.0 * self.lasts.as_secs_f64()
    }

    /// When, from its beginning, so many have become due; no more than [`Phase::requests`].
    ///
    /// After t seconds that is `from * t + slope * t^2 / 2`: of the two forms of the root the one that subtracts nothing.
    fn when(&self, requests: f64) -> f64 {
        let slope = (self.to_per_s - self.from_per_s) / self.lasts.as_secs_f64();
        let root = (self.from_per_s * self.from_per_s + 2.0 * slope * requests).max(0.0).sqrt();
        match self.from_per_s + root {
            // Nothing is due while nothing is asked for.
            0.0 => 0.0,
            sum => (2.0 * requests / sum).min(self.lasts.as_secs_f64()),
        }
    }
}

/// How the rate goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Course {
    /// The same all the time.
    Even(Rate),
    /// In phases, one after the other; then there is nothing more.
    Phases(Arc<[Phase]>),
    /// Each request at its time since the start; then there is nothing more.
    Recorded(Arc<[Duration]>),
}

impl Course {
    /// When the request of this number (from 0) is due; `None` where there is none.
    pub(crate) fn nth(&self, number: u64) -> Option<Duration> {
        match self {
            // Each is reckoned from the beginning, so that no rounding adds up.
            Self::Even(rate) => Some(rate.after(number)),
            Self::Phases(phases) => when(phases, number as f64),
            Self::Recorded(times) => times.get(usize::try_from(number).ok()?).copied(),
        }
    }

    /// When so many requests have become due, and parts of one; `None` after the end.
    pub(crate) fn when(&self, requests: f64) -> Option<Duration> {
        match self {
            Self::Even(rate) => Duration::try_from_secs_f64(requests / rate.per_s()).ok(),
            Self::Phases(phases) => when(phases, requests),
            Self::Recorded(_) => self.nth(requests as u64),
        }
    }

    /// How long it lasts, where it ends by itself.
    pub fn lasts(&self) -> Option<Duration> {
        match self {
            Self::Even(_) => None,
            Self::Phases(phases) => Some(phases.iter().map(|phase| phase.lasts).sum()),
            Self::Recorded(times) => times.last().copied(),
        }
    }

    /// Requests in all, where it ends by itself.
    pub fn requests(&self) -> Option<u64> {
        match self {
            Self::Even(_) => None,
            Self::Phases(phases) => Some(phases.iter().map(Phase::requests).sum::<f64>().ceil() as u64),
            Self::Recorded(times) => Some(times.len() as u64),
        }
    }

    /// Its mean rate; `None` where that is nothing, or more than can be asked for.
    pub(crate) fn mean(&self) -> Option<Rate> {
        match self {
            Self::Even(rate) => Some(*rate),
            _ => Rate::new(self.requests()?, self.lasts()?.max(Duration::from_secs(1))),
        }
    }
}

fn when(phases: &[Phase], requests: f64) -> Option<Duration> {
    let (mut begun, mut left) = (Duration::ZERO, requests);
    for phase in phases {
        if left < phase.requests() {
            return Some(begun + Duration::from_secs_f64(phase.when(left)));
        }
        left -= phase.requests();
        begun += phase.lasts;
    }
    None
}

/// Why there is no such course.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CourseError {
    /// No phase, or more than [`PHASES_MAX`].
    #[error("{0} phases: there may be 1 to {PHASES_MAX}")]
    Count(usize),
    /// A rate that is below zero, or more than can be asked for.
    #[error("phase {}: a rate is from 0 to {PER_S_MAX} in a second", .0 + 1)]
    Rate(usize),
    /// A phase without time, or of more than a day.
    #[error("phase {}: it lasts longer than 0 and at most a day", .0 + 1)]
    Time(usize),
    /// All of it asks for nothing.
    #[error("the phases ask for no request at all: give one of them a rate")]
    Nothing,
    /// Nothing was recorded.
    #[error("the record has no times: HAR files and access logs have")]
    NoTimes,
    /// A speed that is none.
    #[error("a replay goes at a speed above 0 and up to 10000: x0.5 is half as fast, x10 ten times")]
    Speed,
}

impl Course {
    /// In phases.
    ///
    /// # Errors
    /// A phase that is none.
    pub fn phases(phases: &[Phase]) -> Result<Self, CourseError> {
        if phases.is_empty() || phases.len() > PHASES_MAX {
            return Err(CourseError::Count(phases.len()));
        }
        let good = |per_s: f64| (0.0..=PER_S_MAX as f64).contains(&per_s);
        for (at, phase) in phases.iter().enumerate() {
            if !good(phase.from_per_s) || !good(phase.to_per_s) {
                return Err(CourseError::Rate(at));
            }
            if phase.lasts.is_zero() || phase.lasts > crate::plan::TIME_MAX {
                return Err(CourseError::Time(at));
            }
        }
        let course = Self::Phases(phases.into());
        if course.requests() == Some(0) { Err(CourseError::Nothing) } else { Ok(course) }
    }

    /// As it was recorded, so many times as fast.
    ///
    /// # Errors
    /// Nothing was recorded, or a speed that is none.
    pub fn recorded(times: &[Duration], speed: f64) -> Result<Self, CourseError> {
        if times.is_empty() {
            return Err(CourseError::NoTimes);
        }
        if !(speed > 0.0 && speed <= 10_000.0) {
            return Err(CourseError::Speed);
        }
        Ok(Self::Recorded(times.iter().map(|at| at.div_f64(speed)).collect()))
    }

    /// Begins with so long at the rate it begins with. A record has no rate: it stays as it is.
    pub(crate) fn warmed_up(&self, time: Duration) -> Self {
        match self {
            Self::Phases(phases) if !time.is_zero() => {
                let first = phases.first().map_or(0.0, |first| first.from_per_s);
                Self::Phases(core::iter::once(Phase::even(time, first)).chain(phases.iter().copied()).collect())
            }
            _ => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn course(phases: &[(u64, f64, f64)]) -> Course {
        let phase = |&(s, from_per_s, to_per_s)| Phase { lasts: secs(s), from_per_s, to_per_s };
        Course::phases(&phases.iter().map(phase).collect::<Vec<_>>()).expect("a course")
    }

    /// Requests due in each second.
    fn per_second(course: &Course) -> Vec<u64> {
        let mut counts = vec![0; course.lasts().expect("an end").as_secs() as usize];
        (0..).map_while(|number| course.nth(number)).for_each(|due| counts[due.as_secs() as usize] += 1);
        counts
    }

    #[test]
    fn phases_ask_for_what_they_say_second_by_second() {
        assert_eq!(per_second(&course(&[(3, 5.0, 5.0)])), [5, 5, 5]);
        assert_eq!(per_second(&course(&[(4, 0.0, 400.0)])), [50, 150, 250, 350]);
        assert_eq!(per_second(&course(&[(4, 400.0, 0.0)])), [350, 250, 150, 50]);
        assert_eq!(per_second(&course(&[(2, 10.0, 10.0), (1, 0.0, 0.0), (2, 20.0, 20.0)])), [10, 10, 0, 20, 20]);
        let spike = course(&[(2, 10.0, 10.0), (1, 1000.0, 1000.0), (2, 10.0, 10.0)]);
        assert_eq!((per_second(&spike), spike.requests()), (vec![10, 10, 1000, 10, 10], Some(1040)));
        assert_eq!(spike.mean().map(|rate| rate.per_s()), Some(208.0));
    }

    #[test]
    fn a_record_is_played_at_its_speed() {
        let times = [0, 10, 30].map(secs);
        let course = Course::recorded(&times, 10.0).expect("a course");
        assert_eq!(
            (0..4).map(|number| course.nth(number)).collect::<Vec<_>>(),
            [Some(secs(0)), Some(secs(1)), Some(secs(3)), None]
        );
        assert_eq!((course.lasts(), course.requests()), (Some(secs(3)), Some(3)));
        assert_eq!(course.mean().map(|rate| rate.per_s()), Some(1.0));
        // What is over within a second is no rate of thousands.
        let burst = Course::recorded(&[0, 1, 2].map(Duration::from_millis), 1.0).expect("a course");
        assert_eq!(burst.mean().map(|rate| rate.per_s()), Some(3.0));
    }

    #[test]
    fn what_is_no_course_says_why() {
        let why = |phases: &[(u64, f64, f64)]| {
            let phase = |&(s, from_per_s, to_per_s)| Phase { lasts: secs(s), from_per_s, to_per_s };
            Course::phases(&phases.iter().map(phase).collect::<Vec<_>>()).expect_err("none").to_string()
        };
        assert_eq!(why(&[]), "0 phases: there may be 1 to 1000");
        assert!(why(&[(1, 1.0, 1.0), (1, -1.0, 1.0)]).starts_with("phase 2: a rate is from 0"));
        assert!(why(&[(0, 1.0, 1.0)]).starts_with("phase 1: it lasts longer"));
        assert!(why(&[(9, 0.0, 0.0)]).contains("no request at all"));
        assert_eq!(Course::recorded(&[], 1.0), Err(CourseError::NoTimes));
        for speed in [0.0, -1.0, f64::NAN, 1e9] {
            assert_eq!(Course::recorded(&[secs(1)], speed), Err(CourseError::Speed), "{speed}");
        }
    }

    /// Whatever the phases: times never go back, and there are as many requests as the rates come to.
    #[test]
    fn any_phases_are_in_order_and_complete() {
        for seed in 0..200 {
            let mut rng = seed::Rng::new(seed);
            let phases: Vec<Phase> = (0..1 + rng.index(5))
                .map(|_| Phase {
                    lasts: Duration::from_millis(rng.range(1, 5000)),
                    from_per_s: if rng.chance(0.2) { 0.0 } else { rng.unit() * 500.0 },
                    to_per_s: if rng.chance(0.2) { 0.0 } else { rng.unit() * 500.0 },
                })
                .collect();
            let Ok(course) = Course::phases(&phases) else { continue };
            let dues: Vec<Duration> = (0..).map_while(|number| course.nth(number)).collect();
            assert!(dues.is_sorted(), "seed {seed}: {phases:?}");
            let (count, expect) = (dues.len() as u64, course.requests().expect("an end"));
            assert!(count.abs_diff(expect) <= 1, "seed {seed}: {count} of {expect}: {phases:?}");
            assert!(dues.last() <= course.lasts().as_ref(), "seed {seed}: {phases:?}");
        }
    }
}
