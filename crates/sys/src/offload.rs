//! Work an interface leaves to others: checksums and segmentation (ethtool ioctls).
//!
//! On a veth pair nothing ever does that work: what a packet socket reads there has half a checksum and
//! may be 64 KiB long. Whoever wants frames as they would be on a wire turns it off at the sender.

use crate::sockopt::last_errno;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd};

/// SIOCETHTOOL, `include/uapi/linux/sockios.h`.
const SIOCETHTOOL: u32 = 0x8946;

/// What can be left to others, with the commands of `include/uapi/linux/ethtool.h`. In the order in which
/// it has to be turned off: segmentation needs checksums and scattered buffers.
const OFFLOADS: [Offload; 5] = [
    Offload { name: "tcp-segmentation-offload", get: 0x1e, set: 0x1f },
    Offload { name: "generic-segmentation-offload", get: 0x23, set: 0x24 },
    Offload { name: "generic-receive-offload", get: 0x2b, set: 0x2c },
    Offload { name: "scatter-gather", get: 0x18, set: 0x19 },
    Offload { name: "tx-checksumming", get: 0x16, set: 0x17 },
];

struct Offload {
    name: &'static str,
    get: u32,
    set: u32,
}

/// An offload could not be turned off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct OffloadError {
    /// Of which interface.
    pub interface: String,
    /// As ethtool(8) calls it.
    pub offload: &'static str,
    /// Linux errno; `None`: the kernel agreed and left it on.
    pub errno: Option<Errno>,
}

impl fmt::Display for OffloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} cannot be turned off: ", self.offload, self.interface)?;
        match self.errno {
            Some(Errno::PERM) => f.write_str("it needs CAP_NET_ADMIN in this network namespace"),
            Some(errno) => write!(f, "{}", std::io::Error::from(errno)),
            None => f.write_str("the driver keeps it on"),
        }
    }
}

/// Turns all of it off on an interface of the calling thread's namespace, and makes sure that it is.
///
/// # Errors
/// No such interface, not permitted, or not possible for its driver.
pub fn turn_off(interface: &str) -> Result<(), OffloadError> {
    let failed = |offload| move |errno| OffloadError { interface: interface.to_owned(), offload, errno };
    let kind = SocketType::DGRAM;
    let socket = rustix::net::socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)
        .map_err(|errno| failed("every offload")(Some(errno)))?;
    for Offload { name, get, set } in OFFLOADS {
        ask(&socket, interface, set, 0).map_err(|errno| failed(name)(Some(errno)))?;
        match ask(&socket, interface, get, 0) {
            Ok(0) => {}
            Ok(_) => return Err(failed(name)(None)),
            Err(errno) => return Err(failed(name)(Some(errno))),
        }
    }
    Ok(())
}

/// `struct ethtool_value`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// A request about one interface.
fn request_about(interface: &str) -> Result<libc::ifreq, Errno> {
    // SAFETY: `ifreq` is plain data for which all zeroes is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if interface.len() >= request.ifr_name.len() {
        return Err(Errno::NODEV);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// Is an interface of the calling thread's namespace up?
///
/// # Errors
/// No such interface.
pub fn is_up(interface: &str) -> Result<bool, Errno> {
    let kind = SocketType::DGRAM;
    let socket = rustix::net::socket_with(AddressFamily::INET, kind, SocketFlags::CLOEXEC, None)?;
    let mut request = request_about(interface)?;
    // SAFETY: SIOCGIFFLAGS reads the name and writes the flags of one `ifreq`, which lives on our stack for the whole call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS as _, &raw mut request) };
    if result != 0 {
        return Err(last_errno());
    }
    // SAFETY: SIOCGIFFLAGS has just written this member of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    Ok(i32::from(flags) & libc::IFF_UP != 0)
}

fn ask(socket: &OwnedFd, interface: &str, command: u32, data: u32) -> Result<u32, Errno> {
    let mut value = EthtoolValue { command, data };
    let mut request = request_about(interface)?;
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: `request` and the `value` it points to live on our stack for the whole call; the commands
    // used here read and write no more than `struct ethtool_value`.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL as _, &raw mut request) };
    if result == 0 { Ok(value.data) } else { Err(last_errno()) }
}
