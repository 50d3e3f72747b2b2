//! TCP_INFO: what the kernel knows of one connection. The structure grows with kernel versions; only
//! its first, oldest part is read.

use crate::{Errno, sockopt::last_errno};
use std::os::fd::{AsFd, AsRawFd};

/// TCP states, `include/net/tcp_states.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpState(pub u8);

impl TcpState {
    /// Both sides open.
    pub const ESTABLISHED: Self = Self(1);
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
    let mut len = head.len() as libc::socklen_t;
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: `head` and `len` live on our stack; the kernel writes at most `len` bytes.
    let result =
        unsafe { libc::getsockopt(raw, libc::IPPROTO_TCP, libc::TCP_INFO, head.as_mut_ptr().cast(), &raw mut len) };
    if result != 0 {
        return Err(last_errno());
    }
    // tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options, ...
    Ok(TcpInfo { state: TcpState(head[0]), options: head[5] })
}
