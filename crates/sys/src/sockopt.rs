//! Socket options, those included that general libraries do not know.

use crate::Errno;
use std::os::fd::{AsFd, AsRawFd};

/// IP_LOCAL_PORT_RANGE, `include/uapi/linux/in.h`, Linux 6.3.
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;

pub(crate) fn set<T: Copy>(fd: &impl AsFd, level: libc::c_int, name: libc::c_int, value: T) -> Result<(), Errno> {
    let fd = fd.as_fd().as_raw_fd();
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` lives on our stack for the whole call and `len` is its size.
    let result = unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), len) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

fn get_int(fd: &impl AsFd, level: libc::c_int, name: libc::c_int) -> Result<libc::c_int, Errno> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    let fd = fd.as_fd().as_raw_fd();
    // SAFETY: `value` and `len` live on our stack for the whole call; `len` says how much may be written.
    let result = unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) };
    if result == 0 { Ok(value) } else { Err(last_errno()) }
}

/// The calling thread's errno.
pub(crate) fn last_errno() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// SO_REUSEADDR: bind to a port in TIME_WAIT.
pub fn set_reuse_address(fd: &impl AsFd, on: bool) -> Result<(), Errno> {
    set(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, libc::c_int::from(on))
}

/// SO_REUSEPORT: several listeners share one address, the kernel spreads connections over them.
pub fn set_reuse_port(fd: &impl AsFd, on: bool) -> Result<(), Errno> {
    set(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, libc::c_int::from(on))
}

/// SO_ACCEPTCONN: does this socket listen?
pub fn is_listening(fd: &impl AsFd) -> Result<bool, Errno> {
    get_int(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN).map(|listens| listens != 0)
}

/// IPV6_V6ONLY: a socket bound to `[::]` takes no IPv4.
pub fn set_only_v6(fd: &impl AsFd, on: bool) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, libc::c_int::from(on))
}

/// TCP_NODELAY: no Nagle.
pub fn set_no_delay(fd: &impl AsFd, on: bool) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, libc::c_int::from(on))
}

/// TCP_QUICKACK: off means that ACKs wait for data to ride on.
pub fn set_quick_ack(fd: &impl AsFd, on: bool) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_QUICKACK, libc::c_int::from(on))
}

/// IP_BIND_ADDRESS_NO_PORT: `bind(ip, 0)` leaves the port to `connect()`.
pub fn set_bind_address_no_port(fd: &impl AsFd, on: bool) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, libc::c_int::from(on))
}

/// IP_FREEBIND, IPV6_FREEBIND (Linux 4.15): `bind()` takes an address that no interface has, because a prefix is routed here.
pub fn set_free_bind(fd: &impl AsFd, of: std::net::IpAddr) -> Result<(), Errno> {
    match of {
        std::net::IpAddr::V4(_) => set(fd, libc::IPPROTO_IP, libc::IP_FREEBIND, 1),
        std::net::IpAddr::V6(_) => set(fd, libc::IPPROTO_IPV6, libc::IPV6_FREEBIND, 1),
    }
}

/// IP_LOCAL_PORT_RANGE: bounds, inclusive, for the port the kernel chooses. ENOPROTOOPT before Linux 6.3.
pub fn set_local_port_range(fd: &impl AsFd, low: u16, high: u16) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, u32::from(low) | (u32::from(high) << 16))
}

/// SO_LINGER with zero seconds: `close()` sends RST.
pub fn set_linger_reset(fd: &impl AsFd) -> Result<(), Errno> {
    set(fd, libc::SOL_SOCKET, libc::SO_LINGER, libc::linger { l_onoff: 1, l_linger: 0 })
}

/// SO_KEEPALIVE: a peer that is silent for `idle_s` is asked `count` times, `interval_s` apart, whether it is there. If it does not
/// answer, the connection breaks (ETIMEDOUT).
pub fn set_keep_alive(fd: &impl AsFd, idle_s: i32, interval_s: i32, count: i32) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, idle_s)?;
    set(fd, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, interval_s)?;
    set(fd, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, count)?;
    set(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)
}

/// TCP_LINGER2: seconds an orphan stays in FIN_WAIT2; negative ends it at once, by RST.
pub fn set_fin_wait_2_s(fd: &impl AsFd, seconds: i32) -> Result<(), Errno> {
    set(fd, libc::IPPROTO_TCP, libc::TCP_LINGER2, seconds)
}

/// Takes the pending error of a socket: how a non-blocking connect ended.
pub fn take_error(fd: &impl AsFd) -> Result<(), Errno> {
    match get_int(fd, libc::SOL_SOCKET, libc::SO_ERROR)? {
        0 => Ok(()),
        errno => Err(Errno::from_raw_os_error(errno)),
    }
}

/// Bytes in the send queue that the peer has not acknowledged (SIOCOUTQ).
pub fn unacknowledged_bytes(fd: &impl AsFd) -> Result<usize, Errno> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ (= SIOCOUTQ) writes one int, which lives on our stack for the whole call.
    let result = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == 0 { usize::try_from(bytes).map_err(|_| Errno::OVERFLOW) } else { Err(last_errno()) }
}
