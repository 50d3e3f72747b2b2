//! Slots that have no place for a while, in a closed loop whose number of connections changes.

use super::slot::Doing;
use super::{Phase, Tester};
use reactor::Reactor;
use std::time::Duration;

/// Of how many slots of this thread may make requests.
#[derive(Debug)]
pub(super) struct Room {
    /// So many, the first ones.
    pub(super) slots: u32,
    /// When that changes.
    until: Option<Duration>,
    /// Those that have none.
    outside: Vec<u32>,
}

impl Room {
    /// For all, all the time.
    pub(super) fn for_all() -> Self {
        Self { slots: u32::MAX, until: None, outside: Vec::new() }
    }
}

impl Tester {
    /// How many there may be by now.
    pub(super) fn measure_room(&mut self, now: Duration) {
        let Some(crowd) = &self.plan.load.crowd else { return };
        let (connections, change) = crowd.at(now.saturating_sub(self.started_at));
        self.room.slots = self.part.share(connections.into()) as u32;
        self.room.until = change.map(|change| self.started_at + change);
    }

    /// This one has no place any more, or not yet: its connection is closed.
    pub(super) fn step_outside<R: Reactor>(&mut self, index: u32, io: &mut R) {
        self.end_connections(index, io);
        let slot = &mut self.slots[index as usize];
        slot.doing = Doing::Waiting;
        slot.deadline.cancel(&mut self.timers);
        self.room.outside.push(index);
    }

    /// Where the number changes, those that have a place by now begin.
    pub(super) fn pass_room<R: Reactor>(&mut self, now: Duration, io: &mut R) {
        if self.room.until.is_none_or(|until| now < until) {
            return;
        }
        self.measure_room(now);
        // Whoever has none still comes back to the list.
        for index in std::mem::take(&mut self.room.outside) {
            self.issue(index, io);
        }
    }

    /// When the number changes.
    pub(super) fn next_room(&self) -> Option<Duration> {
        self.room.until.filter(|_| self.phase == Phase::Issuing)
    }

    /// Nobody is let in any more.
    pub(super) fn dismiss_outside<R: Reactor>(&mut self, io: &mut R) {
        for index in std::mem::take(&mut self.room.outside) {
            self.park(index, io);
        }
    }
}
