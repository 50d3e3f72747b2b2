//! Servers at their `connections_max`: requests stand in line for a place, over all workers. A place is a connection, idle
//! ones included; who is called takes an idle connection of its worker, or opens one.
//!
//! What is called is served by `settle`, never inside a close.

use super::Worker;
use super::choose::Stands;
use super::sets::BackendSet;
use super::state::ExchangeId;
use super::time::TimerKey;
use crate::line::SharedLine;
use balancer_core::Failure;
use balancer_core::exchange::Fact;
use reactor::{Bell, Deadline, Fired, Reactor};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

/// This worker's part of the line of a set.
pub(super) struct Places {
    pub(super) line: Arc<SharedLine>,
    pub(super) number: usize,
    /// Who stands here, in the order of the line.
    pub(super) here: VecDeque<(ExchangeId, Duration)>,
    /// Whose turn it is just now.
    pub(super) turn: Option<ExchangeId>,
    /// When a server that is not asked now may be asked again.
    returns: Deadline,
}

impl Places {
    pub(super) fn new(line: Arc<SharedLine>, bell: Bell) -> Self {
        Self { number: line.join(bell), line, here: VecDeque::new(), turn: None, returns: Deadline::default() }
    }

    /// The line of the configuration from now on: another one where the set was gone from it meanwhile. Who stands here goes
    /// over to it, in the same order.
    pub(super) fn go_over_to(&mut self, line: Arc<SharedLine>, bell: Bell) {
        if Arc::ptr_eq(&self.line, &line) {
            return;
        }
        let mut before = std::mem::replace(self, Self::new(line, bell));
        for (id, since) in std::mem::take(&mut before.here) {
            before.line.leave(before.number, 0);
            if let Some(ahead) = self.line.enter(self.number, since, usize::MAX) {
                self.here.insert(ahead, (id, since));
            }
        }
    }

    /// Has somebody else a better right to a place than this request?
    #[inline]
    pub(super) fn are_for_others(&self, id: ExchangeId) -> bool {
        self.line.has_some() && self.turn != Some(id)
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.line.quit(self.number);
    }
}

impl BackendSet {
    /// Are there bounds at all?
    #[inline]
    pub(super) fn is_bounded(&self) -> bool {
        self.rules.capacity.connections_max.is_some()
    }

    /// Could a request go to somebody who is well?
    pub(super) fn has_place(&self, now: Duration) -> bool {
        self.selection.has_place(&Stands::of(self, now))
    }

    /// Does nobody come that requests here could wait for? Then they need not.
    pub(super) fn waits_in_vain(&self, now: Duration) -> bool {
        !self.places.here.is_empty() && !self.selection.has_hope(&Stands::of(self, now))
    }

    /// When the first of those may be asked again that are not now, because of a pause or because no port was left. Who is
    /// down by its checks rings when it is back.
    fn next_return(&self, now: Duration) -> Option<Duration> {
        let here = self.servers.iter().filter(|server| !server.leaving);
        here.filter_map(|server| server.returns_at(now)).min()
    }
}

impl Worker {
    /// Lets a request wait for a place, unless too many do.
    pub(super) fn join_line<R: Reactor>(&mut self, id: ExchangeId, first: bool, io: &mut R) -> Option<Fact> {
        let (now, index) = (self.now(io), self.exchanges[id].asked_set());
        let since = self.exchanges[id].core.record().started_at;
        let set = &mut self.sets[index];
        let max = set.rules.capacity.queue_max;
        let Some(ahead) = set.places.line.enter(set.places.number, since, max) else {
            set.counters.queue_full += 1;
            return Some(Fact::LineFull);
        };
        set.counters.queued += u64::from(first);
        set.places.here.insert(ahead, (id, since));
        // What came free before the line was entered has called nobody.
        fence(Ordering::SeqCst);
        if set.has_place(now) {
            self.call_next(index);
        } else if set.waits_in_vain(now) {
            self.freed = true;
        } else {
            self.ask_for_idle(index);
        }
        self.await_return(index, now);
        None
    }

    /// Requests wait while a server is aside: it is looked for them when its pause is over. So does every worker that has
    /// requests here, or has set a server aside while others had: whatever comes later, one of them looks.
    pub(super) fn await_return(&mut self, index: usize, now: Duration) {
        let set = &mut self.sets[index];
        if set.places.line.has_waiting()
            && let Some(at) = set.next_return(now)
        {
            set.places.returns.set(at, TimerKey::Line(index), &mut self.wheel);
        }
    }

    /// A pause may be over, or has been made longer.
    pub(super) fn handle_return<R: Reactor>(&mut self, index: usize, io: &mut R) {
        let (now, key) = (self.now(io), TimerKey::Line(index));
        let set = &mut self.sets[index];
        if set.places.returns.handle_timer(now, key, &mut self.wheel) == Fired::Early {
            return;
        }
        self.freed |= set.waits_in_vain(now);
        if set.has_place(now) {
            self.call_next(index);
        }
        self.await_return(index, now);
    }

    /// Somebody else's idle connection may stand in the place that is waited for.
    fn ask_for_idle(&self, set: usize) {
        let BackendSet { servers, places, .. } = &self.sets[set];
        if servers.iter().any(|server| server.board.connections() > server.board.in_flight()) {
            places.line.ring_others(places.number);
        }
    }

    /// All who wait here are told that it is their turn, so that they find nobody, or go wherever they still may.
    pub(super) fn give_up_line<R: Reactor>(&mut self, set: usize, io: &mut R) {
        for _ in 0..self.sets[set].places.here.len() {
            let Some((id, _)) = self.sets[set].places.here.front().copied() else { break };
            self.hear(id, Fact::TurnCame, io);
        }
    }

    /// A request waits no more: it was served, gave up, or its client left.
    pub(super) fn leave_line(&mut self, set: usize, id: ExchangeId) {
        let places = &mut self.sets[set].places;
        let Some(ahead) = places.here.iter().position(|(other, _)| *other == id) else { return };
        places.here.remove(ahead);
        match places.turn == Some(id) {
            true => places.line.went(places.number),
            false => places.line.leave(places.number, ahead),
        }
        // The turn that came free with it may be that of another one here, of this set or of one that it took the place of.
        self.freed |= places.line.has_some();
    }

    /// A place came free, or may have.
    pub(super) fn call_next(&mut self, set: usize) {
        let places = &self.sets[set].places;
        self.freed |= places.line.call(places.number);
    }

    /// A connection of this worker came free. Where requests wait it is the next one's: of this worker, or its place is
    /// another's.
    pub(super) fn is_wanted_elsewhere(&mut self, set: usize) -> bool {
        let places = &self.sets[set].places;
        if !places.line.has_waiting() {
            return false;
        }
        let own = places.line.call_for_own(places.number);
        self.freed |= own;
        !own
    }

    /// How a request's wait for a place came out, for the counters of its set.
    pub(super) fn note_waited(&mut self, set: Option<usize>, failure: Option<Failure>) {
        if let (Some(set), Some(Failure::QueueTimeout)) = (set, failure) {
            self.sets[set].counters.queue_timed_out += 1;
        }
    }
}
