//! Ethernet, ARP, IPv4 and TCP as bytes: read, written, and changed in place with their checksums.
//!
//! Only what a gateway and a scripted peer need: no fragments, no IPv6, no TCP options but MSS, window
//! scale, SACK permitted and timestamps (others are skipped when read, kept when forwarded).

mod arp;
mod checksum;
mod ethernet;
mod flags;
mod malformed;
mod options;
mod rewrite;
mod segment;

pub use arp::{Arp, Operation};
pub use ethernet::{Ethernet, Kind, Mac};
pub use flags::Flags;
pub use malformed::Malformed;
pub use options::{Options, Timestamps};
pub use rewrite::{Changed, rewrite_ethernet, rewrite_tcp};
pub use segment::{Route, Segment, TTL_DEFAULT};
