//! Slots that wait for a request to become due, in an open loop.

use super::Tester;
use super::slot::Doing;
use reactor::Reactor;
use std::time::Duration;
use stress_core::arrivals::Due;

impl Tester {
    /// No request is due. The connection stays open, if the slot has one.
    pub(super) fn wait(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        slot.doing = Doing::Waiting;
        slot.deadline.cancel(&mut self.timers);
        self.waiting.push(index);
    }

    /// Requests that have become due are made, as long as somebody waits for one.
    pub(super) fn call_waiting<R: Reactor>(&mut self, now: Duration, io: &mut R) {
        while let Some(index) = self.waiting.pop() {
            match self.next_due(now) {
                Due::At(due) => self.make(index, due, now, io),
                Due::Later(_) => return self.waiting.push(index),
                Due::Never => {
                    self.park(index, io);
                    return self.dismiss_waiting(io);
                }
            }
        }
    }

    /// There are no more requests.
    pub(super) fn dismiss_waiting<R: Reactor>(&mut self, io: &mut R) {
        for index in std::mem::take(&mut self.waiting) {
            self.park(index, io);
        }
    }

    /// When somebody who waits is to be called.
    pub(super) fn next_call(&self) -> Option<Duration> {
        self.arrivals.poll_due().filter(|_| !self.waiting.is_empty())
    }
}
