//! The kernel's counters that the decisions bump (`/proc/net/netstat` and `/proc/net/snmp`).

use crate::version::Version;
use named::named;

named! {
    /// A counter, by the kernel's name.
    #[derive(PartialOrd, Ord)]
    #[repr(u8)]
    pub enum Counter {
        /// Mini-sockets that ended (up to 5.17) or were made (since 5.18) with a normal time-out.
        Tw = "TW",
        /// Client connects that took over a TIME_WAIT.
        TwRecycled = "TWRecycled",
        /// SYNs dropped by tcp_tw_recycle's per-host check (up to 4.11).
        PawsPassive = "PAWSPassive",
        /// Segments rejected by PAWS; before 6.16 those of TIME_WAIT too.
        PawsEstab = "PAWSEstab",
        /// Segments rejected by PAWS in TIME_WAIT (since 6.16).
        PawsTimewait = "PAWSTimewait",
        /// ACKs that TIME_WAIT left out because of the rate limit (since 4.0).
        AckSkippedTimeWait = "TCPACKSkippedTimeWait",
        /// ACKs that FIN_WAIT2 mini-sockets left out because of the rate limit (since 4.0).
        AckSkippedFinWait2 = "TCPACKSkippedFinWait2",
        /// TIME_WAITs not made because of tcp_max_tw_buckets.
        TimeWaitOverflow = "TCPTimeWaitOverflow",
        /// The accept queue was full.
        ListenOverflows = "ListenOverflows",
        /// SYNs and handshakes lost at a listener, for whatever reason.
        ListenDrops = "ListenDrops",
        /// The SYN queue was full and no cookie was sent.
        ReqQFullDrop = "TCPReqQFullDrop",
        /// The SYN queue was full and a cookie was sent.
        ReqQFullDoCookies = "TCPReqQFullDoCookies",
        /// Cookies sent.
        SyncookiesSent = "SyncookiesSent",
        /// SYNs and SYN-ACKs sent again.
        SynRetrans = "TCPSynRetrans",
        /// Connects that failed.
        AttemptFails = "AttemptFails",
        /// RSTs sent.
        OutRsts = "OutRsts",
        /// Connections closed with unread data: RST.
        AbortOnClose = "TCPAbortOnClose",
        /// Connections closed with SO_LINGER 0: RST.
        AbortOnData = "TCPAbortOnData",
        /// Orphans in FIN_WAIT2 ended at once because of a negative TCP_LINGER2.
        AbortOnLinger = "TCPAbortOnLinger",
    }
}

impl Counter {
    /// Which counter a segment rejected by PAWS in TIME_WAIT bumps: its own since 6.16 (c449d5f3a3d7).
    pub(crate) const fn paws_in_time_wait(version: Version) -> Self {
        if version.at_least(6, 16) { Self::PawsTimewait } else { Self::PawsEstab }
    }
}

/// Counters that one decision bumps, each by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bumps(u32);

impl Bumps {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// One counter.
    pub const fn of(counter: Counter) -> Self {
        Self(1 << counter as u8)
    }

    /// These and one more.
    pub(crate) const fn and(self, counter: Counter) -> Self {
        Self(self.0 | 1 << counter as u8)
    }

    /// These and those.
    pub const fn join(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Is `counter` bumped?
    pub const fn has(self, counter: Counter) -> bool {
        self.0 & (1 << counter as u8) != 0
    }

    /// Those bumped.
    pub fn iter(self) -> impl Iterator<Item = Counter> {
        Counter::ALL.into_iter().filter(move |&counter| self.has(counter))
    }
}

/// Totals of every counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters([u64; Counter::ALL.len()]);

impl Counters {
    /// Adds one to each of `bumps`.
    pub(crate) fn bump(&mut self, bumps: Bumps) {
        bumps.iter().for_each(|counter| self.0[counter as usize] += 1);
    }

    /// Adds one.
    pub fn add(&mut self, counter: Counter) {
        self.0[counter as usize] += 1;
    }

    /// The total of `counter`.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_counter() {
        for (index, counter) in Counter::ALL.into_iter().enumerate() {
            assert_eq!(counter as usize, index);
            assert_eq!(Counter::from_name(counter.name()), Some(counter));
        }
        assert_eq!(Counter::from_name("TCPNonsense"), None);
    }

    #[test]
    fn bumps_add_up() {
        let mut totals = Counters::default();
        totals.bump(Bumps::of(Counter::Tw).and(Counter::OutRsts));
        totals.bump(Bumps::of(Counter::OutRsts));
        totals.bump(Bumps::NONE);
        assert_eq!((totals.get(Counter::Tw), totals.get(Counter::OutRsts), totals.get(Counter::PawsEstab)), (1, 2, 0));
    }
}
