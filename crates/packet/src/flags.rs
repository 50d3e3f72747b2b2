//! TCP's control bits (RFC 9293, 3.1).

use core::fmt;
use core::ops::BitOr;

/// A set of control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronises sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Resets.
    pub const RST: Self = Self(0x04);
    /// Pushes data to the application.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);
    /// Every bit that has a name here.
    const NAMED: [(Self, &'static str); 5] =
        [(Self::SYN, "syn"), (Self::FIN, "fin"), (Self::RST, "rst"), (Self::PSH, "psh"), (Self::ACK, "ack")];

    /// Are all bits of `other` set?
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// SYN without ACK.
    pub const fn is_opening(self) -> bool {
        self.contains(Self::SYN) && !self.contains(Self::ACK)
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set: Vec<&str> = Self::NAMED.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| *name).collect();
        f.write_str(if set.is_empty() { "none".to_owned() } else { set.join("-") }.as_str())
    }
}
