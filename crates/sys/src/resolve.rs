//! Names of hosts to addresses, by the system's own resolver (`getaddrinfo`), and which of them answer. Blocks: not for
//! event loops.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Addresses of one name that are tried; a name with more is used by its first ones.
pub const TRIED_MAX: usize = 16;

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

/// An address that was connected to, and how that ended.
#[derive(Debug)]
pub struct Tried {
    /// The address.
    pub address: SocketAddr,
    /// Whether a connection came to be, or why not.
    pub result: io::Result<()>,
}

impl Tried {
    /// Nobody listens there: the host is, and says so at once.
    pub fn is_refused(&self) -> bool {
        self.result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

/// Connects to each of `addresses` (the first [`TRIED_MAX`]), all at the same time, and takes at most `patience` in all.
/// In their order. What connected is reset at once: it costs no port.
pub fn try_all(addresses: &[SocketAddr], patience: Duration) -> Vec<Tried> {
    let addresses = &addresses[..addresses.len().min(TRIED_MAX)];
    std::thread::scope(|scope| {
        let tries: Vec<_> = addresses.iter().map(|address| scope.spawn(move || connect(address, patience))).collect();
        let ended = |result: std::thread::Result<io::Result<()>>| {
            result.unwrap_or_else(|_| Err(io::Error::other("the try came to no end")))
        };
        tries
            .into_iter()
            .zip(addresses)
            .map(|(one, address)| Tried { address: *address, result: ended(one.join()) })
            .collect()
    })
}

fn connect(address: &SocketAddr, patience: Duration) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(address, patience)?;
    // A look that cannot end by a reset ends by a FIN.
    let _as_good = crate::sockopt::set_linger_reset(&stream);
    Ok(())
}

/// Whether a connection to `address` negotiates TCP timestamps; `None` where none comes to be. It is reset at once.
pub fn negotiates_timestamps(address: &SocketAddr, patience: Duration) -> Option<bool> {
    let stream = TcpStream::connect_timeout(address, patience).ok()?;
    let _as_good = crate::sockopt::set_linger_reset(&stream);
    crate::tcp_info::tcp_info(&stream).ok().map(|info| info.timestamps())
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
    fn every_address_is_tried_and_told_apart() {
        let live = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port").local_addr().map(|at| at.port());
        // Of the listener nothing is left: the port refuses.
        let refuses = SocketAddr::from(([127, 0, 0, 1], live.expect("bound")));
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let answers = listener.local_addr().expect("bound");
        let tried = try_all(&[refuses, answers, refuses], Duration::from_secs(30));
        let seen: Vec<_> = tried.iter().map(|one| (one.address, one.result.is_ok(), one.is_refused())).collect();
        assert_eq!(seen, [(refuses, false, true), (answers, true, false), (refuses, false, true)]);
    }

    #[test]
    fn timestamps_are_as_this_host_has_them() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let patience = Duration::from_secs(30);
        let here = crate::sysctl::read_u64("net.ipv4.tcp_timestamps").expect("every Linux has it") > 0;
        assert_eq!(negotiates_timestamps(&address, patience), Some(here));
        drop(listener);
        assert_eq!(negotiates_timestamps(&address, patience), None);
    }

    #[test]
    fn what_has_no_address_is_named() {
        let error = resolve("a.invalid", 80).expect_err("never registered (RFC 6761)").to_string();
        assert!(error.contains("\"a.invalid\" cannot be resolved"), "{error}");
    }
}
