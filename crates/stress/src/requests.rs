//! The requests of a run, shared by its threads: whichever has a free connection makes the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Requests a thread takes at once, at most.
const TAKEN_MAX: u64 = 64;
/// A thread takes no more than one of so many parts of what each connection would get: what one holds back shall not keep the
/// others waiting at the end.
const PARTS: u64 = 4;

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
