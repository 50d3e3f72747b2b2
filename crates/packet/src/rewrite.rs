//! Changing a frame in place, its checksums along with it.

use crate::checksum::checksum_changed;
use crate::ethernet::Ethernet;
use crate::malformed::Malformed;
use crate::segment::{Layout, Route};
use core::net::SocketAddrV4;

/// What becomes of the two ends of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// New source, if any.
    pub from: Option<SocketAddrV4>,
    /// New destination, if any.
    pub to: Option<SocketAddrV4>,
}

/// Gives a frame to the next link.
///
/// # Panics
/// On a frame shorter than an Ethernet header: parse it first.
pub fn rewrite_ethernet(frame: &mut [u8], route: Route) {
    frame[..6].copy_from_slice(&route.destination.0);
    frame[6..12].copy_from_slice(&route.source.0);
}

/// Changes addresses and ports of a TCP segment and counts its time to live down by `hops`.
///
/// Checksums are changed, not made anew: damage stays visible to the receiver.
///
/// # Errors
/// Not a TCP segment over IPv4.
pub fn rewrite_tcp(frame: &mut [u8], changed: Changed, hops: u8) -> Result<(), Malformed> {
    let tcp = Layout::find(frame)?.tcp.start;
    if let Some(from) = changed.from {
        rewrite_end(frame, tcp, Ethernet::LEN + 12, tcp, from);
    }
    if let Some(to) = changed.to {
        rewrite_end(frame, tcp, Ethernet::LEN + 16, tcp + 2, to);
    }
    let ttl = Ethernet::LEN + 8;
    let new = [frame[ttl].saturating_sub(hops), frame[ttl + 1]];
    replace(frame, ttl, &new, &[Ethernet::LEN + 10]);
    Ok(())
}

/// One address and one port. The address is in both checksums: TCP's covers a pseudo-header.
fn rewrite_end(frame: &mut [u8], tcp: usize, address_at: usize, port_at: usize, end: SocketAddrV4) {
    let (ip_sum, tcp_sum) = (Ethernet::LEN + 10, tcp + 16);
    replace(frame, address_at, &end.ip().octets(), &[ip_sum, tcp_sum]);
    replace(frame, port_at, &end.port().to_be_bytes(), &[tcp_sum]);
}

fn replace(frame: &mut [u8], at: usize, new: &[u8], sums: &[usize]) {
    for &sum in sums {
        let before = u16::from_be_bytes([frame[sum], frame[sum + 1]]);
        let after = checksum_changed(before, &frame[at..at + new.len()], new);
        frame[sum..sum + 2].copy_from_slice(&after.to_be_bytes());
    }
    frame[at..at + new.len()].copy_from_slice(new);
}
