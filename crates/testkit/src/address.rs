//! Addresses for tests.

use std::net::Ipv4Addr;

/// An address of 127.0.0.0/8 for this process alone (22 bits, as many as process ids have): what other programs have
/// left in TIME_WAIT is not towards it.
pub fn own_loopback() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 128 | (high & 63), middle, low)
}
