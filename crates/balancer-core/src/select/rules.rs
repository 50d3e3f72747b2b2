//! By what a backend set's server is chosen.

use super::key::HashBy;
use super::sticky::Sticky;
use core::time::Duration;
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
        /// Whoever has fewer of them, of two that chance names.
        Random = "random",
        /// Whoever is likely to answer first: by the time it takes, and by what is under way.
        LeastTime = "least-time",
        /// Always the same for the same key, while it has not much more to do than the others.
        Hash = "hash",
    }
}

/// By what a server is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectionRules {
    /// Who is next.
    pub balance: Balance,
    /// With [`Balance::Hash`]: by what.
    pub hash: Option<HashBy>,
    /// Clients stay with their servers, whatever the policy says.
    pub sticky: Option<Sticky>,
    /// How long a server that is back, or new, takes to its full weight; zero: no time.
    pub slow_start: Duration,
}

impl SelectionRules {
    /// The cookie that servers do not see.
    #[inline]
    pub fn cookie_of_ours(&self) -> Option<&str> {
        self.sticky.as_ref().filter(|sticky| !sticky.pass).map(|sticky| sticky.cookie.as_str())
    }
}

/// The least share of its weight that a server has from the first moment, in percent.
const RAMP_MIN: u32 = 10;
/// All of it.
pub const RAMP_FULL: u32 = 100;

/// The share of its weight that a server has so long after it came (back), in percent.
pub fn ramp(since: Duration, slow_start: Duration) -> u32 {
    if since >= slow_start {
        return RAMP_FULL;
    }
    let percent = since.as_micros() * u128::from(RAMP_FULL) / slow_start.as_micros().max(1);
    (percent as u32).clamp(RAMP_MIN, RAMP_FULL)
}
