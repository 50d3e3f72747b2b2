//! How fast a client has to be while it is waited for. Whoever sends or reads a byte now and then makes progress, so that no
//! time-out between two bytes ends it; this does.
//!
//! ```text
//!   behind   grace |                    .--> too slow
//!                  |          .--.    .'        it falls behind by the time that it is waited for,
//!                0 |----.  .-'    `--'          and catches up by what its bytes may take
//!                       `--
//! ```
//! Only time counts in which nobody but the client is waited for.

use core::num::NonZeroU32;
use core::time::Duration;

/// Bytes per second, at least; and how far behind a client may be. Nothing is asked by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceRules {
    /// Of a request's body.
    pub request: Option<NonZeroU32>,
    /// Of a response, as its reader acknowledges it.
    pub response: Option<NonZeroU32>,
    /// How much longer than its bytes may take.
    pub grace: Duration,
}

impl Default for PaceRules {
    fn default() -> Self {
        Self::NONE
    }
}

impl PaceRules {
    /// Nothing is asked.
    pub const NONE: Self = Self { request: None, response: None, grace: Duration::from_secs(20) };

    /// Is anything asked?
    #[inline]
    pub(crate) fn are_any(&self) -> bool {
        self.request.is_some() || self.response.is_some()
    }
}

/// How far a client is behind, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    behind_us: u32,
}

impl Pace {
    /// It was waited for so long, and so many bytes came of it. Who is ahead has nothing of that later.
    pub(crate) fn note(&mut self, waited: Duration, bytes: u64, rate: NonZeroU32) {
        let waited_us = u32::try_from(waited.as_micros()).unwrap_or(u32::MAX);
        let may_us = bytes.saturating_mul(1_000_000) / u64::from(rate.get());
        let may_us = u32::try_from(may_us).unwrap_or(u32::MAX);
        self.behind_us = self.behind_us.saturating_add(waited_us).saturating_sub(may_us);
    }

    /// How long it may go on without a byte.
    pub(crate) fn left(self, grace: Duration) -> Duration {
        grace.saturating_sub(Duration::from_micros(self.behind_us.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of waited milliseconds and bytes at 1000 bytes per second; then how many of ten seconds are left.
    fn check(steps: &[(u64, u64)], left_ms: u64) {
        let mut pace = Pace::default();
        let rate = NonZeroU32::new(1000).expect("a rate");
        steps.iter().for_each(|(ms, bytes)| pace.note(Duration::from_millis(*ms), *bytes, rate));
        assert_eq!(pace.left(Duration::from_secs(10)), Duration::from_millis(left_ms), "{steps:?}");
    }

    #[test]
    fn who_is_slow_falls_behind_and_may_catch_up() {
        check(&[], 10_000);
        check(&[(4000, 0)], 6000);
        check(&[(4000, 1000), (4000, 1000)], 4000);
        check(&[(4000, 1000), (0, 2000)], 9000);
        check(&[(4000, 4000), (1000, 1000)], 10_000);
        check(&[(9999, 1), (2, 0)], 0);
        check(&[(60_000, 10)], 0);
        check(&[(10_000_000, u64::MAX >> 24)], 10_000);
    }

    #[test]
    fn a_head_start_is_none() {
        check(&[(0, 1_000_000), (9000, 0)], 1000);
    }

    #[test]
    fn a_byte_now_and_then_does_not_help() {
        let drips = [(1000, 1); 30];
        check(&drips[..9], 1009);
        check(&drips, 0);
    }
}
