//! How many requests of a set are under way, where it has a bound of them (`requests_max`): each is counted from its first
//! attempt to the end of its exchange, or of the relay that it became.

use super::Worker;
use super::state::ExchangeId;

impl Worker {
    /// Is this request counted, or may it be?
    #[inline]
    pub(super) fn may_fly(&mut self, id: ExchangeId, set: usize) -> bool {
        let max = self.exchanges[id].set_rules.capacity.requests_max;
        max.is_none_or(|max| self.take_ticket(id, set, max))
    }

    fn take_ticket(&mut self, id: ExchangeId, set: usize, max: u32) -> bool {
        let (entry, set) = (&mut self.exchanges[id], &mut self.sets[set]);
        if entry.ticket.is_none() {
            entry.ticket = set.flight.enter(max);
            set.counters.set_full += u64::from(entry.ticket.is_none());
        }
        entry.ticket.is_some()
    }
}
