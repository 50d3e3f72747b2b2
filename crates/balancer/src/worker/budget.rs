//! Repetitions of what a server may have worked on: the budget of the set pays for them, all workers together.
//!
//! Requests put their share in only when somebody draws: how many were sent is counted anyway, so that one which is not
//! repeated pays nothing.

use super::Worker;
use super::sets::BackendSet;
use std::time::Duration;

/// What one worker has put into the budget of a set, and drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spending {
    /// Requests for which a share was put in, and when.
    requests: u64,
    at: Duration,
    /// Repetitions.
    repeated: u64,
}

impl Worker {
    /// Does the budget of this set pay for one more repetition?
    #[cold]
    pub(super) fn pays_for_repetition(&mut self, set: usize, now: Duration) -> bool {
        let BackendSet { rules, servers, spending, purse, counters, .. } = &mut self.sets[set];
        let Some(budget) = rules.retry_budget else { return true };
        let sent: u64 = servers.iter().map(|server| server.counters.connects + server.counters.pooled).sum();
        // A repetition is no request: it puts nothing in.
        let requests = sent.saturating_sub(spending.repeated);
        let new = requests.saturating_sub(std::mem::replace(&mut spending.requests, requests));
        let over = now.saturating_sub(std::mem::replace(&mut spending.at, now));
        let pays = purse.draw(budget.share_of(new, over), now, &budget);
        spending.repeated += u64::from(pays);
        counters.retry_budget_spent += u64::from(!pays);
        pays
    }
}
