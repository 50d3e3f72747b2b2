//! By what a backend set's server is chosen.

use named::named;

named! {
    /// Who is next (`balance = "..."` of a backend set).
    #[derive(Default)]
    pub enum Balance {
        /// Everyone in turn, by weight.
        #[default]
        RoundRobin = "round-robin",
        /// Whoever has the fewest requests under way for its weight, over all workers.
        LeastConnections = "least-connections",
    }
}

/// By what a server is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectionRules {
    /// Who is next.
    pub balance: Balance,
}
