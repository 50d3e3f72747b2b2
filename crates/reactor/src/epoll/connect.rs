//! Connecting: the first bytes are tried right after `connect()`, which on a fast path finds the
//! handshake done and saves a wait.

use super::entry::{Entry, Sending};
use super::{EpollReactor, fault};
use crate::conn::ConnId;
use crate::face::{Completion, ConnectPlan, Outgoing};
use ports::{Address, Fault, FaultKind, Source};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;
use sys::epoll::Interest;
use sys::thread::own_cpu_time;
use sys::{Errno, socket, sockopt, unix};

/// Connections that wait for their first bytes to be sent, at most: the first of them waits for the others.
pub(super) const UNGREETED_MAX: usize = 32;

/// Which calls of connect(2) are timed.
#[derive(Debug)]
pub(super) struct Timing {
    is_on: bool,
    done: u64,
    /// Calls before the next that is.
    passed_by: u32,
}

impl Timing {
    /// The first so many are all timed, and after a slow one the next.
    const ALL_OF_THE_FIRST: u64 = 64;
    /// Of the others one of so many.
    const ONE_OF: u32 = 8;
    /// Slow: a search for a port, and no handshake alone.
    const SLOW: Duration = Duration::from_micros(100);

    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, done: 0, passed_by: 0 }
    }

    fn is_due(&mut self) -> bool {
        let is_due = self.is_on && self.passed_by == 0;
        self.passed_by = self.passed_by.saturating_sub(1);
        is_due
    }

    fn took(&mut self, cost: Duration) {
        self.done += 1;
        let is_dense = self.done < Self::ALL_OF_THE_FIRST || cost > Self::SLOW;
        self.passed_by = if is_dense { 0 } else { Self::ONE_OF - 1 };
    }
}

impl EpollReactor {
    pub(super) fn start_connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        if self.table.is_full() {
            return Err(Fault::of(FaultKind::Files));
        }
        let conn = self.open(plan, !first.is_empty()).map_err(fault)?;
        if !self.table.get(conn).is_some_and(|entry| entry.connecting) {
            self.establish(conn, first);
        } else if first.is_empty() {
            self.watch(conn, Interest::ReadWrite);
        } else if self.greets_late {
            self.ungreeted.push((conn, super::write::coalesced(first)));
            if self.ungreeted.len() >= UNGREETED_MAX {
                self.greet();
            }
        } else {
            self.try_first_bytes(conn, super::write::coalesced(first));
        }
        Ok(conn)
    }

    /// Connects a socket that is used again, or a new one.
    fn open(&mut self, plan: &ConnectPlan, has_first_bytes: bool) -> Result<ConnId, Errno> {
        let mould = self.mould_for(plan);
        let (slot, mut entry) = match mould.and_then(|mould| self.take_rested(mould)) {
            Some((slot, entry)) => (Some(slot), entry),
            None => (None, Entry::new(prepare(plan)?, true)),
        };
        entry.mould = mould;
        let delayed = if has_first_bytes { delay_acks(&entry.fd, plan) } else { Ok(()) };
        let established = delayed.and_then(|()| self.timed_connect(&entry.fd, plan));
        entry.connecting = established != Ok(true);
        match (established, slot) {
            (Ok(_), None) => Ok(self.table.insert(entry)),
            (Ok(_), Some(slot)) => Ok(self.table.settle(slot, entry)),
            (Err(errno), slot) => {
                slot.into_iter().for_each(|slot| self.table.free(slot));
                Err(errno)
            }
        }
    }

    /// Sends the first bytes of those who have been opened meanwhile; whether there were any.
    pub(super) fn greet(&mut self) -> bool {
        if self.ungreeted.is_empty() {
            return false;
        }
        let mut ungreeted = std::mem::take(&mut self.ungreeted);
        for (conn, first) in ungreeted.drain(..) {
            self.try_first_bytes(conn, first);
        }
        self.ungreeted = ungreeted;
        true
    }

    fn timed_connect(&mut self, fd: &OwnedFd, plan: &ConnectPlan) -> Result<bool, Errno> {
        let connect = || match &plan.remote {
            Address::Ip(remote) => socket::connect(fd, remote),
            Address::Unix(path) => unix::connect(fd, path.as_str()).map(|()| true),
        };
        self.connect_cost = None;
        if !self.timing.is_due() {
            return connect();
        }
        let before = own_cpu_time();
        let established = connect();
        let cost = own_cpu_time().saturating_sub(before);
        self.timing.took(cost);
        self.connect_cost = Some(cost);
        established
    }

    /// A send on a socket in SYN_SENT answers EAGAIN (`sk_stream_wait_connect`), on a refused one its error.
    fn try_first_bytes(&mut self, conn: ConnId, first: Outgoing) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        match super::write::send_once(&entry.fd, &first) {
            Ok(sent) => {
                entry.connecting = false;
                entry.has_sent = true;
                // A recv that was begun meanwhile.
                if entry.recv.is_waiting() && !entry.watched {
                    self.unwatched.push(conn);
                }
                self.completions.push_back(Completion::Connected { conn, result: Ok(()) });
                let is_out = self.advance_send(conn, first, sent);
                self.complete_send(conn, is_out);
            }
            Err(Errno::AGAIN) => {
                entry.send = Some(Box::new(Sending::Bytes(first)));
                if !entry.watched_for_write {
                    self.watch(conn, Interest::ReadWrite);
                }
            }
            Err(errno) => self.fail_connect(conn, fault(errno)),
        }
    }

    fn establish(&mut self, conn: ConnId, first: Outgoing) {
        if let Some(entry) = self.table.get_mut(conn) {
            entry.connecting = false;
        }
        self.completions.push_back(Completion::Connected { conn, result: Ok(()) });
        if !first.is_empty() {
            self.start_send(conn, first);
        }
    }

    /// epoll said that the handshake ended, one way or the other: a socket that failed is never writable alone (`tcp_poll`).
    pub(super) fn finish_connect(&mut self, conn: ConnId, broken: bool) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        if broken && let Err(errno) = sockopt::take_error(&entry.fd) {
            return self.fail_connect(conn, fault(errno));
        }
        let first = match entry.send.take().map(|sending| *sending) {
            Some(Sending::Bytes(first)) => first,
            Some(Sending::Piped(_)) | None => Outgoing::default(),
        };
        self.establish(conn, first);
        self.try_recv(conn);
    }

    pub(super) fn fail_connect(&mut self, conn: ConnId, fault: Fault) {
        if self.table.retire(conn) {
            self.completions.push_back(Completion::Connected { conn, result: Err(fault) });
        }
    }
}

/// A link-local address is one of the link that the peer's is one of: `bind()` wants to know which (`inet6_bind`).
fn on_its_link(local: SocketAddr, remote: SocketAddr) -> SocketAddr {
    match (local, remote) {
        (SocketAddr::V6(mut local), SocketAddr::V6(remote)) if local.ip().is_unicast_link_local() => {
            local.set_scope_id(remote.scope_id());
            local.into()
        }
        _ => local,
    }
}

/// A socket bound as the plan says.
fn prepare(plan: &ConnectPlan) -> Result<OwnedFd, Errno> {
    let Address::Ip(remote) = plan.remote else { return unix::stream() };
    let fd = socket::tcp_for(&remote)?;
    if let Some((low, high)) = plan.port_range {
        sockopt::set_local_port_range(&fd, low, high)?;
    }
    if !matches!(plan.source, Source::Exact(_)) {
        // Also where the kernel chooses: TIME_WAIT inherits it, and only then may an explicit bind take the port over
        // later (`inet_csk_bind_conflict` asks both sockets).
        sockopt::set_reuse_address(&fd, true)?;
    }
    if let Some(address) = plan.source.address().filter(|_| plan.routed) {
        sockopt::set_free_bind(&fd, address)?;
    }
    match plan.source {
        Source::Kernel => {}
        Source::Address(address) => socket::bind_address(&fd, address)?,
        Source::Exact(local) => socket::bind_exact(&fd, &on_its_link(local, remote))?,
    }
    Ok(fd)
}

/// With data to send at once, the bare ACK of the handshake is left to it (`tcp_rcv_synsent_state_process` delays it in pingpong
/// mode, which `tcp_disconnect` forgets).
fn delay_acks(fd: &OwnedFd, plan: &ConnectPlan) -> Result<(), Errno> {
    match plan.remote {
        Address::Ip(_) => sockopt::set_quick_ack(fd, false),
        Address::Unix(_) => Ok(()),
    }
}
