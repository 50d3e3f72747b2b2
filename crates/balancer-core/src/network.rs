//! A network: addresses that begin with the same bits.

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;

/// `10.0.0.0/8`, `2001:db8::/32`, or a single address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
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
    Inside(String, Network),
}

impl Network {
    /// Is the address one of it? An IPv4 address is the same when a dual-stack listener reports it as IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && self.masked(address) == self.masked(self.address)
    }

    /// The bits that count, at the front.
    fn masked(&self, address: IpAddr) -> u128 {
        let all = match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        all & !u128::MAX.checked_shr(self.bits.into()).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let form = || NetworkError::Form(text.to_owned());
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) if bits.len() > 3 || !bits.bytes().all(|byte| byte.is_ascii_digit()) => return Err(form()),
            Some(bits) => bits.parse().map_err(|_| form())?,
        };
        if bits > most {
            return Err(NetworkError::Bits(text.to_owned()));
        }
        let network = Self { address, bits };
        let base = match address {
            IpAddr::V4(_) => IpAddr::from(((network.masked(address) >> 96) as u32).to_be_bytes()),
            IpAddr::V6(_) => IpAddr::from(network.masked(address).to_be_bytes()),
        };
        match base == address {
            true => Ok(network),
            false => Err(NetworkError::Inside(text.to_owned(), Self { address: base, bits })),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_begins_alike() {
        let check = |network: &str, address: &str, expect: bool| {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expect, "{network} {address}");
        };
        check("10.0.0.0/8", "10.255.1.2", true);
        check("10.0.0.0/8", "11.0.0.0", false);
        check("10.0.0.0/8", "::ffff:10.1.1.1", true);
        check("192.0.2.7", "192.0.2.7", true);
        check("192.0.2.7", "192.0.2.6", false);
        check("0.0.0.0/0", "203.0.113.9", true);
        check("0.0.0.0/0", "::1", false);
        check("::/0", "10.0.0.1", false);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("::1", "::1", true);
    }

    #[test]
    fn what_is_no_network_is_named() {
        let check = |text: &str, words: &str| {
            let error = text.parse::<Network>().unwrap_err().to_string();
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
