//! May a request be tried again, and where?

use crate::failure::Failure;
use core::time::Duration;
use named::named;

/// Pauses before an attempt when nobody takes connections; more than these fit into no connect time-out of a few seconds.
const PAUSES_MAX: u32 = 8;
/// The first of them; each is twice as long as the one before, ...
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// ... up to this.
const PAUSE_MAX: Duration = Duration::from_secs(1);

named! {
    /// What a further attempt was made for.
    pub enum RetryReason {
        /// The server could not be reached.
        Unreachable = "unreachable",
        /// It did not take the connection in time.
        ConnectTimeout = "connect_timeout",
        /// It closed before it answered; a kept connection may have been closed before the request came.
        Closed = "closed",
        /// It did not answer in time.
        Timeout = "timeout",
        /// Its answer was no HTTP.
        Nonsense = "nonsense",
        /// It answered with a status that another server is asked for.
        Status = "status",
    }
}

impl RetryReason {
    /// For a failure after which an attempt may be made again.
    pub(crate) fn of(failure: Failure) -> Option<Self> {
        Some(match failure {
            Failure::ServerUnreachable => Self::Unreachable,
            Failure::ConnectTimeout => Self::ConnectTimeout,
            Failure::ServerClosed => Self::Closed,
            Failure::ServerTimeout => Self::Timeout,
            Failure::ServerNonsense(_) => Self::Nonsense,
            Failure::ServerError(_) => Self::Status,
            _ => return None,
        })
    }
}

/// What is known of an attempt that failed before a byte of the response was passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The failure.
    pub(crate) failure: Failure,
    /// Attempts made, this one included.
    pub(crate) attempts: u32,
    /// Further attempts allowed after the first.
    pub(crate) retries_max: u32,
    /// Where nobody takes connections there may be more of them, with pauses ([`pause_after`]).
    pub(crate) waits_for_restart: bool,
    /// Bytes of the request may have reached the server.
    pub(crate) sent: bool,
    /// The method may be repeated (RFC 9110 section 9.2.2).
    pub(crate) idempotent: bool,
    /// All that was sent is still here to be sent again.
    pub(crate) replayable: bool,
    /// The connection came from the pool, and no byte came back on it: the server may have closed it before it saw the
    /// request.
    pub(crate) pooled: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Again, on a fresh connection to the same server: a stale pooled connection says nothing of it.
    SameServer,
    /// Again, on another server.
    OtherServer,
    /// Again, after a moment: nobody takes connections now.
    Pause,
    /// Tell the client.
    GiveUp,
}

impl Attempt {
    /// Decides. A request that may have been processed is repeated only when its method allows it.
    pub(crate) fn next_step(&self) -> NextStep {
        if !self.replayable {
            return NextStep::GiveUp;
        }
        if self.attempts > self.retries_max {
            return self.alone();
        }
        match self.failure {
            Failure::ServerUnreachable | Failure::ServerNotSecured | Failure::ConnectTimeout if !self.sent => {
                NextStep::OtherServer
            }
            Failure::ServerClosed if self.pooled && (!self.sent || self.idempotent) => NextStep::SameServer,
            // The next server would say the same.
            Failure::ServerNonsense(rule) if rule.is_limit() => NextStep::GiveUp,
            Failure::ServerClosed | Failure::ServerTimeout | Failure::ServerNonsense(_) | Failure::ServerError(_)
                if !self.sent || self.idempotent =>
            {
                NextStep::OtherServer
            }
            _ => NextStep::GiveUp,
        }
    }

    /// There is no other server, or each had its attempt. One that takes no connections may only be starting anew.
    pub(crate) fn alone(&self) -> NextStep {
        let left = self.attempts <= self.retries_max;
        let unsent = matches!(self.failure, Failure::ServerUnreachable | Failure::ConnectTimeout) && !self.sent;
        let waits = unsent && (left || self.waits_for_restart);
        let closed = self.failure == Failure::ServerClosed && self.idempotent && left;
        match self.retries_max > 0 && self.replayable && (waits || closed) {
            true => NextStep::Pause,
            false => NextStep::GiveUp,
        }
    }
}

/// How long to wait before the next attempt after `pauses` such waits. `None`: there were enough.
pub(crate) fn pause_after(pauses: u32) -> Option<Duration> {
    (pauses < PAUSES_MAX).then(|| (PAUSE_MIN * (1 << pauses)).min(PAUSE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(change: impl Fn(&mut Attempt)) -> Attempt {
        let mut attempt = Attempt {
            failure: Failure::ServerUnreachable,
            attempts: 1,
            retries_max: 2,
            waits_for_restart: true,
            sent: false,
            idempotent: true,
            replayable: true,
            pooled: false,
        };
        change(&mut attempt);
        attempt
    }

    /// What comes next, and what where there is no other server.
    fn check(change: impl Fn(&mut Attempt), expect: NextStep, alone: NextStep) {
        let attempt = attempt(change);
        assert_eq!((attempt.next_step(), attempt.alone()), (expect, alone), "{attempt:?}");
    }

    use NextStep::*;

    #[test]
    fn what_was_not_sent_may_go_elsewhere_or_wait() {
        check(|_| {}, OtherServer, Pause);
        check(|a| a.failure = Failure::ConnectTimeout, OtherServer, Pause);
        check(|a| a.idempotent = false, OtherServer, Pause);
        check(|a| a.attempts = 3, Pause, Pause);
        check(|a| a.replayable = false, GiveUp, GiveUp);
        check(|a| a.retries_max = 0, GiveUp, GiveUp);
    }

    /// Where somebody has said how many attempts there may be, no more are made at a server that is away, either.
    #[test]
    fn a_number_that_was_written_bounds_what_was_not_sent_too() {
        for failure in [Failure::ServerUnreachable, Failure::ConnectTimeout] {
            let written = |a: &mut Attempt| (a.failure, a.waits_for_restart) = (failure, false);
            check(written, OtherServer, Pause);
            check(|a| (written(a), a.attempts = 2).1, OtherServer, Pause);
            check(|a| (written(a), a.attempts = 3).1, GiveUp, GiveUp);
        }
    }

    /// A certificate that is not to be trusted will be no better in a moment.
    #[test]
    fn a_server_that_cannot_be_trusted_is_not_waited_for() {
        check(|a| a.failure = Failure::ServerNotSecured, OtherServer, GiveUp);
        check(|a| (a.failure, a.attempts) = (Failure::ServerNotSecured, 3), GiveUp, GiveUp);
    }

    #[test]
    fn what_may_have_been_processed_is_repeated_only_if_idempotent() {
        let closed = |a: &mut Attempt| (a.failure, a.sent) = (Failure::ServerClosed, true);
        check(closed, OtherServer, Pause);
        check(|a| (closed(a), a.pooled = true).1, SameServer, Pause);
        check(|a| (closed(a), a.attempts = 3).1, GiveUp, GiveUp);
        check(|a| (closed(a), a.idempotent = false).1, GiveUp, GiveUp);
        check(|a| (closed(a), a.idempotent = false, a.pooled = true).2, GiveUp, GiveUp);
    }

    #[test]
    fn a_sick_servers_request_goes_elsewhere_but_not_to_itself() {
        let nonsense = Failure::ServerNonsense(http1::Error::StatusLine);
        for failure in [Failure::ServerTimeout, nonsense, Failure::ServerError(503)] {
            assert!(RetryReason::of(failure).is_some());
            let sick = |a: &mut Attempt| (a.failure, a.sent) = (failure, true);
            check(sick, OtherServer, GiveUp);
            check(|a| (sick(a), a.pooled = true).1, OtherServer, GiveUp);
            check(|a| (sick(a), a.idempotent = false).1, GiveUp, GiveUp);
            check(|a| (sick(a), a.attempts = 3).1, GiveUp, GiveUp);
        }
    }

    #[test]
    fn our_own_shortage_is_not_repeated() {
        for failure in [Failure::NoLocalPort, Failure::NoLocalResource] {
            check(|a| a.failure = failure, GiveUp, GiveUp);
        }
    }

    #[test]
    fn pauses_are_bounded_in_number_and_fit_a_connect_timeout() {
        let pauses: Vec<_> = (0..).map_while(pause_after).collect();
        assert_eq!(pauses.len() as u32, PAUSES_MAX);
        let sum: Duration = pauses.iter().sum();
        assert!(sum > Duration::from_millis(1500) && sum < Duration::from_secs(5), "{sum:?}");
    }
}
