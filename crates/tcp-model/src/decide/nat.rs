//! A NAT gateway: which public port a new connection gets, how long an entry lasts, and who may take its place.
//!
//! ```text
//!   Linux      the inside port if its reply tuple is free; else 128 ports from a random start, then 64, 32, 16
//!   >= 6.5     the last 32 ports of each round also take the place of entries in TIME_WAIT or CLOSE whose ISN is older
//! ```

use crate::seq::after;
use crate::source::{Certainty, Source};
use crate::version::{Version, VersionRange};
use core::str::FromStr;
use core::time::Duration;
use named::named;

/// Where this is from.
pub(crate) const SOURCES: &[Source] = &[
    Source {
        decision: "the source port is kept, else searched",
        function: "get_unique_tuple, nf_nat_l4proto_unique_tuple",
        versions: VersionRange::ALL,
        reference: "source of 2.6.32 (a rover instead of random starts) and 6.18",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "an entry in TIME_WAIT or CLOSE gives way",
        function: "nf_nat_used_tuple_harder",
        versions: VersionRange::from(Version::new(6, 5)),
        reference: "458972550287",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "a SYN with the same inside tuple replaces its entry in TIME_WAIT",
        function: "nf_conntrack_tcp_packet",
        versions: VersionRange::ALL,
        reference: "nf_conntrack_proto_tcp.c; an inside flow that had another port may then get its own",
        certainty: Certainty::Tried,
    },
    Source {
        decision: "the RST that answers a challenge ACK is valid to conntrack",
        function: "nf_conntrack_tcp_packet",
        versions: VersionRange::from(Version::new(6, 2)),
        reference: "c410cb974f2b",
        certainty: Certainty::Documented,
    },
];

/// Ports tried in the first round (NF_NAT_MAX_ATTEMPTS); each further round halves it, down to 16.
pub(crate) const ATTEMPTS_MAX: u32 = 128;
const ATTEMPTS_MIN: u32 = 16;
/// In the last so many attempts of a round an old entry may be evicted (NF_NAT_HARDER_THRESH).
const EVICTING_ATTEMPTS: u32 = 32;

named! {
    /// How a gateway chooses public ports.
    #[derive(PartialOrd, Ord)]
    pub enum Policy {
        /// The inside port; where another host holds it, the next free one.
        Preserve = "preserve",
        /// One after the other.
        Sequential = "sequential",
        /// Any free one.
        Random = "random",
        /// The one that was free for longest.
        Lru = "lru",
        /// Linux up to 6.4.
        LinuxOld = "linux-6.4",
        /// Linux since 6.5.
        LinuxNew = "linux-6.5",
    }
}

impl Policy {
    /// May it hand out a port whose entry is in TIME_WAIT or CLOSE?
    pub(crate) fn evicts(self) -> bool {
        self == Self::LinuxNew
    }
}

/// A word that names no [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a NAT policy; write {known}", known = Policy::list())]
pub struct UnknownPolicy(String);

impl FromStr for Policy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        Self::from_name(text).ok_or_else(|| UnknownPolicy(text.to_owned()))
    }
}

/// What holds a public tuple, as the search finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody.
    Free,
    /// A connection that is still open, or an entry that cannot give way.
    Live,
    /// An entry in TIME_WAIT or CLOSE whose connection began with this sequence number.
    Closed {
        /// The old connection's initial sequence number.
        isn: u32,
    },
}

impl Holder {
    /// May a SYN with this sequence number take its place by eviction (6.5 and later)?
    pub(crate) fn gives_way_to(self, syn_seq: u32) -> bool {
        matches!(self, Self::Closed { isn } if after(syn_seq, isn))
    }
}

/// A public port was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The port.
    pub port: u16,
    /// Did an old entry give way?
    pub evicted: bool,
}

/// The ports Linux keeps a source port among: privileged ones stay privileged.
pub(crate) fn linux_range(inside_port: u16) -> (u16, u16) {
    match inside_port {
        0..=511 => (1, 511),
        512..=1023 => (600, 1023),
        _ => (1024, 65_535),
    }
}

/// Linux's choice for a SYN. `random` gives a start for each round; `holder` tells what holds a public port towards the
/// destination. `None`: the packet is lost (`insert_failed`).
pub(crate) fn linux_choice(
    policy: Policy,
    inside_port: u16,
    syn_seq: u32,
    fully_random: bool,
    random: impl FnMut() -> u32,
    holder: impl FnMut(u16) -> Holder,
) -> Option<Choice> {
    let kept = (!fully_random).then_some(inside_port);
    linux_choice_within(policy, linux_range(inside_port), kept, syn_seq, random, holder)
}

/// The same among the ports of a rule (`snat to :LOW-HIGH`). `kept` is the port that is tried first.
pub fn linux_choice_within(
    policy: Policy,
    (low, high): (u16, u16),
    kept: Option<u16>,
    syn_seq: u32,
    mut random: impl FnMut() -> u32,
    mut holder: impl FnMut(u16) -> Holder,
) -> Option<Choice> {
    if let Some(port) = kept.filter(|port| holder(*port) == Holder::Free) {
        return Some(Choice { port, evicted: false });
    }
    let size = u32::from(high - low) + 1;
    let mut attempts = ATTEMPTS_MAX.min(size);
    loop {
        let start = random() % size;
        for attempt in 0..attempts {
            let port = low + ((start + attempt) % size) as u16;
            let held = holder(port);
            if held == Holder::Free {
                return Some(Choice { port, evicted: false });
            }
            let pressed = attempts - attempt <= EVICTING_ATTEMPTS;
            if policy.evicts() && pressed && held.gives_way_to(syn_seq) {
                return Some(Choice { port, evicted: true });
            }
        }
        if attempts >= size || attempts < ATTEMPTS_MIN {
            return None;
        }
        attempts /= 2;
    }
}

/// How long a gateway keeps an entry after its connection's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOuts {
    /// After both FINs.
    pub time_wait: Duration,
    /// After an RST.
    pub close: Duration,
}

impl TimeOuts {
    /// conntrack's defaults.
    pub const LINUX: Self = Self { time_wait: Duration::from_secs(120), close: Duration::from_secs(10) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(policy: Policy, fully_random: bool, holder: impl FnMut(u16) -> Holder) -> (Option<Choice>, u32) {
        let mut rounds = 0;
        let random = || {
            rounds += 1;
            rounds * 1000
        };
        (linux_choice(policy, 40_000, 500, fully_random, random, holder), rounds)
    }

    fn kept(port: u16) -> Option<Choice> {
        Some(Choice { port, evicted: false })
    }

    #[test]
    fn the_port_is_kept_if_it_is_free() {
        assert_eq!(choose(Policy::LinuxOld, false, |_| Holder::Free), (kept(40_000), 0));
        assert_eq!(choose(Policy::LinuxOld, true, |_| Holder::Free), (kept(2024), 1));
        let taken = |port| if port == 40_000 { Holder::Live } else { Holder::Free };
        assert_eq!(choose(Policy::LinuxOld, false, taken), (kept(2024), 1));
    }

    #[test]
    fn old_entries_give_way_only_since_6_5_and_under_pressure() {
        let closed = |isn| move |_| Holder::Closed { isn };
        assert_eq!(choose(Policy::LinuxOld, false, closed(400)), (None, 5));
        assert_eq!(
            choose(Policy::LinuxNew, false, closed(400)),
            (Some(Choice { port: 1024 + 1000 + 96, evicted: true }), 1)
        );
        assert_eq!(choose(Policy::LinuxNew, false, closed(600)), (None, 5));
        assert_eq!(choose(Policy::LinuxNew, false, |_| Holder::Live), (None, 5));
    }

    #[test]
    fn the_search_is_bounded() {
        let mut looked = 0;
        choose(Policy::LinuxOld, true, |_| {
            looked += 1;
            Holder::Live
        });
        assert_eq!(looked, 128 + 64 + 32 + 16 + 8);
    }

    #[test]
    fn names_lead_back() {
        for policy in Policy::ALL {
            assert_eq!(policy.name().parse(), Ok(policy));
        }
        assert_eq!("oldest".parse::<Policy>(), Err(UnknownPolicy("oldest".to_owned())));
        assert_eq!((linux_range(80), linux_range(700), linux_range(1024)), ((1, 511), (600, 1023), (1024, 65_535)));
    }
}
