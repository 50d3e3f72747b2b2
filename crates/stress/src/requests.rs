//! The requests of a run: shared by its threads, whichever has a free connection makes the next one; or divided among them,
//! where the clock says when each is due.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stress_core::{Pace, Part, Plan, Script};

/// Requests a thread takes at once, at most.
const TAKEN_MAX: u64 = 64;
/// A thread takes no more than one of so many parts of what each connection would get: what one holds back shall not keep the
/// others waiting at the end.
const PARTS: u64 = 4;

/// How many requests a thread makes.
#[derive(Clone, Debug)]
pub enum Requests {
    /// Until time is up.
    Endless,
    /// What it takes from here.
    Shared(RequestPool),
    /// So many.
    Own(u64),
}

impl Requests {
    /// Of a run on one thread.
    pub fn whole(plan: &Plan) -> Self {
        let pool = plan.requests.map(|requests| RequestPool::new(requests, plan.connections));
        Self::of(plan, pool.as_ref(), Part::WHOLE)
    }

    /// Of one thread of a run, the pool being that of all.
    pub(crate) fn of(plan: &Plan, pool: Option<&RequestPool>, part: Part) -> Self {
        match (plan.pace, pool, plan.requests) {
            (Pace::Open(..), ..) if plan.ends_by_clock() => Self::Endless,
            (Pace::Open(..), _, Some(requests)) => Self::Own(part.share(requests)),
            (Pace::Closed, Some(pool), _) => Self::Shared(pool.clone()),
            (_, _, _) => Self::Endless,
        }
    }

    /// How many there are at first; `None`: there is no end.
    pub(crate) fn at_first(&self) -> Option<u64> {
        match self {
            Self::Endless => None,
            Self::Shared(_) => Some(0),
            Self::Own(requests) => Some(*requests),
        }
    }

    /// Some more, where there are.
    pub(crate) fn more(&self) -> u64 {
        match self {
            Self::Shared(pool) => pool.take(),
            Self::Endless | Self::Own(_) => 0,
        }
    }
}

/// Whose turn it is, of requests that take turns, and of the counters in them. Clones count together.
#[derive(Clone, Debug)]
pub struct Turns(Arc<[AtomicU64]>);

impl Turns {
    /// For the requests of `script`.
    pub fn new(script: &Script) -> Self {
        Self((0..=script.draws()).map(|_| AtomicU64::new(0)).collect())
    }

    /// The number of the next request's turn, from 0.
    pub(crate) fn of_requests(&self) -> u64 {
        self.take(0)
    }

    /// The next number that a variable has drawn, from 0.
    pub(crate) fn of_variable(&self, which: usize) -> u64 {
        self.take(which + 1)
    }

    fn take(&self, which: usize) -> u64 {
        // No other memory hangs on it.
        self.0[which].fetch_add(1, Ordering::Relaxed)
    }
}

/// A number of requests that threads take from. Clones are the same number.
#[derive(Clone, Debug)]
pub struct RequestPool {
    left: Arc<AtomicU64>,
    /// Connections of all threads.
    connections: u64,
}

impl RequestPool {
    /// `requests` for so many connections.
    pub fn new(requests: u64, connections: u32) -> Self {
        Self { left: Arc::new(AtomicU64::new(requests)), connections: u64::from(connections.max(1)) }
    }

    /// Some of what is left, fewer towards the end; 0 when nothing is.
    pub(crate) fn take(&self) -> u64 {
        let some = |left: u64| (left / (PARTS * self.connections)).clamp(1, TAKEN_MAX).min(left);
        // No other memory hangs on it: only the number has to be right.
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - some(left)));
        before.map_or(0, some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_taken_once_and_the_last_one_by_one() {
        for (requests, connections) in [(0, 1), (1, 1), (30, 3), (1_000_000, 50), (200, 1_000_000)] {
            let pool = RequestPool::new(requests, connections);
            let other = pool.clone();
            let taken: Vec<u64> = std::iter::from_fn(|| Some(pool.take())).take_while(|some| *some > 0).collect();
            assert_eq!((taken.iter().sum::<u64>(), other.take()), (requests, 0), "{requests} of {connections}");
            let last = taken.len().saturating_sub(connections as usize);
            assert!(taken[last..].iter().all(|some| *some == 1), "{requests} of {connections}: {taken:?}");
        }
    }
}
