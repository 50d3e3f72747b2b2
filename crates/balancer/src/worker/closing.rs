//! Ending client connections: who closes, how, and what is done with bytes nobody will read.

use super::Worker;
use super::state::Phase;
use super::time::TimerKey;
use balancer_core::{ClientClose, CloseReason, Side};
use ports::ClosedFirst;
use reactor::{Close, CloseOutcome, ConnId, Reactor};

/// How often an unacknowledged response is looked at before a reset.
const ACK_POLL: std::time::Duration = std::time::Duration::from_millis(16);

/// Bytes of an unwanted request body thrown away before the connection is cut.
pub(super) const DRAIN_BYTES_MAX: usize = 1 << 20;

impl Worker {
    /// The connection is not kept: the listener's policy says who goes first.
    pub(super) fn close_by_policy<R: Reactor>(&mut self, conn: ConnId, why: CloseReason, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get_mut(conn) else { return };
        let listener = &self.listeners[client.listener].settings;
        let until = now + listener.timeouts.close;
        client.why = why;
        match listener.close {
            ClientClose::BalancerFirst => self.close_client(conn, why, io),
            ClientClose::ClientFirst if client.eof => self.close_client(conn, why, io),
            ClientClose::ClientFirst => {
                client.phase = Phase::AwaitFin;
                self.start_reading(conn, io);
                self.set_deadline(conn, until);
            }
            ClientClose::ResetWhenSafe => {
                client.phase = Phase::AwaitAck;
                client.close_by = until;
                self.reset_when_safe(conn, io);
            }
        }
    }

    /// Resets once the client has acknowledged every byte; FIN instead when that takes too long.
    pub(super) fn reset_when_safe<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get(conn) else { return };
        let why = client.why;
        if io.unacknowledged_bytes(conn) == Some(0) {
            self.close_how(conn, Close::Reset, why, io);
        } else if now >= client.close_by {
            self.close_client(conn, why, io);
        } else {
            self.set_deadline(conn, now + ACK_POLL);
        }
    }

    /// Closes by FIN; where unread bytes would turn that into a reset, drains them first.
    pub(super) fn close_client<R: Reactor>(&mut self, conn: ConnId, why: CloseReason, io: &mut R) {
        self.close_how(conn, Close::Fin, why, io);
    }

    /// Cuts the connection and whatever is in flight for it.
    pub(super) fn abort_client<R: Reactor>(&mut self, conn: ConnId, why: CloseReason, io: &mut R) {
        if let Some(upstream) = self.detach(conn) {
            self.close_upstream(upstream, CloseReason::OtherSideFailed, io);
        }
        let how = self.how_to_cut(conn, Close::Discard);
        self.close_how(conn, how, why, io);
    }

    /// A FIN would look like the end of a body that is delimited by it; only a reset tells that it is not whole.
    fn how_to_cut(&self, conn: ConnId, otherwise: Close) -> Close {
        let exchange = self.clients.get(conn).and_then(|client| client.exchange.as_ref());
        let by_close = exchange.is_some_and(|exchange| exchange.response.ends_with_connection());
        if by_close { Close::Reset } else { otherwise }
    }

    pub(super) fn close_how<R: Reactor>(&mut self, conn: ConnId, how: Close, why: CloseReason, io: &mut R) {
        match io.close(conn, how) {
            CloseOutcome::Closed(who) => self.note_client_closed(conn, who, why, io),
            CloseOutcome::Unread => self.start_drain(conn, why, io),
        }
    }

    /// A response with `After::Close` went out and the connection with it.
    pub(super) fn handle_client_closed<R: Reactor>(&mut self, conn: ConnId, outcome: CloseOutcome, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.writing = false;
        if client.exchange.take().is_some() {
            self.counters.responses += 1;
        }
        match outcome {
            CloseOutcome::Closed(who) => self.note_client_closed(conn, who, CloseReason::ExchangeOver, io),
            CloseOutcome::Unread => self.start_drain(conn, CloseReason::ExchangeOver, io),
        }
    }

    /// FIN now, then throw away what still comes, within limits, so that the response is not lost to a reset
    /// (RFC 9112 section 9.6).
    pub(super) fn start_drain<R: Reactor>(&mut self, conn: ConnId, why: CloseReason, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get_mut(conn) else { return };
        let patience = self.listeners[client.listener].settings.timeouts.close;
        client.phase = Phase::Drain;
        client.why = why;
        client.inbound = None;
        io.shutdown_write(conn);
        if client.eof {
            return self.close_how(conn, Close::Discard, why, io);
        }
        self.start_reading(conn, io);
        self.set_deadline(conn, now + patience);
    }

    /// Unwanted bytes came while the connection is ending.
    pub(super) fn throw_away<R: Reactor>(&mut self, conn: ConnId, len: usize, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.drained_bytes += len;
        if client.drained_bytes > DRAIN_BYTES_MAX {
            let why = client.why;
            return self.close_how(conn, Close::Discard, why, io);
        }
        self.start_reading(conn, io);
    }

    /// The server failed in the middle of the response: the client must see that it is not whole.
    pub(super) fn truncate_response<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        self.counters.truncated += 1;
        if let Some(upstream) = self.detach(conn) {
            self.close_upstream(upstream, CloseReason::ProtocolError, io);
        }
        // A close with unread requests becomes a reset, which would take earlier responses with it: drain instead.
        let how = self.how_to_cut(conn, Close::Fin);
        self.close_how(conn, how, CloseReason::OtherSideFailed, io);
    }

    fn note_client_closed<R: Reactor>(&mut self, conn: ConnId, who: Option<ClosedFirst>, why: CloseReason, io: &mut R) {
        if let Some(upstream) = self.detach(conn) {
            self.close_upstream(upstream, CloseReason::OtherSideFailed, io);
        }
        let Some(client) = self.clients.remove(conn) else { return };
        if let Some(timer) = client.timer {
            self.wheel.cancel(timer);
        }
        self.counters.count_close(Side::Client, who, why);
        let listener = &mut self.listeners[client.listener];
        let was_full = listener.clients >= listener.settings.limits.connections_max;
        listener.clients -= 1;
        if let Some(id) = listener.id.filter(|_| was_full && !self.draining) {
            io.set_accepting(id, true);
        }
        self.check_done();
    }

    /// Draining has begun: idle connections of both sides go at once.
    pub(super) fn close_idle_connections<R: Reactor>(&mut self, io: &mut R) {
        let idle = |client: &super::state::Client| client.phase == Phase::AwaitHead;
        let idle: Vec<ConnId> = self.clients.iter().filter(|(_, client)| idle(client)).map(|(conn, _)| conn).collect();
        for conn in idle {
            self.close_client(conn, CloseReason::Draining, io);
        }
        for set in 0..self.sets.len() {
            for server in 0..self.sets[set].servers.len() {
                while let Some(upstream) = self.sets[set].servers[server].idle.poll_any() {
                    self.close_upstream(upstream, CloseReason::Draining, io);
                }
            }
        }
    }

    /// Draining took too long: cut what is left.
    pub(super) fn cut_everything<R: Reactor>(&mut self, io: &mut R) {
        let clients: Vec<ConnId> = self.clients.iter().map(|(conn, _)| conn).collect();
        for conn in clients {
            self.abort_client(conn, CloseReason::Draining, io);
        }
        let servers: Vec<ConnId> = self.servers.iter().map(|(conn, _)| conn).collect();
        for upstream in servers {
            self.close_upstream(upstream, CloseReason::Draining, io);
        }
        self.check_done();
    }

    /// Sets when a client's phase is over; moves its timer only when that is earlier than the timer.
    pub(super) fn set_deadline(&mut self, conn: ConnId, at: std::time::Duration) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.deadline = at;
        if client.timer.is_some() && client.timer_at <= at {
            return;
        }
        if let Some(timer) = client.timer.take() {
            self.wheel.cancel(timer);
        }
        client.timer_at = at;
        client.timer = Some(self.wheel.set(at, TimerKey::Client(conn)));
    }
}
