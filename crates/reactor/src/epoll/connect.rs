//! Connecting: the first bytes are tried right after `connect()`, which on a fast path finds the
//! handshake done and saves a wait.

use super::entry::{Entry, Sending};
use super::{EpollReactor, fault};
use crate::conn::ConnId;
use crate::face::{Completion, ConnectPlan, Outgoing};
use ports::{Address, Fault, FaultKind, Source};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use sys::epoll::Interest;
use sys::thread::own_cpu_time;
use sys::{Errno, socket, sockopt, unix};

impl EpollReactor {
    pub(super) fn start_connect(&mut self, plan: &ConnectPlan, first: Outgoing) -> Result<ConnId, Fault> {
        if self.table.is_full() {
            return Err(Fault::of(FaultKind::Files));
        }
        let fd = prepare(plan, !first.is_empty()).map_err(fault)?;
        let established = self.timed_connect(&fd, plan).map_err(fault)?;
        let conn = self.table.insert(Entry::new(fd, true));
        if established {
            self.establish(conn, first);
        } else if first.is_empty() {
            self.watch(conn, Interest::ReadWrite);
        } else {
            self.try_first_bytes(conn, super::write::coalesced(first));
        }
        Ok(conn)
    }

    fn timed_connect(&mut self, fd: &OwnedFd, plan: &ConnectPlan) -> Result<bool, Errno> {
        let connect = || match &plan.remote {
            Address::Ip(remote) => socket::connect(fd, remote),
            Address::Unix(path) => unix::connect(fd, path.as_str()).map(|()| true),
        };
        if !self.times_connects {
            return connect();
        }
        let before = own_cpu_time();
        let established = connect();
        self.connect_cost = Some(own_cpu_time().saturating_sub(before));
        established
    }

    /// A send on a socket in SYN_SENT answers EAGAIN (`sk_stream_wait_connect`), on a refused one its error.
    fn try_first_bytes(&mut self, conn: ConnId, first: Outgoing) {
        let Some(entry) = self.table.get_mut(conn) else { return };
        match super::write::send_once(&entry.fd, &first) {
            Ok(sent) => {
                entry.connecting = false;
                entry.has_sent = true;
                self.completions.push_back(Completion::Connected { conn, result: Ok(()) });
                let is_out = self.advance_send(conn, first, sent);
                self.complete_send(conn, is_out);
            }
            Err(Errno::AGAIN) => {
                entry.send = Some(Box::new(Sending::Bytes(first)));
                self.watch(conn, Interest::ReadWrite);
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

/// A socket bound as the plan says. With data to send at once, the bare ACK of the handshake is left to it
/// (`tcp_rcv_synsent_state_process` delays it in pingpong mode).
fn prepare(plan: &ConnectPlan, has_first_bytes: bool) -> Result<OwnedFd, Errno> {
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
    if has_first_bytes {
        sockopt::set_quick_ack(&fd, false)?;
    }
    Ok(fd)
}
