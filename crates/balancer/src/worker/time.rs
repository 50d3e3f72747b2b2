//! Time-outs. One timer per client connection, moved only when a deadline comes nearer; its connection to a
//! server has none of its own.

use super::Worker;
use super::state::{Phase, Wait};
use balancer_core::{CloseReason, Failure};
use ports::{Fault, FaultKind};
use reactor::{Close, ConnId, Reactor};
use std::time::Duration;

/// After this time a client whose request is still unanswered is watched for leaving. Shorter requests,
/// nearly all, are spared the system calls.
pub(super) const PATROL: Duration = Duration::from_millis(100);

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKey {
    Client(ConnId),
    /// The oldest idle connection of a server.
    Idle {
        set: usize,
        server: usize,
    },
    /// Patience with a drain is over.
    Drain,
}

impl Worker {
    pub(super) fn expire<R: Reactor>(&mut self, io: &mut R) {
        let now = self.now(io);
        while let Some(key) = self.wheel.pop_due(now) {
            match key {
                TimerKey::Client(conn) => self.handle_client_timer(conn, io),
                TimerKey::Idle { set, server } => self.retire_idle(set, server, io),
                TimerKey::Drain => self.cut_everything(io),
            }
        }
    }

    fn handle_client_timer<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.timer = None;
        if now >= client.deadline {
            return self.handle_timeout(conn, io);
        }
        let deadline = client.deadline;
        let unwatched = client.phase == Phase::Exchange
            && client.inbound.is_none()
            && client.exchange.as_ref().is_some_and(|exchange| exchange.request_done);
        self.set_deadline(conn, deadline);
        if unwatched {
            self.start_reading(conn, io);
        }
    }

    fn handle_timeout<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get(conn) else { return };
        let why = client.why;
        match client.phase {
            Phase::AwaitHead => self.close_client(conn, CloseReason::Idle, io),
            Phase::ReadHead => self.fail(conn, Failure::HeadTimeout, io),
            Phase::Exchange => self.handle_exchange_timeout(conn, io),
            Phase::Answer { .. } => self.abort_client(conn, CloseReason::TimedOut, io),
            Phase::Tunnel => self.abort_client(conn, CloseReason::Idle, io),
            Phase::Drain | Phase::AwaitFin => self.close_how(conn, Close::Discard, why, io),
            Phase::AwaitAck => self.reset_when_safe(conn, io),
        }
    }

    fn handle_exchange_timeout<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get(conn) else { return };
        let whole = self.listeners[client.listener].settings.timeouts.request;
        let Some(exchange) = &client.exchange else { return };
        // With a send in flight nothing can be told any more, whichever wait was the last to end.
        if exchange.wait == Wait::ClientRead || client.writing {
            return self.abort_client(conn, CloseReason::TimedOut, io);
        }
        if now >= exchange.started_at + whole {
            return self.fail(conn, Failure::RequestTimeout, io);
        }
        match exchange.wait {
            Wait::Port => self.fail(conn, Failure::NoLocalPort, io),
            Wait::Connect => self.handle_connect_timeout(conn, io),
            Wait::ClientBody => self.fail(conn, Failure::BodyTimeout, io),
            Wait::Server | Wait::ClientRead => self.fail(conn, Failure::ServerTimeout, io),
        }
    }

    /// The handshake took too long: give its socket up and treat it as the failure it is.
    fn handle_connect_timeout<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(upstream) = self.detach(conn) else { return };
        io.close(upstream, Close::Discard);
        if let Some(entry) = self.servers.get_mut(upstream) {
            entry.client = Some(conn);
        }
        self.handle_connected(upstream, Err(Fault::of(FaultKind::TimedOut)), io);
    }

    /// The exchange now waits for something else: its time starts anew, within that of the whole request.
    pub(super) fn set_wait<R: Reactor>(&mut self, conn: ConnId, wait: Wait, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get_mut(conn) else { return };
        let listener = &self.listeners[client.listener].settings;
        let servers = &self.sets[listener.backend_set].settings.timeouts;
        let uploading = client.reading && client.exchange.as_ref().is_some_and(|exchange| !exchange.request_done);
        // While the request is still coming, it is the client that is waited for, whatever the server has begun to say.
        let wait = if wait == Wait::Server && uploading { Wait::ClientBody } else { wait };
        let patience = match wait {
            Wait::Port => super::queue::PORT_WAIT,
            Wait::Connect => servers.connect,
            Wait::Server => servers.response,
            Wait::ClientBody | Wait::ClientRead => listener.timeouts.body,
        };
        let tunnel = client.phase == Phase::Tunnel;
        let Some(exchange) = &mut client.exchange else { return };
        exchange.wait = wait;
        let at = if tunnel {
            now + listener.timeouts.idle
        } else {
            (now + patience).min(exchange.started_at + listener.timeouts.request)
        };
        self.set_deadline(conn, at);
    }
}
