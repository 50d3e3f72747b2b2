//! What a gateway is made of.

use crate::channel::Weather;
use crate::flow::Timeouts;
use core::net::Ipv4Addr;
use packet::{Flags, Mac};
use tcp_model::decide::nat::Policy;

/// Flows a table may hold: every public port towards a few destinations.
pub const FLOWS_MAX: usize = 1 << 18;

/// A side of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// One of the inside links, by its number.
    Inside(usize),
    /// The outside link.
    Outside,
}

/// A cable with one neighbour at its far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Our link-layer address on it.
    pub mac: Mac,
    /// Our address on it. On the outside link this is the public address.
    pub address: Ipv4Addr,
    /// Who is at the far end.
    pub neighbour: Ipv4Addr,
}

/// Segments that are not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// RST that comes from inside, as some firewalls and, before Linux 6.2, connection tracking in
    /// SYN_SENT do (c410cb974f2b).
    RstFromInside,
    /// RST that comes from outside.
    RstFromOutside,
    /// Every RST.
    Rst,
}

impl Filter {
    pub(crate) fn stops(self, from: Side, flags: Flags) -> bool {
        let side = match self {
            Self::RstFromInside => from != Side::Outside,
            Self::RstFromOutside => from == Side::Outside,
            Self::Rst => true,
        };
        side && flags.contains(Flags::RST)
    }
}

/// How a gateway works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Inside links.
    pub inside: Vec<Link>,
    /// The outside link; its address is the public one.
    pub outside: Link,
    /// Public ports, inclusive.
    pub ports: (u16, u16),
    /// Which of them a flow gets.
    pub policy: Policy,
    /// When a flow is forgotten.
    pub timeouts: Timeouts,
    /// Flows remembered at most, up to [`FLOWS_MAX`].
    pub flows_max: usize,
    /// What is not let through.
    pub filters: Vec<Filter>,
    /// The way from inside to outside.
    pub outward: Weather,
    /// The way from outside to inside.
    pub inward: Weather,
    /// For everything that happens by chance.
    pub seed: u64,
}

impl Settings {
    /// Linux' defaults (>= 6.5) on calm links.
    pub fn new(inside: Vec<Link>, outside: Link) -> Self {
        Self {
            inside,
            outside,
            ports: (1024, u16::MAX),
            policy: Policy::LinuxNew,
            timeouts: Timeouts::LINUX,
            flows_max: FLOWS_MAX,
            filters: Vec::new(),
            outward: Weather::CALM,
            inward: Weather::CALM,
            seed: 0,
        }
    }

    /// # Errors
    /// The first setting that makes no sense.
    pub(crate) fn check(&self) -> Result<(), SettingError> {
        let (low, high) = self.ports;
        if low == 0 || low > high {
            return Err(SettingError::Ports { low, high });
        }
        if !(1..=FLOWS_MAX).contains(&self.flows_max) {
            return Err(SettingError::Flows(self.flows_max));
        }
        if self.inside.is_empty() {
            return Err(SettingError::NoInside);
        }
        [("outward", &self.outward), ("inward", &self.inward)]
            .into_iter()
            .try_for_each(|(name, weather)| weather.check().map_err(|what| SettingError::Weather { name, what }))
    }
}

/// A setting that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// No public port.
    #[error("the public ports {low} to {high} are none; use 1 to 65535 in order")]
    Ports {
        /// First.
        low: u16,
        /// Last.
        high: u16,
    },
    /// No flow, or more than [`FLOWS_MAX`].
    #[error("{0} flows cannot be remembered; use 1 to {FLOWS_MAX}")]
    Flows(usize),
    /// No inside link.
    #[error("a gateway needs at least one inside link")]
    NoInside,
    /// A probability beyond 0 to 1, or a rate of nothing.
    #[error("the {name} way has an impossible {what}")]
    Weather {
        /// Which way.
        name: &'static str,
        /// Which figure.
        what: &'static str,
    },
}
