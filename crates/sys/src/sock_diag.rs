//! TCP sockets of the calling thread's namespace, straight from the kernel's tables (sock_diag(7)).
//!
//! The kernel filters (states by a mask, addresses and ports by its byte code), entries are visited in
//! one reused buffer: memory stays constant however many sockets there are.

mod wire;

use crate::netlink::{NetlinkSocket, Protocol};
use rustix::io::Errno;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// TCP states, numbered as `include/net/tcp_states.h` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TcpState {
    /// Open for data.
    Established = 1,
    /// Our SYN is out.
    SynSent = 2,
    /// Half open, on the listener's side.
    SynReceived = 3,
    /// Our FIN is out.
    FinWait1 = 4,
    /// Our FIN is acknowledged. Orphans are mini-sockets with a time-out.
    FinWait2 = 5,
    /// Waits 60 s for stray segments.
    TimeWait = 6,
    /// No connection.
    Close = 7,
    /// The peer's FIN came, ours is due.
    CloseWait = 8,
    /// Our FIN is out after the peer's.
    LastAck = 9,
    /// Listens.
    Listen = 10,
    /// Both FINs crossed.
    Closing = 11,
    /// Half open, on the listener's side, without a full socket.
    NewSynReceived = 12,
    /// Bound, and neither connected nor listening. Shown since Linux 6.8 (91051f003948), and only where it is asked for.
    BoundInactive = 13,
}

impl TcpState {
    /// Every state, in the kernel's order.
    pub const ALL: [Self; 13] = [
        Self::Established,
        Self::SynSent,
        Self::SynReceived,
        Self::FinWait1,
        Self::FinWait2,
        Self::TimeWait,
        Self::Close,
        Self::CloseWait,
        Self::LastAck,
        Self::Listen,
        Self::Closing,
        Self::NewSynReceived,
        Self::BoundInactive,
    ];

    fn from_kernel(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number).checked_sub(1)?).copied()
    }
}

/// A set of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States(u32);

impl States {
    /// All of them.
    pub const ALL: Self = Self(0x1ffe);

    /// These.
    pub fn of(states: &[TcpState]) -> Self {
        Self(states.iter().fold(0, |mask, state| mask | 1 << *state as u32))
    }
}

/// One end of a connection, as a filter sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum End {
    /// Any.
    #[default]
    Any,
    /// This address, any port.
    Address(IpAddr),
    /// This address and port.
    Exact(SocketAddr),
    /// Any address, a port between these, inclusive.
    Ports(u16, u16),
}

/// What the kernel shall list.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// In one of these states.
    pub states: States,
    /// Our end.
    pub local: End,
    /// The far end.
    pub remote: End,
}

impl Default for Filter {
    fn default() -> Self {
        Self { states: States::ALL, local: End::Any, remote: End::Any }
    }
}

/// A socket as the kernel's table shows it. IPv4 in IPv6 clothes is shown as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its state.
    pub state: TcpState,
    /// Our address and port.
    pub local: SocketAddr,
    /// The far ones.
    pub remote: SocketAddr,
    /// Which timer runs: 0 none, 1 retransmission, 2 keep-alive or delayed ACK, 3 TIME_WAIT, 4 zero window probe.
    pub timer: u8,
    /// Retransmissions of what is due now; of SYN_SENT: SYNs sent again.
    pub retransmits: u8,
    /// Milliseconds until that timer fires.
    pub expires_ms: u32,
    /// Inode of the socket's file; 0 for TIME_WAIT and orphans.
    pub inode: u32,
    /// Owner.
    pub uid: u32,
    /// Bytes to be read; of a listener: connections that wait for `accept()`.
    pub receive_queue: u32,
    /// Bytes not acknowledged; of a listener: how many may wait (the backlog in force).
    pub send_queue: u32,
}

/// Sockets by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateCounts {
    counts: [u64; TcpState::ALL.len() + 1],
}

impl StateCounts {
    /// How many are in this state.
    pub fn count(&self, state: TcpState) -> u64 {
        self.counts[state as usize]
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The table could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub struct DiagError {
    /// Linux errno; ENOENT: the kernel has no `inet_diag` / `tcp_diag`.
    pub errno: Errno,
}

impl fmt::Display for DiagError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Errno::NOENT | Errno::PROTONOSUPPORT => {
                f.write_str("the kernel cannot list TCP sockets; it needs CONFIG_INET_DIAG (module tcp_diag)")
            }
            errno => write!(f, "listing TCP sockets by sock_diag failed: {}", std::io::Error::from(errno)),
        }
    }
}

/// A sock_diag socket of the namespace that the opening thread was in.
#[derive(Debug)]
pub struct SockDiag {
    socket: NetlinkSocket,
    request: Vec<u8>,
}

impl SockDiag {
    /// Opens one.
    ///
    /// # Errors
    /// No descriptor, or no sock_diag in this kernel.
    pub fn open() -> Result<Self, DiagError> {
        let socket = NetlinkSocket::open(Protocol::SockDiag).map_err(|errno| DiagError { errno })?;
        Ok(Self { socket, request: Vec::with_capacity(256) })
    }

    /// Visits every socket that passes `filter`: IPv4, then IPv6.
    ///
    /// # Errors
    /// The kernel refused or fell silent.
    pub fn for_each(&mut self, filter: &Filter, mut visit: impl FnMut(&Entry)) -> Result<(), DiagError> {
        self.dump(filter, wire::Extra::Nothing, |entry, _| visit(entry))
    }

    /// Visits every socket that passes `filter` with its TCPI_OPT_* bits: 1 timestamps, 2 SACK, 4 window scale.
    /// TIME_WAIT entries and other mini-sockets have none and are left out.
    ///
    /// # Errors
    /// As [`SockDiag::for_each`].
    pub fn for_each_with_options(
        &mut self,
        filter: &Filter,
        mut visit: impl FnMut(&Entry, u8),
    ) -> Result<(), DiagError> {
        self.dump(filter, wire::Extra::TcpInfo, |entry, message| {
            if let Some(options) = wire::parse_options(message) {
                visit(entry, options);
            }
        })
    }

    fn dump(
        &mut self,
        filter: &Filter,
        extra: wire::Extra,
        mut visit: impl FnMut(&Entry, &[u8]),
    ) -> Result<(), DiagError> {
        for family in [libc::AF_INET, libc::AF_INET6] {
            let sequence = self.socket.next_sequence();
            wire::write_request(&mut self.request, family as u8, sequence, filter, extra);
            let answer = self.socket.send(&self.request).and_then(|()| {
                self.socket.read_answer(sequence, |_, message| {
                    if let Some(entry) = wire::parse_entry(message) {
                        visit(&entry, message);
                    }
                })
            });
            answer.map_err(|errno| DiagError { errno })?;
        }
        Ok(())
    }

    /// Counts the sockets that pass `filter`, by state.
    ///
    /// # Errors
    /// As [`SockDiag::for_each`].
    pub fn count_by_state(&mut self, filter: &Filter) -> Result<StateCounts, DiagError> {
        let mut counts = StateCounts::default();
        self.for_each(filter, |entry| counts.counts[entry.state as usize] += 1)?;
        Ok(counts)
    }

    /// Counts the TIME_WAIT entries whose far end is `remote`: local ports that a connect to `remote`
    /// cannot simply use.
    ///
    /// # Errors
    /// As [`SockDiag::for_each`].
    pub fn time_wait_towards(&mut self, remote: SocketAddr) -> Result<u64, DiagError> {
        let states = States::of(&[TcpState::TimeWait]);
        let filter = Filter { states, remote: End::Exact(remote), ..Filter::default() };
        Ok(self.count_by_state(&filter)?.total())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn established(local: End, remote: End) -> Filter {
        Filter { states: States::of(&[TcpState::Established]), local, remote }
    }

    fn check(listener: &str) {
        let listener = TcpListener::bind(listener).expect("loopback");
        let server = listener.local_addr().expect("bound");
        let client = TcpStream::connect(server).expect("connects");
        let (_accepted, _) = listener.accept().expect("accepts");
        let ours = client.local_addr().expect("connected");
        let port = ours.port();
        let other = SocketAddr::new(server.ip(), server.port() ^ 1);
        let mut diag = SockDiag::open().expect("sock_diag");
        let mut count = |local, remote| {
            let counts = diag.count_by_state(&established(local, remote)).expect("a dump");
            assert_eq!(counts.total(), counts.count(TcpState::Established));
            counts.total()
        };
        assert_eq!(count(End::Exact(ours), End::Exact(server)), 1);
        assert_eq!(count(End::Any, End::Exact(server)), 1);
        assert_eq!(count(End::Exact(server), End::Any), 1, "the accepted end");
        assert_eq!(count(End::Exact(ours), End::Exact(other)), 0);
        assert_eq!(count(End::Ports(port, port), End::Exact(server)), 1);
        assert_eq!(count(End::Ports(1, port - 1), End::Exact(server)), 0);
        assert_eq!(count(End::Address(ours.ip()), End::Exact(server)), 1);
        assert_eq!(count(End::Any, End::Ports(server.port(), server.port())), 1);
    }

    #[test]
    fn filters_find_exactly_the_connection() {
        check("127.0.0.1:0");
        check("[::1]:0");
    }

    #[test]
    fn options_and_queues_are_read() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let server = listener.local_addr().expect("bound");
        let client = TcpStream::connect(server).expect("connects");
        let expected = crate::tcp_info::tcp_info(&client).expect("a socket").options;
        let mut diag = SockDiag::open().expect("sock_diag");
        let mut seen = Vec::new();
        let filter = established(End::Any, End::Exact(server));
        diag.for_each_with_options(&filter, |entry, options| seen.push((entry.remote, options))).expect("a dump");
        assert_eq!(seen, [(server, expected)]);
        let mut queues = Vec::new();
        let states = States::of(&[TcpState::Listen]);
        let filter = Filter { states, local: End::Exact(server), remote: End::Any };
        diag.for_each(&filter, |entry| queues.push((entry.receive_queue, entry.send_queue))).expect("a dump");
        assert_eq!(queues.len(), 1);
        assert_eq!(queues[0].0, 1, "one waits for accept()");
        assert!(queues[0].1 >= 128, "std's backlog, or the cap of somaxconn: {queues:?}");
    }

    /// A listener at a place that was nobody's destination within the last minute: others use this network, too.
    fn fresh_listener(diag: &mut SockDiag) -> TcpListener {
        let listener = || TcpListener::bind("127.0.0.1:0").expect("loopback");
        let mut is_fresh = |one: &TcpListener| diag.time_wait_towards(one.local_addr().expect("bound")) == Ok(0);
        (0..100).map(|_| listener()).find(|one| is_fresh(one)).expect("a port that rests")
    }

    #[test]
    fn the_closer_is_seen_in_time_wait() {
        let mut diag = SockDiag::open().expect("sock_diag");
        let listener = fresh_listener(&mut diag);
        let server = listener.local_addr().expect("bound");
        let client = TcpStream::connect(server).expect("connects");
        let ours = client.local_addr().expect("connected");
        let (accepted, _) = listener.accept().expect("accepts");
        drop(client);
        let mut end = [0; 1];
        assert_eq!(std::io::Read::read(&mut &accepted, &mut end).expect("EOF"), 0);
        drop(accepted);
        let mut seen = Vec::new();
        let states = States::of(&[TcpState::TimeWait]);
        let filter = Filter { states, local: End::Exact(ours), remote: End::Exact(server) };
        diag.for_each(&filter, |entry| seen.push(*entry)).expect("a dump");
        assert_eq!(seen.len(), 1);
        assert_eq!((seen[0].state, seen[0].timer, seen[0].inode), (TcpState::TimeWait, 3, 0));
        assert!((1..=60_000).contains(&seen[0].expires_ms), "{:?}", seen[0]);
        assert_eq!(diag.time_wait_towards(server), Ok(1));
    }
}
