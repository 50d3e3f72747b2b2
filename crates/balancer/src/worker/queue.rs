//! Requests that found no local port wait a short while for one: a connection that comes back to the pool, or a
//! port that is given back. The servers are not to blame and never set aside for it.

use super::Worker;
use super::state::Wait;
use reactor::{ConnId, Reactor};
use std::time::Duration;

/// How long a request waits for a local port before it is answered 503.
pub(super) const PORT_WAIT: Duration = Duration::from_millis(500);

/// Requests that may wait per backend set and worker; one more is answered 503 at once.
const PORT_QUEUE_MAX: usize = 1024;

impl Worker {
    /// Lets a request wait for a port; `false` when the queue is full or it has waited long enough.
    pub(super) fn queue_for_port<R: Reactor>(&mut self, conn: ConnId, set: usize, io: &mut R) -> bool {
        let now = self.now(io);
        self.forget_those_gone(set);
        let Some(exchange) = self.clients.get_mut(conn).and_then(|client| client.exchange.as_mut()) else {
            return false;
        };
        let first_time = exchange.port_wait_until.is_none();
        let until = *exchange.port_wait_until.get_or_insert(now + PORT_WAIT);
        if self.sets[set].waiting.len() >= PORT_QUEUE_MAX || now >= until {
            return false;
        }
        self.counters.queued_for_port += u64::from(first_time);
        self.sets[set].waiting.push_back(conn);
        self.set_wait(conn, Wait::Port, io);
        self.set_deadline(conn, until);
        true
    }

    /// The first in the queue are the first to give up: those that did must not take the places of others.
    fn forget_those_gone(&mut self, set: usize) {
        while self.sets[set].waiting.front().is_some_and(|conn| !self.waits_for_port(*conn)) {
            self.sets[set].waiting.pop_front();
        }
    }

    /// A connection or a port of this set came free: the request that has waited longest goes on.
    pub(super) fn serve_queue<R: Reactor>(&mut self, set: usize, io: &mut R) {
        while let Some(conn) = self.sets[set].waiting.pop_front() {
            if self.waits_for_port(conn) {
                return self.send_request(conn, None, io);
            }
        }
    }

    /// Clients that left or gave up meanwhile are still in the queue, but do not wait.
    fn waits_for_port(&self, conn: ConnId) -> bool {
        let exchange = self.clients.get(conn).and_then(|client| client.exchange.as_ref());
        exchange.is_some_and(|exchange| exchange.wait == Wait::Port)
    }
}
