//! What this host says about its ports, for those who choose ports of their own.

use ports::{HostPorts, PortRange};
use sys::sock_diag::{Filter, SockDiag, States, TcpState};
use sys::sysctl::{self, SysctlError};

/// The ports of the calling thread's namespace, as they are now. What an old kernel does not know (reserved ports, where
/// unprivileged ones begin, the table of sockets) restricts nothing there.
///
/// # Errors
/// The range that the kernel chooses from cannot be read.
pub fn host_ports() -> Result<HostPorts, SysctlError> {
    let plain = HostPorts::default();
    let (low, high) = sysctl::local_port_range()?;
    let unprivileged = sysctl::read_u64("net.ipv4.ip_unprivileged_port_start").ok();
    Ok(HostPorts {
        // The kernel refuses a range that ends before it begins.
        ephemeral: PortRange::new(low, high).unwrap_or(plain.ephemeral),
        unprivileged: unprivileged.and_then(|port| u16::try_from(port).ok()).unwrap_or(plain.unprivileged),
        reserved: sysctl::reserved_ports().unwrap_or_default().into_iter().filter_map(range).collect(),
        listening: listening(),
    })
}

fn range((low, high): (u16, u16)) -> Option<PortRange> {
    PortRange::new(low, high).ok()
}

fn listening() -> Vec<PortRange> {
    let filter = Filter { states: States::of(&[TcpState::Listen]), ..Filter::default() };
    let mut ports = Vec::new();
    let listed = SockDiag::open().and_then(|mut diag| diag.for_each(&filter, |entry| ports.push(entry.local.port())));
    // A port that turns out to be taken is refused by bind(), and another is tried.
    listed.map_or(Vec::new(), |()| ports.into_iter().filter_map(|port| range((port, port))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ports_leave_out_what_this_host_needs() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let mut host = host_ports().expect("every Linux has a range");
        assert!(host.listening.iter().any(|range| range.low() == port), "{port}: {host:?}");
        // Were the kernel's range elsewhere, the port would still not be ours.
        host.ephemeral = range((2, 3)).expect("good");
        let own = host.own("--port-range").expect("many are left");
        assert!(own.ranges().iter().all(|range| port < range.low() || port > range.high()), "{port} in {own}");
    }
}
