//! Which ephemeral port does connect() choose?
//!
//! ```text
//! 6.18, range 32768..60999:      off = perturb[hash] + hash(saddr, daddr, dport), made even
//!   pass 1    off, off+2, off+4 ...   every port of low's parity, around the range
//!   pass 2    the other parity        bind() users live here, so it comes last
//!   each:     reserved, or owned by a bind() user -> skip; unused -> take; else ask about the 4-tuple
//! ```
//! Once one parity is in TIME_WAIT every connect looks at all of it before it finds a port.

use crate::source::{Certainty, Source};
use crate::sysctls::Sysctls;
use crate::version::{Version, VersionRange};

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "ports of low's parity first, then the others",
        function: "__inet_hash_connect",
        versions: VersionRange::from(Version::new(4, 6)),
        reference: "source of 6.18; 1580ab63fc9a, the first version is remembered",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "one pass over the range from an offset per destination",
        function: "__inet_hash_connect",
        versions: VersionRange::up_to(Version::new(4, 5)),
        reference: "the last version is remembered",
        certainty: Certainty::Remembered,
    },
    Source {
        decision: "a table of perturbations instead of one hint for the host",
        function: "__inet_hash_connect",
        versions: VersionRange::from(Version::new(5, 12)),
        reference: "source of 6.18; 190cc82489f4, the first version is remembered",
        certainty: Certainty::Remembered,
    },
    Source {
        decision: "one pass where IP_LOCAL_PORT_RANGE is set",
        function: "__inet_hash_connect",
        versions: VersionRange::from(Version::new(6, 8)),
        reference: "source of 6.18; 207184853dbd, the first version is remembered",
        certainty: Certainty::Remembered,
    },
];

/// Most ports a search looks at: the whole range.
pub const PORTS_MAX: u32 = 65_536;

/// What stands on a port, as the search finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupant {
    /// Nobody uses the port, to any destination.
    Nobody,
    /// A socket that called bind() owns it (its bucket has `fastreuse >= 0`).
    BindUser,
    /// It is used by connect(), and this 4-tuple is free or may be taken over.
    OtherTuple,
    /// It is used by connect(), and this 4-tuple is taken.
    ThisTuple,
}

impl Occupant {
    /// May an unbound connect() take the port?
    pub(crate) const fn lets_connect(self) -> bool {
        matches!(self, Self::Nobody | Self::OtherTuple)
    }
}

/// How the ports are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Low's parity first (since 4.6).
    ParityFirst,
    /// All in one pass (up to 4.5, and with IP_LOCAL_PORT_RANGE since 6.8).
    OnePass,
}

impl Order {
    /// The order of `version`, for a socket with or without a range of its own.
    pub(crate) const fn of(version: Version, own_range: bool) -> Self {
        let one_pass = !version.at_least(4, 6) || (own_range && version.at_least(6, 8));
        if one_pass { Self::OnePass } else { Self::ParityFirst }
    }
}

/// A port found, and what finding it cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The port.
    pub port: u16,
    /// Ports looked at, this one included.
    pub looked_at: u32,
    /// What the perturbation (or the hint) grows by, but for the random part.
    pub advance: u32,
}

/// No port: EADDRNOTAVAIL, after so many were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoPort {
    /// Ports looked at.
    pub looked_at: u32,
}

/// The range connect() uses: the socket's own, as far as it lies inside the sysctl's (6.3 and later).
pub fn range(version: Version, sysctls: &Sysctls, own: Option<(u16, u16)>) -> (u16, u16) {
    let (low, high) = sysctls.ip_local_port_range;
    let Some((own_low, own_high)) = own.filter(|_| version.at_least(6, 3)) else { return (low, high) };
    let inside = |port: u16| (low..=high).contains(&port);
    (if inside(own_low) { own_low } else { low }, if inside(own_high) { own_high } else { high })
}

/// Searches `range` from `offset` on; `occupant` tells what stands on a port.
pub(crate) fn search(
    order: Order,
    sysctls: &Sysctls,
    (low, high): (u16, u16),
    offset: u32,
    mut occupant: impl FnMut(u16) -> Occupant,
) -> Result<Choice, NoPort> {
    let mut looked_at = 0;
    let count = u32::from(high - low) + 1;
    for pass in Pass::all(order, count, offset) {
        for index in 0..pass.ports {
            let port = low + pass.port(index, count) as u16;
            if sysctls.is_reserved(port) {
                continue;
            }
            looked_at += 1;
            if occupant(port).lets_connect() {
                return Ok(Choice { port, looked_at, advance: (index + 1) * pass.step });
            }
        }
    }
    Err(NoPort { looked_at })
}

/// One pass over the range.
struct Pass {
    start: u32,
    step: u32,
    ports: u32,
}

impl Pass {
    fn all(order: Order, count: u32, offset: u32) -> impl Iterator<Item = Self> {
        // An odd last port would make the two parities unequal when the search wraps around: it is left to pass 2.
        let even = (offset % count) & !1;
        let parity = |odd: u32| Self { start: even + odd, step: 2, ports: (count + 1 - odd) / 2 };
        let passes = match order {
            Order::OnePass => [Some(Self { start: offset % count, step: 1, ports: count }), None],
            Order::ParityFirst => [Some(parity(0)), Some(parity(1))],
        };
        passes.into_iter().flatten()
    }

    /// The port of `index`, counted from low. Wrapping keeps the parity where the range is even; where it is odd, so
    /// does stepping from the start's parity again.
    fn port(&self, index: u32, count: u32) -> u32 {
        if self.step == 1 {
            return (self.start + index) % count;
        }
        let odd = self.start & 1;
        odd + 2 * ((self.start / 2 + index) % self.ports)
    }
}

/// What bind() of a port answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindVerdict {
    /// The port is owned from now on.
    Bound,
    /// EADDRINUSE.
    InUse,
}

/// How a port is used already, as bind() sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortUse {
    /// Sockets (TIME_WAIT included) stand on it.
    pub used: bool,
    /// All of them had SO_REUSEADDR when they bound, and none of them listens. Sockets that connect() gave the port
    /// count by their own SO_REUSEADDR.
    pub all_reusable: bool,
}

/// `bind()` to an address and port (`inet_csk_get_port`): free, or everyone agrees to share.
pub fn bind(port: PortUse, reuse_address: bool) -> BindVerdict {
    if !port.used || (reuse_address && port.all_reusable) { BindVerdict::Bound } else { BindVerdict::InUse }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysctls() -> Sysctls {
        Sysctls::defaults(Version::new(6, 18))
    }

    /// The ports in the order they are looked at.
    fn sequence(order: Order, range: (u16, u16), offset: u32) -> Vec<u16> {
        let mut seen = Vec::new();
        let result = search(order, &sysctls(), range, offset, |port| {
            seen.push(port);
            Occupant::ThisTuple
        });
        assert_eq!(result, Err(NoPort { looked_at: seen.len() as u32 }));
        seen
    }

    #[test]
    fn parities_are_gone_through_one_after_the_other() {
        assert_eq!(sequence(Order::ParityFirst, (100, 105), 3), [102, 104, 100, 103, 105, 101]);
        assert_eq!(sequence(Order::OnePass, (100, 105), 3), [103, 104, 105, 100, 101, 102]);
        assert_eq!(sequence(Order::ParityFirst, (101, 101), 7), [101]);
    }

    #[test]
    fn every_port_is_looked_at_once() {
        for order in [Order::ParityFirst, Order::OnePass] {
            for count in 1..40u16 {
                for offset in 0..80 {
                    let mut seen = sequence(order, (1000, 1000 + count - 1), offset);
                    seen.sort_unstable();
                    assert_eq!(seen, (1000..1000 + count).collect::<Vec<_>>(), "{order:?} {count} ports from {offset}");
                }
            }
        }
    }

    #[test]
    fn the_cliff_begins_at_half_of_the_ports() {
        let range = (32_768, 60_999);
        let cost = |taken: &dyn Fn(u16) -> bool| {
            let occupant = |port| if taken(port) { Occupant::ThisTuple } else { Occupant::OtherTuple };
            search(Order::ParityFirst, &sysctls(), range, 0, occupant).map(|choice| choice.looked_at)
        };
        assert_eq!(cost(&|_| false), Ok(1));
        assert_eq!(cost(&|port| port % 2 == 0), Ok(14_117));
        assert_eq!(cost(&|port| port != 60_999), Ok(28_232));
        assert_eq!(cost(&|_| true), Err(NoPort { looked_at: 28_232 }));
    }

    #[test]
    fn bind_users_and_reserved_ports_are_skipped() {
        let mut sysctls = sysctls();
        sysctls.set(Version::new(6, 18), "ip_local_reserved_ports", "100-101").expect("valid");
        let occupant = |port| if port == 102 { Occupant::BindUser } else { Occupant::Nobody };
        let choice = search(Order::OnePass, &sysctls, (100, 105), 0, occupant);
        assert_eq!(choice, Ok(Choice { port: 103, looked_at: 2, advance: 4 }));
    }

    #[test]
    fn orders_and_ranges_by_version() {
        for (version, own, expect) in [
            ("3.10", false, Order::OnePass),
            ("4.6", false, Order::ParityFirst),
            ("6.7", true, Order::ParityFirst),
            ("6.8", true, Order::OnePass),
            ("6.18", false, Order::ParityFirst),
        ] {
            assert_eq!(Order::of(version.parse().expect("a version"), own), expect, "{version}");
        }
        for (version, own, expect) in [
            ("6.18", Some((40_000, 40_009)), (40_000, 40_009)),
            ("6.18", Some((1000, 40_009)), (32_768, 40_009)),
            ("6.18", Some((40_000, 65_000)), (40_000, 60_999)),
            ("6.2", Some((40_000, 40_009)), (32_768, 60_999)),
            ("6.18", None, (32_768, 60_999)),
        ] {
            assert_eq!(range(version.parse().expect("a version"), &sysctls(), own), expect, "{version} {own:?}");
        }
    }

    #[test]
    fn bind_shares_only_by_agreement() {
        for (used, all_reusable, reuse, expect) in [
            (false, false, false, BindVerdict::Bound),
            (true, true, true, BindVerdict::Bound),
            (true, true, false, BindVerdict::InUse),
            (true, false, true, BindVerdict::InUse),
        ] {
            assert_eq!(bind(PortUse { used, all_reusable }, reuse), expect);
        }
    }
}
