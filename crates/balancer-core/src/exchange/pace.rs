//! Clients that are too slow: how far behind one is, while nobody but the client is waited for.
//!
//! A response is reckoned by looks at what its reader has acknowledged, whichever sends that was waited for in between:
//!
//! ```text
//!   sends    |--waited--|   |-waited-|  |---waited---|
//!   looks              ^                        ^        a quarter of the grace of waiting apart
//! ```
//! That a send has ended says only that the kernel has taken it.

use super::{Exchange, Scene, Wait};
use crate::pace::Pace;
use crate::stall::LOOKS;
use core::time::Duration;

/// How far a client is behind, sending and reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paces {
    up: Pace,
    down: Pace,
    /// Since when the client is waited for, as far as that is not reckoned.
    since: Duration,
    /// How long it was waited for in sends that have ended, since the last look.
    waited: Duration,
    /// Bytes of the response that it had taken at the last look; less than none while it owes something of an earlier one.
    taken: Option<i64>,
}

impl Exchange {
    /// The client is waited for from now on: no longer than it may still take.
    #[cold]
    pub(super) fn begin_pace(&mut self, scene: &Scene<'_>) {
        self.paces.since = scene.now;
        let rules = &scene.client.pace;
        let until = match self.wait {
            Wait::ClientBody if rules.request.is_some() && !self.up.awaits_continue && !self.down.sending => {
                self.paces.up.left(rules.grace)
            }
            Wait::ClientRead if rules.response.is_some() => (rules.grace / LOOKS).saturating_sub(self.paces.waited),
            _ => return,
        };
        self.deadline = self.deadline.min(scene.now.saturating_add(until));
    }

    /// So much of the request's body came. Who is too slow is told with the next wait.
    #[cold]
    pub(super) fn note_upload(&mut self, len: usize, scene: &Scene<'_>) {
        let Some(rate) = scene.client.pace.request else { return };
        let waited = if self.is_owed_body() { scene.now.saturating_sub(self.paces.since) } else { Duration::ZERO };
        self.paces.up.note(waited, len as u64, rate);
        self.paces.since = scene.now;
    }

    /// Is it the client's turn, and nobody else's? One that waits for 100 has none.
    fn is_owed_body(&self) -> bool {
        self.wait == Wait::ClientBody && !self.up.awaits_continue
    }

    /// The wait for some more of the request's body has lasted too long: is it that too little of it has come in all?
    pub(super) fn uploads_too_slowly(&mut self, scene: &Scene<'_>) -> bool {
        self.note_upload(0, scene);
        let rules = &scene.client.pace;
        rules.request.is_some() && self.is_owed_body() && self.paces.up.left(rules.grace).is_zero()
    }

    /// A send to the client ended: the time that it took is reckoned with the next look.
    #[cold]
    pub(super) fn note_download(&mut self, scene: &Scene<'_>) {
        if scene.client.pace.response.is_some() {
            self.paces.waited += scene.now.saturating_sub(self.paces.since);
            self.paces.since = scene.now;
        }
    }

    /// A send to the client goes on, with so much that is not acknowledged: is the client too slow? The first look at a
    /// response only tells what the next is to be compared with: something of an earlier one may be on its way still.
    pub(super) fn reads_too_slowly(&mut self, unacknowledged: Option<usize>, scene: &Scene<'_>) -> bool {
        let rules = &scene.client.pace;
        let Some(rate) = rules.response else { return false };
        let waited = std::mem::take(&mut self.paces.waited) + scene.now.saturating_sub(self.paces.since);
        self.paces.since = scene.now;
        let taken = unacknowledged.map(|owed| self.record.down_bytes as i64 - owed as i64);
        match (self.paces.taken, taken) {
            (None, Some(_)) => {}
            (Some(before), Some(now)) => self.paces.down.note(waited, u64::try_from(now - before).unwrap_or(0), rate),
            // Of whom nothing can be told takes nothing.
            (_, None) => self.paces.down.note(waited, 0, rate),
        }
        self.paces.taken = taken.or(self.paces.taken);
        self.paces.down.left(rules.grace).is_zero()
    }

    /// When a send to the client is looked at again because of its pace.
    pub(super) fn next_pace_look(scene: &Scene<'_>) -> Duration {
        let rules = &scene.client.pace;
        rules.response.map_or(Duration::MAX, |_| scene.now.saturating_add(rules.grace / LOOKS))
    }
}
