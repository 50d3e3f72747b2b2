//! Why a frame is not carried, and how often that happened.

use named::named;

named! {
    /// Why a frame was not carried.
    #[derive(PartialOrd, Ord)]
    pub enum DropReason {
        /// Neither ARP nor IPv4 over TCP in one piece, or damaged.
        NotTcp = "not TCP over IPv4",
        /// For nobody beyond this gateway.
        NotForwarded = "not to be forwarded",
        /// A segment without SYN of a flow that is not (or no longer) in the table.
        NoFlow = "no flow",
        /// A filter of the settings.
        Filtered = "filtered",
        /// Every flow of the table is in use.
        TableFull = "table full",
        /// No public port is free towards this destination.
        PortsExhausted = "ports exhausted",
        /// The link loses frames by chance.
        Lost = "lost",
        /// The link's queue is full.
        QueueFull = "queue full",
        /// The neighbour's link-layer address is unknown and enough frames wait for it.
        NeighbourUnknown = "neighbour unknown",
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
