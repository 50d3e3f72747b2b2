//! Whole Ethernet frames of one interface, past the kernel's own protocols (packet(7)).
//!
//! Belongs to the namespace of the thread that opens it; needs CAP_NET_RAW there, which
//! [`crate::netns::enter_private`] gives.

use crate::sockopt::{self, last_errno};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Every protocol, `include/uapi/linux/if_ether.h`.
const ETH_P_ALL: u16 = 0x0003;
/// PACKET_IGNORE_OUTGOING, `include/uapi/linux/if_packet.h`, Linux 4.20.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;
/// Asked of the kernel for the receive queue, which it caps at `net.core.rmem_max`.
const RECEIVE_BYTES: i32 = 4 << 20;

/// No packet socket could be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct PacketError {
    /// On which interface.
    pub interface: String,
    /// Linux errno.
    pub errno: Errno,
}

impl fmt::Display for PacketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = std::io::Error::from(self.errno);
        write!(f, "no packet socket on {}: {reason}", self.interface)?;
        match self.errno {
            Errno::PERM => f.write_str("; it needs CAP_NET_RAW in this network namespace"),
            Errno::AFNOSUPPORT => f.write_str("; the kernel lacks CONFIG_PACKET"),
            _ => Ok(()),
        }
    }
}

/// What a packet socket received and lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Frames that arrived, lost ones included.
    pub arrived: u32,
    /// Frames for which the receive queue had no room.
    pub lost: u32,
}

/// Reads and writes frames of one interface; never blocks.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
}

impl PacketSocket {
    /// Opens one on an interface of the calling thread's namespace. Frames that this host itself sends
    /// are not seen.
    ///
    /// # Errors
    /// No such interface, no CAP_NET_RAW, no AF_PACKET.
    pub fn open(interface: &str) -> Result<Self, PacketError> {
        Self::try_open(interface, false).map_err(|errno| PacketError { interface: interface.to_owned(), errno })
    }

    /// As [`PacketSocket::open`], but what this host sends is heard too, in one order with what it receives.
    ///
    /// # Errors
    /// As [`PacketSocket::open`].
    pub fn open_both_ways(interface: &str) -> Result<Self, PacketError> {
        Self::try_open(interface, true).map_err(|errno| PacketError { interface: interface.to_owned(), errno })
    }

    fn try_open(interface: &str, both_ways: bool) -> Result<Self, Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // Protocol 0 hears nothing: no frame of another interface slips in before bind().
        let fd = rustix::net::socket_with(AddressFamily::PACKET, SocketType::RAW, flags, None)?;
        let index = rustix::net::netdevice::name_to_index(fd.as_fd(), interface)?;
        sockopt::set(&fd, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, libc::c_int::from(!both_ways))?;
        // Only a wish.
        let _ = sockopt::set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, RECEIVE_BYTES);
        bind(fd.as_fd(), index)?;
        Ok(Self { fd })
    }

    /// The next frame, as long as `into`; EAGAIN when there is none. The length is the frame's own: a
    /// longer one than `into` was cut.
    ///
    /// # Errors
    /// EAGAIN; ENETDOWN once after the interface went down.
    pub fn recv(&self, into: &mut [u8]) -> Result<usize, Errno> {
        rustix::net::recv(&self.fd, into, RecvFlags::TRUNC).map(|(_, len)| len)
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// EAGAIN or ENOBUFS (no room), EMSGSIZE, ENETDOWN, ENXIO (the interface is gone).
    pub fn send(&self, frame: &[u8]) -> Result<(), Errno> {
        rustix::net::send(&self.fd, frame, SendFlags::empty()).map(|_| ())
    }

    /// What arrived and was lost since the last call (PACKET_STATISTICS).
    ///
    /// # Errors
    /// None that are known.
    pub fn take_counts(&self) -> Result<PacketCounts, Errno> {
        let mut counts = [0u32; 2];
        let mut len = size_of_val(&counts) as libc::socklen_t;
        let (raw, name) = (self.fd.as_raw_fd(), libc::PACKET_STATISTICS);
        // SAFETY: `counts` and `len` live on our stack; the kernel writes at most `len` bytes, two u32
        // (`struct tpacket_stats`).
        let result = unsafe { libc::getsockopt(raw, libc::SOL_PACKET, name, counts.as_mut_ptr().cast(), &raw mut len) };
        if result != 0 {
            return Err(last_errno());
        }
        Ok(PacketCounts { arrived: counts[0], lost: counts[1] })
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn bind(fd: BorrowedFd<'_>, interface: u32) -> Result<(), Errno> {
    // SAFETY: `sockaddr_ll` is plain data for which all zeroes is valid.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = ETH_P_ALL.to_be();
    address.sll_ifindex = i32::try_from(interface).map_err(|_| Errno::NODEV)?;
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` lives on our stack for the whole call and `len` is its size.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}
