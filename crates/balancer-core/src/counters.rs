//! What one worker counts; merged for reports.

use crate::failure::Failure;
use crate::reason::{CloseReason, Side};
use ports::{ClosedFirst, ClosingTally};

/// Counters of one worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Client connections accepted.
    pub accepted: u64,
    /// `accept()` failures and pauses.
    pub accept_paused: u64,
    /// Times a listener was full, so that new clients had to wait in the accept queue.
    pub full: u64,
    /// Requests whose head was understood.
    pub requests: u64,
    /// Responses passed on whole.
    pub responses: u64,
    /// Responses by class of their status: 1xx to 5xx, final ones of servers.
    pub statuses: [u64; 5],
    /// Requests that failed, by [`Failure::index`].
    pub failures: [u64; Failure::NAMES.len()],
    /// Responses cut off in the middle because the server failed then.
    pub truncated: u64,
    /// Attempts repeated.
    pub retries: u64,
    /// Connections opened to servers.
    pub connects: u64,
    /// Connects that failed, by whose fault: here, there.
    pub connects_failed: [u64; 2],
    /// Requests sent on a connection of the pool.
    pub pooled: u64,
    /// Requests that had to wait for a local port.
    pub queued_for_port: u64,
    /// Requests that found the queue for a local port full.
    pub port_queue_full: u64,
    /// Tunnels opened (101).
    pub tunnels: u64,
    /// Closes of client connections: who.
    pub client_closes: ClosingTally,
    /// Closes of server connections: who.
    pub server_closes: ClosingTally,
    /// Closes of client connections: why.
    pub client_reasons: [u64; CloseReason::ALL.len()],
    /// Closes of server connections: why.
    pub server_reasons: [u64; CloseReason::ALL.len()],
    /// Client connections open now.
    pub clients_open: u64,
    /// Server connections open now.
    pub servers_open: u64,
}

impl Counters {
    /// Counts a failed request.
    pub fn count_failure(&mut self, failure: Failure) {
        self.failures[failure.index()] += 1;
    }

    /// Counts a final status.
    pub fn count_status(&mut self, status: u16) {
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        self.statuses[class] += 1;
    }

    /// Counts a close: who (unless it never stood) and why.
    pub fn count_close(&mut self, side: Side, who: Option<ClosedFirst>, why: CloseReason) {
        let (closes, reasons) = match side {
            Side::Client => (&mut self.client_closes, &mut self.client_reasons),
            Side::Server => (&mut self.server_closes, &mut self.server_reasons),
        };
        reasons[why as usize] += 1;
        if let Some(who) = who {
            closes.record(who);
        }
    }

    /// Failed requests of one kind.
    pub fn failed(&self, failure: Failure) -> u64 {
        self.failures[failure.index()]
    }

    /// All failed requests.
    pub fn failed_total(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// Adds another worker's counters.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.scalars_mut().into_iter().zip(other.clone().scalars_mut()) {
            *mine += *theirs;
        }
        self.client_closes.merge(&other.client_closes);
        self.server_closes.merge(&other.server_closes);
    }

    fn scalars_mut(&mut self) -> Vec<&mut u64> {
        let mut all = vec![
            &mut self.accepted,
            &mut self.accept_paused,
            &mut self.full,
            &mut self.requests,
            &mut self.responses,
            &mut self.truncated,
            &mut self.retries,
            &mut self.connects,
            &mut self.pooled,
            &mut self.queued_for_port,
            &mut self.port_queue_full,
            &mut self.tunnels,
            &mut self.clients_open,
            &mut self.servers_open,
        ];
        all.extend(&mut self.statuses);
        all.extend(&mut self.failures);
        all.extend(&mut self.connects_failed);
        all.extend(&mut self.client_reasons);
        all.extend(&mut self.server_reasons);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_adds_everything() {
        let mut one = Counters { accepted: 2, requests: 3, ..Counters::default() };
        one.count_failure(Failure::NoLocalPort);
        one.count_status(204);
        one.count_close(Side::Client, Some(ClosedFirst::OurFin), CloseReason::ExchangeOver);
        let mut sum = one.clone();
        sum.merge(&one);
        assert_eq!((sum.accepted, sum.requests, sum.failed(Failure::NoLocalPort)), (4, 6, 2));
        assert_eq!((sum.statuses[1], sum.client_closes.count(ClosedFirst::OurFin)), (2, 2));
        assert_eq!(sum.client_reasons[CloseReason::ExchangeOver as usize], 2);
    }
}
