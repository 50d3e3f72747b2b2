//! An attempt to reach a server: picked, the request written for it, a pooled connection taken or one opened.

use super::Worker;
use super::choose::Stands;
use super::compose;
use super::seat::Seat;
use super::state::{Client, End, Entry, ExchangeId, Inbound, Party, Server, Work};
use super::treat::{IdDigits, asked_of};
use balancer_core::exchange::{AttemptOrder, Fact, Took};
use balancer_core::{CloseReason, HeaderBytes, ListenerSettings, ProxyHeader, RequestIds, Twins};
use http::forward::{AddressText, RequestEdits};
use http::{RequestHead, Values};
use http1::{HeadScan, HeadSlots, parse_request};
use ports::{Fault, FaultKind, Lease, Tries};
use reactor::{Buf, ConnId, ConnectPlan, Outgoing, Probe, Reactor};
use std::rc::Rc;
use std::time::Duration;

impl Worker {
    /// Makes one attempt. `head` is the request's head where it has just been parsed.
    pub(super) fn attempt<R: Reactor>(
        &mut self,
        id: ExchangeId,
        order: AttemptOrder,
        head: Option<&RequestHead<'_, '_>>,
        io: &mut R,
    ) -> Fact {
        let now = self.now(io);
        let set = self.exchanges[id].asked_set();
        if !self.may_fly(id, set) {
            return Fact::SetFull;
        }
        self.note_key(id, head);
        let (server, may_pool) = match order {
            AttemptOrder::Fresh { server } => {
                self.sets[set].note_again();
                (server as usize, false)
            }
            AttemptOrder::Pick { not } => match self.pick(id, set, not.map(|not| not as usize), now) {
                Ok(server) => (server, true),
                Err(why) => return why,
            },
        };
        let entry = &mut self.exchanges[id];
        let (down, is_stream) = (&mut entry.down, entry.core.is_stream());
        (down.scan, down.after_interim, down.decoder) = (HeadScan::default(), false, None);
        if let Some(encoder) = down.encoder.take() {
            self.encoders.put_back(encoder);
        }
        if is_stream {
            return self.send_on_fresh(id, set, server, Outgoing::default(), io);
        }
        let Some(out) = self.compose_request(id, set, server, head, io) else { return Fact::Shortage };
        match may_pool.then(|| self.take_pooled(id, set, server, io)).flatten() {
            Some(conn) => self.send_on_pooled(id, conn, out, io),
            None => self.send_on_fresh(id, set, server, out, io),
        }
    }

    /// The request as this server shall see it. A request that was parsed once parses again.
    fn compose_request<R: Reactor>(
        &mut self,
        id: ExchangeId,
        set: usize,
        server: usize,
        head: Option<&RequestHead<'_, '_>>,
        io: &mut R,
    ) -> Option<Outgoing> {
        let entry = &self.exchanges[id];
        let kept = entry.up.kept.as_ref().expect("a request is kept as long as it may be sent again");
        let Client { peer, port, .. } = *self.parties.client(entry.client.conn);
        let ListenerSettings { requests, name, .. } = &entry.rules.settings;
        let mut digits = IdDigits::default();
        let identity = entry.rules.subject_header().map(|field| (field, peer_name(entry, io)));
        let edits = RequestEdits {
            proto: entry.rules.scheme(),
            identity: identity.as_ref().map(|(field, who)| (*field, who.as_deref().unwrap_or_default())),
            connection: compose::upstream_connection(entry.upgrade.is_some(), entry.set_rules.pool.room() > 0),
            target: None,
            fallback_host: &self.sets[set].servers[server].host,
            forwarded: requests.forwarded_by(peer.ip()),
            via: entry.set_rules.via,
            keep_twins: requests.twins == Twins::Keep,
            tells: requests.tells,
            rules: [&entry.treatment().headers.requests, &entry.set_rules.headers.requests],
            request_id: entry.asker.id.text(&mut digits),
            tells_id: requests.ids != RequestIds::Pass,
            without_cookie: entry.set_rules.selection.cookie_of_ours(),
            user: entry.asker.user.as_deref().unwrap_or_default(),
            listener: name,
            client: entry.asker.address,
            peer: peer.ip(),
            port,
        };
        let out = match head {
            Some(head) => write_request(entry, head, &edits, io)?,
            None => write_kept_request(entry, &kept.bytes, &edits, io)?,
        };
        Some(Outgoing { head: Some(out), body: kept.body(), ..Outgoing::default() })
    }

    /// A connection of the pool that can be trusted with this request. What has arrived already was said before it: it
    /// must not become its answer. And a request that cannot be repeated must not meet a connection the server has
    /// just closed.
    fn take_pooled<R: Reactor>(&mut self, id: ExchangeId, set: usize, server: usize, io: &mut R) -> Option<ConnId> {
        let now = self.now(io);
        let trust = self.exchanges[id].core.trust(self.sets[set].rules.pool.reuse);
        let conn = self.sets[set].servers[server].idle.take(now, trust)?;
        let idempotent = self.exchanges[id].method.is_idempotent();
        if io.is_receiving(conn) && (idempotent || io.probe(conn) == Probe::Quiet) {
            return Some(conn);
        }
        self.lose_idle_server(conn, io);
        None
    }

    fn send_on_pooled<R: Reactor>(&mut self, id: ExchangeId, conn: ConnId, out: Outgoing, io: &mut R) -> Fact {
        let now = self.now(io);
        let party = self.parties.server(conn);
        party.work = Work::Exchange(id);
        party.since = now;
        party.seat.begin();
        let (set, server) = (party.set, party.server);
        self.sets[set].servers[server].counters.pooled += 1;
        self.exchanges[id].server = Some(End::only(conn));
        let took = io.send_at_once(conn, out).then(|| took_all(io));
        Fact::AttemptStarted { server: server as u32, pooled: true, hurry: None, took }
    }

    /// The header that tells whose connection it is, where the set wants one.
    #[cold]
    fn announcement<R: Reactor>(&self, id: ExchangeId, header: ProxyHeader, io: &R) -> Option<HeaderBytes> {
        let conn = self.exchanges[id].client.conn;
        let Some(Party::Client(client)) = self.parties.get(conn) else { return None };
        Some(header.write(client.peer, io.local_address(conn)))
    }

    /// What goes before everything, if anything does; `None`: it cannot be told.
    #[inline]
    fn ahead<R: Reactor>(&self, id: ExchangeId, io: &R) -> Option<Option<HeaderBytes>> {
        match self.exchanges[id].set_rules.proxy_protocol {
            None => Some(None),
            Some(header) => self.announcement(id, header, io).map(Some),
        }
    }

    /// Opens a connection and sends the request with the handshake.
    fn send_on_fresh<R: Reactor>(
        &mut self,
        id: ExchangeId,
        set: usize,
        server: usize,
        out: Outgoing,
        io: &mut R,
    ) -> Fact {
        let now = self.now(io);
        let Some(ahead) = self.ahead(id, io) else { return Fact::Shortage };
        let Some(seat) = self.take_place(set, server, io) else { return Fact::NoPlace };
        match self.open(set, server, ahead.as_ref().map(HeaderBytes::as_slice), &out, io) {
            Ok((conn, lease)) => {
                if self.exchanges[id].server_timeouts().is_endless() {
                    io.watch_peer(conn);
                }
                let (work, inbound) = (Work::Exchange(id), Inbound::None);
                let (open, reading, timestamps) = (false, false, false);
                let party = Server { set, server, seat, work, open, since: now, reading, inbound, lease, timestamps };
                self.parties.insert(conn, Party::Server(party));
                self.sets[set].servers[server].connections += 1;
                self.exchanges[id].server = Some(End::only(conn));
                let hurry = self.hurry(set, server, now);
                Fact::AttemptStarted { server: server as u32, pooled: false, hurry, took: None }
            }
            Err(fault) => {
                drop(seat);
                self.call_next(set);
                self.connect_failed(set, server, fault, io)
            }
        }
    }

    /// A place for one more connection. An idle one that this request cannot use makes room for it.
    fn take_place<R: Reactor>(&mut self, set: usize, server: usize, io: &mut R) -> Option<Seat> {
        let max = self.sets[set].rules.capacity.connections_max;
        let target = &mut self.sets[set].servers[server];
        if let Some(seat) = Seat::open(&target.board, max) {
            return Some(seat);
        }
        let idle = target.idle.poll_any()?;
        self.close_server(idle, CloseReason::PoolRetired, io);
        Seat::open(&self.sets[set].servers[server].board, max)
    }

    /// How long this connect may take before another server is asked; for ever where no other is well.
    fn hurry(&self, set: usize, server: usize, now: Duration) -> Option<Duration> {
        let set = &self.sets[set];
        let other = set.selection.has_other(server, &Stands::of(set, now));
        other.then(|| set.servers[server].connect_times.patience())
    }

    /// Tries starting points until one is taken, within bounds.
    fn open<R: Reactor>(
        &mut self,
        set: usize,
        server: usize,
        ahead: Option<&[u8]>,
        out: &Outgoing,
        io: &mut R,
    ) -> Result<(ConnId, Option<Lease>), Fault> {
        let now = self.now(io);
        let set = &mut self.sets[set];
        let target = set.servers[server].target;
        let mut tries = Tries::default();
        loop {
            let start = set.sources.choose(now, target).map_err(|_| Fault::of(FaultKind::Ports))?;
            let port_range = start.range.map(|range| (range.low(), range.high()));
            let plan = ConnectPlan {
                remote: target.address(),
                source: start.source,
                port_range,
                routed: set.rules.ports.here.is_routed(start.source.address()),
                profile: set.profile_of(server),
            };
            let again = Outgoing { head: out.head.clone(), body: out.body.clone(), after: out.after };
            let connected = match ahead {
                None => io.connect(&plan, again),
                Some(ahead) => io.connect_behind(ahead, &plan, again),
            };
            match connected {
                Ok(conn) => return Ok((conn, start.lease)),
                Err(fault) if set.sources.connect_failed(now, target, start.lease, fault, &mut tries) => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// A server has taken all that it was sent.
#[inline]
pub(super) fn took_all<R: Reactor>(io: &R) -> Took {
    if io.buffers_are_scarce() { Took::AllButScarce } else { Took::All }
}

/// Writes a request of which only the bytes were kept.
#[cold]
fn write_kept_request<R: Reactor>(entry: &Entry, kept: &[u8], edits: &RequestEdits<'_>, io: &mut R) -> Option<Buf> {
    let mut slots = HeadSlots::new();
    let parsed = parse_request(kept, &entry.rules.limits, &mut slots);
    write_request(entry, &parsed.ok().flatten()?.head, edits, io)
}

/// Whose certificate the client of a request has shown.
fn peer_name<R: Reactor>(entry: &Entry, io: &R) -> Option<Rc<str>> {
    io.session(entry.client.conn)?.peer_name.clone()
}

/// Writes a request, with what its route makes of its path.
#[inline]
fn write_request<R: Reactor>(
    entry: &Entry,
    head: &RequestHead<'_, '_>,
    edits: &RequestEdits<'_>,
    io: &mut R,
) -> Option<Buf> {
    match entry.rules.settings.router.leaves(entry.decision()) {
        true => compose::request(head, edits, io),
        false => write_with_other_path(entry, head, edits, io),
    }
}

fn write_with_other_path<R: Reactor>(
    entry: &Entry,
    head: &RequestHead<'_, '_>,
    edits: &RequestEdits<'_>,
    io: &mut R,
) -> Option<Buf> {
    let router = &entry.rules.settings.router;
    let client = AddressText::new(edits.client);
    let values = Values {
        client: client.as_bytes(),
        scheme: edits.proto,
        request_id: edits.request_id,
        user: edits.user,
        listener: &entry.rules.settings.name,
        server: edits.fallback_host,
        asked: Some(asked_of(head)),
        groups: &[],
    };
    let mut scratch = entry.rules.scratch.borrow_mut();
    let target = router.passed_on(entry.route, head.target, &values, &mut scratch).ok()?;
    compose::request(head, &RequestEdits { target, ..edits.clone() }, io)
}
