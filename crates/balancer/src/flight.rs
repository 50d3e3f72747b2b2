//! How much is under way in one backend set, all workers together: one number, and a ticket for each that is counted in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// One set's. On a cache line of its own: with every request all workers change it.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Flight(AtomicU32);

/// One that is counted, as long as this lasts.
#[derive(Debug)]
pub(crate) struct Ticket(Arc<Flight>);

impl Flight {
    /// One more, if that is no more than `max`.
    pub(crate) fn enter(self: &Arc<Self>, max: u32) -> Option<Ticket> {
        let one_more = |under_way| (under_way < max).then(|| under_way + 1);
        // The number stands for itself: nothing else is read by it.
        let entered = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        entered.ok().map(|_| Ticket(Arc::clone(self)))
    }

    /// So many are.
    pub(crate) fn under_way(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Ticket {
    /// Is it counted there?
    pub(crate) fn is_of(&self, flight: &Arc<Flight>) -> bool {
        Arc::ptr_eq(&self.0, flight)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let before = self.0.0.fetch_sub(1, Ordering::Relaxed);
        debug_assert!(before > 0, "who leaves has entered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many workers let in at once, there are never more than may be, and in the end there is nobody.
    #[test]
    fn the_bound_holds_over_all_workers_and_every_ticket_is_given_back() {
        const MAX: u32 = 7;
        let flight = Arc::new(Flight::default());
        let worker = || {
            let mut held = Vec::new();
            for round in 0..5000_u32 {
                held.extend(flight.enter(MAX));
                assert!(flight.under_way() <= MAX);
                if round % 3 == 0 {
                    held.clear();
                }
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(worker))));
        assert_eq!(flight.under_way(), 0);
        let all: Vec<Ticket> = (0..20).map_while(|_| flight.enter(MAX)).collect();
        assert_eq!((all.len(), flight.enter(MAX + 1).is_some()), (7, true), "another bound counts at once");
    }
}
