//! Why bytes are not the frame they seem to be.

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends before this header does.
    #[error("the frame ends inside its {0} header")]
    Truncated(&'static str),
    /// An ARP packet for something else than IPv4 over Ethernet, or neither request nor reply.
    #[error("ARP, but not a request or reply for IPv4 over Ethernet")]
    ForeignArp,
    /// The version field of an IPv4 packet is not 4.
    #[error("an IPv4 packet whose version is not 4")]
    NotVersion4,
    /// IPv4, but not TCP; the protocol number.
    #[error("IPv4 protocol {0}, not TCP (6)")]
    NotTcp(u8),
    /// An IPv4 fragment.
    #[error("an IPv4 fragment")]
    Fragment,
    /// A length field points outside of its packet.
    #[error("a length in the {0} header points outside of the packet")]
    Length(&'static str),
    /// A checksum is wrong; of this header.
    #[error("the {0} checksum is wrong")]
    Checksum(&'static str),
}
