//! Requests that found no local port wait a short while for one: a connection that comes back to the pool, or a
//! port that is given back. The servers are not to blame and never set aside for it.
//!
//! What waits is served by `settle`, never inside a close.

use super::Worker;
use super::state::ExchangeId;
use balancer_core::exchange::Fact;

/// Requests that may wait per backend set and worker; one more is answered 503 at once.
const PORT_QUEUE_MAX: usize = 1024;

impl Worker {
    /// Lets a request wait for a port, unless too many do.
    pub(super) fn join_queue(&mut self, id: ExchangeId, first: bool) -> Option<Fact> {
        let set = &mut self.sets[self.exchanges[id].asked_set()];
        if set.waiting.len() >= PORT_QUEUE_MAX {
            set.counters.port_queue_full += 1;
            return Some(Fact::QueueFull);
        }
        set.counters.queued_for_port += u64::from(first);
        set.waiting.push_back(id);
        None
    }

    /// A request waits no more: its turn came, it gave up, or its client left.
    pub(super) fn leave_queue(&mut self, set: usize, id: ExchangeId) {
        self.sets[set].waiting.retain(|other| *other != id);
    }

    /// A connection or a port of this set came free.
    pub(super) fn note_freed(&mut self, set: usize) {
        let set = &mut self.sets[set];
        if !set.waiting.is_empty() {
            set.freed += 1;
            self.freed = true;
        }
    }
}
