//! Whom the header of the PROXY protocol names that connections to the target begin with.

use balancer_core::{HeaderBytes, ProxyHeader};
use ports::{Address, Source};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use stress_core::plan::ProxyProtocol;
use stress_core::{Part, Plan};

/// Ports that are named; what clients have below is theirs alone.
const PORT_FIRST: u16 = 1024;
const PORTS: u64 = 65_536 - PORT_FIRST as u64;

/// Names one client after the other.
#[derive(Debug)]
pub(super) struct Announcer {
    header: ProxyHeader,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    /// Clients stand for those who connect, even where their address is known.
    are_given: bool,
    turn: u64,
    step: u64,
    /// Of the URL: what a connection to a socket file is said to have come in at.
    port: u16,
}

impl Announcer {
    /// Of one thread of a run by `plan`, where connections begin with a header; without clients that are given the kernel starts
    /// them from these addresses.
    pub(super) fn of(plan: &Plan, starts_from: &[IpAddr], part: Part) -> Option<Self> {
        let announce = plan.announce.as_ref()?;
        let are_given = !announce.clients.is_empty();
        let clients = if are_given { &announce.clients } else { starts_from };
        Some(Self::new(announce.version, clients, are_given, part, plan.url.port()))
    }

    fn new(version: ProxyProtocol, clients: &[IpAddr], are_given: bool, part: Part, port: u16) -> Self {
        let header = match version {
            ProxyProtocol::V1 => ProxyHeader::V1,
            ProxyProtocol::V2 => ProxyHeader::V2,
        };
        let of = |is: fn(&IpAddr) -> bool| clients.iter().copied().filter(is).collect();
        let (turn, step) = (u64::from(part.index), u64::from(part.of));
        Self { header, v4: of(IpAddr::is_ipv4), v6: of(IpAddr::is_ipv6), are_given, turn, step, port }
    }

    /// What the next connection begins with, which starts at `source` and goes to `to`.
    pub(super) fn next(&mut self, source: Source, to: Address) -> HeaderBytes {
        let here = to.ip().unwrap_or_else(|| {
            let any_v6 = self.v4.is_empty() && !self.v6.is_empty();
            let ip = if any_v6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
            SocketAddr::new(ip, self.port)
        });
        let clients = if here.is_ipv4() { &self.v4 } else { &self.v6 };
        let turn = self.turn;
        self.turn += self.step;
        let named = |ip| {
            let round = turn / clients.len().max(1) as u64;
            SocketAddr::new(ip, PORT_FIRST + (round % PORTS) as u16)
        };
        let client = match source {
            Source::Exact(own) if !self.are_given => Some(own),
            Source::Address(own) if !self.are_given => Some(named(own)),
            _ => clients.get(turn as usize % clients.len().max(1)).map(|ip| named(*ip)),
        };
        match client {
            Some(client) => self.header.write(client, Some(here)),
            None => self.header.write(here, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(announcer: &mut Announcer, source: Source, to: &str) -> String {
        let to: SocketAddr = to.parse().expect("an address");
        String::from_utf8(announcer.next(source, to.into()).as_slice().to_vec()).expect("text")
    }

    #[test]
    fn clients_take_turns_and_ports_count_up() {
        let clients: Vec<IpAddr> = ["10.0.0.1", "fd00::1", "10.0.0.2"].map(|ip| ip.parse().expect("an IP")).into();
        let mut one = Announcer::new(ProxyProtocol::V1, &clients, true, Part { index: 1, of: 2 }, 80);
        let exact = Source::Exact(SocketAddr::from(([192, 0, 2, 9], 5000)));
        assert_eq!(next(&mut one, exact, "192.0.2.1:80"), "PROXY TCP4 10.0.0.2 192.0.2.1 1024 80\r\n");
        assert_eq!(next(&mut one, exact, "192.0.2.1:80"), "PROXY TCP4 10.0.0.2 192.0.2.1 1025 80\r\n");
        assert_eq!(next(&mut one, exact, "[::1]:80"), "PROXY TCP6 fd00::1 ::1 1029 80\r\n");
        let file = Address::Unix(ports::UnixPath::new("/x").expect("a path"));
        let text = one.next(Source::Kernel, file);
        assert_eq!(text.as_slice(), b"PROXY TCP4 10.0.0.2 127.0.0.1 1027 80\r\n");
    }

    #[test]
    fn without_clients_it_is_the_connections_own_address() {
        let own = [IpAddr::from([192, 0, 2, 7])];
        let mut one = Announcer::new(ProxyProtocol::V1, &own, false, Part::WHOLE, 80);
        let exact = Source::Exact(SocketAddr::from(([192, 0, 2, 9], 5000)));
        assert_eq!(next(&mut one, exact, "192.0.2.1:80"), "PROXY TCP4 192.0.2.9 192.0.2.1 5000 80\r\n");
        let address = Source::Address(IpAddr::from([192, 0, 2, 8]));
        assert_eq!(next(&mut one, address, "192.0.2.1:80"), "PROXY TCP4 192.0.2.8 192.0.2.1 1025 80\r\n");
        assert_eq!(next(&mut one, Source::Kernel, "192.0.2.1:80"), "PROXY TCP4 192.0.2.7 192.0.2.1 1026 80\r\n");
        assert_eq!(next(&mut one, Source::Kernel, "[::1]:80"), "PROXY UNKNOWN\r\n");
    }
}
