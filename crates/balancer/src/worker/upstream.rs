//! Connections to servers: chosen, taken from the pool or opened, and tried again.

use super::Worker;
use super::state::{Response, Upstream, UpstreamPhase, Wait};
use balancer_core::{Attempt, Failure, NextStep};
use ports::{Blame, Fault, FaultKind, Lease, PortEnd};
use reactor::{ConnId, ConnectPlan, Outgoing, Probe, Reactor, Source};

/// Local ports tried for one connect before it counts as "no port left"; a refusal costs two microseconds.
const PORT_TRIES_MAX: u32 = 64;

/// Where a connect starts from.
struct Start {
    plan: ConnectPlan,
    lease: Option<Lease>,
}

impl Worker {
    /// Sends the request of `conn` to a server: the next in turn (not `not` where possible), on a pooled
    /// connection if there is one.
    pub(super) fn send_request<R: Reactor>(&mut self, conn: ConnId, not: Option<usize>, io: &mut R) {
        let now = self.now(io);
        let Some(client) = self.clients.get(conn) else { return };
        let set = self.listeners[client.listener].settings.backend_set;
        let server = self.sets[set].selection.pick(now, not);
        match self.sets[set].servers[server].idle.take(now) {
            Some(upstream) => self.send_on_pooled(conn, set, server, upstream, io),
            None => self.send_on_fresh(conn, set, server, io),
        }
    }

    fn send_on_pooled<R: Reactor>(&mut self, conn: ConnId, set: usize, server: usize, upstream: ConnId, io: &mut R) {
        // What has arrived already was said before this request: it must not become its answer. And a request that
        // cannot be repeated must not meet a connection the server has just closed.
        if !io.is_receiving(upstream) || !self.is_idempotent(conn) && io.probe(upstream) != Probe::Quiet {
            self.handle_server_gone(upstream, io);
            return self.send_on_fresh(conn, set, server, io);
        }
        let Some(entry) = self.servers.get_mut(upstream) else {
            return self.send_on_fresh(conn, set, server, io);
        };
        entry.client = Some(conn);
        entry.phase = UpstreamPhase::Busy;
        entry.writing = true;
        self.counters.pooled += 1;
        let Some(out) = self.begin_attempt(conn, server, Some(upstream), true) else { return };
        io.send(upstream, out);
        self.set_wait(conn, Wait::Server, io);
    }

    fn is_idempotent(&self, conn: ConnId) -> bool {
        let exchange = self.clients.get(conn).and_then(|client| client.exchange.as_ref());
        exchange.is_some_and(|exchange| exchange.method.is_idempotent())
    }

    /// Opens a connection and sends the request with the handshake.
    pub(super) fn send_on_fresh<R: Reactor>(&mut self, conn: ConnId, set: usize, server: usize, io: &mut R) {
        let Some(out) = self.begin_attempt(conn, server, None, false) else { return };
        match self.open(set, server, out, io) {
            Ok((upstream, lease)) => {
                let entry = Upstream {
                    set,
                    server,
                    client: Some(conn),
                    phase: UpstreamPhase::Connecting,
                    inbound: None,
                    reading: false,
                    writing: true,
                    lease,
                    timestamps: false,
                };
                self.servers.insert(upstream, entry);
                if let Some(exchange) = self.clients.get_mut(conn).and_then(|client| client.exchange.as_mut()) {
                    exchange.upstream = Some(upstream);
                }
                self.set_wait(conn, Wait::Connect, io);
            }
            Err(fault) => self.handle_connect_failed(conn, set, server, fault, io),
        }
    }

    /// Notes a new attempt; what to send in it. `None` (and nothing noted) when it cannot be repeated.
    fn begin_attempt(
        &mut self,
        conn: ConnId,
        server: usize,
        upstream: Option<ConnId>,
        pooled: bool,
    ) -> Option<Outgoing> {
        let exchange = self.clients.get_mut(conn)?.exchange.as_mut()?;
        let replay = exchange.replay.as_ref()?;
        let out = Outgoing { head: Some(replay.head.clone()), body: replay.body.clone(), ..Outgoing::default() };
        exchange.attempts += 1;
        exchange.server = server;
        exchange.upstream = upstream;
        exchange.pooled = pooled;
        exchange.sent = pooled;
        exchange.request_broken = false;
        Some(out)
    }

    /// Tries local ports until one is taken, within bounds.
    fn open<R: Reactor>(
        &mut self,
        set: usize,
        server: usize,
        out: Outgoing,
        io: &mut R,
    ) -> Result<(ConnId, Option<Lease>), Fault> {
        let now = self.now(io);
        for _ in 0..PORT_TRIES_MAX {
            let start = self.choose_start(set, server, now)?;
            let again = Outgoing { head: out.head.clone(), body: out.body.clone(), after: out.after };
            match io.connect(&start.plan, again) {
                Ok(upstream) => return Ok((upstream, start.lease)),
                Err(fault) if fault.kind == FaultKind::Ports => self.note_port_refused(set, start.lease, now),
                Err(fault) => {
                    self.return_unused(set, start.lease, now);
                    return Err(fault);
                }
            }
        }
        Err(Fault::of(FaultKind::Ports))
    }

    fn choose_start(&mut self, set: usize, server: usize, now: std::time::Duration) -> Result<Start, Fault> {
        let set = &mut self.sets[set];
        let target = &set.servers[server];
        let mut plan = ConnectPlan::to(target.address);
        if let (Some(allocator), Some(destination)) = (&mut set.allocator, target.destination) {
            let lease = allocator.take(now, destination).map_err(|_| Fault::of(FaultKind::Ports))?;
            plan.source = Source::Exact(allocator.address(&lease));
            return Ok(Start { plan, lease: Some(lease) });
        }
        plan.port_range = set.settings.ports.range;
        let family = |address: &&std::net::IpAddr| address.is_ipv4() == target.address.is_ipv4();
        let usable = set.settings.ports.sources.iter().filter(family).count();
        if usable > 0 {
            let turn = set.next_source % usable;
            set.next_source = set.next_source.wrapping_add(1);
            let address = set.settings.ports.sources.iter().filter(family).nth(turn);
            plan.source = address.map_or(Source::Kernel, |address| Source::Address(*address));
        }
        Ok(Start { plan, lease: None })
    }

    fn note_port_refused(&mut self, set: usize, lease: Option<Lease>, now: std::time::Duration) {
        if let (Some(allocator), Some(lease)) = (&mut self.sets[set].allocator, lease) {
            allocator.refused(now, lease);
        }
    }

    fn return_unused(&mut self, set: usize, lease: Option<Lease>, now: std::time::Duration) {
        let end = PortEnd { closed_first: None, timestamps: false };
        if let (Some(allocator), Some(lease)) = (&mut self.sets[set].allocator, lease) {
            allocator.give_back(now, lease, end);
        }
    }

    pub(super) fn handle_connected<R: Reactor>(&mut self, upstream: ConnId, result: Result<(), Fault>, io: &mut R) {
        let Some(entry) = self.servers.get_mut(upstream) else { return };
        let (set, server, client) = (entry.set, entry.server, entry.client);
        match result {
            Ok(()) => {
                entry.phase = UpstreamPhase::Busy;
                entry.reading = true;
                if entry.lease.is_some() {
                    entry.timestamps = io.timestamps(upstream).unwrap_or(false);
                }
                self.counters.connects += 1;
                io.recv(upstream, None);
                if let Some(exchange) = client.and_then(|c| self.clients.get_mut(c)).and_then(|c| c.exchange.as_mut()) {
                    exchange.sent = true;
                }
            }
            Err(fault) => {
                self.forget_unopened(upstream, io);
                if let Some(conn) = client {
                    self.handle_connect_failed(conn, set, server, fault, io);
                }
            }
        }
    }

    /// A connection that never stood: its port is free.
    fn forget_unopened<R: Reactor>(&mut self, upstream: ConnId, io: &R) {
        let now = self.now(io);
        if let Some(entry) = self.servers.remove(upstream) {
            self.return_unused(entry.set, entry.lease, now);
        }
    }

    fn handle_connect_failed<R: Reactor>(&mut self, conn: ConnId, set: usize, server: usize, fault: Fault, io: &mut R) {
        let here = fault.kind.blame() == Blame::Here;
        self.counters.connects_failed[usize::from(!here)] += 1;
        if !here {
            let now = self.now(io);
            self.sets[set].selection.handle_unreachable(server, now);
        }
        if let Some(exchange) = self.clients.get_mut(conn).and_then(|client| client.exchange.as_mut()) {
            exchange.upstream = None;
        }
        let failure = Failure::of_connect(fault);
        if failure == Failure::NoLocalPort && self.queue_for_port(conn, set, io) {
            return;
        }
        self.try_again_or_fail(conn, failure, io);
    }

    /// An attempt failed before a byte of the response came.
    pub(super) fn try_again_or_fail<R: Reactor>(&mut self, conn: ConnId, failure: Failure, io: &mut R) {
        let Some(client) = self.clients.get(conn) else { return };
        let set = self.listeners[client.listener].settings.backend_set;
        let Some(exchange) = &client.exchange else { return };
        let attempt = Attempt {
            failure,
            attempts: exchange.attempts,
            retries_max: self.sets[set].settings.retries_max,
            sent: exchange.sent,
            idempotent: exchange.method.is_idempotent(),
            replayable: exchange.replay.is_some() && matches!(exchange.response, Response::AwaitHead),
            pooled: exchange.pooled,
        };
        let server = exchange.server;
        match attempt.next_step() {
            NextStep::GiveUp => self.fail(conn, failure, io),
            NextStep::SameServer => {
                self.counters.retries += 1;
                self.send_on_fresh(conn, set, server, io);
            }
            NextStep::OtherServer => {
                self.counters.retries += 1;
                self.send_request(conn, Some(server), io);
            }
        }
    }
}
