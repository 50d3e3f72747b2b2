//! A worker's side: notes for requests under way, and the lines of those that are over until the end of its turn.

use super::desk::{Desk, Left, Slot, Wanted};
use balancer_core::access::{Batch, Note};
use seed::Rng;
use std::sync::Arc;

/// Notes that are kept for the next requests.
const NOTES_KEPT_MAX: usize = 1024;

/// What one worker notes.
#[derive(Debug)]
pub(crate) struct Book {
    desk: Arc<Desk>,
    slot: Arc<Slot>,
    wanted: Wanted,
    batch: Batch,
    #[expect(clippy::vec_box, reason = "a note goes from hand to hand, and is large")]
    notes: Vec<Box<Note>>,
    /// Of a request that is refused before it is an exchange.
    pub(crate) jotted: Option<Box<Note>>,
    lines: u64,
    lost: u64,
}

impl Book {
    /// A worker's own.
    pub(crate) fn at(desk: Arc<Desk>) -> Self {
        let wanted = desk.wanted();
        let (slot, batch, notes) = (desk.join(), wanted.batch(), Vec::new());
        Self { desk, slot, wanted, batch, notes, jotted: None, lines: 0, lost: 0 }
    }

    /// Looks what is wanted now. Lines that are here are handed on first: whoever turns a log off has them in it.
    pub(crate) fn follow(&mut self) {
        let wanted = self.desk.wanted();
        if wanted == self.wanted {
            return;
        }
        self.hand_over_at_last();
        self.wanted = wanted;
        self.slot.fit(wanted);
        wanted.fit(&mut self.batch);
    }

    /// Is anything told of requests that went well?
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.wanted.sample > 0
    }

    /// Is anything told of requests that fail?
    #[inline]
    pub(crate) fn tells_failures(&self) -> bool {
        self.wanted.failures
    }

    /// Is this request one of those that are told?
    #[inline]
    pub(crate) fn draws(&self, rng: &mut Rng) -> bool {
        self.wanted.sample == 1 || rng.index(self.wanted.sample as usize) == 0
    }

    /// One on which nothing stands.
    pub(crate) fn note(&mut self) -> Box<Note> {
        self.notes.pop().unwrap_or_default()
    }

    /// Nothing is told of it.
    pub(crate) fn put_back(&mut self, mut note: Box<Note>) {
        if self.notes.len() < NOTES_KEPT_MAX {
            note.clear();
            self.notes.push(note);
        }
    }

    /// A line that is whole.
    pub(crate) fn tell(&mut self, note: Box<Note>) {
        let told = self.batch.push(&note);
        // Without a log it is an event.
        self.lines += u64::from(told && self.is_on());
        self.lost += u64::from(!told);
        self.put_back(note);
    }

    /// Are there lines that nobody has yet?
    #[inline]
    pub(crate) fn has_lines(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Leaves its lines on the desk, if nobody else is there.
    pub(crate) fn hand_over(&mut self) {
        if self.has_lines() {
            let left = self.slot.take(&mut self.batch);
            self.wanted.fit(&mut self.batch);
            self.desk.note(left);
        }
    }

    /// The same where there is the time to wait for the slot.
    fn hand_over_at_last(&mut self) {
        if self.has_lines() && self.slot.take_at_last(&mut self.batch) {
            self.desk.note(Left::Some);
        }
    }

    /// Lines that were told, and those for which there was no room.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.lines, self.lost)
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        self.hand_over_at_last();
    }
}
