//! Time-outs, pauses, the end of the run.

use super::slot::Doing;
use super::{Phase, Tester};
use crate::orders::{Order, Told};
use reactor::{Close, Fired, Mail, Reactor};
use std::time::Duration;
use stress_core::{ByRequest, ClosePolicy, Oddity, Tally};

/// Timers handled in one turn, so that completions do not starve behind them.
const TIMERS_PER_TURN_MAX: usize = 1024;

impl Tester {
    pub(super) fn pass_time<R: Reactor>(&mut self, io: &mut R) {
        let now = io.now();
        if self.is_warming && now >= self.started_at {
            self.end_warm_up();
        }
        for _ in 0..TIMERS_PER_TURN_MAX {
            let Some(index) = self.timers.pop_due(now) else { break };
            self.timer_fired(index, now, io);
        }
        if self.phase == Phase::Issuing {
            self.call_waiting(now, io);
            self.pass_room(now, io);
        }
        match self.phase {
            Phase::Issuing if self.arrivals.until().is_some_and(|until| now >= until) => self.begin_drain(io),
            Phase::Draining { until, .. } if now >= until => self.abandon(io),
            _ => {}
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Duration> {
        let end = match self.phase {
            Phase::Issuing => self.arrivals.until(),
            Phase::Draining { until, .. } => Some(until),
            Phase::Over => None,
        };
        let warm = self.is_warming.then_some(self.started_at);
        [self.timers.poll_deadline(), end, warm, self.next_call(), self.next_room()].into_iter().flatten().min()
    }

    /// Somebody told or asked something.
    pub(super) fn obey<R: Reactor>(&mut self, io: &mut R) {
        while let Some(mail) = self.orders.poll() {
            match mail {
                Mail::Order(Order::Report(reply)) => reply.send(Box::new(self.told())),
                Mail::Order(Order::Scale(scale)) if self.phase == Phase::Issuing => self.turn(scale, io),
                Mail::Order(Order::Stop) | Mail::Closed if self.phase == Phase::Issuing => self.begin_drain(io),
                Mail::Order(Order::Stop | Order::Scale(_)) | Mail::Closed => {}
            }
        }
    }

    /// What is measured begins: what was counted so far is in no figure, but for how much it was.
    fn end_warm_up(&mut self) {
        self.is_warming = false;
        let warm_up = self.tally.warm_up;
        self.tally = Tally::new(self.plan.may_be_secured());
        (self.tally.by_request, self.tally.warm_up) = (ByRequest::new(&self.plan.script), warm_up);
        self.not_sent_before = self.arrivals.not_sent();
    }

    /// What was due and not sent, and is measured.
    pub(super) fn count_not_sent(&mut self) {
        self.tally.not_sent = self.arrivals.not_sent() - self.not_sent_before;
    }

    fn told(&mut self) -> Told {
        let waiting = if matches!(self.phase, Phase::Draining { .. }) { self.busy as u64 } else { 0 };
        let mut told = Told::of(&mut self.tally);
        told.counts.waiting = waiting;
        told
    }

    /// Moves a slot's deadline.
    pub(super) fn arm(&mut self, index: u32, at: Duration) {
        self.slots[index as usize].deadline.set(at, index, &mut self.timers);
    }

    fn timer_fired<R: Reactor>(&mut self, index: u32, now: Duration, io: &mut R) {
        let slot = &mut self.slots[index as usize];
        if slot.deadline.handle_timer(now, index, &mut self.timers) == Fired::Early {
            return;
        }
        match (slot.doing, slot.link.conn) {
            (Doing::Pausing | Doing::LookingUp, _) => self.issue(index, io),
            (Doing::AwaitingAck, _) => self.reset_if_acknowledged(index, io),
            (Doing::Working, Some(conn)) => {
                let step = slot.exchange.life.handle_timeout(&self.rules);
                self.apply(index, conn, step, None, io);
            }
            (Doing::Working | Doing::Waiting | Doing::Parked, _) => {}
        }
    }

    /// Nothing new from here on. What is in flight gets its time, pauses end at once.
    fn begin_drain<R: Reactor>(&mut self, io: &mut R) {
        let now = io.now();
        self.phase = Phase::Draining { since: now, until: now + self.plan.drain };
        self.tally.record_end(self.since_start(now));
        self.arrivals.end(now);
        self.count_not_sent();
        self.dismiss_waiting(io);
        self.dismiss_outside(io);
        for index in 0..self.slots.len() as u32 {
            if self.slot(index).doing == Doing::Pausing {
                self.park(index, io);
            }
        }
    }

    /// Has the slot's request no outcome yet?
    fn is_under_way(&self, index: u32) -> bool {
        let slot = &self.slots[index as usize];
        slot.exchange.life.is_busy() || slot.client.as_ref().is_some_and(|client| client.is_led())
    }

    fn count_unanswered(&mut self, index: u32) {
        let (which, due) = (self.slot(index).exchange.which, self.slot(index).exchange.due);
        if self.is_measured(due) {
            self.tally.record_unanswered();
            self.tally.by_request.record_failure(which);
        }
    }

    /// The time to drain is over.
    fn abandon<R: Reactor>(&mut self, io: &mut R) {
        if let Phase::Draining { since, .. } = self.phase {
            self.tally.drained = io.now().saturating_sub(since);
        }
        self.phase = Phase::Over;
        let how = if self.rules.close == ClosePolicy::Rst { Close::Reset } else { Close::Fin };
        for index in 0..self.slots.len() as u32 {
            if self.slot(index).doing == Doing::Parked {
                continue;
            }
            if self.pipelines {
                self.give_up_line(index);
            } else if self.is_under_way(index) {
                self.count_unanswered(index);
            } else if self.slot(index).doing == Doing::Working {
                self.tally.record_oddity(Oddity::WaitExpired);
            }
            self.end_connection(index, how, io);
            self.park(index, io);
        }
    }
}
