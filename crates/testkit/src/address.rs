//! Addresses for tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// An address of 127.0.0.0/8 for this process alone (22 bits, as many as process ids have): what other programs have
/// left in TIME_WAIT is not towards it.
pub fn own_loopback() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (high & 63), middle, low)
}

/// An address where nobody listens, to be refused by or to listen at: other programs do not know it.
///
/// # Panics
/// When no port is free.
pub fn free_address() -> SocketAddr {
    TcpListener::bind((own_loopback(), 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port on the loopback")
}
