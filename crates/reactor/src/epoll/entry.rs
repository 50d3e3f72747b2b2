//! One connection as the reactor keeps it, and the table of all.

use super::rest::MouldId;
use super::{fault, socket, tcp_info};
use crate::buf::{Buf, BufPool};
use crate::conn::ConnId;
use crate::face::{Close, Outgoing, Probe};
use crate::pages::Pages;
use crate::piped::Piped;
use ports::{ClosedFirst, Fault, FaultKind};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use sys::Errno;
use sys::tcp_info::TcpState;

/// Generations stay below this bit, which marks listeners in epoll tokens.
const GENERATION_MASK: u32 = 0x7fff_ffff;

/// Bytes of a waiting recv that are moved out of their buffer at most: the beginnings of heads. Many clients that are
/// slow in sending theirs must not hold all the buffers.
const SPILL_BYTES_MAX: usize = 1024;

/// What was received before, while a recv waits for more.
#[derive(Debug)]
pub(super) enum Partial {
    None,
    Buf(Buf),
    Spilled(Box<[u8]>),
}

impl Partial {
    /// Of a recv that can complete at once.
    pub(super) fn new(buf: Option<Buf>) -> Self {
        buf.map_or(Self::None, Self::Buf)
    }

    /// Of a recv that has to wait: gives the buffer back where nothing is in it, or little while buffers are scarce.
    pub(super) fn waiting(self, pool: &BufPool) -> Self {
        match self {
            Self::Buf(buf) if buf.is_empty() => Self::None,
            Self::Buf(buf) if buf.len() <= SPILL_BYTES_MAX && pool.is_scarce() => Self::Spilled(buf[..].into()),
            as_it_is => as_it_is,
        }
    }

    /// A buffer to receive into, these bytes at its front; as it is where there is none.
    pub(super) fn room_in(self, pool: &BufPool) -> Result<Buf, Self> {
        match self {
            Self::None => pool.take().ok_or(Self::None),
            Self::Buf(buf) => pool.room_after(Some(buf)).map_err(Self::new),
            Self::Spilled(bytes) => {
                let Some(mut buf) = pool.take() else { return Err(Self::Spilled(bytes)) };
                buf.append(&bytes).expect("a fresh buffer holds more than is spilled");
                Ok(buf)
            }
        }
    }
}

/// A recv in flight.
#[derive(Debug)]
pub(super) enum RecvState {
    Idle,
    Waiting(Partial),
}

impl RecvState {
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// Ends the wait: the partial buffer that had been handed in.
    pub(super) fn take_waiting(&mut self) -> Option<Partial> {
        match std::mem::replace(self, Self::Idle) {
            Self::Waiting(partial) => Some(partial),
            Self::Idle => None,
        }
    }
}

/// A send in flight: what is left of it.
#[derive(Debug)]
pub(super) enum Sending {
    Bytes(Outgoing),
    Piped(Piped),
}

/// Where received bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whither {
    /// To the application.
    Buffer,
    /// They may stay in the kernel, for another connection.
    Pipe,
    /// Nobody looks at so many.
    Away(NonZeroU32),
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) fd: OwnedFd,
    pub(super) recv: RecvState,
    /// What becomes of what that recv brings.
    pub(super) to: Whither,
    pub(super) send: Option<Box<Sending>>,
    pub(super) broken: Option<Fault>,
    pub(super) closed_first: Option<ClosedFirst>,
    /// Worth a recv: nothing is known to the contrary.
    pub(super) maybe_readable: bool,
    /// epoll announced a FIN (or an error): the next recv after the data will not be EAGAIN.
    pub(super) fin_announced: bool,
    /// Its recv is looked at again with the next turn.
    pub(super) put_off: bool,
    pub(super) peer_fin_read: bool,
    pub(super) our_fin_sent: bool,
    pub(super) connecting: bool,
    pub(super) watched: bool,
    pub(super) watched_for_write: bool,
    /// By which generation of its slot epoll knows the socket.
    pub(super) watched_as: u32,
    /// What its socket is, where it may be used again.
    pub(super) mould: Option<MouldId>,
    /// We opened it; TCP_NODELAY is set with the second send, which one-shot connections never reach.
    pub(super) outgoing: bool,
    pub(super) has_sent: bool,
    pub(super) no_delay: bool,
}

impl Entry {
    pub(super) fn new(fd: OwnedFd, outgoing: bool) -> Self {
        Self {
            fd,
            recv: RecvState::Idle,
            to: Whither::Buffer,
            send: None,
            broken: None,
            closed_first: None,
            maybe_readable: !outgoing,
            fin_announced: false,
            put_off: false,
            peer_fin_read: false,
            our_fin_sent: false,
            connecting: outgoing,
            watched: false,
            watched_for_write: false,
            watched_as: 0,
            mould: None,
            outgoing,
            has_sent: false,
            no_delay: false,
        }
    }

    /// Notes the peer's FIN, just read. If ours was out already, the kernel knows whether they crossed.
    pub(super) fn note_peer_fin(&mut self) {
        self.peer_fin_read = true;
        if !self.our_fin_sent {
            self.closed_first = Some(ClosedFirst::PeerFin);
        } else if self.state() == Some(TcpState::CLOSING) {
            self.closed_first = Some(ClosedFirst::Simultaneous);
        }
    }

    fn state(&self) -> Option<TcpState> {
        tcp_info::tcp_info(&self.fd).ok().map(|info| info.state)
    }

    /// After our FIN was queued: had the peer's arrived before it, unread?
    pub(super) fn ask_who_closed_first(&self) -> Option<ClosedFirst> {
        Some(match self.state()? {
            TcpState::CLOSE_WAIT | TcpState::LAST_ACK => ClosedFirst::PeerFin,
            TcpState::CLOSING => ClosedFirst::Simultaneous,
            _ => ClosedFirst::OurFin,
        })
    }

    pub(super) fn probe(&self) -> Probe {
        if let Some(fault) = self.broken {
            return Probe::Broken(fault);
        }
        if self.peer_fin_read {
            return Probe::PeerFin;
        }
        match socket::peek(&self.fd) {
            Ok(0) => Probe::PeerFin,
            Ok(_) => Probe::Readable,
            Err(Errno::AGAIN) => Probe::Quiet,
            Err(errno) => Probe::Broken(fault(errno)),
        }
    }

    /// Who will have closed first when we close now; `None` where unread bytes forbid a FIN.
    pub(super) fn who_closes(&self, how: Close) -> Option<ClosedFirst> {
        if self.closed_first == Some(ClosedFirst::RstReceived) {
            return self.closed_first;
        }
        match how {
            // Both FINs are exchanged: there is nothing left to reset.
            Close::Reset if self.peer_fin_read && self.our_fin_sent => {
                Some(self.closed_first.unwrap_or(ClosedFirst::PeerFin))
            }
            Close::Reset => Some(ClosedFirst::RstSent),
            Close::Fin | Close::Discard => match self.probe() {
                Probe::Quiet => Some(self.closed_first.unwrap_or(ClosedFirst::OurFin)),
                Probe::PeerFin => Some(self.closed_first.unwrap_or(ClosedFirst::PeerFin)),
                Probe::Readable if how == Close::Discard => Some(ClosedFirst::RstSent),
                Probe::Readable => None,
                Probe::Broken(fault) => Some(self.who_broke(fault)),
            },
        }
    }

    fn who_broke(&self, fault: Fault) -> ClosedFirst {
        match fault.kind {
            FaultKind::Reset => ClosedFirst::RstReceived,
            _ => self.closed_first.unwrap_or(ClosedFirst::OurFin),
        }
    }

    /// Notes that an operation failed for good.
    pub(super) fn note_broken(&mut self, fault: Fault) {
        self.broken = Some(fault);
        if fault.kind == FaultKind::Reset {
            self.closed_first = Some(ClosedFirst::RstReceived);
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
}

/// All connections of one reactor; slots are reused last in, first out, so that the table stays dense.
#[derive(Debug)]
pub(super) struct Table {
    slots: Pages<Slot>,
    /// Slots ever used.
    used: u32,
    free: Vec<u32>,
    live: usize,
    live_max: usize,
}

impl Table {
    pub(super) fn new(live_max: usize) -> Self {
        Self { slots: Pages::default(), used: 0, free: Vec::new(), live: 0, live_max }
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn is_full(&self) -> bool {
        self.live >= self.live_max
    }

    pub(super) fn insert(&mut self, mut entry: Entry) -> ConnId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        entry.watched_as = self.next_generation(index);
        self.settle(index, entry)
    }

    /// What the next tenant of a slot will be.
    fn next_generation(&mut self, index: u32) -> u32 {
        (self.slots.entry(index as usize).generation + 1) & GENERATION_MASK
    }

    /// Puts a connection into a slot that is its socket's already: epoll knows it by that.
    pub(super) fn settle(&mut self, index: u32, entry: Entry) -> ConnId {
        self.live += 1;
        let generation = self.next_generation(index);
        let slot = self.slots.entry(index as usize);
        (slot.generation, slot.entry) = (generation, Some(entry));
        ConnId { index, generation }
    }

    /// Takes a connection out of its slot, which stays its socket's until [`Table::settle`] or [`Table::free`].
    pub(super) fn lift(&mut self, conn: ConnId) -> Option<Entry> {
        let slot = self.slots.get_mut(conn.index as usize)?;
        let entry = slot.entry.take_if(|_| slot.generation == conn.generation)?;
        self.live -= 1;
        Some(entry)
    }

    /// The connection whose socket epoll knows by this name: its slot's first tenant may be long gone.
    pub(super) fn watched_as(&self, name: ConnId) -> Option<ConnId> {
        let slot = self.slots.get(name.index as usize)?;
        let entry = slot.entry.as_ref()?;
        (entry.watched_as == name.generation).then_some(ConnId { index: name.index, generation: slot.generation })
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Entry> {
        let slot = self.slots.get(conn.index as usize)?;
        if slot.generation == conn.generation { slot.entry.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(conn.index as usize)?;
        if slot.generation == conn.generation { slot.entry.as_mut() } else { None }
    }

    /// Closes the connection (dropping its descriptor does) but keeps its slot until [`Table::recycle`]: the application has not heard of
    /// the end yet, and what it keeps under this index must not be taken over by another connection.
    pub(super) fn retire(&mut self, conn: ConnId) -> bool {
        let Some(slot) = self.slots.get_mut(conn.index as usize) else { return false };
        if slot.generation != conn.generation || slot.entry.take().is_none() {
            return false;
        }
        self.live -= 1;
        true
    }

    /// The end of a retired connection was reported: its slot may be used again.
    pub(super) fn recycle(&mut self, conn: ConnId) {
        self.free(conn.index);
    }

    /// A slot that nobody has.
    pub(super) fn free(&mut self, index: u32) {
        self.free.push(index);
    }
}
