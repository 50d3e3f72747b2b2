//! May connect() take over a 4-tuple whose last connection is in TIME_WAIT?
//!
//! Only if timestamps were negotiated on that connection; then at once with an explicitly bound port, else where
//! tcp_tw_reuse allows it and its delay has passed.

use super::time_wait::{Substate, TimeWait};
use crate::counter::{Bumps, Counter};
use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "reuse of a 4-tuple in TIME_WAIT by connect()",
        function: "tcp_twsk_unique",
        versions: VersionRange::ALL,
        reference: "source of 2.6.32, 3.13, 6.18; loopback only: 79e9fed46038 (4.19)",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "the delay counts milliseconds since TIME_WAIT began",
        function: "tcp_twsk_unique",
        versions: VersionRange::from(Version::new(6, 14)),
        reference: "19ce8cd30465",
        certainty: Certainty::Read,
    },
    Source {
        decision: "the delay is over in a later second instead of after a difference of two",
        function: "tcp_twsk_unique",
        versions: VersionRange::between(Version::new(4, 19), Version::new(6, 13)),
        reference: "cca9bab1b72c; the first version is remembered",
        certainty: Certainty::Remembered,
    },
    Source {
        decision: "FIN_WAIT2 is never reused without an explicit bind",
        function: "tcp_twsk_unique",
        versions: VersionRange::from(Version::new(6, 12)),
        reference: "0d9e5df4a257; there in 6.18, the first version is remembered",
        certainty: Certainty::Remembered,
    },
];

/// Who asks for the 4-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Was the port bound explicitly, rather than chosen by connect()?
    pub bound: bool,
    /// Is either address a loopback one, or the socket bound to `lo`?
    pub loopback: bool,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The TIME_WAIT is taken over: the connection starts with this sequence number and inherits its TSval memory.
    Reused {
        /// Initial sequence number.
        isn: u32,
    },
    /// It is not.
    Refused(Refusal),
}

/// Why a TIME_WAIT is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The connection had no timestamps: nothing tells its segments from the new one's.
    NoTimestamps,
    /// tcp_tw_reuse is 0.
    Off,
    /// tcp_tw_reuse is 2 and this is not loopback.
    LoopbackOnly,
    /// It is a FIN_WAIT2 mini-socket (since 6.12).
    FinWait2,
    /// Too early.
    Delay,
}

impl Verdict {
    /// The counters that go with it.
    pub(crate) fn bumps(self) -> Bumps {
        match self {
            Self::Reused { .. } => Bumps::of(Counter::TwRecycled),
            Self::Refused(_) => Bumps::NONE,
        }
    }
}

/// Decides for `asker` about `tw`.
pub fn decide(version: Version, sysctls: &Sysctls, tw: &TimeWait, asker: Asker, now: Duration) -> Verdict {
    match refusal(version, sysctls, tw, asker, now) {
        Some(refusal) => Verdict::Refused(refusal),
        None => Verdict::Reused { isn: tw.takeover_isn() },
    }
}

fn refusal(version: Version, sysctls: &Sysctls, tw: &TimeWait, asker: Asker, now: Duration) -> Option<Refusal> {
    let Some(recent) = tw.recent else { return Some(Refusal::NoTimestamps) };
    if asker.bound {
        return None;
    }
    match sysctls.tcp_tw_reuse {
        _ if tw.substate == Substate::FinWait2 && version.at_least(6, 12) => Some(Refusal::FinWait2),
        0 => Some(Refusal::Off),
        2 if !asker.loopback => Some(Refusal::LoopbackOnly),
        _ if !delay_is_over(version, sysctls, recent.at, tw.since, now) => Some(Refusal::Delay),
        _ => None,
    }
}

/// Up to 6.13 whole seconds since the peer's last TSval; since 6.14 milliseconds since TIME_WAIT began.
fn delay_is_over(version: Version, sysctls: &Sysctls, last_tsval: Duration, since: Duration, now: Duration) -> bool {
    if version.at_least(6, 14) {
        let threshold = since.as_millis() + u128::from(sysctls.tcp_tw_reuse_delay_ms);
        return now.as_millis() > threshold;
    }
    let whole_seconds = now.as_secs().saturating_sub(last_tsval.as_secs());
    whole_seconds > u64::from(!version.at_least(4, 19))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::time_wait::Recent;

    const START: Duration = Duration::from_millis(10_500);

    fn tw(stamped: bool) -> TimeWait {
        TimeWait {
            substate: Substate::TimeWait,
            rcv_nxt: 1,
            snd_nxt: 100,
            rcv_wnd: 1000,
            recent: stamped.then_some(Recent { val: 7, at: START }),
            since: START,
            expires: START + super::super::TIME_WAIT_LEN,
            after_fin: super::super::TIME_WAIT_LEN,
            last_ack: None,
        }
    }

    #[track_caller]
    fn check(version: &str, reuse: u8, asker: (bool, bool), tw: TimeWait, after_ms: u64, expect: Option<Refusal>) {
        let version: Version = version.parse().expect("a version");
        let sysctls = Sysctls { tcp_tw_reuse: reuse, ..Sysctls::defaults(version) };
        let asker = Asker { bound: asker.0, loopback: asker.1 };
        let seen = refusal(version, &sysctls, &tw, asker, START + Duration::from_millis(after_ms));
        assert_eq!(seen, expect, "{version} tcp_tw_reuse={reuse} {asker:?} after {after_ms} ms");
    }

    #[test]
    fn who_may_reuse() {
        for (reuse, asker, stamped, expect) in [
            (0, (true, false), true, None),
            (0, (true, false), false, Some(Refusal::NoTimestamps)),
            (0, (false, false), true, Some(Refusal::Off)),
            (1, (false, false), true, None),
            (1, (false, false), false, Some(Refusal::NoTimestamps)),
            (2, (false, false), true, Some(Refusal::LoopbackOnly)),
            (2, (false, true), true, None),
        ] {
            check("6.18", reuse, asker, tw(stamped), 5000, expect);
        }
        let fin_wait_2 = TimeWait { substate: Substate::FinWait2, ..tw(true) };
        check("6.18", 1, (false, false), fin_wait_2, 5000, Some(Refusal::FinWait2));
        check("6.18", 1, (true, false), fin_wait_2, 5000, None);
        check("6.1", 1, (false, false), fin_wait_2, 5000, None);
    }

    #[test]
    fn delays_by_version() {
        // The peer's last TSval came at 10.5 s.
        for (version, after_ms, over) in [
            ("2.6.32", 1000, false),
            ("2.6.32", 1499, false),
            ("2.6.32", 1500, true),
            ("3.13", 1499, false),
            ("4.19", 499, false),
            ("4.19", 500, true),
            ("6.13", 500, true),
            ("6.14", 500, false),
            ("6.14", 1000, false),
            ("6.14", 1001, true),
        ] {
            check(version, 1, (false, false), tw(true), after_ms, (!over).then_some(Refusal::Delay));
            check(version, 0, (true, false), tw(true), after_ms, None);
        }
    }
}
