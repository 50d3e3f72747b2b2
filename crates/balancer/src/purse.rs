//! What is left of the retry budget of one backend set, all workers together: one word, shared without a lock.

use balancer_core::budget::{Purse, RetryBudget};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One set's.
#[derive(Debug, Default)]
pub(crate) struct SharedPurse(AtomicU64);

impl SharedPurse {
    /// Puts `share` in, and takes one repetition out if there is enough for it.
    pub(crate) fn draw(&self, share: u64, now: Duration, budget: &RetryBudget) -> bool {
        let mut bits = self.0.load(Ordering::Relaxed);
        loop {
            let (after, pays) = Purse::from_bits(bits).draw(share, now, budget);
            // The word stands for itself, so no ordering with other memory is needed.
            match self.0.compare_exchange_weak(bits, after.to_bits(), Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return pays,
                Err(other) => bits = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many workers draw at once, no more is paid than there was.
    #[test]
    fn nothing_is_drawn_twice() {
        let (purse, budget) = (SharedPurse::default(), RetryBudget { percent: 10, per_second: 50 });
        let now = Duration::from_secs(9);
        let paid: usize = std::thread::scope(|scope| {
            let draw = || (0..1000).filter(|_| purse.draw(budget.share_of(1, now), now, &budget)).count();
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        assert_eq!(paid, 50 + 4000 / 10);
    }
}
