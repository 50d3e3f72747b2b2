//! The one rule: which SYNs it means, its expressions, and its counter.

use super::wire::{self, Attributes};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const LIST_ELEMENT: u16 = 1;
const EXPRESSION_NAME: u16 = 1;
const EXPRESSION_DATA: u16 = 2;
const DATA_VALUE: u16 = 1;
/// NFT_REG_1, 16 bytes.
pub(super) const REGISTER: u32 = 1;
const COUNTER_PACKETS: u16 = 2;
const META_L4PROTO: u32 = 16;
const EXTHDR_TYPE: u16 = 2;
const EXTHDR_OP: u16 = 6;
const EXTHDR_OP_TCPOPT: u32 = 1;
/// TCPOPT_TIMESTAMP, RFC 7323 3.2.
const OPTION_TIMESTAMP: u8 = 8;

const TCP_DESTINATION_PORT: Field = Field { base: Base::Transport, offset: 2, len: 2 };
const TCP_FLAGS: Field = Field { base: Base::Transport, offset: 13, len: 1 };
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Which packets are a listener's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match {
    families: Families,
    /// `None`: every address of this host.
    address: Option<IpAddr>,
    listener: SocketAddr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Families {
    V4,
    V6,
    Both,
}

impl Match {
    /// With `only_v6` (`net.ipv6.bindv6only`) a listener at `[::]` gets no IPv4 connections.
    pub(super) fn listener(address: SocketAddr, only_v6: bool) -> Self {
        // A listener at ::ffff:10.0.0.2 is an IPv4 one to the network.
        let ip = address.ip().to_canonical();
        let families = match ip {
            IpAddr::V4(_) => Families::V4,
            IpAddr::V6(ip) if ip.is_unspecified() && !only_v6 => Families::Both,
            IpAddr::V6(_) => Families::V6,
        };
        Self { families, address: Some(ip).filter(|ip| !ip.is_unspecified()), listener: address }
    }

    pub(super) fn probes(&self) -> Vec<SocketAddr> {
        let mut probe = self.listener;
        if self.address.is_some() {
            return vec![probe];
        }
        let mut at = |ip: IpAddr| {
            probe.set_ip(ip);
            probe
        };
        match self.families {
            Families::V4 => vec![at(Ipv4Addr::LOCALHOST.into())],
            Families::V6 => vec![at(Ipv6Addr::LOCALHOST.into())],
            Families::Both => vec![at(Ipv6Addr::LOCALHOST.into()), at(Ipv4Addr::LOCALHOST.into())],
        }
    }

    pub(super) fn family(&self) -> u8 {
        match self.families {
            Families::V4 => wire::FAMILY_IPV4,
            Families::V6 => wire::FAMILY_IPV6,
            Families::Both => wire::FAMILY_INET,
        }
    }
}

/// Writes the expressions in the order in which the kernel evaluates them; the first that does not match ends it.
pub(super) fn write(list: &mut Attributes, matching: &Match) {
    expression(list, "meta", |meta| {
        meta.u32(1, REGISTER).u32(2, META_L4PROTO);
    });
    equals(list, &[libc::IPPROTO_TCP as u8]);
    match matching.address {
        Some(IpAddr::V4(ip)) => compare(list, Field { base: Base::Network, offset: 16, len: 4 }, &ip.octets()),
        Some(IpAddr::V6(ip)) => compare(list, Field { base: Base::Network, offset: 24, len: 16 }, &ip.octets()),
        None => {}
    }
    compare(list, TCP_DESTINATION_PORT, &matching.listener.port().to_be_bytes());
    load(list, TCP_FLAGS);
    keep_bits(list, SYN | ACK);
    equals(list, &[SYN]);
    expression(list, "counter", |_| {});
    // Neither a register to load nor one to store: the option is replaced by NOPs, the checksum updated
    // (`nft_exthdr_tcp_strip_eval`, Linux 5.18).
    expression(list, "exthdr", |exthdr| {
        exthdr.bytes(EXTHDR_TYPE, &[OPTION_TIMESTAMP]).u32(EXTHDR_OP, EXTHDR_OP_TCPOPT);
    });
}

/// Packets counted by the rule in a GETRULE answer.
pub(super) fn counted(rule: &[u8]) -> Option<u64> {
    let list = inside(rule, wire::RULE_EXPRESSIONS)?;
    let is_counter = |element: &&[u8]| inside(element, EXPRESSION_NAME).is_some_and(|name| name == b"counter\0");
    let counter = wire::attributes(list).map(|(_, element)| element).find(is_counter)?;
    let packets = inside(inside(counter, EXPRESSION_DATA)?, COUNTER_PACKETS)?;
    Some(u64::from_be_bytes(packets.try_into().ok()?))
}

/// The value of one attribute.
fn inside(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    wire::attributes(bytes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// Where an offset counts from (`enum nft_payload_bases`).
#[derive(Clone, Copy)]
enum Base {
    Network = 1,
    Transport = 2,
}

/// Bytes of a header.
#[derive(Clone, Copy)]
struct Field {
    base: Base,
    offset: u32,
    len: u32,
}

pub(super) fn expression(list: &mut Attributes, name: &str, data: impl FnOnce(&mut Attributes)) {
    list.nested(LIST_ELEMENT, |element| {
        element.text(EXPRESSION_NAME, name).nested(EXPRESSION_DATA, data);
    });
}

fn compare(list: &mut Attributes, field: Field, value: &[u8]) {
    load(list, field);
    equals(list, value);
}

fn load(list: &mut Attributes, field: Field) {
    expression(list, "payload", |payload| {
        payload.u32(1, REGISTER).u32(2, field.base as u32).u32(3, field.offset).u32(4, field.len);
    });
}

/// NFT_CMP_EQ.
pub(super) fn equals(list: &mut Attributes, value: &[u8]) {
    expression(list, "cmp", |cmp| {
        cmp.u32(1, REGISTER).u32(2, 0).nested(3, |data| {
            data.bytes(DATA_VALUE, value);
        });
    });
}

/// `register = (register & mask) ^ 0`.
fn keep_bits(list: &mut Attributes, mask: u8) {
    expression(list, "bitwise", |bitwise| {
        bitwise.u32(1, REGISTER).u32(2, REGISTER).u32(3, 1);
        bitwise.nested(4, |data| {
            data.bytes(DATA_VALUE, &[mask]);
        });
        bitwise.nested(5, |data| {
            data.bytes(DATA_VALUE, &[0]);
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(listener: &str, only_v6: bool, families: Families, address: Option<&str>, probes: &[&str]) {
        let listener: SocketAddr = listener.parse().expect("an address");
        let address = address.map(|ip| ip.parse().expect("an address"));
        let matching = Match::listener(listener, only_v6);
        assert_eq!(matching, Match { families, address, listener }, "{listener} bindv6only={only_v6}");
        let found: Vec<String> = matching.probes().iter().map(ToString::to_string).collect();
        assert_eq!(found, probes, "{listener} bindv6only={only_v6}");
    }

    #[test]
    fn a_rule_means_what_its_listener_hears() {
        check("10.0.0.2:80", false, Families::V4, Some("10.0.0.2"), &["10.0.0.2:80"]);
        check("0.0.0.0:80", false, Families::V4, None, &["127.0.0.1:80"]);
        check("[fd00::1]:80", false, Families::V6, Some("fd00::1"), &["[fd00::1]:80"]);
        check("[fe80::1%3]:80", false, Families::V6, Some("fe80::1"), &["[fe80::1%3]:80"]);
        check("[::]:80", false, Families::Both, None, &["[::1]:80", "127.0.0.1:80"]);
        check("[::]:80", true, Families::V6, None, &["[::1]:80"]);
        check("[::ffff:10.0.0.2]:80", false, Families::V4, Some("10.0.0.2"), &["[::ffff:10.0.0.2]:80"]);
        check("[::ffff:0.0.0.0]:80", false, Families::V4, None, &["127.0.0.1:80"]);
    }

    #[test]
    fn the_counter_is_found_among_the_expressions() {
        let mut rule = Attributes::default();
        rule.nested(wire::RULE_EXPRESSIONS, |list| {
            equals(list, &[1]);
            expression(list, "counter", |counter| {
                counter.bytes(1, &99u64.to_be_bytes()).bytes(COUNTER_PACKETS, &7u64.to_be_bytes());
            });
        });
        assert_eq!(counted(rule.as_bytes()), Some(7));
        assert_eq!(counted(&rule.as_bytes()[..40]), None, "cut short");
        assert_eq!(counted(&[]), None);
    }
}
