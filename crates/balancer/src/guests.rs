//! Who is at a listener, all workers together: in parts with a lock each, so that two workers rarely meet. Where clients are
//! not counted nobody comes here.

use balancer_core::Guests;
use balancer_core::treatment::client_of;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PARTS: usize = 16;

/// One listener's.
#[derive(Debug, Default)]
pub(crate) struct SharedGuests([Mutex<Guests>; PARTS]);

impl SharedGuests {
    /// One more connection of this client, where that is no more than `max`.
    pub(crate) fn enter(&self, client: IpAddr, max: u32) -> bool {
        let client = client_of(client);
        self.part(client).enter(client, max)
    }

    /// One less.
    pub(crate) fn leave(&self, client: IpAddr) {
        let client = client_of(client);
        self.part(client).leave(client);
    }

    /// All that are counted.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(|part| part.lock().unwrap_or_else(PoisonError::into_inner).count()).sum()
    }

    fn part(&self, client: u64) -> MutexGuard<'_, Guests> {
        // Neighbours differ in their last bits, or in the middle: multiplied, in their first.
        let part = (client.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize % PARTS;
        self.0[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many workers let in at once, no client has more than it may.
    #[test]
    fn all_workers_count_together() {
        let guests = SharedGuests::default();
        let enter = |_: usize| guests.enter(IpAddr::from([192, 0, 2, 7]), 100);
        let let_in: usize = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(|| (0..50).filter(|n| enter(*n)).count())).collect();
            workers.into_iter().map(|worker| worker.join().expect("a worker")).sum()
        });
        assert_eq!((let_in, guests.count()), (100, 100));
        guests.leave(IpAddr::from([192, 0, 2, 7]));
        assert!(enter(0) && !enter(0));
    }
}
