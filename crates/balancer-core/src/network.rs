//! Networks: many of them, asked by bisection whether an address is in one.

use ipnet::IpNet;
use std::net::IpAddr;

/// Addresses that belong to any of some networks. An IPv4 address is the same when a dual-stack listener reports it as IPv6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of each run, in order, without overlap.
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor an address with a number of bits.
    #[error("{0:?} is not a network: write an address such as 10.0.0.1, or a network such as 10.0.0.0/8")]
    Form(String),
    /// More bits than the address has.
    #[error("{0:?} has too many bits: an IPv4 network has 0 to 32, an IPv6 network 0 to 128")]
    Bits(String),
    /// Bits beyond those that count.
    #[error("{0:?} is an address inside of a network: write {1}")]
    Inside(String, IpNet),
}

/// Reads `10.0.0.0/8`, `2001:db8::/32`, or a single address.
///
/// # Errors
/// It is none, or names an address inside of one.
pub fn parse_network(text: &str) -> Result<IpNet, NetworkError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.into());
    }
    let form = || NetworkError::Form(text.to_owned());
    let network: IpNet = text.parse().map_err(|_| match text.split_once('/') {
        Some((address, bits))
            if address.parse::<IpAddr>().is_ok() && bits.parse::<u32>().is_ok_and(|bits| bits > 32) =>
        {
            NetworkError::Bits(text.to_owned())
        }
        _ => form(),
    })?;
    let base = network.trunc();
    if base == network { Ok(network) } else { Err(NetworkError::Inside(text.to_owned(), base)) }
}

impl Networks {
    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Is the address in one of them?
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => is_in(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => is_in(&self.v6, v6.to_bits()),
        }
    }
}

impl FromIterator<IpNet> for Networks {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        // What overlaps or adjoins is one.
        for network in IpNet::aggregate(&networks.into_iter().collect()) {
            match network {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        v4.sort_unstable();
        v6.sort_unstable();
        Self { v4: v4.into(), v6: v6.into() }
    }
}

fn is_in<T: PartialOrd + Copy>(runs: &[(T, T)], address: T) -> bool {
    let after = runs.partition_point(|(first, _)| *first <= address);
    after > 0 && address <= runs[after - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use seed::Rng;

    #[test]
    fn networks_contain_what_begins_alike() {
        let check = |networks: &str, address: &str, expect: bool| {
            let all: Networks = networks.split(' ').map(|network| parse_network(network).unwrap()).collect();
            assert_eq!(all.contains(address.parse().unwrap()), expect, "{networks} {address}");
        };
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "9.255.255.255", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "10.0.0.1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("192.0.2.0/24 10.0.0.0/8 10.1.0.0/16 ::1", "10.200.0.1", true);
        check("192.0.2.0/24 10.0.0.0/8 10.1.0.0/16 ::1", "::1", true);
        check("192.0.2.0/24 10.0.0.0/8 10.1.0.0/16 ::1", "100.0.0.1", false);
        assert!(!Networks::default().contains(IpAddr::from([10, 0, 0, 1])) && Networks::default().is_empty());
    }

    /// Any networks, any addresses: as if each network were asked.
    #[test]
    fn bisection_says_what_each_network_says() {
        testkit::sweep(
            testkit::Replay {
                package: "balancer-core",
                target: "--lib",
                test: "bisection_says_what_each_network_says",
            },
            200,
            |seed| {
                let mut rng = Rng::new(seed);
                let mut any = |v6: bool| match v6 {
                    false => IpAddr::from((rng.next_u64() as u32 & 0x0fff_0f0f).to_be_bytes()),
                    true => IpAddr::from((u128::from(rng.next_u64()) & 0xfff0_0000_0f0f).to_be_bytes()),
                };
                let addresses: Vec<IpAddr> = (0..60).map(|n| any(n % 2 == 0)).collect();
                let net = |(n, ip): (usize, &IpAddr)| {
                    let bits = if ip.is_ipv4() { (n % 33) as u8 } else { 80 + (n % 49) as u8 };
                    IpNet::new(*ip, bits).unwrap().trunc()
                };
                let nets: Vec<IpNet> = addresses[..20].iter().enumerate().map(net).collect();
                let all: Networks = nets.iter().copied().collect();
                for address in addresses {
                    let expect = nets.iter().any(|net| net.contains(&address.to_canonical()));
                    if all.contains(address) != expect {
                        return Err(format!("{address} in {nets:?}: {expect}"));
                    }
                }
                Ok(())
            },
        );
    }

    #[test]
    fn what_is_no_network_is_named() {
        let check = |text: &str, words: &str| {
            let error = parse_network(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        };
        check("10.0.0.1/8", "write 10.0.0.0/8");
        check("2001:db8::1/32", "write 2001:db8::/32");
        check("10.0.0.0/33", "too many bits");
        check("::/129", "too many bits");
        check("10.0.0.0/", "not a network");
        check("10.0.0.0/+8", "not a network");
        check("localhost", "not a network");
        check("", "not a network");
    }
}
