//! Sockets that are used again: what a connection leaves is dissolved (connect(2) with AF_UNSPEC) and connected once more, in place
//! of a new socket for each.
//!
//! ```text
//!   close by FIN, the peer's FIN read:   shutdown(WR) -> rests; once the peer has seen our FIN it is dissolved, and nothing is sent
//!   close by reset:                      dissolved at once, which is the reset -> rests
//!   any other end:                       close(2), as ever
//! ```
//! Which sockets are alike is a *mould*: family, bound address, options. A port of our own choice stays bound to its socket, so such
//! sockets are never used again here: their 4-tuple would be, at once. What rests keeps its slot in the table, and with it the name
//! that epoll knows it by, so that it need not be registered again.

use super::EpollReactor;
use super::entry::Entry;
use crate::conn::ConnId;
use crate::face::{Close, ConnectPlan};
use ports::{Address, ClosedFirst, Source};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use sys::{socket, sockopt};

/// Sockets that rest at a time, at most: those whose end takes a round trip to be seen. One more, and the oldest is closed.
pub const RESTING_MAX: usize = 1024;
/// Kinds of sockets at most, one for each source address; those of other kinds are closed.
const MOULDS_MAX: usize = 64;

/// Which kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MouldId(u8);

/// What sockets have in common that can stand in for one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mould {
    is_ipv4: bool,
    /// The interface that a link-local peer binds a socket to (`tcp_v6_connect`).
    scope: u32,
    from: Option<IpAddr>,
    port_range: Option<(u16, u16)>,
    routed: bool,
}

impl Mould {
    /// `None`: sockets for this plan cannot be used again.
    fn of(plan: &ConnectPlan) -> Option<Self> {
        let Address::Ip(remote) = plan.remote else { return None };
        let from = match plan.source {
            Source::Kernel => None,
            Source::Address(address) => Some(address),
            Source::Exact(_) => return None,
        };
        let scope = if let SocketAddr::V6(remote) = remote { remote.scope_id() } else { 0 };
        Some(Self { is_ipv4: remote.is_ipv4(), scope, from, port_range: plan.port_range, routed: plan.routed })
    }
}

/// A socket without a connection.
#[derive(Debug)]
pub(super) struct Resting {
    fd: OwnedFd,
    /// Its slot.
    index: u32,
    watched: bool,
    watched_for_write: bool,
    watched_as: u32,
    no_delay: bool,
    /// It can connect.
    is_dissolved: bool,
}

impl Resting {
    fn of(entry: Entry, index: u32, is_dissolved: bool) -> Self {
        let Entry { fd, watched, watched_for_write, watched_as, no_delay, .. } = entry;
        Self { fd, index, watched, watched_for_write, watched_as, no_delay, is_dissolved }
    }

    /// Our FIN has been seen, or there was none to send. After the peer's that is the end of the connection.
    fn is_over(&self) -> bool {
        self.is_dissolved || sockopt::unacknowledged_bytes(&self.fd) == Ok(0)
    }
}

/// All that rest, by kind, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Rest(Vec<(Mould, VecDeque<Resting>)>);

impl Rest {
    /// The kind of socket that a plan needs.
    fn mould(&mut self, plan: &ConnectPlan) -> Option<MouldId> {
        let mould = Mould::of(plan)?;
        let at = self.0.iter().position(|(known, _)| *known == mould).or_else(|| {
            self.0.push((mould, VecDeque::new()));
            Some(self.0.len() - 1).filter(|at| *at < MOULDS_MAX)
        });
        self.0.truncate(MOULDS_MAX);
        at.map(|at| MouldId(at as u8))
    }

    fn of(&mut self, mould: MouldId) -> &mut VecDeque<Resting> {
        &mut self.0[usize::from(mould.0)].1
    }

    /// The oldest, where its connection is over; where it is not yet, it goes behind the others.
    fn take(&mut self, mould: MouldId) -> Option<Resting> {
        let resting = self.of(mould);
        let oldest = resting.pop_front()?;
        if oldest.is_over() {
            return Some(oldest);
        }
        resting.push_back(oldest);
        None
    }

    /// The oldest goes where there are too many.
    fn put(&mut self, mould: MouldId, one: Resting) -> Option<Resting> {
        let resting = self.of(mould);
        resting.push_back(one);
        if resting.len() > RESTING_MAX { resting.pop_front() } else { None }
    }
}

impl EpollReactor {
    /// The kind of socket for `plan`, where sockets are used again.
    pub(super) fn mould_for(&mut self, plan: &ConnectPlan) -> Option<MouldId> {
        self.rest.as_mut()?.mould(plan)
    }

    /// A socket that can connect once more, as an entry of the slot that comes with it.
    pub(super) fn take_rested(&mut self, mould: MouldId) -> Option<(u32, Entry)> {
        let resting = self.rest.as_mut()?.take(mould)?;
        if !resting.is_dissolved && socket::dissolve(&resting.fd).is_err() {
            self.table.free(resting.index);
            return None;
        }
        self.sockets_reused += 1;
        let Resting { fd, index, watched, watched_for_write, watched_as, no_delay, .. } = resting;
        Some((index, Entry { watched, watched_for_write, watched_as, no_delay, ..Entry::new(fd, true) }))
    }

    /// Ends a connection whose socket is kept; `None`: it cannot be, nothing was done.
    pub(super) fn put_to_rest(&mut self, conn: ConnId, how: Close) -> Option<ClosedFirst> {
        let entry = self.table.get_mut(conn)?;
        let mould = entry.mould.filter(|_| !entry.connecting && entry.broken.is_none() && entry.send.is_none())?;
        let who = entry.who_closes(how)?;
        let is_reset = who == ClosedFirst::RstSent && how == Close::Reset;
        match who {
            _ if is_reset => socket::dissolve(&entry.fd).ok()?,
            _ if entry.peer_fin_read && entry.our_fin_sent => {}
            ClosedFirst::PeerFin if entry.peer_fin_read => socket::shutdown_write(&entry.fd).ok()?,
            _ => return None,
        }
        let entry = self.table.lift(conn)?;
        let resting = Resting::of(entry, conn.index, is_reset);
        if let Some(too_many) = self.rest.as_mut()?.put(mould, resting) {
            self.table.free(too_many.index);
        }
        Some(who)
    }
}
