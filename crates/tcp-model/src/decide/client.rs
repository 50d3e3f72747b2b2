//! A client in SYN_SENT: when it sends its SYN again, and what it does when TIME_WAIT answers with an ACK.

use crate::segment::{Flags, Segment};
use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "an ACK that acknowledges nothing of the SYN gets an RST, and the connect goes on",
        function: "tcp_rcv_synsent_state_process",
        versions: VersionRange::ALL,
        reference: "RFC 9293 3.10.7.3; source of 6.18",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "after the first such ACK the SYN is sent again at once",
        function: "tcp_rcv_synsent_state_process",
        versions: VersionRange::from(Version::new(5, 7)),
        reference: "9603d47bad46",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "the first SYN is sent again after 1 s instead of 3 s",
        function: "tcp_connect_init",
        versions: VersionRange::from(Version::new(3, 1)),
        reference: "9ad7c049f0f7; RFC 6298",
        certainty: Certainty::Remembered,
    },
    Source {
        decision: "the first intervals do not double",
        function: "tcp_retransmit_timer",
        versions: VersionRange::from(Version::new(6, 5)),
        reference: "ccce324dabfe, tcp_syn_linear_timeouts; tried on 6.18",
        certainty: Certainty::Tried,
    },
];

/// Longest interval between two SYNs (TCP_RTO_MAX).
const RTO_MAX: Duration = Duration::from_secs(120);

/// Jiffies after which a SYN is sent again at once (TCP_TIMEOUT_MIN).
pub(crate) const FAST_RESEND_JIFFIES: u32 = 2;

/// How long a client waits before it sends its SYN the first time again.
pub(crate) fn first_rto(version: Version) -> Duration {
    Duration::from_secs(if version.at_least(3, 1) { 1 } else { 3 })
}

/// How long after the SYN number `sent` (from 1) the next one goes out; after the last it is when connect fails.
pub fn interval(version: Version, sysctls: &Sysctls, sent: u32) -> Duration {
    let linear = if version.at_least(6, 5) { u32::from(sysctls.tcp_syn_linear_timeouts) } else { 0 };
    let doublings = sent.saturating_sub(1).saturating_sub(linear).min(16);
    (first_rto(version) * (1 << doublings)).min(RTO_MAX)
}

/// SYNs sent in all before a connect fails.
pub(crate) fn syns_max(version: Version, sysctls: &Sysctls) -> u32 {
    let linear = if version.at_least(6, 5) { u32::from(sysctls.tcp_syn_linear_timeouts) } else { 0 };
    1 + linear + u32::from(sysctls.tcp_syn_retries)
}

/// What a client in SYN_SENT does with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is connected and sends an ACK.
    Connected,
    /// It sends this RST and stays in SYN_SENT; the SYN goes out again after the time, or by its timer when there is none.
    Challenged {
        /// The RST: sequence number from the ACK's, no timestamp.
        reset: Segment,
        /// Time to the next SYN, if it is brought forward.
        resend_after: Option<Duration>,
    },
    /// Connect fails with ECONNREFUSED.
    Refused,
    /// Nothing.
    Ignored,
}

/// A client that sent a SYN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynSent {
    /// Its initial sequence number.
    pub isn: u32,
    /// SYNs sent so far.
    pub syns: u32,
    /// Ticks per second of its timers.
    pub hz: u32,
}

impl SynSent {
    /// Handles a segment from the peer.
    pub fn handle_segment(&self, version: Version, segment: &Segment) -> Verdict {
        let flags = segment.flags;
        if flags.ack && segment.ack != self.isn.wrapping_add(1) {
            return if flags.rst { Verdict::Ignored } else { self.challenged(version, segment) };
        }
        match () {
            () if flags.rst && flags.ack => Verdict::Refused,
            () if flags.syn && flags.ack => Verdict::Connected,
            () => Verdict::Ignored,
        }
    }

    fn challenged(&self, version: Version, segment: &Segment) -> Verdict {
        let soon = Duration::from_micros(u64::from(FAST_RESEND_JIFFIES) * 1_000_000 / u64::from(self.hz));
        let resend_after = (version.at_least(5, 7) && self.syns == 1).then_some(soon);
        Verdict::Challenged { reset: Segment::new(Flags::RST, segment.ack, 0), resend_after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(version: &str) -> Vec<u64> {
        let version: Version = version.parse().expect("a version");
        let sysctls = Sysctls::defaults(version);
        (1..=syns_max(version, &sysctls)).map(|sent| interval(version, &sysctls, sent).as_secs()).collect()
    }

    #[test]
    fn intervals_by_version() {
        assert_eq!(gaps("2.6.32"), [3, 6, 12, 24, 48, 96]);
        assert_eq!(gaps("3.10"), [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(gaps("6.18"), [1, 1, 1, 1, 1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(gaps("5.10").iter().sum::<u64>(), 127, "then a connect fails with ETIMEDOUT");
    }

    #[test]
    fn the_challenge_ack() {
        let ack = Segment::new(Flags::ACK, 900, 500).stamped(1, 2);
        let reset = Segment::new(Flags::RST, 500, 0);
        for (version, syns, resend_ms) in
            [("5.6", 1, None), ("5.7", 1, Some(8)), ("6.18", 1, Some(8)), ("6.18", 2, None)]
        {
            let client = SynSent { isn: 4_000_000, syns, hz: 250 };
            let verdict = client.handle_segment(version.parse().expect("a version"), &ack);
            assert_eq!(
                verdict,
                Verdict::Challenged { reset, resend_after: resend_ms.map(Duration::from_millis) },
                "{version}"
            );
        }
    }

    #[test]
    fn other_answers() {
        let client = SynSent { isn: 99, syns: 1, hz: 250 };
        for (flags, ack, expect) in [
            (Flags::SYN_ACK, 100, Verdict::Connected),
            (Flags::RST_ACK, 100, Verdict::Refused),
            (Flags::RST_ACK, 99, Verdict::Ignored),
            (Flags::RST, 0, Verdict::Ignored),
            (Flags::ACK, 100, Verdict::Ignored),
        ] {
            assert_eq!(client.handle_segment(Version::new(6, 18), &Segment::new(flags, 7, ack)), expect, "{flags}");
        }
    }
}
