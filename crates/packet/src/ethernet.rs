//! Ethernet II headers.

use crate::malformed::Malformed;
use core::fmt;

/// A link-layer address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everyone on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// A locally administered unicast address with this number in it.
    pub const fn local(number: u8) -> Self {
        Self([0x02, 0x51, 0x55, 0x49, 0x4e, number])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

/// What an Ethernet frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// EtherType 0x0800.
    Ipv4,
    /// EtherType 0x0806.
    Arp,
    /// Anything else, by its EtherType.
    Other(u16),
}

impl Kind {
    fn number(self) -> u16 {
        match self {
            Self::Ipv4 => 0x0800,
            Self::Arp => 0x0806,
            Self::Other(number) => number,
        }
    }

    fn from_number(number: u16) -> Self {
        match number {
            0x0800 => Self::Ipv4,
            0x0806 => Self::Arp,
            other => Self::Other(other),
        }
    }
}

/// An Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ethernet {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// What follows.
    pub kind: Kind,
}

impl Ethernet {
    /// Its length in bytes.
    pub const LEN: usize = 14;

    /// Reads the header at the start of a frame.
    ///
    /// # Errors
    /// The frame is too short.
    pub fn parse(frame: &[u8]) -> Result<Self, Malformed> {
        let header: &[u8; Self::LEN] = frame.first_chunk().ok_or(Malformed::Truncated("Ethernet"))?;
        let [d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5, k0, k1] = *header;
        Ok(Self {
            destination: Mac([d0, d1, d2, d3, d4, d5]),
            source: Mac([s0, s1, s2, s3, s4, s5]),
            kind: Kind::from_number(u16::from_be_bytes([k0, k1])),
        })
    }

    /// Appends the header.
    pub fn write(&self, frame: &mut Vec<u8>) {
        frame.extend_from_slice(&self.destination.0);
        frame.extend_from_slice(&self.source.0);
        frame.extend_from_slice(&self.kind.number().to_be_bytes());
    }
}
