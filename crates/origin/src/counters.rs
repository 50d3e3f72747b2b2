//! What an origin counts.

use ports::ClosingTally;

/// Counters of one origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub accepted: u64,
    /// `accept()` failures.
    pub accept_failed: u64,
    /// Requests whose head was understood.
    pub requests: u64,
    /// Requests refused because they broke the rules of HTTP.
    pub refused: u64,
    /// Connections given up because no buffer was left.
    pub shortages: u64,
    /// Connections closed because nothing happened on them.
    pub idle: u64,
    /// Who closed.
    pub closes: ClosingTally,
}

impl Counters {
    /// Adds another worker's counters.
    pub fn merge(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.accept_failed += other.accept_failed;
        self.requests += other.requests;
        self.refused += other.refused;
        self.shortages += other.shortages;
        self.idle += other.idle;
        self.closes.merge(&other.closes);
    }
}
