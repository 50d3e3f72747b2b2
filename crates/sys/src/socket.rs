//! TCP sockets: non-blocking, close-on-exec.

use crate::{Errno, sockopt};
use rustix::net::{
    self, AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketAddrAny, SocketFlags, SocketType,
};
use std::io::IoSlice;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// A new TCP socket of the family of `address`. Errors: EMFILE, ENFILE, ENOBUFS, EAFNOSUPPORT.
pub fn tcp_for(address: &SocketAddr) -> Result<OwnedFd, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    net::socket_with(family, SocketType::STREAM, FLAGS, None)
}

/// Does this host know IPv6 at all? (`ipv6.disable=1` of the kernel's command line takes it away.)
pub fn has_ipv6() -> bool {
    let socket = net::socket_with(AddressFamily::INET6, SocketType::STREAM, FLAGS, None);
    !matches!(socket, Err(Errno::AFNOSUPPORT))
}

/// A bound, listening socket; see [`start_listening`].
pub fn listen(address: &SocketAddr, backlog: u32, reuse_port: bool) -> Result<OwnedFd, Errno> {
    let fd = tcp_for(address)?;
    sockopt::set_reuse_address(&fd, true)?;
    if reuse_port {
        sockopt::set_reuse_port(&fd, true)?;
    }
    net::bind(&fd, address)?;
    start_listening(&fd, backlog)?;
    Ok(fd)
}

/// Makes a bound socket listen; what is accepted from it is as [`prepare_accepted`] says.
pub fn start_listening(fd: &impl AsFd, backlog: u32) -> Result<(), Errno> {
    listen_bound(fd, backlog)?;
    prepare_accepted(fd)
}

/// Makes a bound socket listen, whatever its family.
pub fn listen_bound(fd: &impl AsFd, backlog: u32) -> Result<(), Errno> {
    net::listen(fd, i32::try_from(backlog).unwrap_or(i32::MAX))
}

/// `TCP_QUICKACK=0` is set after `listen()` so that accepted sockets inherit it: the ACK of a request then rides on the
/// response. `TCP_NODELAY` is inherited too.
pub fn prepare_accepted(listener: &impl AsFd) -> Result<(), Errno> {
    sockopt::set_no_delay(listener, true)?;
    sockopt::set_quick_ack(listener, false)
}

/// Makes a socket that came from elsewhere as ours are: non-blocking, close-on-exec.
pub fn make_ours(fd: &impl AsFd) -> Result<(), Errno> {
    rustix::io::ioctl_fionbio(fd, true)?;
    rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::CLOEXEC)
}

/// Takes one connection from the accept queue; EAGAIN when there is none. `None`: its peer has no address of the Internet's
/// families.
pub fn accept(listener: impl AsFd) -> Result<(OwnedFd, Option<SocketAddr>), Errno> {
    let (fd, peer) = net::acceptfrom_with(listener, FLAGS)?;
    Ok((fd, peer.and_then(to_std)))
}

/// Binds, with no other option: a port in TIME_WAIT is refused.
pub fn bind(fd: impl AsFd, local: &SocketAddr) -> Result<(), Errno> {
    net::bind(fd, local)
}

/// Binds to an exact address and port with SO_REUSEADDR, without which a port in TIME_WAIT is refused.
pub fn bind_exact(fd: impl AsFd, local: &SocketAddr) -> Result<(), Errno> {
    sockopt::set_reuse_address(&fd, true)?;
    net::bind(fd, local)
}

/// Binds to an address only; the port is chosen by `connect()`, so that one port serves many
/// destinations (IP_BIND_ADDRESS_NO_PORT, Linux 4.2).
pub fn bind_address(fd: impl AsFd, local: IpAddr) -> Result<(), Errno> {
    sockopt::set_bind_address_no_port(&fd, true)?;
    net::bind(fd, &SocketAddr::new(local, 0))
}

/// How an address is one of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// `bind()` takes it as it is.
    Own,
    /// No interface has it, but a prefix that is routed here: [`sockopt::set_free_bind`] first.
    Routed,
}

/// Can connections start from this address? Any other one fails every connect with EADDRNOTAVAIL, as used-up ports do.
///
/// # Errors
/// It is not an address of the calling thread's namespace, nor does what is sent to it come here.
pub fn check_source(address: IpAddr) -> std::io::Result<Standing> {
    match std::net::UdpSocket::bind((address, 0)) {
        Ok(_) => Ok(Standing::Own),
        Err(error) if reaches_itself(address).unwrap_or(false) => {
            drop(error);
            Ok(Standing::Routed)
        }
        Err(error) => Err(error),
    }
}

/// The command after which an address is one of this host, without an interface that has it.
pub fn how_to_route(address: IpAddr) -> String {
    match address {
        IpAddr::V4(_) => format!("`ip route add local {address}/32 dev lo`, or the network it is of"),
        IpAddr::V6(_) => format!("`ip -6 route add local {address}/128 dev lo`, or the network it is of"),
    }
}

/// Does what is sent from an address to itself arrive? What is local goes over the loopback, and is there at once.
fn reaches_itself(address: IpAddr) -> std::io::Result<bool> {
    let socket = udp_at(address)?;
    socket.connect(socket.local_addr()?)?;
    socket.set_read_timeout(Some(ITSELF_PATIENCE))?;
    socket.send(b"?")?;
    Ok(socket.recv(&mut [0; 1])? == 1)
}

/// A UDP socket at an address, also one of a prefix that is routed here. Connecting it chooses a route, and sends nothing.
pub fn udp_at(address: IpAddr) -> std::io::Result<std::net::UdpSocket> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd = net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_free_bind(&fd, address)?;
    net::bind(&fd, &SocketAddr::new(address, 0))?;
    Ok(fd.into())
}

/// For what goes over the loopback.
const ITSELF_PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// Starts connecting: `Ok(true)` when established at once, `Ok(false)` when under way.
pub fn connect(fd: impl AsFd, remote: &SocketAddr) -> Result<bool, Errno> {
    match net::connect(fd, remote) {
        Ok(()) => Ok(true),
        Err(Errno::INPROGRESS) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Takes a socket back to where it can connect once more, its options and a bound address kept (`tcp_disconnect`, connect(2)
/// with AF_UNSPEC). A port that the kernel chose is given back. What was connected until now is reset; a socket that is closed on
/// both sides, and knows that the peer has seen it, sends nothing.
pub fn dissolve(fd: impl AsFd) -> Result<(), Errno> {
    let nobody = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    let len = size_of::<libc::sockaddr>() as libc::socklen_t;
    // SAFETY: the address lives on our stack for the whole call, and `len` is its size.
    let result = unsafe { libc::connect(fd.as_fd().as_raw_fd(), &raw const nobody, len) };
    if result == 0 { Ok(()) } else { Err(sockopt::last_errno()) }
}

/// Takes up to `bytes` of what a TCP socket has received, and throws them away where they are: they are counted and copied nowhere
/// (MSG_TRUNC, tcp(7)). Answers as [`recv`] does.
pub fn discard(fd: impl AsFd, bytes: u32) -> Result<usize, Errno> {
    let nowhere = std::ptr::null_mut();
    // SAFETY: `tcp_recvmsg_locked` writes nothing with MSG_TRUNC; a socket of another kind has no memory to write to there and
    // answers EFAULT.
    let len = unsafe { libc::recv(fd.as_fd().as_raw_fd(), nowhere, bytes as usize, libc::MSG_TRUNC) };
    usize::try_from(len).map_err(|_| sockopt::last_errno())
}

/// Reads what is there: 0 is the peer's FIN, EAGAIN nothing yet.
pub fn recv(fd: impl AsFd, into: &mut [u8]) -> Result<usize, Errno> {
    net::recv(fd, into, RecvFlags::empty()).map(|(len, _)| len)
}

/// Looks at one byte without taking it.
pub fn peek(fd: impl AsFd) -> Result<usize, Errno> {
    net::recv(fd, &mut [0u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT).map(|(len, _)| len)
}

fn send_flags(more: bool) -> SendFlags {
    if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL }
}

/// Sends a part of `bytes`; with `more` the kernel may hold a partial segment back (MSG_MORE).
pub fn send(fd: impl AsFd, bytes: &[u8], more: bool) -> Result<usize, Errno> {
    net::send(fd, bytes, send_flags(more))
}

/// Sends a part of two runs in one call.
pub fn send_two(fd: impl AsFd, first: &[u8], second: &[u8], more: bool) -> Result<usize, Errno> {
    let slices = [IoSlice::new(first), IoSlice::new(second)];
    net::sendmsg(fd, &slices, &mut SendAncillaryBuffer::default(), send_flags(more))
}

/// Sends FIN after what was sent.
pub fn shutdown_write(fd: impl AsFd) -> Result<(), Errno> {
    net::shutdown(fd, Shutdown::Write)
}

/// A listening socket of the Internet's families listens no more, and resets what waits in its accept queue; it stays
/// bound where its port was asked for.
///
/// Errors: ENOTCONN where it does not listen.
pub fn stop_listening(fd: impl AsFd) -> Result<(), Errno> {
    net::shutdown(fd, Shutdown::Read)
}

/// Our side of a socket.
pub fn local_address(fd: impl AsFd) -> Result<SocketAddr, Errno> {
    to_std(net::getsockname(fd)?).ok_or(Errno::AFNOSUPPORT)
}

/// The peer's side of a connected socket.
pub fn peer_address(fd: impl AsFd) -> Result<SocketAddr, Errno> {
    net::getpeername(fd)?.and_then(to_std).ok_or(Errno::NOTCONN)
}

fn to_std(address: SocketAddrAny) -> Option<SocketAddr> {
    SocketAddr::try_from(address).ok()
}
