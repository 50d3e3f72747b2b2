//! A SYN reaches a listener: cookies, the queue of half-open connections, the accept queue.

use crate::counter::{Bumps, Counter};
use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "what a listener does with a SYN",
        function: "tcp_conn_request",
        versions: VersionRange::ALL,
        reference: "source of 6.18; a SYN from TIME_WAIT passes the SYN-queue check",
        certainty: Certainty::Read,
    },
    Source {
        decision: "every SYN is dropped while the accept queue is full",
        function: "tcp_conn_request",
        versions: VersionRange::from(Version::new(4, 10)),
        reference: "5ea8ea2cb7f1; before, young requests were let in",
        certainty: Certainty::Documented,
    },
    Source {
        decision: "a backlog of 0 lets one half-open connection in",
        function: "inet_csk_reqsk_queue_is_full",
        versions: VersionRange::from(Version::new(6, 13)),
        reference: "3ed5f415133f; the first version is remembered",
        certainty: Certainty::Remembered,
    },
];

/// A listener's queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Connections waiting for accept().
    pub accept: u32,
    /// What listen() asked for.
    pub backlog: u32,
    /// Half-open connections.
    pub half_open: u32,
    /// Those of them whose SYN-ACK was not sent again yet.
    pub young: u32,
}

impl Queues {
    /// Connections that may wait at most: one more than the backlog, which somaxconn limits.
    pub(crate) fn accept_max(&self, sysctls: &Sysctls) -> u32 {
        self.backlog.min(sysctls.somaxconn).saturating_add(1)
    }

    /// Is the accept queue full (`sk_acceptq_is_full`: more than the backlog waits)?
    pub(crate) fn accept_is_full(&self, sysctls: &Sysctls) -> bool {
        self.accept >= self.accept_max(sysctls)
    }

    /// Is the queue of half-open connections full (`inet_csk_reqsk_queue_is_full`)? Its limit is the backlog (before
    /// 4.4 the next power of two, which is left out), since 6.13 one more, so that a backlog of 0 lets one in.
    pub(crate) fn half_open_is_full(&self, version: Version, sysctls: &Sysctls) -> bool {
        self.half_open >= self.backlog.min(sysctls.somaxconn) + u32::from(version.at_least(6, 13))
    }
}

/// What happens to a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A half-open connection is made and a SYN-ACK sent.
    Queued,
    /// A SYN-ACK with a cookie is sent, nothing is kept. The connection loses window scale and SACK without timestamps.
    Cookie,
    /// It is dropped: the client hears nothing.
    Dropped(Why),
}

/// Why a SYN is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The accept queue is full.
    AcceptQueueFull,
    /// The queue of half-open connections is full, without cookies.
    SynQueueFull,
    /// Without cookies the last quarter of tcp_max_syn_backlog is for peers with a known round trip.
    LastQuarter,
}

/// A verdict and its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What happens.
    pub verdict: Verdict,
    /// Counters bumped.
    pub bumps: Bumps,
}

/// A SYN reaches the listener; `from_time_wait` when it took over a TIME_WAIT, which is gone by then.
pub fn handle_syn(version: Version, sysctls: &Sysctls, queues: Queues, from_time_wait: bool) -> Outcome {
    let full = queues.half_open_is_full(version, sysctls) && !from_time_wait;
    let cookie_wanted = (sysctls.tcp_syncookies == 2 || full) && !from_time_wait;
    if cookie_wanted && sysctls.tcp_syncookies == 0 {
        return dropped(Why::SynQueueFull, Bumps::of(Counter::ReqQFullDrop));
    }
    if queues.accept_is_full(sysctls) && (version.at_least(4, 10) || queues.young > 1) {
        return dropped(Why::AcceptQueueFull, Bumps::of(Counter::ListenOverflows));
    }
    if cookie_wanted {
        let bumps = Bumps::of(Counter::SyncookiesSent);
        return Outcome {
            verdict: Verdict::Cookie,
            bumps: if full { bumps.and(Counter::ReqQFullDoCookies) } else { bumps },
        };
    }
    let left = sysctls.tcp_max_syn_backlog.saturating_sub(queues.half_open);
    if sysctls.tcp_syncookies == 0 && !from_time_wait && left < sysctls.tcp_max_syn_backlog / 4 {
        return dropped(Why::LastQuarter, Bumps::NONE);
    }
    Outcome { verdict: Verdict::Queued, bumps: Bumps::NONE }
}

fn dropped(why: Why, bumps: Bumps) -> Outcome {
    Outcome { verdict: Verdict::Dropped(why), bumps: bumps.and(Counter::ListenDrops) }
}

/// The last ACK of a handshake arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Established {
    /// The connection waits for accept().
    Queued,
    /// The accept queue is full: the ACK is forgotten, the SYN-ACK will be sent again.
    Forgotten,
    /// The accept queue is full and tcp_abort_on_overflow is set: RST.
    Reset,
}

/// Decides about the last ACK of a handshake (`tcp_check_req`).
pub(crate) fn handle_handshake_ack(sysctls: &Sysctls, queues: Queues) -> (Established, Bumps) {
    let overflow = Bumps::of(Counter::ListenOverflows).and(Counter::ListenDrops);
    match queues.accept_is_full(sysctls) {
        false => (Established::Queued, Bumps::NONE),
        true if sysctls.tcp_abort_on_overflow => (Established::Reset, overflow.and(Counter::OutRsts)),
        true => (Established::Forgotten, overflow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        version: &str,
        cookies: u8,
        (accept, half_open): (u32, u32),
        from_time_wait: bool,
        expect: Verdict,
    ) -> Bumps {
        let version: Version = version.parse().expect("a version");
        let sysctls = Sysctls { tcp_syncookies: cookies, tcp_max_syn_backlog: 16, ..Sysctls::defaults(version) };
        let queues = Queues { accept, backlog: 4, half_open, young: half_open };
        let outcome = handle_syn(version, &sysctls, queues, from_time_wait);
        assert_eq!(outcome.verdict, expect, "{version} {queues:?} cookies {cookies} from TIME_WAIT {from_time_wait}");
        outcome.bumps
    }

    #[test]
    fn syns_at_a_listener() {
        for (cookies, queues, from_time_wait, expect) in [
            (1, (0, 0), false, Verdict::Queued),
            (1, (4, 0), false, Verdict::Queued),
            (1, (5, 0), false, Verdict::Dropped(Why::AcceptQueueFull)),
            (1, (5, 0), true, Verdict::Dropped(Why::AcceptQueueFull)),
            (1, (0, 4), false, Verdict::Queued),
            (1, (0, 5), false, Verdict::Cookie),
            (1, (0, 5), true, Verdict::Queued),
            (0, (0, 5), false, Verdict::Dropped(Why::SynQueueFull)),
            (0, (0, 4), true, Verdict::Queued),
            (2, (0, 0), false, Verdict::Cookie),
            (0, (0, 13), true, Verdict::Queued),
        ] {
            check("6.18", cookies, queues, from_time_wait, expect);
        }
    }

    #[test]
    fn the_last_quarter_without_cookies_is_for_known_peers() {
        let version = Version::new(6, 18);
        let sysctls = Sysctls { tcp_syncookies: 0, tcp_max_syn_backlog: 16, ..Sysctls::defaults(version) };
        let at = |half_open| {
            handle_syn(version, &sysctls, Queues { accept: 0, backlog: 100, half_open, young: 0 }, false).verdict
        };
        assert_eq!((at(12), at(13)), (Verdict::Queued, Verdict::Dropped(Why::LastQuarter)));
    }

    #[test]
    fn young_requests_were_let_in_before_4_10() {
        check("4.9", 1, (5, 1), false, Verdict::Queued);
        check("4.9", 1, (5, 2), false, Verdict::Dropped(Why::AcceptQueueFull));
        check("4.10", 1, (5, 1), false, Verdict::Dropped(Why::AcceptQueueFull));
    }

    #[test]
    fn counters() {
        let overflow = Bumps::of(Counter::ListenOverflows).and(Counter::ListenDrops);
        assert_eq!(check("6.18", 1, (5, 0), false, Verdict::Dropped(Why::AcceptQueueFull)), overflow);
        let cookies = Bumps::of(Counter::SyncookiesSent).and(Counter::ReqQFullDoCookies);
        assert_eq!(check("6.12", 1, (0, 4), false, Verdict::Cookie), cookies);
        let drop = Bumps::of(Counter::ReqQFullDrop).and(Counter::ListenDrops);
        assert_eq!(check("6.12", 0, (0, 4), false, Verdict::Dropped(Why::SynQueueFull)), drop);
    }

    #[test]
    fn the_last_ack() {
        let mut sysctls = Sysctls::defaults(Version::new(6, 18));
        let full = Queues { accept: 5, backlog: 4, half_open: 1, young: 1 };
        assert_eq!(handle_handshake_ack(&sysctls, Queues { accept: 4, ..full }).0, Established::Queued);
        assert_eq!(handle_handshake_ack(&sysctls, full).0, Established::Forgotten);
        sysctls.tcp_abort_on_overflow = true;
        assert_eq!(handle_handshake_ack(&sysctls, full).0, Established::Reset);
    }
}
