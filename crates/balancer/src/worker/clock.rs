//! The time of a turn: asked for once, and only by those who need it.

use super::Worker;
use reactor::Reactor;
use std::time::Duration;

impl Worker {
    pub(super) fn now<R: Reactor>(&mut self, io: &R) -> Duration {
        *self.now.get_or_insert_with(|| io.now())
    }
}
