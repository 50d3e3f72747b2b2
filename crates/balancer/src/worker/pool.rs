//! The end of a server connection's work: back to the pool, retired from it, closed by policy, or gone.

use super::Worker;
use super::state::{Phase, Response, UpstreamPhase};
use super::time::TimerKey;
use balancer_core::{CloseReason, Failure, ServerClose, Side};
use ports::{ClosedFirst, PortEnd};
use reactor::{Close, CloseOutcome, ConnId, Reactor};

impl Worker {
    /// The response is whole: keep the connection if both sides can, else retire it.
    pub(super) fn release_upstream<R: Reactor>(&mut self, upstream: ConnId, keep: bool, io: &mut R) {
        let now = self.now(io);
        let draining = self.draining;
        let Some(entry) = self.servers.get_mut(upstream) else { return };
        entry.client = None;
        entry.phase = UpstreamPhase::Idle;
        let (set, server) = (entry.set, entry.server);
        self.sets[set].selection.handle_answer(server);
        if !keep || draining || entry.writing || entry.inbound.is_some() {
            return self.close_upstream(upstream, CloseReason::ExchangeOver, io);
        }
        if !entry.reading {
            entry.reading = true;
            io.recv(upstream, None);
        }
        let target = &mut self.sets[set].servers[server];
        let evicted = target.idle.keep(upstream, now);
        if !target.idle_timer && !target.idle.is_empty() {
            target.idle_timer = true;
            let at = target.idle.poll_deadline().unwrap_or(now);
            self.wheel.set(at, TimerKey::Idle { set, server });
        }
        if let Some(evicted) = evicted {
            self.close_upstream(evicted, CloseReason::PoolRetired, io);
        }
        self.serve_queue(set, io);
    }

    /// Retires idle connections that are due, and comes again for the next.
    pub(super) fn retire_idle<R: Reactor>(&mut self, set: usize, server: usize, io: &mut R) {
        let now = self.now(io);
        while let Some(upstream) = self.sets[set].servers[server].idle.poll_expired(now) {
            self.close_upstream(upstream, CloseReason::Idle, io);
        }
        let target = &mut self.sets[set].servers[server];
        target.idle_timer = false;
        if let Some(at) = target.idle.poll_deadline() {
            target.idle_timer = true;
            self.wheel.set(at, TimerKey::Idle { set, server });
        }
    }

    /// Closes a server connection by its set's policy. One in mid-exchange is reset: nothing on it is wanted.
    pub(super) fn close_upstream<R: Reactor>(&mut self, upstream: ConnId, why: CloseReason, io: &mut R) {
        let Some(entry) = self.servers.get(upstream) else { return };
        let policy = self.sets[entry.set].settings.pool.close;
        let in_flight = entry.phase == UpstreamPhase::Busy;
        let reset = match policy {
            ServerClose::Fin => false,
            ServerClose::ResetWhenSafe => in_flight || io.unacknowledged_bytes(upstream) == Some(0),
        };
        let mut outcome = io.close(upstream, if reset { Close::Reset } else { Close::Fin });
        if outcome == CloseOutcome::Unread {
            outcome = io.close(upstream, Close::Discard);
        }
        let who = match outcome {
            CloseOutcome::Closed(who) => who,
            CloseOutcome::Unread => None,
        };
        self.note_upstream_closed(upstream, who, why, io);
    }

    fn note_upstream_closed<R: Reactor>(
        &mut self,
        upstream: ConnId,
        who: Option<ClosedFirst>,
        why: CloseReason,
        io: &mut R,
    ) {
        let now = self.now(io);
        let Some(entry) = self.servers.remove(upstream) else { return };
        let set = entry.set;
        self.counters.count_close(Side::Server, who, why);
        let end = PortEnd { closed_first: who, timestamps: entry.timestamps };
        if let (Some(allocator), Some(lease)) = (&mut self.sets[entry.set].allocator, entry.lease) {
            allocator.give_back(now, lease, end);
        }
        self.check_done();
        self.serve_queue(set, io);
    }

    /// The server closed, or its connection broke.
    pub(super) fn handle_server_gone<R: Reactor>(&mut self, upstream: ConnId, io: &mut R) {
        let now = self.now(io);
        let Some(entry) = self.servers.get(upstream) else { return };
        let (set, server) = (entry.set, entry.server);
        match (entry.phase, entry.client) {
            (UpstreamPhase::Idle, _) => {
                self.sets[set].servers[server].idle.handle_closed_by_server(upstream, now);
                self.close_upstream(upstream, CloseReason::PeerLeft, io);
            }
            (_, None) => self.close_upstream(upstream, CloseReason::PeerLeft, io),
            (_, Some(conn)) => {
                let tunnel = self.clients.get(conn).is_some_and(|client| client.phase == Phase::Tunnel);
                if tunnel {
                    return self.abort_client(conn, CloseReason::TunnelOver, io);
                }
                self.detach(conn);
                self.close_upstream(upstream, CloseReason::PeerAborted, io);
                self.handle_attempt_broken(conn, Failure::ServerClosed, io);
            }
        }
    }

    /// Parts the exchange of a client from its server connection.
    pub(super) fn detach(&mut self, conn: ConnId) -> Option<ConnId> {
        let exchange = self.clients.get_mut(conn)?.exchange.as_mut()?;
        let upstream = exchange.upstream.take()?;
        if let Some(entry) = self.servers.get_mut(upstream) {
            entry.client = None;
        }
        Some(upstream)
    }

    fn handle_attempt_broken<R: Reactor>(&mut self, conn: ConnId, failure: Failure, io: &mut R) {
        let Some(exchange) = self.clients.get(conn).and_then(|client| client.exchange.as_ref()) else { return };
        match exchange.response {
            Response::AwaitHead => self.try_again_or_fail(conn, failure, io),
            Response::Body(_) => self.truncate_response(conn, io),
            Response::Done { .. } => self.finish_if_uploaded(conn, io),
        }
    }
}
