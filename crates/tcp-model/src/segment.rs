//! A TCP segment as far as the decisions look at it.

use core::fmt;

/// Control flags of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
}

impl Flags {
    /// SYN alone.
    pub const SYN: Self = Self { syn: true, ack: false, fin: false, rst: false };
    /// SYN and ACK.
    pub const SYN_ACK: Self = Self { syn: true, ack: true, fin: false, rst: false };
    /// ACK alone.
    pub const ACK: Self = Self { syn: false, ack: true, fin: false, rst: false };
    /// FIN and ACK.
    pub const FIN_ACK: Self = Self { syn: false, ack: true, fin: true, rst: false };
    /// FIN without ACK, which no stack should send.
    pub const FIN: Self = Self { syn: false, ack: false, fin: true, rst: false };
    /// RST alone.
    pub const RST: Self = Self { syn: false, ack: false, fin: false, rst: true };
    /// RST and ACK.
    pub(crate) const RST_ACK: Self = Self { syn: false, ack: true, fin: false, rst: true };

    /// The combinations that have a name, with it.
    pub const NAMED: [(&'static str, Self); 7] = [
        ("syn", Self::SYN),
        ("syn-ack", Self::SYN_ACK),
        ("ack", Self::ACK),
        ("fin-ack", Self::FIN_ACK),
        ("fin", Self::FIN),
        ("rst", Self::RST),
        ("rst-ack", Self::RST_ACK),
    ];

    /// The name of this combination; `None` for one that makes no sense (SYN with FIN).
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(_, flags)| *flags == self).map(|(name, _)| *name)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(
                f,
                "{}{}{}{}",
                ["", "S"][usize::from(self.syn)],
                ["", "F"][usize::from(self.fin)],
                ["", "R"][usize::from(self.rst)],
                ["", "."][usize::from(self.ack)]
            ),
        }
    }
}

/// The timestamp option (RFC 7323).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// TSval, the sender's clock.
    pub val: u32,
    /// TSecr, the echo; 0 where the segment has no ACK.
    pub ecr: u32,
}

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Control flags.
    pub flags: Flags,
    /// Sequence number of the first byte (of the SYN, if there is one).
    pub seq: u32,
    /// Acknowledgment number; meaningless without the ACK flag.
    pub ack: u32,
    /// Payload, in bytes.
    pub len: u16,
    /// The timestamp option, if carried.
    pub timestamp: Option<Timestamp>,
}

impl Segment {
    /// A segment without payload and without timestamp.
    pub const fn new(flags: Flags, seq: u32, ack: u32) -> Self {
        Self { flags, seq, ack, len: 0, timestamp: None }
    }

    /// A SYN.
    pub const fn syn(seq: u32) -> Self {
        Self::new(Flags::SYN, seq, 0)
    }

    /// The same with a timestamp option.
    pub const fn stamped(self, val: u32, ecr: u32) -> Self {
        Self { timestamp: Some(Timestamp { val, ecr }), ..self }
    }

    /// The same with payload.
    pub const fn with_len(self, len: u16) -> Self {
        Self { len, ..self }
    }

    /// First sequence number behind the segment: SYN and FIN count one each.
    pub const fn end_seq(&self) -> u32 {
        self.seq.wrapping_add(self.len as u32 + self.flags.syn as u32 + self.flags.fin as u32)
    }
}

impl fmt::Display for Segment {
    /// `ack seq 7 ack 9 tsval 3 tsecr 4`, the words of a scenario.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} seq {}", self.flags, self.seq)?;
        if self.flags.ack {
            write!(f, " ack {}", self.ack)?;
        }
        if self.len > 0 {
            write!(f, " len {}", self.len)?;
        }
        match self.timestamp {
            Some(ts) => write!(f, " tsval {} tsecr {}", ts.val, ts.ecr),
            None => f.write_str(" ts none"),
        }
    }
}
