//! The 4-tuples towards one destination, each in use or in one queue. Times and queues only: addresses are the
//! allocator's.
//!
//! ```text
//! slots (source = slot % sources, port = low + slot / sources):
//!   [ used so far: state, time, next ............ | never used: not even stored ]
//!     each in use, or in exactly one queue:         ^fresh
//!     free -> recyclable (TIME_WAIT, timestamps) ; waiting (TIME_WAIT, none) ; aside (refused)
//! ```

use crate::allocator::{NoPort, PortCounts, PortEnd, SET_ASIDE, TIME_WAIT};
use crate::closing::ClosedFirst;
use crate::queue::{Links, Queue};
use core::net::SocketAddr;
use core::time::Duration;

/// A free slot that has rested for so long is as good as a fresh one, which would have to be stored: so a quiet
/// destination keeps to few slots. Twice TIME_WAIT, because the peer's TIME_WAIT may be longer than Linux's.
const RESTED: Duration = Duration::from_secs(120);

/// Expired queue heads brought back per [`Destination::take`]; more than one, so that the queues
/// drain faster than they fill.
const EXPIRED_PER_TAKE_MAX: usize = 2;

#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    /// Forgotten: it stays as long as leases are out.
    pub(crate) leaving: bool,
    pub(crate) in_use: u32,
    /// Slots in all; those from `links.len()` on are fresh.
    slots: u32,
    links: Links,
    free: Queue,
    recyclable: Queue,
    waiting: Queue,
    aside: Queue,
}

impl Destination {
    pub(crate) fn new(address: SocketAddr, slots: u32) -> Self {
        Self {
            address,
            leaving: false,
            in_use: 0,
            slots,
            links: Links::default(),
            free: Queue::default(),
            recyclable: Queue::default(),
            waiting: Queue::default(),
            aside: Queue::default(),
        }
    }

    /// Takes the slot to use next.
    pub(crate) fn take(&mut self, now: Duration) -> Result<u32, NoPort> {
        self.bring_back_expired(now);
        let slot = self.next_slot(now)?;
        self.links.mark_in_use(slot);
        self.in_use += 1;
        Ok(slot)
    }

    /// The connection that used `slot` is over.
    pub(crate) fn give_back(&mut self, now: Duration, slot: u32, end: PortEnd) {
        self.ended(slot);
        let time_wait = end.closed_first.is_some_and(ClosedFirst::leaves_time_wait_here);
        let queue = match (time_wait, end.timestamps) {
            (false, _) => &mut self.free,
            (true, true) => &mut self.recyclable,
            (true, false) => &mut self.waiting,
        };
        queue.push(&mut self.links, slot, now);
    }

    /// The kernel did not let us have `slot`.
    pub(crate) fn set_aside(&mut self, now: Duration, slot: u32) {
        self.ended(slot);
        self.aside.push(&mut self.links, slot, now);
    }

    pub(crate) fn counts(&self) -> PortCounts {
        PortCounts {
            in_use: self.in_use,
            free: self.slots - self.links.len() + self.free.len(),
            recyclable: self.recyclable.len(),
            waiting: self.waiting.len(),
            aside: self.aside.len(),
        }
    }

    /// # Panics
    /// When the slot is not in use: its lease comes from another allocator.
    fn ended(&mut self, slot: u32) {
        assert!(self.links.is_in_use(slot), "a lease goes back to the allocator it came from");
        self.in_use -= 1;
    }

    /// Moves heads whose time is over to `free`. Queues are in order of time, so heads suffice.
    fn bring_back_expired(&mut self, now: Duration) {
        let queues = [(&mut self.waiting, TIME_WAIT), (&mut self.recyclable, TIME_WAIT), (&mut self.aside, SET_ASIDE)];
        for (queue, time) in queues {
            for _ in 0..EXPIRED_PER_TAKE_MAX {
                let Some(since) = queue.oldest(&self.links).filter(|since| *since + time <= now) else { break };
                if let Some(slot) = queue.pop(&mut self.links) {
                    self.free.push(&mut self.links, slot, since);
                }
            }
        }
    }

    fn next_slot(&mut self, now: Duration) -> Result<u32, NoPort> {
        let rested = self.free.oldest(&self.links).is_some_and(|since| since + RESTED <= now);
        if !rested && self.links.len() < self.slots {
            return Ok(self.links.add());
        }
        let links = &mut self.links;
        let used = self.free.pop(links).or_else(|| self.recyclable.pop(links));
        used.ok_or_else(|| self.no_port())
    }

    fn no_port(&self) -> NoPort {
        if self.slots == 0 {
            return NoPort::NoSource;
        }
        let waiting = self.waiting.oldest(&self.links).map(|since| since + TIME_WAIT);
        let aside = self.aside.oldest(&self.links).map(|since| since + SET_ASIDE);
        match (waiting, aside) {
            (None, None) => NoPort::AllInUse,
            (Some(free_at), None) => NoPort::AllWaiting { free_at },
            (None, Some(free_at)) => NoPort::AllRefused { free_at },
            (Some(waiting), Some(aside)) if waiting <= aside => NoPort::AllWaiting { free_at: waiting },
            (Some(_), Some(free_at)) => NoPort::AllRefused { free_at },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET_END: PortEnd = PortEnd { closed_first: Some(ClosedFirst::PeerFin), timestamps: true };

    /// Slots stored after `count` connections, one after the other, `apart` from each other.
    fn stored(count: u32, apart: Duration) -> u32 {
        let mut ports = Destination::new(SocketAddr::from(([10, 0, 0, 1], 80)), 28_232);
        for turn in 0..count {
            let slot = ports.take(apart * turn).expect("more ports than connections");
            ports.give_back(apart * turn, slot, QUIET_END);
        }
        ports.links.len()
    }

    /// Thousands of servers must not cost 12 bytes for each port of the range when each of them is asked now and then.
    #[test]
    fn a_quiet_destination_stores_few_slots_and_a_busy_one_uses_them_all() {
        assert_eq!(stored(1000, Duration::from_secs(1)), 120);
        assert_eq!(stored(1000, Duration::from_secs(200)), 1);
        assert_eq!(stored(1000, Duration::from_millis(1)), 1000, "the longest rest there is");
    }

    #[test]
    fn a_destination_without_a_slot_in_use_is_small() {
        assert!(size_of::<Destination>() <= 160, "{} bytes", size_of::<Destination>());
    }
}
