//! The bare netlink socket under [`crate::link`], [`crate::nft`] and [`crate::sock_diag`]: send one
//! request, read the messages of its answer from one reused buffer.

use rustix::io::Errno;
use rustix::net::netlink::{self as kernel, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Length of `struct nlmsghdr`.
pub(crate) const HEADER_LEN: usize = 16;
/// Longest datagram the kernel makes for a dump (`netlink_dump()`: at most 32 KiB).
const BUFFER_BYTES: usize = 32 * 1024;
/// The kernel answers at once; silence for this long is an error, never a hang.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Datagrams of an answer we look at before we call it endless: 2 million sockets of a dump.
const DATAGRAMS_MAX: usize = 16_384;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;

/// Which part of the kernel answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Route,
    SockDiag,
    Netfilter,
}

/// A netlink socket with its buffer.
#[derive(Debug)]
pub(crate) struct NetlinkSocket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl NetlinkSocket {
    pub(crate) fn open(protocol: Protocol) -> Result<Self, Errno> {
        let protocol = match protocol {
            Protocol::Route => None, // NETLINK_ROUTE is 0, a socket's default protocol
            Protocol::SockDiag => Some(kernel::SOCK_DIAG),
            Protocol::Netfilter => Some(kernel::NETFILTER),
        };
        let fd = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        set_socket_timeout(&fd, Timeout::Recv, Some(ANSWER_TIMEOUT))?;
        // Only a wish: the kernel caps it at net.core.rmem_max and still answers in pieces.
        let _ = set_socket_recv_buffer_size(&fd, 4 * BUFFER_BYTES);
        Ok(Self { fd, sequence: 0, buffer: vec![0; BUFFER_BYTES] })
    }

    pub(crate) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        let kernel = SocketAddrNetlink::new(0, 0);
        rustix::io::retry_on_intr(|| rustix::net::sendto(&self.fd, bytes, SendFlags::empty(), &kernel))?;
        Ok(())
    }

    /// Waits for the acknowledgement of `sequence`.
    pub(crate) fn wait_for_ack(&mut self, sequence: u32) -> Result<(), Errno> {
        self.read_answer(sequence, |_, _| {})
    }

    /// Calls `visit` with type and payload of every message that answers `sequence`, until the end.
    pub(crate) fn read_answer(&mut self, sequence: u32, mut visit: impl FnMut(u16, &[u8])) -> Result<(), Errno> {
        for _ in 0..DATAGRAMS_MAX {
            let received = self.receive()?;
            if walk(&self.buffer[..received], sequence, &mut visit)? {
                return Ok(());
            }
        }
        Err(Errno::OVERFLOW)
    }

    fn receive(&mut self) -> Result<usize, Errno> {
        loop {
            let buffer = self.buffer.as_mut_slice();
            match rustix::net::recv(&self.fd, buffer, RecvFlags::TRUNC) {
                Ok((_, whole)) if whole > BUFFER_BYTES => return Err(Errno::MSGSIZE),
                Ok((received, _)) => return Ok(received),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT),
                Err(errno) => return Err(errno),
            }
        }
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Walks the messages of one datagram; `true` at the end of the answer.
fn walk(mut rest: &[u8], sequence: u32, visit: &mut impl FnMut(u16, &[u8])) -> Result<bool, Errno> {
    while rest.len() >= HEADER_LEN {
        let length = u32_at(rest, 0) as usize;
        let message = rest.get(HEADER_LEN..length).ok_or(Errno::BADMSG)?;
        let kind = u16_at(rest, 4);
        // An answer to an earlier request that was given up is not ours.
        if u32_at(rest, 8) == sequence {
            match kind {
                NLMSG_DONE => return ended(message).map(|()| true),
                NLMSG_ERROR => return ended(message).map(|()| true),
                _ => visit(kind, message),
            }
        }
        rest = rest.get(align4(length)..).unwrap_or_default();
    }
    Ok(false)
}

/// Both NLMSG_ERROR and NLMSG_DONE open with 0 or a negative errno.
fn ended(message: &[u8]) -> Result<(), Errno> {
    match message.get(..4) {
        Some(code) => match i32::from_ne_bytes(code.try_into().expect("four bytes")) {
            code if code < 0 => Err(Errno::from_raw_os_error(-code)),
            _ => Ok(()),
        },
        None => Ok(()),
    }
}

/// Netlink messages and attributes are padded to 4 bytes.
pub(crate) fn align4(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// The native-endian u16 at `at`; the caller has checked the length.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

/// The native-endian u32 at `at`; the caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEADER_LEN + payload.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(0u16.to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(align4(bytes.len()), 0);
        bytes
    }

    fn check(datagram: &[u8], expect: (Result<bool, Errno>, usize)) {
        let mut visited = 0;
        let ended = walk(datagram, 7, &mut |_, _| visited += 1);
        assert_eq!((ended, visited), expect, "{datagram:?}");
    }

    #[test]
    fn datagrams_are_walked_to_their_end() {
        let entry = message(20, 7, &[1, 2, 3, 4, 5]);
        let stale = message(20, 6, &[1]);
        let done = message(NLMSG_DONE, 7, &0i32.to_ne_bytes());
        let failed = message(NLMSG_ERROR, 7, &(-libc::EPERM).to_ne_bytes());
        check(&[], (Ok(false), 0));
        check(&entry, (Ok(false), 1));
        check(&[entry.clone(), stale, entry.clone(), done].concat(), (Ok(true), 2));
        check(&[entry, failed].concat(), (Err(Errno::PERM), 1));
    }

    #[test]
    fn a_length_that_lies_is_an_error() {
        let mut short = message(20, 7, &[0; 8]);
        short[0] = 3;
        check(&short, (Err(Errno::BADMSG), 0));
        let mut long = message(20, 7, &[0; 8]);
        long[0] = 200;
        check(&long, (Err(Errno::BADMSG), 0));
    }
}
