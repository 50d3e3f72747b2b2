//! Relays: two connections joined. Begun by an exchange that was upgraded, or was a stream from the beginning.

use super::Worker;
use super::state::{Entry, Held, Inbound, RelayEntry, RelayId, Work};
use super::time::TimerKey;
use balancer_core::CloseReason;
use balancer_core::downstream::{ClientOrder, CloseHow};
use balancer_core::exchange::Then;
use balancer_core::relay::{Flow, FlowStep, Patience, Relay, RelayEnd, RelayFact, RelayStep, Way};
use reactor::{Close, ConnId, Outgoing, Reactor};

impl Worker {
    /// The server agreed: its 101 goes out, then whatever both sides sent early. Or the connection to it stands, where
    /// nothing else was asked for.
    pub(super) fn begin_relay<R: Reactor>(&mut self, mut entry: Entry, io: &mut R) {
        let now = self.now(io);
        let (client_conn, server_conn) = (entry.client.conn, entry.server.expect("an upgrade has a server").conn);
        self.listeners[entry.listener].counters.tunnels += 1;
        let server = self.parties.server(server_conn);
        let rest = match std::mem::take(&mut server.inbound) {
            Inbound::Rest(rest) => Some(rest),
            Inbound::None | Inbound::Partial(_) => None,
        };
        let first = Outgoing { head: entry.down.head.take(), body: rest, ..Outgoing::default() };
        let down = Flow { sending: !first.is_empty(), ..Flow::default() };
        if down.sending {
            io.send(client_conn, first);
        }
        let client = self.parties.client(client_conn);
        let early = client.inbound.take();
        let up = Flow {
            reading: client.reading,
            sending: entry.core.is_sending().1,
            held: early.is_some(),
            eof: client.life.is_eof(),
            shut: false,
        };
        let timeouts = entry.rules.client_timeouts(entry.route);
        let patience = Patience { silent: timeouts.tunnel, half_closed: timeouts.body };
        let (core, step) = Relay::begin(up, down, patience, now);
        let early = early.map(Held::Bytes);
        let id = self.insert_relay(core, &mut entry, early);
        self.parties.client(client_conn).work = Work::Relay(id);
        self.parties.server(server_conn).work = Work::Relay(id);
        self.apply_relay(id, &step, io);
    }

    fn insert_relay(&mut self, core: Relay, entry: &mut Entry, early: Option<Held>) -> RelayId {
        let (client, server) = (entry.client.conn, entry.server.expect("an upgrade has a server").conn);
        let (listener, note, len) = (entry.listener, entry.note.take(), early.as_ref().map_or(0, Held::len));
        let (held, bulk) = ([early, None], Default::default());
        let (ticket, bytes) = (entry.ticket.take(), [0; 2]);
        let id = self.relays.insert(RelayEntry { core, client, server, listener, ticket, held, bytes, bulk, note });
        self.count_relayed(id, Way::Up, len);
        id
    }

    pub(super) fn hear_relay_bytes<R: Reactor>(&mut self, id: RelayId, way: Way, held: Held, io: &mut R) {
        let entry = &mut self.relays[id];
        let (listener, len) = (entry.listener, held.len());
        entry.bulk[way as usize].note(len);
        entry.held[way as usize] = Some(held);
        let piped = matches!(entry.held[way as usize], Some(Held::Piped(_)));
        self.count_relayed(id, way, len);
        self.listeners[listener].counters.tunnel_bytes_piped += if piped { len as u64 } else { 0 };
        self.hear_relay(id, RelayFact::Bytes(way), io);
    }

    fn count_relayed(&mut self, id: RelayId, way: Way, len: usize) {
        let entry = &mut self.relays[id];
        entry.bytes[way as usize] += len as u64;
        let counters = &mut self.listeners[entry.listener].counters;
        let bytes = match way {
            Way::Up => &mut counters.tunnel_bytes_up,
            Way::Down => &mut counters.tunnel_bytes_down,
        };
        *bytes += len as u64;
    }

    pub(super) fn hear_relay<R: Reactor>(&mut self, id: RelayId, fact: RelayFact, io: &mut R) {
        let now = self.now(io);
        let step = self.relays[id].core.handle(fact, now);
        self.apply_relay(id, &step, io);
    }

    fn apply_relay<R: Reactor>(&mut self, id: RelayId, step: &RelayStep, io: &mut R) {
        self.apply_flow(id, Way::Up, step.up, io);
        self.apply_flow(id, Way::Down, step.down, io);
        if let Some(end) = step.end {
            return self.end_relay(id, end, io);
        }
        let ends = [self.relays[id].server, self.relays[id].client];
        if step.watch {
            ends.iter().for_each(|conn| io.watch_peer(*conn));
        }
        if step.look {
            let left = ends.map(|conn| io.unacknowledged_bytes(conn));
            return self.hear_relay(id, RelayFact::Unacknowledged(left), io);
        }
        let entry = &self.relays[id];
        debug_assert_eq!(entry.core.check(), Ok(()), "{:?}", entry.core);
        let (conn, at) = (entry.client, entry.core.deadline());
        self.parties.client(conn).alarm.set(at, TimerKey::Client(conn), &mut self.wheel);
    }

    fn apply_flow<R: Reactor>(&mut self, id: RelayId, way: Way, flow: FlowStep, io: &mut R) {
        let entry = &mut self.relays[id];
        let (source, sink) = (entry.source(way), entry.sink(way));
        if flow.send {
            match entry.held[way as usize].take().expect("bytes are held until they are sent") {
                Held::Bytes(buf) => io.send(sink, Outgoing::bytes(buf)),
                Held::Piped(piped) => io.send_piped(sink, piped),
            }
        }
        if flow.shutdown {
            io.shutdown_write(sink);
        }
        let bulk = entry.bulk[way as usize].is_bulk();
        match (flow.read, bulk) {
            (false, _) => {}
            (true, true) => self.read_through(way, source, sink, io),
            (true, false) => self.read_relay_source(way, source, io),
        }
    }

    /// Much goes this way: it need not be seen.
    fn read_through<R: Reactor>(&mut self, way: Way, source: ConnId, sink: ConnId, io: &mut R) {
        let reading = match way {
            Way::Up => &mut self.parties.client(source).reading,
            Way::Down => &mut self.parties.server(source).reading,
        };
        debug_assert!(!*reading, "the relay knows what it reads");
        *reading = true;
        io.recv_through(source, sink);
    }

    fn read_relay_source<R: Reactor>(&mut self, way: Way, source: ConnId, io: &mut R) {
        match way {
            Way::Up => self.read_client(source, io),
            Way::Down => {
                let held = self.read_server(source, io);
                debug_assert!(!held, "what a server sent early went out with its 101");
            }
        }
    }

    /// Both connections are closed; nothing of either is wanted any more. A client to whom its server had more to say
    /// must see that.
    fn end_relay<R: Reactor>(&mut self, id: RelayId, end: RelayEnd, io: &mut R) {
        self.note_relay_end(id, io);
        let entry = self.relays.remove(id).expect("a relay ends once");
        let (client_why, server_why) = match end {
            RelayEnd::Over | RelayEnd::Refused(Way::Up) => (CloseReason::TunnelOver, CloseReason::TunnelOver),
            RelayEnd::Broken(Way::Up) | RelayEnd::Refused(Way::Down) => {
                (CloseReason::PeerAborted, CloseReason::OtherSideFailed)
            }
            RelayEnd::Broken(Way::Down) => (CloseReason::OtherSideFailed, CloseReason::PeerAborted),
            RelayEnd::Cut => (CloseReason::Draining, CloseReason::OtherSideFailed),
            RelayEnd::Idle => (CloseReason::Idle, CloseReason::OtherSideFailed),
        };
        match end {
            RelayEnd::Over => self.close_server_by(entry.server, Close::Fin, server_why, io),
            _ => self.close_server(entry.server, server_why, io),
        }
        let now = self.now(io);
        let client = self.parties.client(entry.client);
        client.work = Work::None;
        let order = match end {
            RelayEnd::Broken(Way::Down) => {
                let scene = self.listeners[client.listener].downstream_scene(now, self.farewell.closes_idle());
                client.life.handle_exchange_over(Then::Reset(client_why), false, &scene)
            }
            RelayEnd::Over => ClientOrder::Close(CloseHow::Fin, client_why),
            _ => ClientOrder::Close(CloseHow::Discard, client_why),
        };
        self.carry_out(entry.client, order, io);
    }
}
