//! Repetitions of what a server may have worked on: the budget of the set pays for them, all workers together.
//!
//! Requests put their share in only when somebody draws: how many were sent is counted anyway, so that one which is not
//! repeated pays nothing.

use super::Worker;
use super::sets::BackendSet;
use balancer_core::Counters;
use std::time::Duration;

/// What one worker has put into the budget of a set, and drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spending {
    /// Requests for which a share was put in, and when.
    requests: u64,
    at: Duration,
    /// Repetitions, and what went again on a new connection because a kept one was closed.
    again: u64,
    /// Attempts at servers that have left the set: what was counted once stays so.
    left: u64,
}

/// Attempts that reached it.
fn attempts(counters: &Counters) -> u64 {
    counters.connects + counters.pooled
}

impl BackendSet {
    /// Requests that were sent to somebody for the first time. It never falls, whoever comes and goes.
    fn first_attempts(&self) -> u64 {
        let here: u64 = self.servers.iter().map(|server| attempts(&server.counters)).sum();
        (here + self.spending.left).saturating_sub(self.spending.again)
    }

    /// A server's place is another's from now on.
    pub(super) fn note_replaced(&mut self, left: &Counters) {
        self.spending.left += attempts(left);
    }

    /// What is sent now was sent before: it is no request more.
    pub(super) fn note_again(&mut self) {
        self.spending.again += 1;
    }
}

impl Worker {
    /// Does the budget of this set pay for one more repetition?
    #[cold]
    pub(super) fn pays_for_repetition(&mut self, set: usize, now: Duration) -> bool {
        let set = &mut self.sets[set];
        let Some(budget) = set.rules.retry_budget else { return true };
        let requests = set.first_attempts();
        let BackendSet { spending, purse, counters, .. } = set;
        let new = requests.saturating_sub(std::mem::replace(&mut spending.requests, requests));
        let over = now.saturating_sub(std::mem::replace(&mut spending.at, now));
        let pays = purse.draw(budget.share_of(new, over), now, &budget);
        spending.again += u64::from(pays);
        counters.retry_budget_spent += u64::from(!pays);
        pays
    }
}
