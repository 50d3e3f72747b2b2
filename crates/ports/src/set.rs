//! Source addresses and a port range, checked, and their division among threads.

use crate::list::PortList;
use crate::own::EPHEMERAL_DEFAULT;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Source addresses one set can hold.
pub const SOURCES_MAX: usize = 1024;

/// A range of ports, both ends inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    low: u16,
    high: u16,
}

/// What a [`PortSet`] or [`PortRange`] cannot be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The range ends before it begins, or begins at port 0.
    #[error("port range {low}-{high}: give two ports from 1 to 65535, the lower first")]
    BadRange {
        /// First port asked for.
        low: u16,
        /// Last port asked for.
        high: u16,
    },
    /// No source address.
    #[error("no source address: give at least one")]
    NoSource,
    /// More than [`SOURCES_MAX`] source addresses.
    #[error("{0} source addresses: at most {SOURCES_MAX} are supported")]
    TooManySources(usize),
    /// The same source address twice: its ports would be handed out twice.
    #[error("source address {0} is given twice")]
    RepeatedSource(IpAddr),
    /// More parts asked for than the range has ports.
    #[error("{ports} ports cannot be divided among {parts} threads: use fewer threads or a wider range")]
    TooFewPorts {
        /// Ports in the range.
        ports: u32,
        /// Parts asked for.
        parts: u32,
    },
}

impl PortRange {
    /// Linux's default for `ip_local_port_range`.
    pub(crate) const DEFAULT_EPHEMERAL: Self = Self { low: EPHEMERAL_DEFAULT.0, high: EPHEMERAL_DEFAULT.1 };

    /// Ports `low` to `high`, both included.
    pub fn new(low: u16, high: u16) -> Result<Self, SetError> {
        if low == 0 || high < low {
            return Err(SetError::BadRange { low, high });
        }
        Ok(Self { low, high })
    }

    /// First port.
    pub fn low(self) -> u16 {
        self.low
    }

    /// Last port.
    pub fn high(self) -> u16 {
        self.high
    }

    /// Number of ports; never 0.
    #[allow(clippy::len_without_is_empty)] // a range is never empty
    pub fn len(self) -> u32 {
        u32::from(self.high - self.low) + 1
    }

    /// The same from its low end up to `high`, or its own high end if that is higher.
    pub(crate) fn up_to(self, high: u16) -> Self {
        Self { low: self.low, high: self.high.max(high) }
    }

    /// What is left of it without `other`: nothing, one range or two.
    pub(crate) fn without(self, other: Self) -> impl Iterator<Item = Self> {
        let below = (self.low < other.low).then(|| Self { low: self.low, high: self.high.min(other.low - 1) });
        let above = (self.high > other.high).then(|| Self { low: self.low.max(other.high + 1), high: self.high });
        below.into_iter().chain(above)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.low, self.high)
    }
}

/// Source addresses, each with the same ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortSet {
    sources: Vec<IpAddr>,
    ports: PortList,
}

impl PortSet {
    /// Every one of `ports` on every one of `sources`.
    pub fn new(sources: Vec<IpAddr>, ports: impl Into<PortList>) -> Result<Self, SetError> {
        match sources.len() {
            0 => return Err(SetError::NoSource),
            count if count > SOURCES_MAX => return Err(SetError::TooManySources(count)),
            _ => {}
        }
        let repeated = (1..sources.len()).find(|at| sources[..*at].contains(&sources[*at]));
        match repeated {
            Some(at) => Err(SetError::RepeatedSource(sources[at])),
            None => Ok(Self { sources, ports: ports.into() }),
        }
    }

    /// Every one of `ports` on whatever address the kernel picks by route, of either family.
    pub fn any_address(ports: impl Into<PortList>) -> Self {
        Self { sources: vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()], ports: ports.into() }
    }

    /// The addresses.
    pub fn sources(&self) -> &[IpAddr] {
        &self.sources
    }

    /// The ports of each.
    pub fn ports(&self) -> &PortList {
        &self.ports
    }

    /// 4-tuples towards one destination.
    pub fn tuples(&self) -> u64 {
        self.sources.len() as u64 * u64::from(self.ports.len())
    }

    /// Part `index` of `count` of which no two share a port.
    pub fn share(&self, index: u32, count: u32) -> Result<Self, SetError> {
        let too_few = SetError::TooFewPorts { ports: self.ports.len(), parts: index + 1 };
        let ports = self.ports.split(count)?.into_iter().nth(index as usize).ok_or(too_few)?;
        Ok(Self { sources: self.sources.clone(), ports })
    }

    /// `parts` sets that share no port: one for each thread.
    pub fn split(&self, parts: u32) -> Result<Vec<Self>, SetError> {
        let part = |ports| Self { sources: self.sources.clone(), ports };
        Ok(self.ports.split(parts)?.into_iter().map(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_set_is_named() {
        let one = IpAddr::from([127, 0, 0, 1]);
        let range = PortRange::new(10, 12).unwrap();
        assert_eq!(PortRange::new(0, 5), Err(SetError::BadRange { low: 0, high: 5 }));
        assert_eq!(PortRange::new(9, 5), Err(SetError::BadRange { low: 9, high: 5 }));
        let split = |parts| PortList::from(range).split(parts);
        assert_eq!(split(4), Err(SetError::TooFewPorts { ports: 3, parts: 4 }));
        assert_eq!(PortSet::new(vec![], range), Err(SetError::NoSource));
        assert_eq!(PortSet::new(vec![one, one], range), Err(SetError::RepeatedSource(one)));
        assert_eq!(PortSet::new(vec![one; 1025], range), Err(SetError::TooManySources(1025)));
    }
}
