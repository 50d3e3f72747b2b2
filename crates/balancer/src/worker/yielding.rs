//! Idle connections that stand in the place somebody else waits for: they go.

use super::Worker;
use balancer_core::CloseReason;
use reactor::Reactor;

impl Worker {
    /// Another worker rang: somebody of ours may have been called, or an idle connection of ours may be in the way.
    pub(super) fn note_lines<R: Reactor>(&mut self, io: &mut R) {
        let now = self.now(io);
        for set in 0..self.sets.len() {
            let places = &self.sets[set].places;
            if places.line.has_some() {
                self.freed |= places.line.called(places.number) > 0 || self.sets[set].waits_in_vain(now);
                self.give_up_idle(set, io);
            }
        }
    }

    /// Closes idle connections as long as somebody waits: with each place that comes free one is called.
    fn give_up_idle<R: Reactor>(&mut self, set: usize, io: &mut R) {
        for server in 0..self.sets[set].servers.len() {
            while self.sets[set].places.line.has_waiting()
                && let Some(conn) = self.sets[set].servers[server].idle.poll_any()
            {
                self.close_server(conn, CloseReason::PoolRetired, io);
            }
        }
    }
}
