//! Names of hosts to addresses, by the system's own resolver (`getaddrinfo`). Blocks: not for event loops.

use std::net::{SocketAddr, ToSocketAddrs};

/// A host's name has no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{host:?} cannot be resolved: {reason}; check the name, or give an IP address")]
pub struct ResolveError {
    /// The name.
    pub host: String,
    /// The resolver's words.
    pub reason: String,
}

/// Every address of `host`, a name or an IP address, in the resolver's order of preference; at least one.
///
/// # Errors
/// The name is unknown, or the resolver cannot be asked.
pub fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ResolveError> {
    let failed = |reason: String| ResolveError { host: host.to_owned(), reason };
    let found: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|error| failed(error.to_string()))?.collect();
    if found.is_empty() { Err(failed("it has no address".to_owned())) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_their_own_names() {
        let check = |host: &str, expect: &str| {
            let found = resolve(host, 80).expect("an address");
            assert_eq!(found, [expect.parse().expect("an address")]);
        };
        check("127.0.0.1", "127.0.0.1:80");
        check("::1", "[::1]:80");
    }

    #[test]
    fn what_has_no_address_is_named() {
        let error = resolve("a.invalid", 80).expect_err("never registered (RFC 6761)").to_string();
        assert!(error.contains("\"a.invalid\" cannot be resolved"), "{error}");
    }
}
