//! One TCP connection of the simulated network: two ends and what is on the way between them.

use super::doors::DoorId;
use ports::{ClosedFirst, Fault};
use reactor::Piped;
use reactor::buf::Buf;
use reactor::conn::ConnId;
use reactor::face::{After, Outgoing};
use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

/// Names one end of one connection; side 0 connected, side 1 accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EndId {
    pub(super) flow: u32,
    pub(super) side: usize,
}

impl EndId {
    pub(super) fn peer(self) -> Self {
        Self { side: 1 - self.side, ..self }
    }
}

/// What travels. Everything of one direction arrives in the order it was sent.
#[derive(Debug)]
pub(super) enum Segment {
    Syn,
    SynAck,
    HandshakeAck,
    Data(Vec<u8>),
    /// That many bytes arrived.
    Ack(usize),
    /// That many bytes were read: so many more may be sent.
    Window(usize),
    Fin,
    FinAck,
    Rst,
}

/// How far an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// SYN sent, no answer yet.
    Connecting,
    /// SYN received and answered.
    Handshake,
    /// In the accept queue.
    Queued,
    /// Established, or what is left of that until the application closes it.
    Open,
    /// Not there: not yet, or no more. A segment that comes here is answered with RST.
    Gone,
}

/// Our FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fin {
    No,
    /// Behind bytes that the window holds back.
    Queued,
    Sent,
    Acked,
}

/// A send in flight: what the "kernel" has not taken yet.
#[derive(Debug)]
pub(super) struct SendOp {
    runs: VecDeque<Buf>,
    /// What came through a pipe.
    piped: VecDeque<u8>,
    pub(super) after: After,
}

impl SendOp {
    pub(super) fn new(out: Outgoing) -> Self {
        let runs = [out.head, out.body].into_iter().flatten().filter(|run| !run.is_empty());
        Self { runs: runs.collect(), piped: VecDeque::new(), after: out.after }
    }

    pub(super) fn of_piped(piped: Piped) -> Self {
        Self { runs: VecDeque::new(), piped: piped.into_memory(), after: After::Keep }
    }

    pub(super) fn is_done(&self) -> bool {
        self.runs.is_empty() && self.piped.is_empty()
    }

    /// Moves up to `room` bytes into `outbox`.
    fn move_into(&mut self, outbox: &mut VecDeque<u8>, tally: &mut Tally, mut room: usize) {
        while let Some(run) = self.runs.front_mut().filter(|_| room > 0) {
            let len = run.len().min(room);
            outbox.extend(&run[..len]);
            tally.add(&run[..len]);
            run.advance(len);
            room -= len;
            if run.is_empty() {
                self.runs.pop_front();
            }
        }
        let piped: Vec<u8> = self.piped.drain(..room.min(self.piped.len())).collect();
        tally.add(&piped);
        outbox.extend(piped);
    }
}

/// Count and hash of the bytes that passed: equal on both ends, or the network lost something.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) bytes: u64,
    hasher: DefaultHasher,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        bytes.iter().for_each(|byte| byte.hash(&mut self.hasher));
    }

    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.hasher.finish() == other.hasher.finish()
    }
}

/// One end.
pub(super) struct End {
    pub(super) host: usize,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    /// The application's name for it; none before `accept` and after `close`.
    pub(super) conn: Option<ConnId>,
    pub(super) phase: Phase,
    /// The listening socket its SYN met.
    pub(super) door: Option<DoorId>,
    pub(super) timestamps: bool,

    pub(super) send: Option<SendOp>,
    pub(super) outbox: VecDeque<u8>,
    pub(super) unacked_bytes: usize,
    pub(super) outbox_max: usize,
    /// Bytes the peer still has room for, as far as we know.
    pub(super) window_bytes: usize,
    /// MSG_MORE: hold back until more comes.
    pub(super) corked: bool,
    pub(super) fin: Fin,
    pub(super) sent: Tally,

    /// A recv in flight, with the partial buffer it may append to.
    pub(super) recv: Option<Option<Buf>>,
    /// What that brings may stay in a pipe.
    pub(super) through: bool,
    pub(super) inbox: VecDeque<u8>,
    pub(super) peer_fin: bool,
    pub(super) received: Tally,

    /// Who began to close, once FINs were seen.
    pub(super) closed_first: Option<ClosedFirst>,
    pub(super) broken: Option<Fault>,
    /// The 4-tuple was given back (or went to TIME_WAIT).
    pub(super) released: bool,
    /// When the last segment sent from here arrives: later ones must not overtake it.
    pub(super) last_arrival: Duration,
}

impl End {
    pub(super) fn new(host: usize, local: SocketAddr, remote: SocketAddr, buffer_bytes: [usize; 2]) -> Self {
        Self {
            host,
            local,
            remote,
            conn: None,
            phase: Phase::Gone,
            door: None,
            timestamps: false,
            send: None,
            outbox: VecDeque::new(),
            unacked_bytes: 0,
            outbox_max: buffer_bytes[0],
            window_bytes: buffer_bytes[1],
            corked: false,
            fin: Fin::No,
            sent: Tally::default(),
            recv: None,
            through: false,
            inbox: VecDeque::new(),
            peer_fin: false,
            received: Tally::default(),
            closed_first: None,
            broken: None,
            released: false,
            last_arrival: Duration::ZERO,
        }
    }

    /// Hands what fits of the send in flight to the "kernel"; true when all of it was taken.
    pub(super) fn fill_outbox(&mut self) -> bool {
        let room = self.outbox_max.saturating_sub(self.outbox.len() + self.unacked_bytes);
        let Some(op) = &mut self.send else {
            return false;
        };
        op.move_into(&mut self.outbox, &mut self.sent, room);
        op.is_done()
    }

    /// Takes the next segment off the outbox, as far as the peer's window allows.
    pub(super) fn next_segment(&mut self, bytes_max: usize) -> Option<Vec<u8>> {
        let len = self.outbox.len().min(self.window_bytes).min(bytes_max);
        if len == 0 || self.corked {
            return None;
        }
        self.window_bytes -= len;
        self.unacked_bytes += len;
        Some(self.outbox.drain(..len).collect())
    }

    /// Bytes (and FIN) sent or to be sent that were not acknowledged.
    pub(super) fn outstanding(&self) -> usize {
        let fin = usize::from(matches!(self.fin, Fin::Queued | Fin::Sent));
        self.outbox.len() + self.unacked_bytes + fin
    }

    /// Both FINs are through: nothing more can happen here.
    pub(super) fn is_finished(&self) -> bool {
        self.fin == Fin::Acked && self.peer_fin
    }

    /// Who ends this connection, if it is closed by FIN now.
    pub(super) fn closed_first_now(&self) -> ClosedFirst {
        match (self.broken, self.closed_first) {
            (Some(_), _) => ClosedFirst::RstReceived,
            (None, Some(who)) => who,
            (None, None) => ClosedFirst::OurFin,
        }
    }

    /// The peer's FIN arrived: whose was first?
    pub(super) fn take_peer_fin(&mut self) {
        self.peer_fin = true;
        self.closed_first = Some(match self.fin {
            Fin::No => ClosedFirst::PeerFin,
            // Ours is out and not acknowledged: the peer sent its own before it saw ours (CLOSING).
            Fin::Queued | Fin::Sent => ClosedFirst::Simultaneous,
            Fin::Acked => ClosedFirst::OurFin,
        });
    }

    /// Forgets all data, as a reset does to what was not sent.
    pub(super) fn drop_outbox(&mut self) {
        self.outbox.clear();
        self.unacked_bytes = 0;
    }

    /// Short description for a dump.
    pub(super) fn describe(&self) -> String {
        let recv = if self.recv.is_some() { ", recv waits" } else { "" };
        let send = if self.send.is_some() { ", send waits" } else { "" };
        format!(
            "{} -> {} {:?} fin {:?} peer_fin {} broken {:?} unread {} outbox {} unacked {} window {}{recv}{send}",
            self.local,
            self.remote,
            self.phase,
            self.fin,
            self.peer_fin,
            self.broken.map(|fault| fault.kind),
            self.inbox.len(),
            self.outbox.len(),
            self.unacked_bytes,
            self.window_bytes,
        )
    }
}
