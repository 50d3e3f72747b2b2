//! A server that is a listener of the same balancer: requests would go in a circle.

use crate::StartError;
use balancer_core::Settings;
use ports::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Does whoever connects to `server` reach a listener that binds `bind`? A wildcard one is reached by every address of this
/// host, which `is_here` knows.
pub(crate) fn reaches(server: Address, bind: Address, is_here: impl Fn(IpAddr) -> bool) -> bool {
    let (Address::Ip(server), Address::Ip(bind)) = (server, bind) else { return server == bind };
    let (ip, bound) = (server.ip().to_canonical(), bind.ip().to_canonical());
    if bind.port() == 0 || server.port() != bind.port() {
        return false;
    }
    ip == bound || (bound.is_unspecified() && (bound.is_ipv6() || ip.is_ipv4()) && is_here(ip))
}

/// No server may be a listener of these settings.
pub(crate) fn check(settings: &Settings) -> Result<(), StartError> {
    for set in &settings.backend_sets {
        for server in &set.servers {
            let leads_to = |bind| reaches(server.address, bind, is_of_this_host);
            let listener = settings.listeners.iter().find(|one| one.addresses().any(leads_to));
            if let Some(listener) = listener {
                let (set, listener) = (set.name.clone(), listener.name.clone());
                return Err(StartError::Circle { set, server: Box::new(server.address), listener });
            }
        }
    }
    Ok(())
}

/// The kernel speaks to an address of its own from that very address. Nothing is sent to find out.
fn is_of_this_host(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let from = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, 9))?;
        socket.local_addr()
    });
    address.is_loopback() || from.is_ok_and(|from| from.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn a_server_is_a_listener_where_its_address_leads_there() {
        let check = |server: &str, bind: &str, expect: bool| {
            let (server, bind): (SocketAddr, SocketAddr) = (server.parse().unwrap(), bind.parse().unwrap());
            assert_eq!(reaches(server.into(), bind.into(), is_of_this_host), expect, "{server} {bind}");
        };
        check("127.0.0.1:80", "127.0.0.1:80", true);
        check("127.0.0.1:81", "127.0.0.1:80", false);
        check("127.0.0.2:80", "127.0.0.1:80", false);
        check("127.0.0.2:80", "0.0.0.0:80", true);
        check("[::1]:80", "0.0.0.0:80", false);
        check("[::1]:80", "[::]:80", true);
        check("127.0.0.1:80", "[::]:80", true);
        check("[::ffff:127.0.0.1]:80", "127.0.0.1:80", true);
        // Of the documentation: no host has it.
        check("192.0.2.1:80", "0.0.0.0:80", false);
        check("127.0.0.1:80", "0.0.0.0:0", false);
    }
}
