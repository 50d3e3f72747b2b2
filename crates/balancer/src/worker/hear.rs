//! What comes in, as facts: for a client connection itself, for the exchange or the relay it belongs to.

use super::Worker;
use super::attempt::took_all;
use super::choose::Stands;
use super::compose::{self, NoPiece};
use super::state::{Client, ExchangeId, Held, Inbound, Party, Server, Work};
use super::treat::with_rules;
use balancer_core::downstream::ClientOrder;
use balancer_core::exchange::{Fact, HeadPlan, ResponseFacts, Took};
use balancer_core::relay::{RelayFact, Way};
use balancer_core::{Failure, Refusal, Refused};
use http::{BodyKind, ResponseHead, list};
use http1::{BodyDecoder, HeadScan, HeadSlots, Parsed, parse_response};
use ports::Fault;
use reactor::{Buf, CloseOutcome, ConnId, Reactor, Received};

impl Worker {
    pub(super) fn handle_received<R: Reactor>(&mut self, conn: ConnId, result: Result<Received, Fault>, io: &mut R) {
        match self.parties.get(conn) {
            Some(Party::Client(_)) => self.handle_client_received(conn, result, io),
            Some(Party::Server(_)) => self.handle_server_received(conn, result, io),
            None => debug_assert!(false, "the reactor tells nothing of connections that were closed"),
        }
    }

    fn handle_client_received<R: Reactor>(&mut self, conn: ConnId, result: Result<Received, Fault>, io: &mut R) {
        let client = self.parties.client(conn);
        client.reading = false;
        let order = match result {
            Ok(Received::Data(buf)) => match client.life.handle_bytes(buf.len()) {
                ClientOrder::Tell => return self.tell_of_client_bytes(conn, buf, io),
                ClientOrder::TakeHead => {
                    client.inbound = Some(buf);
                    return self.take_head(conn, io);
                }
                order => order,
            },
            Ok(Received::Piped(piped)) => match (client.life.handle_bytes(piped.len()), client.work) {
                (ClientOrder::Tell, Work::Relay(id)) => {
                    return self.hear_relay_bytes(id, Way::Up, Held::Piped(piped), io);
                }
                (order, _) => order,
            },
            Ok(Received::Dropped(_)) => return debug_assert!(false, "a worker sees what it passes on"),
            Ok(Received::Eof(_partial)) => client.life.handle_eof(),
            Err(_) => client.life.handle_broken(),
        };
        if order != ClientOrder::Tell {
            return self.carry_out(conn, order, io);
        }
        let left = client.life.is_eof();
        match client.work {
            Work::Exchange(id) => self.hear(id, if left { Fact::ClientEof } else { Fact::ClientBroken }, io),
            Work::Relay(id) if left => self.hear_relay(id, RelayFact::Eof(Way::Up), io),
            Work::Relay(id) => self.hear_relay(id, RelayFact::Broken(Way::Up), io),
            Work::None => debug_assert!(false, "a busy client has work"),
        }
    }

    fn tell_of_client_bytes<R: Reactor>(&mut self, conn: ConnId, buf: Buf, io: &mut R) {
        match self.parties.client(conn).work {
            Work::Exchange(id) => {
                let fact = self.take_request_bytes(id, buf, io);
                self.hear(id, fact, io);
            }
            Work::Relay(id) => self.hear_relay_bytes(id, Way::Up, Held::Bytes(buf), io),
            Work::None => debug_assert!(false, "a busy client has work"),
        }
    }

    /// Cuts bytes at the end of the request's body. What is behind it belongs to the next request.
    fn take_request_bytes<R: Reactor>(&mut self, id: ExchangeId, mut buf: Buf, io: &mut R) -> Fact {
        let entry = &mut self.exchanges[id];
        let client = self.parties.client(entry.client.conn);
        if entry.up.decoder.is_done() {
            client.inbound = Some(buf);
            return Fact::ClientAhead;
        }
        let piece = match compose::passed(&mut entry.up.decoder, &mut buf, io) {
            Ok(piece) => piece,
            Err(NoPiece::Malformed(rule)) => {
                let from = entry.client.conn;
                self.note_refused_request(from, rule, &buf, io);
                self.note_jotted(id);
                return Fact::RequestUnwanted(Failure::BadRequest(rule));
            }
            Err(NoPiece::Shortage) => return Fact::RequestUnwanted(Failure::NoLocalResource),
        };
        let Some(left) = entry.up.left.checked_sub(piece.content as u64) else {
            return Fact::RequestUnwanted(Failure::BodyTooLarge);
        };
        entry.up.left = left;
        let len = piece.data.len();
        entry.up.held = (len > 0).then_some(piece.data);
        client.inbound = (!buf.is_empty()).then_some(buf);
        Fact::RequestBytes { len, whole: piece.whole, ahead: client.inbound.is_some() }
    }

    fn handle_server_received<R: Reactor>(&mut self, conn: ConnId, result: Result<Received, Fault>, io: &mut R) {
        if result.is_err() {
            self.note_reason(conn, io);
        }
        let server = self.parties.server(conn);
        server.reading = false;
        match (server.work, result) {
            (Work::Exchange(id), Ok(Received::Data(buf))) => self.read_response(id, buf, io),
            (Work::Exchange(id), Ok(Received::Eof(_))) if self.ends_recoded(id) => {
                let fact = self.end_recoded(id, io);
                self.hear(id, fact, io);
            }
            (Work::Exchange(id), Ok(Received::Eof(partial))) => {
                let ends_body = self.exchanges[id].down.decoder.as_ref().is_some_and(|d| d.finish_at_eof().is_ok());
                self.hear(id, Fact::ServerEof { partial: partial.is_some(), ends_body }, io);
            }
            (Work::Exchange(id), Err(fault)) => self.hear(id, Fact::ServerBroken(fault.kind), io),
            (Work::Relay(id), Ok(Received::Data(buf))) => self.hear_relay_bytes(id, Way::Down, Held::Bytes(buf), io),
            (Work::Relay(id), Ok(Received::Piped(piped))) => {
                self.hear_relay_bytes(id, Way::Down, Held::Piped(piped), io);
            }
            (Work::Exchange(_), Ok(Received::Piped(_))) | (_, Ok(Received::Dropped(_))) => {
                debug_assert!(false, "an exchange sees what it passes on");
            }
            (Work::Relay(id), Ok(Received::Eof(_))) => self.hear_relay(id, RelayFact::Eof(Way::Down), io),
            (Work::Relay(id), Err(_)) => self.hear_relay(id, RelayFact::Broken(Way::Down), io),
            // Nobody asked: an idle server connection that speaks is not to be trusted.
            (Work::None, _) => self.lose_idle_server(conn, io),
        }
    }

    /// An answer goes on in what came behind an interim response.
    pub(super) fn read_held<R: Reactor>(&mut self, conn: ConnId, io: &mut R) {
        let Some(Party::Server(Server { work: Work::Exchange(id), inbound, .. })) = self.parties.get_mut(conn) else {
            return; // its exchange ended before its turn came
        };
        let id = *id;
        if let Inbound::Rest(buf) = std::mem::take(inbound) {
            self.read_response(id, buf, io);
        }
    }

    fn read_response<R: Reactor>(&mut self, id: ExchangeId, buf: Buf, io: &mut R) {
        let fact = match self.exchanges[id].down.decoder {
            None => self.take_response_head(id, buf, io),
            Some(_) => self.take_response_bytes(id, buf, io),
        };
        self.hear(id, fact, io);
    }

    /// Looks for the head of a response; interim ones that the client would not understand are left out.
    fn take_response_head<R: Reactor>(&mut self, id: ExchangeId, mut buf: Buf, io: &mut R) -> Fact {
        loop {
            let entry = &mut self.exchanges[id];
            let limits = entry.set_rules.reading(entry.down.after_interim);
            let mut slots = HeadSlots::new();
            let parsed = match entry.down.scan.worth_parsing(&buf, &limits) {
                true => parse_response(&buf, &limits, &mut slots, entry.method),
                false => Ok(None),
            };
            let parsed = match parsed {
                Ok(Some(parsed)) => parsed,
                Ok(None) => return self.keep_partial(id, buf),
                Err(rule) => return self.refuse_response(id, rule, &buf, io),
            };
            if !parsed.dialects.is_empty() {
                self.note_dialects(id, parsed.dialects);
            }
            let (len, body, status) = (parsed.len, parsed.head.body, parsed.head.status);
            if status >= 400 && self.asks_elsewhere(id, status, io) {
                let spent = parsed.keep_alive && is_all(&buf[len..], BodyDecoder::new(body, &limits));
                return Fact::ResponseDeclined { status, spent };
            }
            let Some(plan) = self.write_response_head(id, &parsed, io) else { return Fact::ResponseShortage };
            if plan == HeadPlan::Malformed {
                return self.refuse_response(id, http1::Error::SwitchNotAsked, &buf, io);
            }
            buf.advance(len);
            match plan {
                HeadPlan::Malformed => unreachable!("returned above"),
                HeadPlan::Skip if buf.is_empty() => return Fact::ResponseSkipped,
                HeadPlan::Skip => {}
                HeadPlan::Interim(_) => return self.keep_rest(id, buf, Fact::ResponseInterim),
                HeadPlan::Upgrade(_) => return self.keep_rest(id, buf, Fact::Upgraded),
                HeadPlan::Final(_) => {
                    self.exchanges[id].down.decoder = Some(BodyDecoder::new(body, &limits));
                    return self.take_response_bytes(id, buf, io);
                }
            }
        }
    }

    /// Is another server asked, and this response let go? Only where one is well and nobody has a better right to its place.
    #[cold]
    fn asks_elsewhere<R: Reactor>(&mut self, id: ExchangeId, status: u16, io: &mut R) -> bool {
        let (now, entry) = (self.now(io), &self.exchanges[id]);
        let draining = self.listeners[entry.listener].drains(self.draining);
        let scene = entry.rules.scene(entry.route, &entry.set_rules, now, draining);
        let server = entry.core.attached_server().filter(|_| entry.core.asks_elsewhere(status, &scene));
        let Some(server) = server else { return false };
        let index = entry.asked_set();
        let set = &self.sets[index];
        let other = !set.places.line.has_some() && set.selection.has_other(server as usize, &Stands::of(set, now));
        let asks = other && self.pays_for_repetition(index, now);
        if asks {
            self.note_first_byte(id, status, now);
        }
        asks
    }

    /// Asks what becomes of a head, and writes it so. `None`: no buffer is left to write it into.
    fn write_response_head<R: Reactor>(
        &mut self,
        id: ExchangeId,
        parsed: &Parsed<ResponseHead<'_, '_>>,
        io: &mut R,
    ) -> Option<HeadPlan> {
        let Parsed { head, keep_alive, .. } = parsed;
        let (now, date) = (self.now(io), (!head.dated && head.status >= 200).then(|| self.date(io)));
        let recoding = self.choose_coding(id, head);
        let entry = &mut self.exchanges[id];
        // What is compressed has no length that is known before.
        let body = if entry.down.encoder.is_some() { BodyKind::Chunked } else { head.body };
        let facts = ResponseFacts {
            status: head.status,
            keep_alive: *keep_alive,
            chunked: body == BodyKind::Chunked,
            until_close: body == BodyKind::UntilClose,
            switch_asked: head.status == 101 && is_asked_for(head.upgrade, entry.upgrade.as_deref()),
        };
        let draining = self.listeners[entry.listener].drains(self.draining);
        let plan = entry.core.plan_head(&facts, &entry.rules.scene(entry.route, &entry.set_rules, now, draining));
        entry.down.scan = HeadScan::default();
        entry.down.after_interim = true;
        entry.let_go_of_kept();
        self.note_first_byte(id, head.status, now);
        let entry = &mut self.exchanges[id];
        if let HeadPlan::Interim(edits) | HeadPlan::Final(edits) | HeadPlan::Upgrade(edits) = plan {
            let server = entry.core.record().server.zip(entry.set);
            let server = server.map(|(server, set)| &self.sets[set].servers[server as usize]);
            let host = server.map_or("", |server| &server.host);
            let cookie = server.filter(|_| head.status >= 200).and_then(|server| server.cookie_for(entry.sticky));
            let version = entry.core.client_version();
            let written = with_rules(entry, None, Some(host), |ruled| {
                let edits = compose::response_edits(version, &edits, body, date, recoding, cookie, ruled);
                compose::response(head, &edits, io)
            });
            (entry.down.head, entry.down.unwrap_chunks) = (Some(written?), edits.unwrap_chunks);
        }
        Some(plan)
    }

    /// What the server said breaks a rule, or is over a limit.
    #[cold]
    fn refuse_response<R: Reactor>(&mut self, id: ExchangeId, rule: http1::Error, bytes: &[u8], io: &mut R) -> Fact {
        let (at, entry) = (self.now(io), &self.exchanges[id]);
        let end = entry.server.expect("a response comes from a server");
        let limits = entry.set_rules.reading(false);
        let Server { set, server, .. } = *self.parties.server(end.conn);
        let server = &mut self.sets[set].servers[server];
        server.counters.refused_responses.record(rule);
        let who = Refused::Response { from: server.target.address() };
        self.refusals.note(Refusal::new(at, who, rule, &limits, bytes));
        Fact::ResponseMalformed(rule)
    }

    /// The server speaks an older dialect, which was understood.
    #[cold]
    fn note_dialects(&mut self, id: ExchangeId, dialects: http1::Dialects) {
        let end = self.exchanges[id].server.expect("a response comes from a server");
        let Server { set, server, .. } = *self.parties.server(end.conn);
        let counters = &mut self.sets[set].servers[server].counters;
        dialects.iter().for_each(|dialect| counters.dialects[dialect as usize] += 1);
    }

    fn keep_partial(&mut self, id: ExchangeId, buf: Buf) -> Fact {
        let end = self.exchanges[id].server.expect("a response comes from a server");
        self.parties.server(end.conn).inbound = Inbound::Partial(buf);
        Fact::ResponseBegun
    }

    /// What came behind an interim response or a 101 is looked at when that was sent.
    fn keep_rest(&mut self, id: ExchangeId, rest: Buf, fact: Fact) -> Fact {
        let end = self.exchanges[id].server.expect("a response comes from a server");
        if !rest.is_empty() {
            self.parties.server(end.conn).inbound = Inbound::Rest(rest);
        }
        fact
    }

    /// Cuts bytes at the end of the response's body; chunks are unwrapped where the client does not know them.
    fn take_response_bytes<R: Reactor>(&mut self, id: ExchangeId, mut buf: Buf, io: &mut R) -> Fact {
        let down = &mut self.exchanges[id].down;
        if down.encoder.is_some() {
            let recoded = self.recode_bytes(id, &mut buf, io);
            return recoded.unwrap_or_else(|rule| self.refuse_response(id, rule, &buf, io));
        }
        let decoder = down.decoder.as_mut().expect("a body comes behind its head");
        let piece = match down.unwrap_chunks {
            true => compose::unwrapped(decoder, &mut buf, io),
            false => compose::passed(decoder, &mut buf, io),
        };
        let piece = match piece {
            Ok(piece) => piece,
            Err(NoPiece::Malformed(rule)) => return self.refuse_response(id, rule, &buf, io),
            Err(NoPiece::Shortage) => return Fact::ResponseShortage,
        };
        let len = piece.data.len();
        down.body = (len > 0).then_some(piece.data);
        Fact::ResponseBytes { len, whole: piece.whole, leftover: !buf.is_empty() }
    }

    pub(super) fn handle_sent<R: Reactor>(&mut self, conn: ConnId, result: Result<(), Fault>, io: &mut R) {
        let (work, way) = match self.parties.get(conn) {
            Some(Party::Client(Client { work, .. })) => (*work, Way::Down),
            Some(Party::Server(Server { work, .. })) => (*work, Way::Up),
            None => return debug_assert!(false, "the reactor tells nothing of connections that were closed"),
        };
        match (work, way) {
            (Work::Exchange(id), Way::Down) => {
                self.hear(id, if result.is_ok() { Fact::ClientTook } else { Fact::ClientBroken }, io);
            }
            (Work::Exchange(id), Way::Up) => {
                let took = match result {
                    Ok(()) => took_all(io),
                    Err(_) => Took::Broken,
                };
                self.hear(id, Fact::ServerTook(took), io);
            }
            (Work::Relay(id), way) => {
                let fact = if result.is_ok() { RelayFact::Took(way) } else { RelayFact::Refused(way) };
                self.hear_relay(id, fact, io);
            }
            (Work::None, _) => debug_assert!(false, "only exchanges and relays send"),
        }
    }

    /// A response went out with [`reactor::After::Close`], and the connection with it.
    pub(super) fn handle_closed<R: Reactor>(&mut self, conn: ConnId, outcome: CloseOutcome, io: &mut R) {
        let Work::Exchange(id) = self.parties.client(conn).work else {
            return debug_assert!(false, "only an exchange closes with its last byte");
        };
        match outcome {
            CloseOutcome::Unread => self.hear(id, Fact::ClientClosed { unread: true }, io),
            CloseOutcome::Closed(who) => {
                self.hear(id, Fact::ClientClosed { unread: false }, io);
                self.forget_client(conn, who, balancer_core::CloseReason::ExchangeOver);
            }
        }
    }
}

/// Is this the body to its end, and nothing else?
#[cold]
fn is_all(bytes: &[u8], mut decoder: BodyDecoder) -> bool {
    decoder.skip(bytes).is_ok_and(|passed| passed.done && passed.len == bytes.len())
}

/// Protocols that a server may switch to at once: each is looked for in what was asked for.
const PROTOCOLS_MAX: usize = 8;

/// A switch is to a protocol, or several, each of which was asked for (RFC 9110 7.8).
#[cold]
fn is_asked_for(agreed: Option<&[u8]>, asked: Option<&[u8]>) -> bool {
    let (Some(agreed), Some(asked)) = (agreed, asked) else { return false };
    let is_asked = |protocol: &[u8]| list(asked).any(|one| one.eq_ignore_ascii_case(protocol));
    let protocols = || list(agreed).take(PROTOCOLS_MAX + 1);
    (1..=PROTOCOLS_MAX).contains(&protocols().count()) && protocols().all(is_asked)
}
