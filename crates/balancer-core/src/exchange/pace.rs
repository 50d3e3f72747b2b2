//! Clients that are too slow: how far behind one is, while nobody but the client is waited for.

use super::time::LOOKS;
use super::{Exchange, Scene, Wait};
use crate::pace::Pace;
use core::time::Duration;

/// How far a client is behind, sending and reading.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Paces {
    up: Pace,
    down: Pace,
    /// Up to when that is reckoned.
    since: Duration,
    /// Bytes of the response that are reckoned.
    passed: u64,
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
            Wait::ClientRead if rules.response.is_some() => rules.grace / LOOKS,
            _ => return,
        };
        self.deadline = self.deadline.min(scene.now.saturating_add(until));
    }

    /// So much of the request's body came. Who is too slow is told with the next wait.
    #[cold]
    pub(super) fn note_upload(&mut self, len: usize, scene: &Scene<'_>) {
        let Some(rate) = scene.client.pace.request else { return };
        let waited = if self.is_owed_body() { scene.now.saturating_sub(self.paces.since) } else { Duration::ZERO };
        self.paces.up.note(waited, len, rate);
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

    /// A send to the client ended. What was seen of it while it lasted is reckoned already.
    #[cold]
    pub(super) fn note_download(&mut self, scene: &Scene<'_>) {
        let Some(rate) = scene.client.pace.response else { return };
        if self.stall.unacknowledged().is_none() {
            let bytes = self.record.down_bytes - self.paces.passed;
            let waited = scene.now.saturating_sub(self.paces.since);
            self.paces.down.note(waited, usize::try_from(bytes).unwrap_or(usize::MAX), rate);
        }
        (self.paces.since, self.paces.passed) = (scene.now, self.record.down_bytes);
    }

    /// A send to the client goes on, with so much that is not acknowledged: is the client too slow? The first look only tells
    /// what the next is to be compared with.
    pub(super) fn reads_too_slowly(&mut self, unacknowledged: Option<usize>, scene: &Scene<'_>) -> bool {
        let rules = &scene.client.pace;
        let Some(rate) = rules.response else { return false };
        let waited = scene.now.saturating_sub(self.paces.since);
        self.paces.since = scene.now;
        match (self.stall.unacknowledged(), unacknowledged) {
            (None, Some(_)) => {}
            (Some(before), Some(now)) => self.paces.down.note(waited, before.saturating_sub(now), rate),
            // Of whom nothing can be told takes nothing.
            (_, None) => self.paces.down.note(waited, 0, rate),
        }
        self.paces.down.left(rules.grace).is_zero()
    }

    /// When a send to the client is looked at again because of its pace.
    pub(super) fn next_pace_look(scene: &Scene<'_>) -> Duration {
        let rules = &scene.client.pace;
        rules.response.map_or(Duration::MAX, |_| scene.now.saturating_add(rules.grace / LOOKS))
    }
}
