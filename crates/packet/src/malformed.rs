//! Why bytes are not the frame they seem to be.

use core::fmt;

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends before this header does.
    Truncated(&'static str),
    /// An ARP packet for something else than IPv4 over Ethernet, or neither request nor reply.
    ForeignArp,
    /// The version field of an IPv4 packet is not 4.
    NotVersion4,
    /// IPv4, but not TCP; the protocol number.
    NotTcp(u8),
    /// An IPv4 fragment.
    Fragment,
    /// A length field points outside of its packet.
    Length(&'static str),
    /// A checksum is wrong; of this header.
    Checksum(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated(header) => write!(f, "the frame ends inside its {header} header"),
            Self::ForeignArp => f.write_str("ARP, but not a request or reply for IPv4 over Ethernet"),
            Self::NotVersion4 => f.write_str("an IPv4 packet whose version is not 4"),
            Self::NotTcp(protocol) => write!(f, "IPv4 protocol {protocol}, not TCP (6)"),
            Self::Fragment => f.write_str("an IPv4 fragment"),
            Self::Length(header) => write!(f, "a length in the {header} header points outside of the packet"),
            Self::Checksum(header) => write!(f, "the {header} checksum is wrong"),
        }
    }
}

impl core::error::Error for Malformed {}
