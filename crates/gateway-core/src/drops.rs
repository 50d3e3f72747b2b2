//! Why a frame is not carried, and how often that happened.

use core::fmt;

/// Why a frame was not carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Neither ARP nor IPv4 over TCP in one piece, or damaged.
    NotTcp,
    /// For nobody beyond this gateway.
    NotForwarded,
    /// A segment without SYN of a flow that is not (or no longer) in the table.
    NoFlow,
    /// A filter of the settings.
    Filtered,
    /// Every flow of the table is in use.
    TableFull,
    /// No public port is free towards this destination.
    PortsExhausted,
    /// The link loses frames by chance.
    Lost,
    /// The link's queue is full.
    QueueFull,
    /// The neighbour's link-layer address is unknown and enough frames wait for it.
    NeighbourUnknown,
}

impl DropReason {
    /// Every reason.
    pub const ALL: [Self; 9] = [
        Self::NotTcp,
        Self::NotForwarded,
        Self::NoFlow,
        Self::Filtered,
        Self::TableFull,
        Self::PortsExhausted,
        Self::Lost,
        Self::QueueFull,
        Self::NeighbourUnknown,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotTcp => "not TCP over IPv4",
            Self::NotForwarded => "not to be forwarded",
            Self::NoFlow => "no flow",
            Self::Filtered => "filtered",
            Self::TableFull => "table full",
            Self::PortsExhausted => "ports exhausted",
            Self::Lost => "lost",
            Self::QueueFull => "queue full",
            Self::NeighbourUnknown => "neighbour unknown",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a gateway did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments carried.
    pub carried: u64,
    /// Flows made.
    pub flows_made: u64,
    /// Flows that lost their public port to another before their time-out (Linux >= 6.5).
    pub flows_evicted: u64,
    drops: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Frames dropped for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.drops[reason as usize] += 1;
    }
}
