//! Client connections: accepted, heads read, exchanges begun, the next request taken.

use super::Worker;
use super::state::{Client, Exchange, Phase, Replay, Response, Tunnel, Wait};
use super::time::{PATROL, TimerKey};
use balancer_core::{CloseReason, Failure};
use http::RequestHead;
use http::forward::{Connection, RequestEdits, write_forwarded_request};
use http1::{BodyDecoder, HeadSlots, HeadWriter, Parsed, parse_request};
use ports::Fault;
use reactor::{Buf, ConnId, ListenerId, Reactor, Received};
use std::net::SocketAddr;

/// What the first look at a head came to.
enum HeadOutcome {
    Incomplete,
    Begun,
    Failed(Failure),
}

impl Worker {
    pub(super) fn handle_accepted<R: Reactor>(&mut self, at: ListenerId, conn: ConnId, peer: SocketAddr, io: &mut R) {
        let Some(index) = self.listeners.iter().position(|listener| listener.id == Some(at)) else { return };
        let now = self.now(io);
        self.counters.accepted += 1;
        let listener = &mut self.listeners[index];
        listener.clients += 1;
        if listener.clients >= listener.settings.limits.connections_max {
            io.set_accepting(at, false);
        }
        let idle = listener.settings.timeouts.idle;
        let mut client = Client::new(peer, index, now + idle);
        client.reading = true;
        client.timer_at = now + idle.min(PATROL);
        client.timer = Some(self.wheel.set(client.timer_at, TimerKey::Client(conn)));
        self.clients.insert(conn, client);
        io.recv(conn, None);
    }

    pub(super) fn handle_client_received<R: Reactor>(
        &mut self,
        conn: ConnId,
        result: Result<Received, Fault>,
        io: &mut R,
    ) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.reading = false;
        match result {
            Ok(Received::Data(buf)) => self.handle_client_data(conn, buf, io),
            Ok(Received::Eof(partial)) => {
                client.eof = true;
                client.inbound = partial;
                self.handle_client_eof(conn, io);
            }
            Err(_) => self.handle_client_broken(conn, io),
        }
    }

    fn handle_client_data<R: Reactor>(&mut self, conn: ConnId, buf: Buf, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        match client.phase {
            Phase::AwaitHead | Phase::ReadHead => {
                client.inbound = Some(buf);
                self.read_head(conn, io);
            }
            Phase::Exchange => match &client.exchange {
                Some(exchange) if !exchange.request_done => self.pass_request_body(conn, buf, io),
                // Sent ahead of its turn: kept, and nothing more is read until then.
                _ => client.inbound = Some(buf),
            },
            Phase::Answer { .. } => client.inbound = Some(buf),
            Phase::Tunnel => self.pass_tunnel_up(conn, buf, io),
            Phase::Drain | Phase::AwaitFin | Phase::AwaitAck => self.throw_away(conn, buf.len(), io),
        }
    }

    fn handle_client_eof<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        match client.phase {
            Phase::AwaitHead => self.close_client(conn, CloseReason::PeerLeft, io),
            Phase::ReadHead => self.close_client(conn, CloseReason::PeerAborted, io),
            Phase::Exchange => {
                // A FIN after the whole request is a half-close: the client still wants its answer.
                if client.exchange.as_ref().is_some_and(|exchange| !exchange.request_done) {
                    self.abort_client(conn, CloseReason::PeerAborted, io);
                }
            }
            Phase::Answer { .. } => {}
            Phase::Tunnel => self.end_tunnel_up(conn, io),
            Phase::Drain | Phase::AwaitFin | Phase::AwaitAck => {
                let why = client.why;
                self.close_client(conn, why, io);
            }
        }
    }

    fn handle_client_broken<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get(conn) else { return };
        let why = match client.phase {
            Phase::AwaitHead => CloseReason::PeerLeft,
            Phase::Drain | Phase::AwaitFin | Phase::AwaitAck => client.why,
            _ => CloseReason::PeerAborted,
        };
        self.abort_client(conn, why, io);
    }

    /// Looks at what was received of a head; begins the exchange when it is whole.
    pub(super) fn read_head<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        let Some(buf) = client.inbound.take() else { return };
        match self.take_head(conn, buf, io) {
            HeadOutcome::Incomplete => self.read_more_of_head(conn, io),
            HeadOutcome::Begun => {
                self.send_request(conn, None, io);
                self.watch_kept_client(conn, io);
            }
            HeadOutcome::Failed(failure) => self.fail(conn, failure, io),
        }
    }

    /// A client that was kept is registered with the reactor already: watching it for leaving costs nothing. (One
    /// on its first request is watched from the patrol on, see `time`.)
    fn watch_kept_client<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get(conn) else { return };
        let sent_all = client.exchange.as_ref().is_some_and(|exchange| exchange.request_done);
        if client.served > 0 && sent_all && client.inbound.is_none() && client.phase == Phase::Exchange {
            self.start_reading(conn, io);
        }
    }

    fn read_more_of_head<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get_mut(conn) else { return };
        if client.eof {
            return self.close_client(conn, CloseReason::PeerAborted, io);
        }
        let first_bytes = client.phase == Phase::AwaitHead;
        client.phase = Phase::ReadHead;
        client.reading = true;
        let partial = client.inbound.take();
        let head_timeout = self.listeners[client.listener].settings.timeouts.head;
        io.recv(conn, partial);
        if first_bytes {
            self.set_deadline(conn, now + head_timeout);
        }
    }

    fn take_head<R: Reactor>(&mut self, conn: ConnId, mut buf: Buf, io: &mut R) -> HeadOutcome {
        let now = self.now(io);
        let Some(client) = self.clients.get_mut(conn) else { return HeadOutcome::Incomplete };
        let listener = &self.listeners[client.listener];
        if !client.scan.worth_parsing(&buf, &listener.limits) {
            client.inbound = Some(buf);
            return HeadOutcome::Incomplete;
        }
        let mut slots = HeadSlots::new();
        let Parsed { head, len, keep_alive } = match parse_request(&buf, &listener.limits, &mut slots) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => {
                client.inbound = Some(buf);
                return HeadOutcome::Incomplete;
            }
            Err(error) => return HeadOutcome::Failed(Failure::BadRequest(error.status())),
        };
        let set = &self.sets[listener.settings.backend_set];
        let upgrade = head.upgrade.is_some() && head.body.is_empty();
        let edits = RequestEdits {
            client: client.peer.ip(),
            proto: "http",
            connection: upstream_connection(upgrade, set.settings.pool.idle_max > 0),
            fallback_host: &set.servers[0].host,
        };
        let Some(out) = forwarded(&head, &edits, io) else {
            return HeadOutcome::Failed(Failure::NoLocalResource);
        };
        let mut exchange = Exchange {
            server: 0,
            upstream: None,
            pooled: false,
            attempts: 0,
            method: head.method,
            version: head.version,
            keep_alive,
            upgrade,
            request: BodyDecoder::new(head.body, &listener.limits),
            request_done: false,
            request_broken: false,
            awaits_continue: head.expect_continue,
            sent: false,
            replay: None,
            response: Response::AwaitHead,
            response_scan: http1::HeadScan::default(),
            wait: Wait::Connect,
            port_wait_until: None,
            started_at: now,
            tunnel: Tunnel::default(),
        };
        buf.advance(len);
        let body_len = match exchange.request.pass(&buf) {
            Ok(passed) => {
                exchange.request_done = passed.done;
                passed.len
            }
            Err(error) => return HeadOutcome::Failed(Failure::BadRequest(error.status())),
        };
        exchange.awaits_continue &= body_len == 0;
        let body = (body_len > 0).then(|| buf.split_to(body_len));
        exchange.replay = Some(Replay { head: out, body });
        client.inbound = (!buf.is_empty()).then_some(buf);
        client.exchange = Some(exchange);
        client.phase = Phase::Exchange;
        self.counters.requests += 1;
        HeadOutcome::Begun
    }

    /// The connection is kept: read the next head, or take one that was sent ahead.
    pub(super) fn await_next_request<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let now = self.now(io);
        let draining = self.draining;
        let Some(client) = self.clients.get_mut(conn) else { return };
        client.phase = Phase::AwaitHead;
        client.scan = http1::HeadScan::default();
        if draining && client.inbound.is_none() {
            return self.close_client(conn, CloseReason::Draining, io);
        }
        let idle = self.listeners[client.listener].settings.timeouts.idle;
        client.deadline = now + idle;
        if client.inbound.is_some() {
            self.read_head(conn, io);
        } else if client.eof {
            self.close_client(conn, CloseReason::PeerLeft, io);
        } else {
            self.start_reading(conn, io);
            self.set_deadline(conn, now + idle);
        }
    }

    /// Reads from the client unless a recv is in flight.
    pub(super) fn start_reading<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(client) = self.clients.get_mut(conn) else { return };
        if !client.reading && !client.eof {
            client.reading = true;
            io.recv(conn, None);
        }
    }
}

fn upstream_connection(upgrade: bool, keep: bool) -> Connection {
    match (upgrade, keep) {
        (true, _) => Connection::Upgrade,
        (false, true) => Connection::KeepAlive,
        (false, false) => Connection::Close,
    }
}

/// The head as the server shall see it; `None` when no buffer is left or it does not fit into one.
fn forwarded<R: Reactor>(head: &RequestHead<'_, '_>, edits: &RequestEdits<'_>, io: &mut R) -> Option<Buf> {
    let mut out = io.take_buf()?;
    let len = write_forwarded_request(head, edits, &mut HeadWriter::new(out.spare()?)).ok()?;
    out.commit(len);
    Some(out)
}
