//! Who holds what after a close: TIME_WAIT, a FIN_WAIT2 mini-socket, or nothing after an RST; and what
//! tcp_max_tw_buckets does about it.

use super::TIME_WAIT_LEN;
use super::recycle;
use crate::counter::{Bumps, Counter};
use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "FIN or RST at close()",
        function: "tcp_close",
        versions: VersionRange::ALL,
        reference: "source of 6.18; RFC 2525 2.17",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "how long an orphan stays in FIN_WAIT2",
        function: "tcp_fin_time, tcp_time_wait",
        versions: VersionRange::ALL,
        reference: "source of 6.18",
        certainty: Certainty::Read,
    },
    Source {
        decision: "the new mini-socket is left out when tcp_max_tw_buckets is reached",
        function: "inet_twsk_alloc",
        versions: VersionRange::ALL,
        reference: "source of 6.18; per network namespace there",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "TW is counted when a mini-socket is made, before 5.18 when it ends",
        function: "__inet_twsk_schedule",
        versions: VersionRange::from(Version::new(5, 18)),
        reference: "inet_timewait_sock.c; at creation tried on 6.18, the first version is documented only",
        certainty: Certainty::Documented,
    },
];

/// Longest time that a FIN_WAIT2 spends as a mini-socket; what is above stays a full socket first.
const MINI_SOCKET_MAX: Duration = TIME_WAIT_LEN;

/// What an application does to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Received bytes that nobody read.
    pub unread: bool,
    /// SO_LINGER with time 0.
    pub linger_zero: bool,
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A FIN: whoever sends it first holds TIME_WAIT.
    Fin,
    /// An RST: nobody holds anything.
    Reset(Counter),
}

/// `close()` of an established connection. Unread data comes first (`tcp_close`).
pub fn close(closing: Closing) -> Sent {
    match closing {
        Closing { unread: true, .. } => Sent::Reset(Counter::AbortOnClose),
        Closing { linger_zero: true, .. } => Sent::Reset(Counter::AbortOnData),
        _ => Sent::Fin,
    }
}

/// What an orphan does when its FIN was acknowledged and the peer has not closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orphan {
    /// It ends with an RST (a negative TCP_LINGER2).
    Reset,
    /// It becomes a mini-socket for this long.
    MiniSocket(Duration),
    /// It stays a socket for the first time, then becomes a mini-socket for the second.
    Socket(Duration, Duration),
}

impl Orphan {}

/// Enters FIN_WAIT2 without an owner. `linger2_s` is TCP_LINGER2: 0 for the sysctl's time.
pub(crate) fn orphan(sysctls: &Sysctls, linger2_s: i32, rto: Duration) -> Orphan {
    let fin_timeout = Duration::from_secs(u64::from(sysctls.tcp_fin_timeout_s));
    let wished = match linger2_s {
        ..0 => return Orphan::Reset,
        0 => fin_timeout,
        seconds => Duration::from_secs(u64::from(seconds.unsigned_abs())),
    };
    let time = wished.max(recycle::time_wait(rto));
    if time > MINI_SOCKET_MAX {
        Orphan::Socket(time - MINI_SOCKET_MAX, MINI_SOCKET_MAX)
    } else {
        Orphan::MiniSocket(time)
    }
}

/// How long TIME_WAIT lasts from the peer's FIN on: 60 s, whatever tcp_fin_timeout says; 3.5 RTO where tcp_tw_recycle
/// holds and the peer's timestamp is remembered.
pub fn time_wait(version: Version, sysctls: &Sysctls, timestamps: bool, rto: Duration) -> Duration {
    if recycle::is_on(version, sysctls) && timestamps { recycle::time_wait(rto) } else { TIME_WAIT_LEN }
}

/// Is there room for one more mini-socket beside `held`?
pub(crate) fn admit(sysctls: &Sysctls, held: u32) -> Result<(), Bumps> {
    if held < sysctls.tcp_max_tw_buckets { Ok(()) } else { Err(Bumps::of(Counter::TimeWaitOverflow)) }
}

/// When the counter TW counts a mini-socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// When it ends by time.
    AtExpiry,
    /// When it is made.
    AtCreation,
}

/// When `version` counts it.
pub(crate) fn tw_counted(version: Version) -> Counted {
    if version.at_least(5, 18) { Counted::AtCreation } else { Counted::AtExpiry }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes() {
        for (unread, linger_zero, expect) in [
            (false, false, Sent::Fin),
            (true, false, Sent::Reset(Counter::AbortOnClose)),
            (false, true, Sent::Reset(Counter::AbortOnData)),
            (true, true, Sent::Reset(Counter::AbortOnClose)),
        ] {
            assert_eq!(close(Closing { unread, linger_zero }), expect);
        }
    }

    #[test]
    fn orphans_in_fin_wait_2() {
        let s = Duration::from_secs;
        for (fin_timeout, linger2, rto_ms, expect) in [
            (60, 0, 200, Orphan::MiniSocket(s(60))),
            (15, 0, 200, Orphan::MiniSocket(s(15))),
            (15, 3, 200, Orphan::MiniSocket(s(3))),
            (15, 1, 1000, Orphan::MiniSocket(Duration::from_millis(3500))),
            (90, 0, 200, Orphan::Socket(s(30), s(60))),
            (60, -1, 200, Orphan::Reset),
        ] {
            let sysctls = Sysctls { tcp_fin_timeout_s: fin_timeout, ..Sysctls::defaults(Version::new(6, 18)) };
            assert_eq!(orphan(&sysctls, linger2, Duration::from_millis(rto_ms)), expect, "{fin_timeout} {linger2}");
        }
    }

    #[test]
    fn fin_timeout_does_not_shorten_time_wait() {
        let old = Version::new(3, 10);
        let short = Sysctls { tcp_fin_timeout_s: 5, ..Sysctls::defaults(old) };
        let recycle = Sysctls { tcp_tw_recycle: true, ..short };
        for (sysctls, timestamps, expect_ms) in [(short, true, 60_000), (recycle, true, 700), (recycle, false, 60_000)]
        {
            assert_eq!(time_wait(old, &sysctls, timestamps, recycle::RTO_MIN), Duration::from_millis(expect_ms));
        }
        assert_eq!(time_wait(Version::new(4, 12), &recycle, true, recycle::RTO_MIN), TIME_WAIT_LEN);
    }

    #[test]
    fn buckets() {
        let sysctls = Sysctls { tcp_max_tw_buckets: 2, ..Sysctls::defaults(Version::new(6, 18)) };
        assert_eq!(admit(&sysctls, 1), Ok(()));
        assert_eq!(admit(&sysctls, 2), Err(Bumps::of(Counter::TimeWaitOverflow)));
        assert_eq!(
            (tw_counted(Version::new(5, 17)), tw_counted(Version::new(5, 18))),
            (Counted::AtExpiry, Counted::AtCreation)
        );
    }
}
