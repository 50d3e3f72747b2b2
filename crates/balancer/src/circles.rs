//! A server that is a listener of the same balancer: requests would go in a circle.

use crate::StartError;
use balancer_core::router::Action;
use balancer_core::{ListenerSettings, Settings};
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

/// Where requests go within one balancer: a listener may be a server of another's set (names told apart on a tcp listener and
/// secured by the next one), as long as they do not come back.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// By listener.
    pub(crate) sets: Vec<Vec<usize>>,
    /// By set: listeners that its servers are.
    pub(crate) listeners: Vec<Vec<usize>>,
}

impl Ways {
    /// Does what this set sends to that listener come back to the set?
    pub(crate) fn come_back(&self, set: usize, listener: usize) -> bool {
        let (mut seen, mut next) = (vec![false; self.sets.len()], vec![listener]);
        while let Some(at) = next.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            if self.sets[at].contains(&set) {
                return true;
            }
            next.extend(self.sets[at].iter().flat_map(|to| &self.listeners[*to]));
        }
        false
    }
}

/// No server may be a listener of these settings from which requests come back.
pub(crate) fn check(settings: &Settings) -> Result<(), StartError> {
    let reached = |address: Address| {
        let leads_to = move |bind| reaches(address, bind, is_of_this_host);
        settings.listeners.iter().position(|one| one.addresses().any(leads_to))
    };
    let sets_of = |listener: &ListenerSettings| {
        let sets = listener.router.all().iter().filter_map(|route| match route.action {
            Action::Forward { set } => Some(set),
            _ => None,
        });
        sets.collect()
    };
    let servers = || settings.backend_sets.iter().map(|set| set.servers.iter());
    let reached: Vec<Vec<_>> = servers()
        .map(|servers| servers.filter_map(|one| Some((one.address, reached(one.address)?))).collect())
        .collect();
    let ways = Ways {
        sets: settings.listeners.iter().map(sets_of).collect(),
        listeners: reached.iter().map(|of_set| of_set.iter().map(|(_, listener)| *listener).collect()).collect(),
    };
    for (set, reached) in reached.iter().enumerate() {
        if let Some((server, listener)) = reached.iter().find(|(_, listener)| ways.come_back(set, *listener)) {
            let (set, listener) = (&settings.backend_sets[set].name, &settings.listeners[*listener].name);
            let (set, listener) = (set.clone(), listener.clone());
            return Err(StartError::Circle { set, server: Box::new(*server), listener });
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
    fn what_comes_back_goes_in_a_circle() {
        // Listener 0 goes to set 0, whose server is listener 1; that goes to set 1, and listener 2 to itself by set 2.
        let ways = Ways { sets: vec![vec![0], vec![1], vec![2]], listeners: vec![vec![1], vec![], vec![2]] };
        assert!(!ways.come_back(0, 1) && ways.come_back(2, 2));
        let ways = Ways { listeners: vec![vec![1], vec![0], vec![]], ..ways };
        assert!(ways.come_back(0, 1) && ways.come_back(1, 0), "by two steps");
    }

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
