//! Source addresses as people write them: `10.0.0.2`, `10.0.0.5-10.0.0.9`, `10.0.0.0/28`, `fd00:1::/64`.

use crate::set::SOURCES_MAX;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that are used of an IPv6 network with more than [`SOURCES_MAX`], spread over all of it.
pub const SAMPLE: usize = 256;

/// What is wrong with source addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// Neither an address, nor a range, nor a network.
    #[error(
        "{0:?} is not an IP address: write 10.0.0.2, a range such as 10.0.0.5-10.0.0.9, or a network such as 10.0.0.0/28"
    )]
    NotAnAddress(String),
    /// A range that ends before it begins, or mixes IPv4 and IPv6.
    #[error("{0:?} is not a range: give two addresses of one family, the lower first")]
    BadRange(String),
    /// A network with more bits than its addresses, or with bits beyond those that count.
    #[error(
        "{0:?} is not a network: write its first address and how many bits count, such as 10.0.0.0/28 or fd00:1::/64"
    )]
    BadNetwork(String),
    /// More than [`SOURCES_MAX`].
    #[error("too many source addresses: at most {SOURCES_MAX} are supported")]
    TooMany,
    /// The same address twice.
    #[error("source address {0} is given twice")]
    Repeated(IpAddr),
}

/// Reads a list with commas. A range may be shortened to its last number (`10.0.0.5-9`).
///
/// # Errors
/// What is wrong with it.
pub fn parse_sources(text: &str) -> Result<Vec<IpAddr>, SourcesError> {
    let mut all = Vec::new();
    for item in text.split(',') {
        all.extend(expand_sources(item)?);
        if all.len() > SOURCES_MAX {
            return Err(SourcesError::TooMany);
        }
    }
    match (1..all.len()).find(|at| all[..*at].contains(&all[*at])) {
        Some(at) => Err(SourcesError::Repeated(all[at])),
        None => Ok(all),
    }
}

/// Reads one address, range or network: at most [`SOURCES_MAX`] addresses, each once. What no host can have is left out of
/// networks: the first address, and the last one of IPv4.
///
/// # Errors
/// What is wrong with it.
pub fn expand_sources(text: &str) -> Result<Vec<IpAddr>, SourcesError> {
    let text = text.trim();
    if let Some((base, bits)) = text.split_once('/') {
        return network(base, bits, text);
    }
    match text.split_once('-') {
        None => address(text, text).map(|one| vec![one]),
        Some((first, last)) => range(first.trim(), last.trim(), text),
    }
}

/// Is it a network of which only some addresses are used?
pub fn is_sampled(text: &str) -> bool {
    let bits = text.trim().split_once('/').and_then(|(base, bits)| Some((base.parse().ok()?, bits.parse().ok()?)));
    bits.is_some_and(|(base, bits): (IpAddr, u32)| base.is_ipv6() && bits < IPV6_WHOLE_BITS)
}

/// From so many bits on all addresses of an IPv6 network are used.
const IPV6_WHOLE_BITS: u32 = 128 - SOURCES_MAX.ilog2();

fn address(text: &str, item: &str) -> Result<IpAddr, SourcesError> {
    text.parse().map_err(|_| SourcesError::NotAnAddress(item.to_owned()))
}

fn range(first: &str, last: &str, item: &str) -> Result<Vec<IpAddr>, SourcesError> {
    let low = address(first, item)?;
    let high = match (low, last.parse::<u8>()) {
        (IpAddr::V4(low), Ok(last)) => {
            let [a, b, c, _] = low.octets();
            IpAddr::from([a, b, c, last])
        }
        _ => address(last, item)?,
    };
    let numbers = (low.is_ipv4() == high.is_ipv4()).then(|| (number(low), number(high)));
    let (first, last) =
        numbers.filter(|(first, last)| first <= last).ok_or_else(|| SourcesError::BadRange(item.to_owned()))?;
    all(low, first, last)
}

fn network(base: &str, bits: &str, item: &str) -> Result<Vec<IpAddr>, SourcesError> {
    let base = address(base, item)?;
    let width: u32 = if base.is_ipv4() { 32 } else { 128 };
    let bad = || SourcesError::BadNetwork(item.to_owned());
    let bits: u32 = bits.parse().ok().filter(|bits| *bits <= width).ok_or_else(bad)?;
    let rest = u128::MAX.checked_shr(128 - width + bits).unwrap_or(0);
    let first = number(base);
    if first & rest != 0 {
        return Err(bad());
    }
    let last = first | rest;
    match base {
        IpAddr::V4(_) if bits >= 31 => all(base, first, last),
        IpAddr::V4(_) => all(base, first + 1, last - 1),
        IpAddr::V6(_) if bits >= 127 => all(base, first, last),
        IpAddr::V6(_) if bits >= IPV6_WHOLE_BITS => all(base, first + 1, last),
        IpAddr::V6(_) => {
            let step = rest / SAMPLE as u128 + 1;
            Ok((0..SAMPLE as u128).map(|at| IpAddr::V6(Ipv6Addr::from_bits(first + at * step + 1))).collect())
        }
    }
}

fn all(like: IpAddr, first: u128, last: u128) -> Result<Vec<IpAddr>, SourcesError> {
    if last - first >= SOURCES_MAX as u128 {
        return Err(SourcesError::TooMany);
    }
    let one = |number| match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(number as u32)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(number)),
    };
    Ok((first..=last).map(one).collect())
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(four.to_bits()),
        IpAddr::V6(six) => six.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<&[&str], SourcesError>) {
        let expect = expect.map(|all| all.iter().map(|one| one.parse::<IpAddr>().unwrap()).collect::<Vec<_>>());
        assert_eq!(parse_sources(text), expect, "{text}");
    }

    #[test]
    fn lists_and_ranges_are_expanded() {
        check("10.0.0.2", Ok(&["10.0.0.2"]));
        check("10.0.0.2, 10.0.0.4", Ok(&["10.0.0.2", "10.0.0.4"]));
        check("10.0.0.254-10.0.1.1,::1", Ok(&["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1", "::1"]));
        check("10.0.0.5-7", Ok(&["10.0.0.5", "10.0.0.6", "10.0.0.7"]));
        check("::1-::2", Ok(&["::1", "::2"]));
        check("10.0.0.0/30", Ok(&["10.0.0.1", "10.0.0.2"]));
        check("10.0.0.8/31,10.0.0.1/32", Ok(&["10.0.0.8", "10.0.0.9", "10.0.0.1"]));
        check("fd00::/126", Ok(&["fd00::1", "fd00::2", "fd00::3"]));
        check("fd00::8/127", Ok(&["fd00::8", "fd00::9"]));
    }

    #[test]
    fn what_is_no_list_is_named() {
        check("", Err(SourcesError::NotAnAddress("".into())));
        check("10.0.0", Err(SourcesError::NotAnAddress("10.0.0".into())));
        check("10.0.0.9-10.0.0.2", Err(SourcesError::BadRange("10.0.0.9-10.0.0.2".into())));
        check("10.0.0.9-::1", Err(SourcesError::BadRange("10.0.0.9-::1".into())));
        check("10.0.0.1-10.1.0.1", Err(SourcesError::TooMany));
        check("10.0.0.0/21", Err(SourcesError::TooMany));
        check("10.0.0.1/28", Err(SourcesError::BadNetwork("10.0.0.1/28".into())));
        check("10.0.0.0/33", Err(SourcesError::BadNetwork("10.0.0.0/33".into())));
        check("fd00::/x", Err(SourcesError::BadNetwork("fd00::/x".into())));
        check("10.0.0.1,10.0.0.1-2", Err(SourcesError::Repeated("10.0.0.1".parse().unwrap())));
    }

    #[test]
    fn of_a_wide_network_some_are_used_spread_over_all_of_it() {
        assert_eq!(expand_sources("10.0.0.0/22").unwrap().len(), 1022);
        assert_eq!(expand_sources("fd00::/118").unwrap().len(), 1023);
        for bits in [0, 1, 48, 64, 117] {
            let text = if bits < 16 { format!("::/{bits}") } else { format!("fd00:1::/{bits}") };
            let all = expand_sources(&text).unwrap();
            assert_eq!(all.len(), SAMPLE, "{text}");
            assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{text}");
            assert!(is_sampled(&text), "{text}");
        }
        let all = expand_sources("fd00:1::/64").unwrap();
        assert_eq!((all[0], all[255]), ("fd00:1::1".parse().unwrap(), "fd00:1::ff00:0:0:1".parse().unwrap()));
        assert!(!["fd00::/118", "10.0.0.0/8", "fd00::1", "x/y"].iter().any(|text| is_sampled(text)));
    }
}
