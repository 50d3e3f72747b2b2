//! Who a request really comes from, where proxies that are believed stand in front.

use crate::network::Networks;
use std::net::{IpAddr, SocketAddr};

/// The right-most address that is not a trusted proxy's own: what stands further left anybody could have written. `values`
/// are those of `X-Forwarded-For`, as they came; `peer` is whose connection it is.
///
/// ```text
/// X-Forwarded-For: 203.0.113.5, 198.51.100.7, 10.0.0.3        from 10.0.0.2, trusted: 10.0.0.0/8
///                  claimed      ^ the client  ^ a proxy
/// ```
pub fn client_address<'v>(
    peer: IpAddr,
    trusted: &Networks,
    values: impl DoubleEndedIterator<Item = &'v [u8]>,
) -> IpAddr {
    let mut nearest = peer;
    if !trusted.contains(peer) {
        return peer;
    }
    for member in values.rev().flat_map(|value| value.rsplit(|byte| *byte == b',')).map(<[u8]>::trim_ascii) {
        match parse_member(member) {
            Some(address) if trusted.contains(address) => nearest = address,
            Some(address) => return address,
            None if member.is_empty() => {}
            // What a trusted proxy could not tell, nobody further away can.
            None => return nearest,
        }
    }
    nearest
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
            let got = client_address(peer.parse().unwrap(), &trusted, values);
            assert_eq!(got.to_string(), expect, "{peer}");
        };
        check("192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("10.0.0.2", &[], "10.0.0.2");
        check("10.0.0.2", &["198.51.100.7"], "198.51.100.7");
        check("10.0.0.2", &["203.0.113.5, 198.51.100.7, 10.0.0.3"], "198.51.100.7");
        check("10.0.0.2", &["203.0.113.5", "198.51.100.7,10.0.0.3", "10.9.9.9"], "198.51.100.7");
        check("10.0.0.2", &["203.0.113.5,, 198.51.100.7 ,"], "198.51.100.7");
        check("10.0.0.2", &["10.0.0.4, 10.0.0.3"], "10.0.0.4");
        check("10.0.0.2", &["203.0.113.5, unknown, 10.0.0.3"], "10.0.0.3");
        check("10.0.0.2", &["unknown"], "10.0.0.2");
        check("10.0.0.2", &["198.51.100.7:4711"], "198.51.100.7");
        check("fd00::1", &["2001:db8::1, [fd00::2]:80, [fd00::3]"], "2001:db8::1");
        check("::ffff:10.0.0.2", &["::ffff:198.51.100.7"], "198.51.100.7");
    }
}
