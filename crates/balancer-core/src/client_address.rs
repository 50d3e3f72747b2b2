//! Who a request really comes from, where proxies that are believed stand in front.

use crate::network::Networks;
use std::net::{IpAddr, SocketAddr};

/// Who a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client, as far as it is known.
    pub address: IpAddr,
    /// A believed proxy has named somebody whom nobody can read: the address is that of the last proxy before.
    pub unreadable: bool,
}

/// The right-most address that is not a trusted proxy's own: what stands further left anybody could have written.
/// `forwarded_for` are the values of `X-Forwarded-For`, as they came; `peer` is whose connection it is. Where there are none,
/// a trusted proxy may have said it by `X-Real-IP`.
///
/// ```text
/// X-Forwarded-For: 203.0.113.5, 198.51.100.7, 10.0.0.3        from 10.0.0.2, trusted: 10.0.0.0/8
///                  claimed      ^ the client  ^ a proxy
/// ```
/// Where an entry cannot be read (`unknown`, a name), the last proxy before it stands for the client, as nginx has it
/// (`real_ip_recursive`): what a trusted proxy could not tell, nobody further away can.
pub fn client_address<'v>(
    peer: IpAddr,
    trusted: &Networks,
    forwarded_for: impl DoubleEndedIterator<Item = &'v [u8]>,
    real_ip: Option<&[u8]>,
) -> Origin {
    let known = |address| Origin { address, unreadable: false };
    let mut nearest = None;
    if !trusted.contains(peer) {
        return known(peer);
    }
    for member in forwarded_for.rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).map(<[u8]>::trim_ascii) {
        match parse_member(member) {
            Some(address) if trusted.contains(address) => nearest = Some(address),
            Some(address) => return known(address),
            None if member.is_empty() => {}
            None => return Origin { address: nearest.unwrap_or(peer), unreadable: true },
        }
    }
    match (nearest, real_ip) {
        (Some(address), _) => known(address),
        (None, None) => known(peer),
        (None, Some(said)) => match parse_member(said.trim_ascii()) {
            Some(address) => known(address),
            None => Origin { address: peer, unreadable: true },
        },
    }
}

/// An address, with a port where a proxy adds one.
fn parse_member(member: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(member).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parse_network;

    #[test]
    fn the_right_most_address_that_is_not_trusted() {
        let trusted: Networks = ["10.0.0.0/8", "fd00::/8"].iter().map(|net| parse_network(net).unwrap()).collect();
        let check = |peer: &str, values: &[&str], expect: &str| {
            let values = values.iter().map(|value| value.as_bytes());
            let got = client_address(peer.parse().unwrap(), &trusted, values, None);
            let mark = if got.unreadable { "?" } else { "" };
            assert_eq!(format!("{}{mark}", got.address), expect, "{peer}");
        };
        check("192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("10.0.0.2", &[], "10.0.0.2");
        check("10.0.0.2", &["198.51.100.7"], "198.51.100.7");
        check("10.0.0.2", &["203.0.113.5, 198.51.100.7, 10.0.0.3"], "198.51.100.7");
        check("10.0.0.2", &["203.0.113.5", "198.51.100.7,10.0.0.3", "10.9.9.9"], "198.51.100.7");
        check("10.0.0.2", &["203.0.113.5,, 198.51.100.7 ,"], "198.51.100.7");
        check("10.0.0.2", &["10.0.0.4, 10.0.0.3"], "10.0.0.4");
        check("10.0.0.2", &["203.0.113.5, unknown, 10.0.0.3"], "10.0.0.3?");
        check("10.0.0.2", &["unknown"], "10.0.0.2?");
        check("10.0.0.2", &["198.51.100.7, _hidden"], "10.0.0.2?");
        check("192.0.2.1", &["unknown"], "192.0.2.1");
        check("10.0.0.2", &["198.51.100.7:4711"], "198.51.100.7");
        check("fd00::1", &["2001:db8::1, [fd00::2]:80, [fd00::3]"], "2001:db8::1");
        check("::ffff:10.0.0.2", &["::ffff:198.51.100.7"], "198.51.100.7");
    }

    #[test]
    fn the_other_field_counts_where_there_is_no_list() {
        let trusted: Networks = [parse_network("10.0.0.0/8").unwrap()].into_iter().collect();
        let check = |peer: &str, list: &[&str], real_ip: &str, expect: &str, unreadable: bool| {
            let list = list.iter().map(|value| value.as_bytes());
            let got = client_address(peer.parse().unwrap(), &trusted, list, Some(real_ip.as_bytes()));
            assert_eq!(got, Origin { address: expect.parse().unwrap(), unreadable }, "{peer} {real_ip}");
        };
        check("10.0.0.2", &[], "198.51.100.7", "198.51.100.7", false);
        check("10.0.0.2", &[""], " 2001:db8::1 ", "2001:db8::1", false);
        check("10.0.0.2", &["203.0.113.5"], "198.51.100.7", "203.0.113.5", false);
        check("10.0.0.2", &["10.0.0.3"], "198.51.100.7", "10.0.0.3", false);
        check("10.0.0.2", &["unknown"], "198.51.100.7", "10.0.0.2", true);
        check("10.0.0.2", &[], "somebody", "10.0.0.2", true);
        check("192.0.2.1", &[], "198.51.100.7", "192.0.2.1", false);
    }
}
