//! What a worker remembers: the parties it is connected with, the exchanges and relays between them.

use super::rules::ListenerRules;
use super::seat::Seat;
use super::treat::Asker;
use crate::flight::Ticket;
use balancer_core::access::Note;
use balancer_core::downstream::Downstream;
use balancer_core::exchange::Exchange;
use balancer_core::relay::{Bulk, Relay, Way};
use balancer_core::{BackendSetSettings, Decision, ServerTimeouts, Treatment};
use coding::Encoder;
use http::Method;
use http1::{BodyDecoder, HeadScan};
use ports::Lease;
use reactor::{Buf, ConnId, Deadline, Piped};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

slotmap::new_key_type! {
    /// An exchange of one worker.
    pub(super) struct ExchangeId;
    /// A relay of one worker.
    pub(super) struct RelayId;
}

/// A stream of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamId(u32);

impl StreamId {
    /// HTTP/1 has one.
    pub(super) const ONLY: Self = Self(0);
}

/// One end of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) conn: ConnId,
    pub(super) stream: StreamId,
}

impl End {
    /// The only stream of an HTTP/1 connection.
    pub(super) fn only(conn: ConnId) -> Self {
        Self { conn, stream: StreamId::ONLY }
    }
}

/// Whoever is at the other end of a connection.
#[derive(Debug)]
pub(super) enum Party {
    Client(Client),
    Server(Server),
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    None,
    Exchange(ExchangeId),
    Relay(RelayId),
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) peer: SocketAddr,
    /// Where it came in: the port of that place, or that of the protocol where it is a socket file.
    pub(super) port: u16,
    pub(super) listener: usize,
    pub(super) life: Downstream,
    pub(super) work: Work,
    /// Received, not yet consumed: a partial head, or requests sent ahead.
    pub(super) inbound: Option<Buf>,
    pub(super) scan: HeadScan,
    /// A recv is under way.
    pub(super) reading: bool,
    /// It stands among the idle ones of its listener, and it is one of them.
    pub(super) listed: bool,
    pub(super) counted: bool,
    /// Its place is another's already.
    pub(super) released: bool,
    /// It is counted by its address.
    pub(super) guest: bool,
    pub(super) alarm: Deadline,
    /// What is told of its last request once it is known who closed.
    pub(super) note: Option<Box<Note>>,
}

impl Client {
    /// Since when nothing of a next request has come, and none is under way.
    pub(super) fn idle_since(&self) -> Option<Duration> {
        self.life.idle_since().filter(|_| self.work == Work::None && self.inbound.is_none())
    }
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) set: usize,
    pub(super) server: usize,
    /// It is taken while there is work.
    pub(super) seat: Seat,
    pub(super) work: Work,
    /// The handshake is over.
    pub(super) open: bool,
    /// When it was begun, or sent its last request.
    pub(super) since: Duration,
    /// A recv is under way.
    pub(super) reading: bool,
    pub(super) inbound: Inbound,
    pub(super) lease: Option<Lease>,
    pub(super) timestamps: bool,
}

/// Received from a server, not yet passed on.
#[derive(Debug, Default)]
pub(super) enum Inbound {
    #[default]
    None,
    /// The beginning of a head: more is read behind it.
    Partial(Buf),
    /// What came behind an interim response: to be looked at.
    Rest(Buf),
}

/// The request as it was received, as long as it may have to be sent again: head, and the body that came with it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) bytes: Buf,
    pub(super) head_len: usize,
}

impl Kept {
    /// What came of the body.
    pub(super) fn body(&self) -> Option<Buf> {
        (self.head_len < self.bytes.len()).then(|| self.bytes.slice(self.head_len..self.bytes.len()))
    }
}

/// An exchange with the bytes it decides about.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) core: Exchange,
    pub(super) client: End,
    pub(super) server: Option<End>,
    pub(super) listener: usize,
    /// The backend set whose servers are asked, if any are.
    pub(super) set: Option<usize>,
    /// The route it goes by, among those of its rules.
    pub(super) route: u32,
    /// Its path can go to a server as it came, unless the route rewrites it.
    pub(super) plain: bool,
    /// The client's timer fires by then: a deadline that is not nearer need not touch it.
    pub(super) fires_by: Duration,
    /// The rules it began with; it ends by them.
    pub(super) rules: Rc<ListenerRules>,
    pub(super) set_rules: Rc<BackendSetSettings>,
    pub(super) method: Method,
    pub(super) asker: Asker,
    /// What it has in common with others that go to the same server.
    pub(super) key: Option<u64>,
    /// The server that its client stays with, by its mark.
    pub(super) sticky: Option<u64>,
    /// It is counted among what is under way in its set, where that is bounded.
    pub(super) ticket: Option<Ticket>,
    /// The protocols that the client asks for, where the request may switch to another.
    pub(super) upgrade: Option<Buf>,
    pub(super) up: UpBytes,
    pub(super) down: DownBytes,
    /// What is told of it when it is over.
    pub(super) note: Option<Box<Note>>,
    /// What an answer of our own said.
    pub(super) said: Said,
}

/// What the client was told by ourselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body_len: u32,
}

impl Entry {
    /// What is done to the request and its response.
    #[inline]
    pub(super) fn treatment(&self) -> &Treatment {
        self.rules.treatment(self.route)
    }

    /// Which way it goes, as was decided when it came.
    #[inline]
    pub(super) fn decision(&self) -> Decision {
        Decision { route: self.route, plain: self.plain }
    }

    /// Patience with its server.
    pub(super) fn server_timeouts(&self) -> &ServerTimeouts {
        self.rules.server_timeouts(self.route, &self.set_rules)
    }

    /// The set it is asked of, by an exchange that has ordered an attempt.
    pub(super) fn asked_set(&self) -> usize {
        self.set.expect("whoever asks a server has a set of them")
    }

    /// What was kept of the request goes once it will not be sent again.
    pub(super) fn let_go_of_kept(&mut self) {
        if !self.core.is_replayable() {
            self.up.kept = None;
        }
    }
}

/// The request's bytes.
#[derive(Debug)]
pub(super) struct UpBytes {
    pub(super) kept: Option<Kept>,
    pub(super) decoder: BodyDecoder,
    /// A piece of the body that is still to be sent.
    pub(super) held: Option<Buf>,
    /// Content that may still come.
    pub(super) left: u64,
}

/// The response's bytes.
#[derive(Debug, Default)]
pub(super) struct DownBytes {
    pub(super) scan: HeadScan,
    /// An interim response came before.
    pub(super) after_interim: bool,
    /// From the head on; before it there is none.
    pub(super) decoder: Option<BodyDecoder>,
    pub(super) unwrap_chunks: bool,
    /// The body is compressed.
    pub(super) encoder: Option<Encoder>,
    /// Ready to be sent: a head, and a piece of body.
    pub(super) head: Option<Buf>,
    pub(super) body: Option<Buf>,
}

/// A relay with its ends and the bytes it holds.
#[derive(Debug)]
pub(super) struct RelayEntry {
    pub(super) core: Relay,
    pub(super) client: ConnId,
    pub(super) server: ConnId,
    pub(super) listener: usize,
    /// As that of the exchange it was.
    pub(super) ticket: Option<Ticket>,
    /// Bytes that wait, on their way up and down.
    pub(super) held: [Option<Held>; 2],
    /// Bytes that came, likewise.
    pub(super) bytes: [u64; 2],
    /// How much goes each way.
    pub(super) bulk: [Bulk; 2],
    /// What is told of it when it is over.
    pub(super) note: Option<Box<Note>>,
}

/// Bytes on their way, seen or not.
#[derive(Debug)]
pub(super) enum Held {
    Bytes(Buf),
    Piped(Piped),
}

impl Held {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bytes(buf) => buf.len(),
            Self::Piped(piped) => piped.len(),
        }
    }
}

impl RelayEntry {
    /// The connection that bytes of this direction come from.
    pub(super) fn source(&self, way: Way) -> ConnId {
        match way {
            Way::Up => self.client,
            Way::Down => self.server,
        }
    }

    /// The connection they go to.
    pub(super) fn sink(&self, way: Way) -> ConnId {
        self.source(way.reversed())
    }
}

/// What could not be done inside an order: it is done before the next completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// A client's next head may be among what it sent ahead.
    TakeHead(ConnId),
    /// A server's answer goes on in what is held.
    ReadHeld(ConnId),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle keep-alive connection may cost 1 KiB of user memory in all. The table is an array by connection number;
    /// the reactor's own entry takes what is left.
    #[test]
    fn an_idle_connection_fits_its_budget() {
        let slot = size_of::<Option<(u32, Party)>>();
        assert!(slot <= 224, "a slot takes {slot} bytes");
    }
}
