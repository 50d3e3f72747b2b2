//! tcp_tw_recycle: the last TSval of every peer address is remembered, and a SYN that is behind it is dropped without
//! a word. All hosts behind one NAT share an address but not a clock. Removed in 4.12.

use crate::counter::{Bumps, Counter};
use crate::seq::ahead;
use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "a SYN behind its address's last TSval is dropped",
        function: "tcp_v4_conn_request",
        versions: VersionRange::between(Version::old(32), Version::new(3, 16)),
        reference: "source of 2.6.32 and 3.13",
        certainty: Certainty::Read,
    },
    Source {
        decision: "so is a SYN without timestamps",
        function: "tcp_peer_is_proven",
        versions: VersionRange::between(Version::new(3, 17), Version::new(4, 11)),
        reference: "a26552afe894; removed by 4396e46187ca",
        certainty: Certainty::Read,
    },
];

/// How long an address is remembered (TCP_PAWS_MSL).
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// Ticks a SYN may be behind (TCP_PAWS_WINDOW).
const WINDOW: i32 = 1;

/// Shortest retransmission time-out; TIME_WAIT lasts 3.5 of them with recycle.
pub(crate) const RTO_MIN: Duration = Duration::from_millis(200);

/// What is remembered of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// TSval of its last segment on a connection that we closed first.
    pub tsval: u32,
    /// When that was received.
    pub stamp: Duration,
}

/// What happens to a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Passes,
    /// It is dropped; the client hears nothing. Why tells the reason.
    Dropped(Why),
}

/// Why a SYN is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its TSval is behind the address's last one.
    OlderTimestamp,
    /// It has no timestamp but the address had (3.17 to 4.11).
    NoTimestamp,
}

impl Verdict {
    /// The counters that go with it.
    pub(crate) fn bumps(self) -> Bumps {
        match self {
            Self::Passes => Bumps::NONE,
            Self::Dropped(_) => Bumps::of(Counter::PawsPassive).and(Counter::ListenDrops),
        }
    }
}

/// Does this version look at tcp_tw_recycle, and is it on?
pub(crate) fn is_on(version: Version, sysctls: &Sysctls) -> bool {
    sysctls.tcp_tw_recycle && sysctls.tcp_timestamps > 0 && !version.at_least(4, 12)
}

/// A SYN that met neither a TIME_WAIT nor a SYN cookie. `tsval` is `None` without the option.
pub fn handle_syn(
    version: Version,
    sysctls: &Sysctls,
    peer: Option<Peer>,
    tsval: Option<u32>,
    now: Duration,
) -> Verdict {
    let Some(peer) = peer.filter(|peer| is_on(version, sysctls) && now < peer.stamp + REMEMBERED_FOR) else {
        return Verdict::Passes;
    };
    match tsval {
        Some(tsval) if ahead(peer.tsval, tsval) > WINDOW => Verdict::Dropped(Why::OlderTimestamp),
        None if version.at_least(3, 17) => Verdict::Dropped(Why::NoTimestamp),
        _ => Verdict::Passes,
    }
}

/// We closed first and enter TIME_WAIT or FIN_WAIT2: what is remembered of the address from now on
/// (`tcp_remember_stamp`). `last` is the connection's last TSval and when it came; `None` without timestamps.
pub(crate) fn remember(
    version: Version,
    sysctls: &Sysctls,
    peer: Option<Peer>,
    last: Option<Peer>,
    now: Duration,
) -> Option<Peer> {
    let Some(last) = last.filter(|_| is_on(version, sysctls)) else { return peer };
    let Some(known) = peer else { return Some(last) };
    let newer = ahead(known.tsval, last.tsval) <= 0;
    let forgotten = known.stamp + REMEMBERED_FOR < now && known.stamp <= last.stamp;
    Some(if newer || forgotten { last } else { known })
}

/// How long TIME_WAIT lasts with recycle: 3.5 retransmission time-outs.
pub fn time_wait(rto: Duration) -> Duration {
    rto * 7 / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    fn peer(tsval: u32, age_s: u64) -> Option<Peer> {
        Some(Peer { tsval, stamp: NOW - Duration::from_secs(age_s) })
    }

    fn sysctls(version: Version) -> Sysctls {
        Sysctls { tcp_tw_recycle: true, ..Sysctls::defaults(version) }
    }

    #[test]
    fn syns_against_the_memory() {
        let old = Verdict::Dropped(Why::OlderTimestamp);
        let bare = Verdict::Dropped(Why::NoTimestamp);
        for (version, peer, tsval, expect) in [
            ("2.6.32", peer(100, 5), Some(100), Verdict::Passes),
            ("2.6.32", peer(100, 5), Some(99), Verdict::Passes),
            ("2.6.32", peer(100, 5), Some(98), old),
            ("2.6.32", peer(0, 5), Some(u32::MAX - 5), old),
            ("2.6.32", peer(u32::MAX, 5), Some(5), Verdict::Passes),
            ("2.6.32", peer(100, 59), Some(1), old),
            ("2.6.32", peer(100, 60), Some(1), Verdict::Passes),
            ("2.6.32", None, Some(1), Verdict::Passes),
            ("3.16", peer(100, 5), None, Verdict::Passes),
            ("3.17", peer(100, 5), None, bare),
            ("4.11", peer(100, 5), Some(50), old),
            ("4.12", peer(100, 5), Some(50), Verdict::Passes),
            ("6.18", peer(100, 5), None, Verdict::Passes),
        ] {
            let version: Version = version.parse().expect("a version");
            assert_eq!(
                handle_syn(version, &sysctls(version), peer, tsval, NOW),
                expect,
                "{version} {peer:?} {tsval:?}"
            );
        }
        let version = Version::new(3, 10);
        let off = Sysctls::defaults(version);
        assert_eq!(handle_syn(version, &off, peer(100, 5), Some(1), NOW), Verdict::Passes);
    }

    #[test]
    fn only_newer_timestamps_are_remembered_within_a_minute() {
        for (known, last, expect) in [
            (None, peer(50, 0), peer(50, 0)),
            (peer(100, 5), peer(50, 0), peer(100, 5)),
            (peer(100, 5), peer(150, 0), peer(150, 0)),
            (peer(100, 61), peer(50, 0), peer(50, 0)),
            (peer(100, 5), None, peer(100, 5)),
        ] {
            let version = Version::new(3, 10);
            assert_eq!(remember(version, &sysctls(version), known, last, NOW), expect, "{known:?} {last:?}");
        }
        assert_eq!(remember(Version::new(4, 12), &sysctls(Version::new(4, 12)), None, peer(1, 0), NOW), None);
    }

    #[test]
    fn a_recycled_time_wait_is_short() {
        assert_eq!(time_wait(RTO_MIN), Duration::from_millis(700));
    }
}
