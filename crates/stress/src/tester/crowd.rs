//! Slots that have no place for a while, in a closed loop whose number of connections changes.

use super::slot::{Doing, Slot};
use super::{Phase, Tester};
use reactor::Reactor;
use std::time::Duration;
use stress_core::{Pace, Scale};

/// Of how many slots of this thread may make requests.
#[derive(Debug)]
pub(super) struct Room {
    /// So many, the first ones.
    pub(super) slots: u32,
    /// When that changes.
    until: Option<Duration>,
    /// Those that have none.
    outside: Vec<u32>,
    /// So many times as many as planned, once somebody said so.
    scale: Option<Scale>,
}

impl Room {
    /// For all, all the time.
    pub(super) fn for_all() -> Self {
        Self { slots: u32::MAX, until: None, outside: Vec::new(), scale: None }
    }
}

impl Tester {
    /// How many there may be by now.
    pub(super) fn measure_room(&mut self, now: Duration) {
        let crowd = self.plan.load.crowd.as_ref().map(|crowd| crowd.at(now.saturating_sub(self.started_at)));
        if crowd.is_none() && self.room.scale.is_none() {
            return;
        }
        let (connections, change) = crowd.unwrap_or((self.plan.connections, None));
        self.room.slots = self.part.share(self.room.scale.unwrap_or_default().of(connections).into()) as u32;
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
        self.let_in(now, io);
    }

    /// Somebody turned the run up or down.
    pub(super) fn turn<R: Reactor>(&mut self, scale: Scale, io: &mut R) {
        let now = io.now();
        self.arrivals.turn(scale, now);
        if self.plan.pace == Pace::Closed {
            self.room.scale = Some(scale);
            self.let_in(now, io);
        }
    }

    /// Those that have a place by now begin; slots that there never were are made.
    fn let_in<R: Reactor>(&mut self, now: Duration, io: &mut R) {
        self.measure_room(now);
        while self.room.scale.is_some() && (self.slots.len() as u64) < u64::from(self.room.slots) {
            self.room.outside.push(self.slots.len() as u32);
            self.slots.push(Slot { doing: Doing::Waiting, ..Slot::new(&self.plan) });
            self.busy += 1;
        }
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
