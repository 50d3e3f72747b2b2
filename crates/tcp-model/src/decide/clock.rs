//! What a host puts into TSval: the tick of its clock, and the random offset added to it.

use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};
use core::time::Duration;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "TSval counts jiffies",
        function: "tcp_time_stamp",
        versions: VersionRange::up_to(Version::new(4, 12)),
        reference: "source of 2.6.32",
        certainty: Certainty::Read,
    },
    Source {
        decision: "TSval counts milliseconds",
        function: "tcp_time_stamp_ts",
        versions: VersionRange::from(Version::new(4, 13)),
        reference: "9a568de4818d",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "a random offset per 4-tuple",
        function: "secure_tcp_seq_and_tsoff",
        versions: VersionRange::between(Version::new(4, 10), Version::new(4, 10)),
        reference: "95a22caee396",
        certainty: Certainty::Documented,
    },
    Source {
        decision: "a random offset per pair of addresses",
        function: "secure_tcp_ts_off",
        versions: VersionRange::between(Version::new(4, 11), Version::new(6, 18).patched(16)),
        reference: "28ee1b746f49; 6.19 up to 6.19.6 too",
        certainty: Certainty::Documented,
    },
    Source {
        decision: "a random offset per 4-tuple again",
        function: "secure_tcp_seq_and_ts_off",
        versions: VersionRange::from(Version::new(6, 18).patched(17)),
        reference: "165573e41f2f (CVE-2026-23247), 6.18.17, 6.19.7 and later series; other long-term trees are not known",
        certainty: Certainty::Tried,
    },
];

/// What the random offset depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Offset {
    /// There is none: one clock for the whole host, which starts at boot.
    None,
    /// Source and destination address.
    PerAddressPair,
    /// Addresses and ports.
    PerFlow,
}

impl Offset {
    /// What `version` does with `tcp_timestamps=1`.
    pub(crate) fn of_version(version: Version) -> Self {
        let six_18 = Version::new(6, 18);
        let six_19 = Version::new(6, 19);
        let per_flow = match version {
            v if v.same_series(six_18) => v.patch() >= 17,
            v if v.same_series(six_19) => v.patch() >= 7,
            v => v > six_19 || v.same_series(Version::new(4, 10)),
        };
        match () {
            () if !version.at_least(4, 10) => Self::None,
            () if per_flow => Self::PerFlow,
            () => Self::PerAddressPair,
        }
    }

    /// What a host does: `tcp_timestamps=2` turns the offset off.
    pub(crate) fn of(version: Version, sysctls: &Sysctls) -> Self {
        if sysctls.tcp_timestamps == 2 { Self::None } else { Self::of_version(version) }
    }
}

/// A flow as a host's hashes see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Own address.
    pub source: u32,
    /// Peer's address.
    pub destination: u32,
    /// Own port.
    pub source_port: u16,
    /// Peer's port.
    pub destination_port: u16,
}

/// A host's clock for timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    /// What is added.
    pub(crate) offset: Offset,
    /// Ticks per second: 1000, or HZ up to 4.12.
    pub(crate) ticks_per_s: u32,
    /// Ticks since boot when the caller's time began.
    pub(crate) uptime_ticks: u32,
    /// The secret of this boot.
    pub(crate) secret: u64,
}

impl Clock {
    /// The clock of a host that was up for `uptime` when the caller's time began.
    pub(crate) fn new(version: Version, sysctls: &Sysctls, hz: u32, uptime: Duration, secret: u64) -> Self {
        let ticks_per_s = if version.at_least(4, 13) { 1000 } else { hz };
        let uptime_ticks = (uptime.as_millis() as u64 * u64::from(ticks_per_s) / 1000) as u32;
        Self { offset: Offset::of(version, sysctls), ticks_per_s, uptime_ticks, secret }
    }

    /// TSval of a segment sent on `flow` at `now`.
    pub(crate) fn tsval(&self, flow: Flow, now: Duration) -> u32 {
        let ticks = now.as_secs() * u64::from(self.ticks_per_s)
            + u64::from(now.subsec_micros()) * u64::from(self.ticks_per_s) / 1_000_000;
        self.uptime_ticks.wrapping_add(ticks as u32).wrapping_add(self.offset_of(flow))
    }

    fn offset_of(&self, flow: Flow) -> u32 {
        let addresses = u64::from(flow.source) << 32 | u64::from(flow.destination);
        let ports = u64::from(flow.source_port) << 16 | u64::from(flow.destination_port);
        match self.offset {
            Offset::None => 0,
            Offset::PerAddressPair => mix(self.secret ^ mix(addresses)) as u32,
            Offset::PerFlow => mix(mix(self.secret ^ mix(addresses)) ^ ports) as u32,
        }
    }
}

/// A hash that spreads well; stands for the kernel's keyed siphash, of which only the spread matters here.
pub(crate) const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOW: Flow = Flow { source: 1, destination: 2, source_port: 40_000, destination_port: 80 };

    #[test]
    fn offsets_by_version() {
        for (version, expect) in [
            ("2.6.32", Offset::None),
            ("4.9", Offset::None),
            ("4.10", Offset::PerFlow),
            ("4.10.17", Offset::PerFlow),
            ("4.11", Offset::PerAddressPair),
            ("6.18", Offset::PerAddressPair),
            ("6.18.16", Offset::PerAddressPair),
            ("6.18.17", Offset::PerFlow),
            ("6.19", Offset::PerAddressPair),
            ("6.19.6", Offset::PerAddressPair),
            ("6.19.7", Offset::PerFlow),
            ("7.0", Offset::PerFlow),
        ] {
            let version: Version = version.parse().expect("a version");
            assert_eq!(Offset::of_version(version), expect, "{version}");
            assert_eq!(Offset::of(version, &Sysctls { tcp_timestamps: 2, ..Sysctls::defaults(version) }), Offset::None);
        }
    }

    fn clock(version: &str) -> Clock {
        let version: Version = version.parse().expect("a version");
        Clock::new(version, &Sysctls::defaults(version), 250, Duration::from_secs(100), 7)
    }

    #[test]
    fn ticks_by_version() {
        for (version, ticks) in [("2.6.32", 250), ("4.12", 250), ("4.13", 1000), ("6.18", 1000)] {
            let clock = clock(version);
            let at = |s| clock.tsval(FLOW, Duration::from_secs(s));
            assert_eq!(at(5).wrapping_sub(at(4)), ticks, "{version}");
        }
        assert_eq!(clock("3.10").tsval(FLOW, Duration::from_millis(4)), 25_001);
    }

    #[test]
    fn what_shares_a_clock() {
        let other_port = Flow { source_port: 40_001, ..FLOW };
        let other_address = Flow { destination: 3, ..FLOW };
        for (version, ports, addresses) in [("3.10", true, true), ("5.10", true, false), ("6.18.17", false, false)] {
            let clock = clock(version);
            let of = |flow| clock.tsval(flow, Duration::from_secs(1));
            assert_eq!((of(other_port) == of(FLOW), of(other_address) == of(FLOW)), (ports, addresses), "{version}");
        }
    }
}
