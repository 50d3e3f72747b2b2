//! May a request be tried again, and where?

use crate::failure::Failure;

/// What is known of an attempt that failed before a byte of the response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// The failure.
    pub(crate) failure: Failure,
    /// Attempts made, this one included.
    pub(crate) attempts: u32,
    /// Further attempts allowed after the first.
    pub(crate) retries_max: u32,
    /// Bytes of the request may have reached the server.
    pub(crate) sent: bool,
    /// The method may be repeated (RFC 9110 section 9.2.2).
    pub(crate) idempotent: bool,
    /// All that was sent is still here to be sent again.
    pub(crate) replayable: bool,
    /// The connection came from the pool: the server may have closed it before it saw the request.
    pub(crate) pooled: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Again, on a fresh connection to the same server: a stale pooled connection says nothing of it.
    SameServer,
    /// Again, on another server.
    OtherServer,
    /// Tell the client.
    GiveUp,
}

impl Attempt {
    /// Decides. A request that may have been processed is repeated only when its method allows it.
    pub(crate) fn next_step(&self) -> NextStep {
        if self.attempts > self.retries_max || !self.replayable {
            return NextStep::GiveUp;
        }
        match self.failure {
            Failure::ServerUnreachable | Failure::ConnectTimeout if !self.sent => NextStep::OtherServer,
            Failure::ServerClosed if !self.sent || self.idempotent => {
                if self.pooled {
                    NextStep::SameServer
                } else {
                    NextStep::OtherServer
                }
            }
            _ => NextStep::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut Attempt), expect: NextStep) {
        let mut attempt = Attempt {
            failure: Failure::ServerUnreachable,
            attempts: 1,
            retries_max: 2,
            sent: false,
            idempotent: true,
            replayable: true,
            pooled: false,
        };
        change(&mut attempt);
        assert_eq!(attempt.next_step(), expect, "{attempt:?}");
    }

    #[test]
    fn what_was_not_sent_may_go_elsewhere() {
        check(|_| {}, NextStep::OtherServer);
        check(|a| a.failure = Failure::ConnectTimeout, NextStep::OtherServer);
        check(|a| a.idempotent = false, NextStep::OtherServer);
        check(|a| a.attempts = 3, NextStep::GiveUp);
        check(|a| a.replayable = false, NextStep::GiveUp);
    }

    #[test]
    fn what_may_have_been_processed_is_repeated_only_if_idempotent() {
        let closed = |a: &mut Attempt| (a.failure, a.sent) = (Failure::ServerClosed, true);
        check(closed, NextStep::OtherServer);
        check(|a| (closed(a), a.pooled = true).1, NextStep::SameServer);
        check(|a| (closed(a), a.idempotent = false).1, NextStep::GiveUp);
        check(|a| (closed(a), a.idempotent = false, a.pooled = true).2, NextStep::GiveUp);
    }

    #[test]
    fn our_own_shortage_and_timeouts_are_not_repeated() {
        for failure in [Failure::NoLocalPort, Failure::NoLocalResource, Failure::ServerTimeout, Failure::ServerNonsense]
        {
            check(|a| a.failure = failure, NextStep::GiveUp);
        }
    }
}
