//! TCP_INFO: what the kernel knows of one connection. The structure grows with kernel versions; only
//! its first, oldest part is read.

use crate::{Errno, sockopt::last_errno};
use std::os::fd::{AsFd, AsRawFd};

/// TCP states, `include/net/tcp_states.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpState(pub u8);

impl TcpState {
    /// No connection any more: reset, or closed on both sides.
    pub const CLOSE: Self = Self(7);
    /// The peer's FIN is here, ours not sent.
    pub const CLOSE_WAIT: Self = Self(8);
    /// The peer's FIN came first, ours is unacknowledged.
    pub const LAST_ACK: Self = Self(9);
    /// Both FINs crossed.
    pub const CLOSING: Self = Self(11);
}

/// The first eight bytes of `struct tcp_info` (`include/uapi/linux/tcp.h`).
#[derive(Clone, Copy, Debug)]
pub struct TcpInfo {
    /// State of the connection.
    pub state: TcpState,
    /// TCPI_OPT_* bits.
    pub options: u8,
}

impl TcpInfo {
    /// Were timestamps negotiated (TCPI_OPT_TIMESTAMPS)?
    pub fn timestamps(&self) -> bool {
        self.options & 1 != 0
    }

    /// Was selective acknowledgement negotiated (TCPI_OPT_SACK)?
    pub fn sack(&self) -> bool {
        self.options & 2 != 0
    }

    /// Was window scaling negotiated (TCPI_OPT_WSCALE)?
    pub fn window_scale(&self) -> bool {
        self.options & 4 != 0
    }
}

/// Reads TCP_INFO of a socket.
pub fn tcp_info(fd: impl AsFd) -> Result<TcpInfo, Errno> {
    let mut head = [0u8; 8];
    read(fd, &mut head)?;
    // tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options, ...
    Ok(TcpInfo { state: TcpState(head[0]), options: head[5] })
}

/// Connections that wait in the accept queue of a listening socket (`tcp_get_info` of Linux: tcpi_unacked of one in
/// TCP_LISTEN is its sk_ack_backlog).
pub fn accept_queue(listener: impl AsFd) -> Result<usize, Errno> {
    const UNACKED: usize = 24;
    let mut bytes = [0u8; UNACKED + 4];
    read(listener, &mut bytes)?;
    let number = [bytes[UNACKED], bytes[UNACKED + 1], bytes[UNACKED + 2], bytes[UNACKED + 3]];
    Ok(u32::from_ne_bytes(number) as usize)
}

/// [`TcpInfo`] with more of what lies behind it, for those who look at few connections.
#[derive(Clone, Copy, Debug)]
pub struct TcpDetails {
    /// State and options.
    pub info: TcpInfo,
    /// Window scale, theirs and ours, where negotiated.
    pub window_scale: Option<(u8, u8)>,
    /// Segments sent again since the connection began, SYNs included (tcpi_total_retrans).
    pub retransmits: u32,
    /// Smoothed round-trip time, in us.
    pub rtt_us: u32,
}

/// Reads the part of TCP_INFO that every kernel since 2.6.32 fills.
pub fn tcp_details(fd: impl AsFd) -> Result<TcpDetails, Errno> {
    const RTT: usize = 68;
    const TOTAL_RETRANS: usize = 100;
    let mut bytes = [0u8; 104];
    read(fd, &mut bytes)?;
    let number = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let info = TcpInfo { state: TcpState(bytes[0]), options: bytes[5] };
    // tcpi_snd_wscale is the low half of the byte on little-endian machines, the high half on others.
    let halves = (bytes[6] & 15, bytes[6] >> 4);
    let scale = if cfg!(target_endian = "little") { halves } else { (halves.1, halves.0) };
    Ok(TcpDetails {
        info,
        window_scale: info.window_scale().then_some(scale),
        retransmits: number(TOTAL_RETRANS),
        rtt_us: number(RTT),
    })
}

/// Fills `into` with the start of `struct tcp_info`.
fn read(fd: impl AsFd, into: &mut [u8]) -> Result<(), Errno> {
    let mut len = into.len() as libc::socklen_t;
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: `into` and `len` outlive the call; the kernel writes at most `len` bytes.
    let result =
        unsafe { libc::getsockopt(raw, libc::IPPROTO_TCP, libc::TCP_INFO, into.as_mut_ptr().cast(), &raw mut len) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn an_accept_queue_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let connect = || TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        assert_eq!(accept_queue(&listener), Ok(0));
        let clients = [connect(), connect(), connect()];
        testkit::eventually("the handshakes are over", || accept_queue(&listener) == Ok(clients.len()));
        drop(listener.accept());
        assert_eq!(accept_queue(&listener), Ok(2));
    }

    #[test]
    fn details_agree_with_the_short_form() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
        let (short, long) = (tcp_info(&client).expect("a socket"), tcp_details(&client).expect("a socket"));
        assert_eq!((long.info.state, long.info.options), (short.state, short.options));
        assert_eq!(long.info.state, TcpState(1), "ESTABLISHED");
        assert_eq!(long.window_scale.is_some(), short.window_scale());
        assert_eq!(long.retransmits, 0, "the loopback loses nothing");
        assert!((1..1_000_000).contains(&long.rtt_us), "{long:?}");
    }
}
