//! How long a connection that fails pauses before its next try: doubling from 1 ms, so that a shortage
//! is neither hammered nor slept through.

use core::time::Duration;

/// First pause. (The shell's timer rounds up to its own tick.)
pub(crate) const BACKOFF_FIRST: Duration = Duration::from_millis(1);

/// Doublings after which a pause would exceed any bound.
const DOUBLINGS_MAX: u8 = 20;

/// Failures in a row of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u8,
}

impl Backoff {
    /// One more failure; says how long to pause, at most `max`.
    pub fn handle_failure(&mut self, max: Duration) -> Duration {
        let pause = BACKOFF_FIRST * (1u32 << self.failures);
        self.failures = (self.failures + 1).min(DOUBLINGS_MAX);
        pause.min(max)
    }

    /// Something went well: the next failure starts over.
    pub fn handle_success(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound_and_start_over() {
        let mut backoff = Backoff::default();
        let max = Duration::from_millis(100);
        let mut pauses = || (0..9).map(|_| backoff.handle_failure(max).as_millis()).collect::<Vec<_>>();
        assert_eq!(pauses(), [1, 2, 4, 8, 16, 32, 64, 100, 100]);
        (0..1000).for_each(|_| assert_eq!(backoff.handle_failure(max), max));
        backoff.handle_success();
        assert_eq!(backoff.handle_failure(max), BACKOFF_FIRST);
        assert_eq!(backoff.handle_failure(Duration::ZERO), Duration::ZERO);
    }
}
