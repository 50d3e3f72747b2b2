//! What a server is chosen by where requests that have something in common go to the same one.

use super::cookie;
use http::{RequestHead, Target};
use std::net::IpAddr;

/// What requests to the same server have in common (`hash = "..."` of a backend set).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashBy {
    /// The address they come from: of the connection, or what a trusted proxy says.
    Source,
    /// The path, without the query.
    Path,
    /// Path and query.
    Uri,
    /// The value of this field, by its name in any case.
    Header(String),
    /// The value of this cookie.
    Cookie(String),
}

impl HashBy {
    /// The key of a request; `None` where it has none: no such field, no such cookie, or an empty one.
    pub fn key(&self, head: &RequestHead<'_, '_>, client: IpAddr) -> Option<u64> {
        match self {
            Self::Source => Some(match client.to_canonical() {
                IpAddr::V4(address) => hash(&address.octets()),
                IpAddr::V6(address) => hash(&address.octets()),
            }),
            Self::Path => Some(hash(head.path().as_bytes())),
            Self::Uri => Some(hash_target(head.target)),
            Self::Header(name) => {
                let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
                (!field.value.is_empty()).then(|| hash(field.value))
            }
            Self::Cookie(name) => cookie::values(head.headers, name).find(|value| !value.is_empty()).map(hash),
        }
    }
}

fn hash_target(target: Target<'_>) -> u64 {
    let query = target.query().map_or(0, |query| hash(query.as_bytes()));
    mix(hash(target.path().as_bytes()), query)
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo), stirred: the same everywhere, and for ever.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    mix(fnv, 0)
}

/// Another number from one and a counter (the finalizer of splitmix64).
pub(super) fn mix(number: u64, counter: u64) -> u64 {
    let z = number.wrapping_add(counter.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{Header, Method};

    fn key(by: &HashBy, target: &str, headers: &[(&str, &str)], client: &str) -> Option<u64> {
        let headers: Vec<_> = headers.iter().map(|(name, value)| Header { name, value: value.as_bytes() }).collect();
        let target = Target::parse(target, Method::Get).expect("a target");
        let head = RequestHead { target, headers: &headers, ..RequestHead::default() };
        by.key(&head, client.parse().expect("an address"))
    }

    #[test]
    fn requests_have_in_common_what_is_said() {
        let of = |by: HashBy, target: &str, headers: &[(&str, &str)], client: &str| key(&by, target, headers, client);
        let header = || HashBy::Header("x-user".to_owned());
        let cookie = || HashBy::Cookie("id".to_owned());
        let (here, there) = ("192.0.2.1", "192.0.2.2");
        assert_eq!(of(HashBy::Source, "/a", &[], here), of(HashBy::Source, "/b?c", &[("x", "y")], here));
        assert_eq!(of(HashBy::Source, "/", &[], here), of(HashBy::Source, "/", &[], "::ffff:192.0.2.1"));
        assert_ne!(of(HashBy::Source, "/a", &[], here), of(HashBy::Source, "/a", &[], there));
        assert_eq!(of(HashBy::Path, "/a?b", &[], here), of(HashBy::Path, "/a?c", &[], there));
        assert_ne!(of(HashBy::Path, "/a", &[], here), of(HashBy::Path, "/b", &[], here));
        assert_ne!(of(HashBy::Uri, "/a?b", &[], here), of(HashBy::Uri, "/a?c", &[], here));
        assert_eq!(of(header(), "/a", &[("X-User", "7")], here), of(header(), "/b", &[("x-user", "7")], there));
        assert_eq!(of(header(), "/a", &[("X-Other", "7")], here), None);
        assert_eq!(of(header(), "/a", &[("X-User", "")], here), None);
        let split = [("Cookie", "a=1"), ("Cookie", "id=7")];
        assert_eq!(of(cookie(), "/", &[("Cookie", "a=1; id=7; b=2")], here), of(cookie(), "/", &split, there));
        assert_eq!(of(cookie(), "/", &[("Cookie", "a=1; bid=7")], here), None);
    }

    /// The same on every host and with every version: a change would send all clients elsewhere.
    #[test]
    fn a_hash_stays_what_it_is() {
        assert_eq!(hash(b""), 0xf52a_15e9_a9b5_e89b);
        assert_eq!(hash(b"192.0.2.1"), 5_552_405_930_031_864_309);
    }
}
