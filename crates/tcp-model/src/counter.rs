//! The kernel's counters that the decisions bump (`/proc/net/netstat` and `/proc/net/snmp`).

use crate::version::Version;
use core::fmt;

/// A counter, by the kernel's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Counter {
    /// Mini-sockets that ended (up to 5.17) or were made (since 5.18) with a normal time-out.
    Tw,
    /// Client connects that took over a TIME_WAIT.
    TwRecycled,
    /// SYNs dropped by tcp_tw_recycle's per-host check (up to 4.11).
    PawsPassive,
    /// Segments rejected by PAWS; before 6.16 those of TIME_WAIT too.
    PawsEstab,
    /// Segments rejected by PAWS in TIME_WAIT (since 6.16).
    PawsTimewait,
    /// ACKs that TIME_WAIT left out because of the rate limit (since 4.0).
    AckSkippedTimeWait,
    /// ACKs that FIN_WAIT2 mini-sockets left out because of the rate limit (since 4.0).
    AckSkippedFinWait2,
    /// TIME_WAITs not made because of tcp_max_tw_buckets.
    TimeWaitOverflow,
    /// The accept queue was full.
    ListenOverflows,
    /// SYNs and handshakes lost at a listener, for whatever reason.
    ListenDrops,
    /// The SYN queue was full and no cookie was sent.
    ReqQFullDrop,
    /// The SYN queue was full and a cookie was sent.
    ReqQFullDoCookies,
    /// Cookies sent.
    SyncookiesSent,
    /// SYNs and SYN-ACKs sent again.
    SynRetrans,
    /// Connects that failed.
    AttemptFails,
    /// RSTs sent.
    OutRsts,
    /// Connections closed with unread data: RST.
    AbortOnClose,
    /// Connections closed with SO_LINGER 0: RST.
    AbortOnData,
    /// Orphans in FIN_WAIT2 ended at once because of a negative TCP_LINGER2.
    AbortOnLinger,
}

impl Counter {
    /// Every counter, in the order of its value.
    pub const ALL: [Self; 19] = [
        Self::Tw,
        Self::TwRecycled,
        Self::PawsPassive,
        Self::PawsEstab,
        Self::PawsTimewait,
        Self::AckSkippedTimeWait,
        Self::AckSkippedFinWait2,
        Self::TimeWaitOverflow,
        Self::ListenOverflows,
        Self::ListenDrops,
        Self::ReqQFullDrop,
        Self::ReqQFullDoCookies,
        Self::SyncookiesSent,
        Self::SynRetrans,
        Self::AttemptFails,
        Self::OutRsts,
        Self::AbortOnClose,
        Self::AbortOnData,
        Self::AbortOnLinger,
    ];

    /// The name in `/proc/net/netstat` or `/proc/net/snmp`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tw => "TW",
            Self::TwRecycled => "TWRecycled",
            Self::PawsPassive => "PAWSPassive",
            Self::PawsEstab => "PAWSEstab",
            Self::PawsTimewait => "PAWSTimewait",
            Self::AckSkippedTimeWait => "TCPACKSkippedTimeWait",
            Self::AckSkippedFinWait2 => "TCPACKSkippedFinWait2",
            Self::TimeWaitOverflow => "TCPTimeWaitOverflow",
            Self::ListenOverflows => "ListenOverflows",
            Self::ListenDrops => "ListenDrops",
            Self::ReqQFullDrop => "TCPReqQFullDrop",
            Self::ReqQFullDoCookies => "TCPReqQFullDoCookies",
            Self::SyncookiesSent => "SyncookiesSent",
            Self::SynRetrans => "TCPSynRetrans",
            Self::AttemptFails => "AttemptFails",
            Self::OutRsts => "OutRsts",
            Self::AbortOnClose => "TCPAbortOnClose",
            Self::AbortOnData => "TCPAbortOnData",
            Self::AbortOnLinger => "TCPAbortOnLinger",
        }
    }

    /// The counter with the kernel's name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counter| counter.name() == name)
    }

    /// Which counter a segment rejected by PAWS in TIME_WAIT bumps: its own since 6.16 (c449d5f3a3d7).
    pub const fn paws_in_time_wait(version: Version) -> Self {
        if version.at_least(6, 16) { Self::PawsTimewait } else { Self::PawsEstab }
    }
}

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Counters that one decision bumps, each by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bumps(u32);

impl Bumps {
    /// None.
    pub const NONE: Self = Self(0);

    /// One counter.
    pub const fn of(counter: Counter) -> Self {
        Self(1 << counter as u8)
    }

    /// These and one more.
    pub const fn and(self, counter: Counter) -> Self {
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
    pub fn bump(&mut self, bumps: Bumps) {
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
            assert_eq!(Counter::named(counter.name()), Some(counter));
        }
        assert_eq!(Counter::named("TCPNonsense"), None);
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
