//! How a run is loaded beyond one rate: a course of rates, and a warm-up.

use crate::course::{Course, Phase};
use crate::crowd::{Crowd, CrowdPhase};
use crate::pace::{Pace, Spread};
use crate::plan::{Plan, PlanError};
use core::time::Duration;

/// As given by a person.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoadDraft {
    /// How the rate goes, in place of one rate.
    pub course: Option<Course>,
    /// How many connections there are, in a closed loop where that changes.
    pub crowd: Option<Crowd>,
    /// How requests lie in time along it.
    pub spread: Spread,
    /// Before what is measured, as long as this.
    pub warm_up: Duration,
    /// What a person should know of where the requests come from.
    pub notes: Vec<String>,
}

/// As it is run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// How the rate goes, in place of the one of the plan's pace, which is its mean.
    pub course: Option<Course>,
    /// How many connections there are, where that changes: the plan has the most.
    pub crowd: Option<Crowd>,
    /// Before what is measured.
    pub warm_up: Duration,
    /// What a person should know of where the requests come from.
    pub notes: Vec<String>,
}

/// Why a run cannot be loaded so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A changing number of connections beside a rate.
    #[error("connections that come and go are a closed loop: leave the rate out")]
    CrowdAtRate,
    /// A course beside a rate.
    #[error("one rate and a course of rates contradict each other: leave one of them out")]
    Both,
    /// More than can be asked for, or nothing.
    #[error("its mean rate is nothing, or more than can be asked for")]
    Mean,
    /// A warm-up without a time that follows.
    #[error("a warm-up comes before a run that is measured by time: give its duration (-z), and no number of requests")]
    WarmUpOfCount,
    /// A warm-up before a record.
    #[error("a record has no rate to warm up with: leave the warm-up out")]
    WarmUpOfRecord,
    /// A warm-up of more than a day.
    #[error("a warm-up may last a day at most")]
    WarmUpTooLong,
}

impl LoadDraft {
    /// What makes requests due, given what the plan says of it.
    pub(crate) fn pace(&self, given: Pace) -> Result<Pace, LoadError> {
        if self.crowd.is_some() && (self.course.is_some() || given != Pace::Closed) {
            return Err(LoadError::CrowdAtRate);
        }
        match (&self.course, given) {
            (None, given) => Ok(given),
            (Some(_), Pace::Open(..)) => Err(LoadError::Both),
            (Some(course), Pace::Closed) => Ok(Pace::Open(course.mean().ok_or(LoadError::Mean)?, self.spread)),
        }
    }

    /// Of a run of so many requests, or of so long.
    pub(crate) fn check(self, requests: Option<u64>, duration: Option<Duration>) -> Result<Load, LoadError> {
        let is_record = matches!(self.course, Some(Course::Recorded(_)));
        match self.warm_up {
            Duration::ZERO => {}
            _ if is_record => return Err(LoadError::WarmUpOfRecord),
            _ if requests.is_some() || duration.is_none() => return Err(LoadError::WarmUpOfCount),
            time if time > crate::plan::TIME_MAX => return Err(LoadError::WarmUpTooLong),
            _ => {}
        }
        Ok(Load { course: self.course, crowd: self.crowd, warm_up: self.warm_up, notes: self.notes })
    }

    /// How long it lasts, where that is said, or where it ends by itself.
    pub(crate) fn duration(&self, given: Option<Duration>) -> Option<Duration> {
        let of_course =
            self.course.as_ref().filter(|course| matches!(course, Course::Phases(_))).and_then(Course::lasts);
        let of_crowd = self.crowd.as_ref().map(Crowd::lasts);
        given.into_iter().chain(of_course).chain(of_crowd).min()
    }

    /// How many requests, where that is said, or where it ends by itself.
    pub(crate) fn requests(&self, given: Option<u64>) -> Option<u64> {
        match &self.course {
            Some(course @ Course::Recorded(_)) => given.into_iter().chain(course.requests()).min(),
            _ => given,
        }
    }
}

impl Load {
    /// The phases of its connections, where their number changes.
    pub(crate) fn crowd_phases(&self) -> &[CrowdPhase] {
        self.crowd.as_ref().map_or(&[], Crowd::phases)
    }

    /// The phases of its course, where it has some.
    pub(crate) fn phases(&self) -> &[Phase] {
        match &self.course {
            Some(Course::Phases(phases)) => phases,
            _ => &[],
        }
    }
}

impl Plan {
    /// When requests are due, in an open loop: the warm-up is the beginning of it.
    pub fn clock(&self) -> Option<(Course, Spread)> {
        match (self.pace, &self.load.course) {
            (Pace::Closed, _) => None,
            (Pace::Open(_, spread), Some(course)) => Some((course.warmed_up(self.load.warm_up), spread)),
            (Pace::Open(rate, spread), None) => Some((Course::Even(rate), spread)),
        }
    }

    /// Does the clock end by itself, after its last request?
    pub fn ends_by_clock(&self) -> bool {
        matches!(self.load.course, Some(Course::Recorded(_)))
    }
}

impl From<LoadError> for PlanError {
    fn from(why: LoadError) -> Self {
        Self::Load(why)
    }
}
