//! What a tester is told and asked while it runs.

use reactor::Reply;
use stats::Coarse;
use std::time::Duration;
use stress_core::{ErrorKind, Scale, Tally};

/// An order to a [`Tester`](crate::Tester).
#[derive(Debug)]
pub enum Order {
    /// Say how far you are.
    Report(Reply<Box<Told>>),
    /// Start nothing new; what is in flight may finish within the plan's bound.
    Stop,
    /// So many times as much as was planned from here on: requests of an open loop, connections of a closed one.
    Scale(Scale),
}

/// How far a tester is, and what it saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Since the start.
    pub counts: Counts,
    /// Latency of what was complete since it was asked last.
    pub lately: Coarse,
    /// Responses by status, in order, since the start.
    pub statuses: Vec<(u16, u64)>,
    /// Failures by kind, those that happened, since the start.
    pub errors: Vec<(ErrorKind, u64)>,
}

impl Told {
    pub(crate) fn of(tally: &mut Tally) -> Self {
        Self {
            counts: Counts::of(tally),
            lately: std::mem::take(&mut tally.lately),
            statuses: tally.statuses().collect(),
            errors: tally.failures(),
        }
    }
}

/// How far a tester is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete responses.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Of those, failures of this host.
    pub failed_here: u64,
    /// Connections established.
    pub opened: u64,
    /// Ends that left TIME_WAIT here.
    pub time_waits: u64,
    /// Calls of connect(2) that were timed.
    pub connects: u64,
    /// CPU time they took.
    pub connects_cpu: Duration,
    /// Nothing is issued any more: requests that are still waited for.
    pub waiting: u64,
}

impl Counts {
    pub(crate) fn of(tally: &Tally) -> Self {
        Self {
            ok: tally.ok,
            failed: tally.failed(),
            failed_here: tally.failed_here(),
            opened: tally.connects_opened,
            time_waits: tally.closed.time_waits_here(),
            connects: tally.connect_cost.count(),
            connects_cpu: tally.connects_cpu,
            waiting: 0,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.ok += other.ok;
        self.failed += other.failed;
        self.failed_here += other.failed_here;
        self.opened += other.opened;
        self.time_waits += other.time_waits;
        self.connects += other.connects;
        self.connects_cpu += other.connects_cpu;
        self.waiting += other.waiting;
    }
}
