//! First-in-first-out queues threaded through one table of slots: a slot is in at most one queue, so
//! that all queues together cost one link and one time per slot.

use core::time::Duration;

const NONE: u32 = u32::MAX;
/// In the `next` field: taken by a connection, hence in no queue.
const IN_USE: u32 = u32::MAX - 1;

/// What every slot carries.
#[derive(Debug, Default)]
pub(crate) struct Links {
    next: Vec<u32>,
    /// When the slot entered its queue, in ms since the start.
    since_ms: Vec<u64>,
}

/// One queue over [`Links`], oldest first.
#[derive(Debug)]
pub(crate) struct Queue {
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for Queue {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0 }
    }
}

impl Links {
    /// Slots so far.
    pub(crate) fn len(&self) -> u32 {
        self.next.len() as u32
    }

    /// One more slot, in no queue.
    pub(crate) fn add(&mut self) -> u32 {
        self.next.push(NONE);
        self.since_ms.push(0);
        self.len() - 1
    }

    pub(crate) fn mark_in_use(&mut self, slot: u32) {
        self.next[slot as usize] = IN_USE;
    }

    pub(crate) fn is_in_use(&self, slot: u32) -> bool {
        self.next[slot as usize] == IN_USE
    }
}

impl Queue {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Appends a slot that is in no queue.
    pub(crate) fn push(&mut self, links: &mut Links, slot: u32, now: Duration) {
        links.since_ms[slot as usize] = now.as_millis() as u64;
        links.next[slot as usize] = NONE;
        match self.tail {
            NONE => self.head = slot,
            tail => links.next[tail as usize] = slot,
        }
        self.tail = slot;
        self.len += 1;
    }

    /// Takes the oldest slot out.
    pub(crate) fn pop(&mut self, links: &mut Links) -> Option<u32> {
        if self.head == NONE {
            return None;
        }
        let slot = self.head;
        self.head = links.next[slot as usize];
        if self.head == NONE {
            self.tail = NONE;
        }
        links.next[slot as usize] = NONE;
        self.len -= 1;
        Some(slot)
    }

    /// When the oldest slot was pushed.
    pub(crate) fn oldest(&self, links: &Links) -> Option<Duration> {
        (self.head != NONE).then(|| Duration::from_millis(links.since_ms[self.head as usize]))
    }
}
