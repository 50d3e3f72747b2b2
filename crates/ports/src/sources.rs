//! Where outgoing connections start: the kernel's choice, source addresses in turn, or ports of our own choice.
//!
//! A shell asks [`Sources::choose`] before each connect and tells what became of it: [`Sources::connect_failed`] when
//! it came to nothing, [`Sources::give_back`] when the connection is over. It decides nothing about ports itself.

use crate::address::Address;
use crate::allocator::{DestinationId, Lease, NoPort, PortAllocator, PortEnd, TooManyDestinations};
use crate::fault::{Fault, FaultKind};
use crate::set::{PortRange, PortSet, SetError};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// Ports of our own choice tried for one connection before it counts as "no port left". Ports that the kernel once
/// chose refuse an explicit bind for 60 s, and lie in long rows; a refusal costs two microseconds and sets the port
/// aside.
pub const TRIES_MAX: u16 = 200;

/// Where an outgoing connection starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The kernel chooses address and port.
    #[default]
    Kernel,
    /// This address; the kernel chooses the port in `connect()` (IP_BIND_ADDRESS_NO_PORT), so that it
    /// is shared across destinations.
    Address(IpAddr),
    /// This very address and port: bind + SO_REUSEADDR, which may re-use a 4-tuple in TIME_WAIT at once
    /// when timestamps had been negotiated on it (`tcp_twsk_unique`, Linux 2.6.32 to 6.18).
    Exact(SocketAddr),
}

impl Source {
    /// The address, where it is not the kernel's choice.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Kernel => None,
            Self::Address(address) => Some(address),
            Self::Exact(local) => Some(local.ip()),
        }
    }
}

/// Which starting points there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceSet {
    /// The kernel chooses the port, and the address where none is given.
    Kernel {
        /// To be used in turn, those of the destination's family; where there is none the kernel chooses.
        addresses: Vec<IpAddr>,
        /// Bounds for the kernel's choice.
        range: Option<PortRange>,
    },
    /// Our own allocator chooses.
    Own(PortSet),
}

impl Default for SourceSet {
    fn default() -> Self {
        Self::Kernel { addresses: Vec::new(), range: None }
    }
}

impl SourceSet {
    /// The share of thread `index` of `count`: no two have a port of our own choice in common, and they begin with
    /// different addresses.
    ///
    /// # Errors
    /// The ports of our own choice cannot be divided among so many.
    pub fn share(&self, index: u32, count: u32) -> Result<Self, SetError> {
        match self {
            Self::Kernel { addresses, range } => {
                let mut addresses = addresses.clone();
                let turn = (index as usize).checked_rem(addresses.len()).unwrap_or(0);
                addresses.rotate_left(turn);
                Ok(Self::Kernel { addresses, range: *range })
            }
            Self::Own(set) => Ok(Self::Own(set.share(index, count)?)),
        }
    }
}

/// A destination as [`Sources`] knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    address: Address,
    /// None where the kernel chooses, and towards a socket file.
    id: Option<DestinationId>,
}

impl Target {
    /// Where to connect to.
    pub fn address(self) -> Address {
        self.address
    }
}

/// Where one connection starts.
#[derive(Debug)]
pub struct Start {
    /// What to bind.
    pub source: Source,
    /// Bounds for the kernel's choice.
    pub range: Option<PortRange>,
    /// The port of our own choice: kept with the connection and given back with its end.
    pub lease: Option<Lease>,
}

impl Start {
    /// The kernel chooses, or there is nothing to choose.
    const ANYWHERE: Self = Self { source: Source::Kernel, range: None, lease: None };
}

/// Starting points that one connection was refused so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries(u16);

/// Chooses where connections start; one for each thread. See the module's head.
#[derive(Debug)]
pub struct Sources(Kind);

#[derive(Debug)]
enum Kind {
    Kernel { v4: Turn, v6: Turn, range: Option<PortRange> },
    Own(Box<PortAllocator>),
}

/// Addresses of one family in turn.
#[derive(Debug, Default)]
struct Turn {
    addresses: Vec<IpAddr>,
    next: usize,
}

impl Turn {
    fn of(addresses: impl Iterator<Item = IpAddr>) -> Self {
        Self { addresses: addresses.collect(), next: 0 }
    }

    fn take(&mut self) -> Source {
        let Some(address) = self.addresses.get(self.next) else { return Source::Kernel };
        self.next = (self.next + 1) % self.addresses.len();
        Source::Address(*address)
    }
}

impl Sources {
    /// Of `set`, a thread's share of all there are.
    pub fn new(set: SourceSet) -> Self {
        Self(match set {
            SourceSet::Own(set) => Kind::Own(Box::new(PortAllocator::new(set))),
            SourceSet::Kernel { addresses, range } => Kind::Kernel {
                v4: Turn::of(addresses.iter().copied().filter(IpAddr::is_ipv4)),
                v6: Turn::of(addresses.iter().copied().filter(IpAddr::is_ipv6)),
                range,
            },
        })
    }

    /// `address` as a destination; named again, it is the same one.
    pub fn target(&mut self, address: impl Into<Address>) -> Result<Target, TooManyDestinations> {
        let address = address.into();
        let id = match (&mut self.0, address.ip()) {
            (Kind::Own(ports), Some(address)) => Some(ports.destination(address)?),
            _ => None,
        };
        Ok(Target { address, id })
    }

    /// `target` is none any more. Connections that still use it give their ports back as ever; one more that has
    /// to start to it still may.
    pub fn forget(&mut self, target: Target) {
        if let (Kind::Own(ports), Some(id)) = (&mut self.0, target.id) {
            ports.forget(id);
        }
    }

    /// Where the next connection to `to` starts.
    ///
    /// # Errors
    /// No port of our own choice is left; the kernel's shortages show in `connect()`.
    pub fn choose(&mut self, now: Duration, to: Target) -> Result<Start, NoPort> {
        let Some(address) = to.address.ip() else { return Ok(Start::ANYWHERE) };
        match &mut self.0 {
            Kind::Kernel { v4, v6, range } => {
                let turn = if address.is_ipv4() { v4 } else { v6 };
                Ok(Start { source: turn.take(), range: *range, lease: None })
            }
            Kind::Own(ports) => {
                let lease = match to.id.map_or(Err(NoPort::Forgotten), |id| ports.take(now, id)) {
                    Err(NoPort::Forgotten) => ports.take_in_passing(now, address)?,
                    taken => taken?,
                };
                Ok(Start { source: Source::Exact(ports.address(&lease)), range: None, lease: Some(lease) })
            }
        }
    }

    /// A connect came to nothing: takes its port back and says whether another starting point may be tried.
    #[must_use = "another starting point may do"]
    pub fn connect_failed(
        &mut self,
        now: Duration,
        to: Target,
        lease: Option<Lease>,
        fault: Fault,
        tries: &mut Tries,
    ) -> bool {
        if fault.kind == FaultKind::Ports {
            return self.refused(now, to, lease, tries);
        }
        self.return_unused(now, lease);
        false
    }

    /// The kernel refused the starting point. Whether another may be tried: a port of our own choice up to
    /// [`TRIES_MAX`] times, another address as long as there is one. The kernel's own choice is final.
    #[must_use = "another starting point may do"]
    pub fn refused(&mut self, now: Duration, to: Target, lease: Option<Lease>, tries: &mut Tries) -> bool {
        tries.0 = tries.0.saturating_add(1);
        match (&mut self.0, lease) {
            (Kind::Own(ports), Some(lease)) => {
                ports.refused(now, lease);
                tries.0 < TRIES_MAX
            }
            (Kind::Own(_), None) => false,
            (Kind::Kernel { v4, v6, .. }, _) => {
                let turn = if to.address.ip().is_some_and(|address| address.is_ipv4()) { v4 } else { v6 };
                usize::from(tries.0) < turn.addresses.len()
            }
        }
    }

    /// Takes back the port of a connection that is over.
    pub fn give_back(&mut self, now: Duration, lease: Option<Lease>, end: PortEnd) {
        if let (Kind::Own(ports), Some(lease)) = (&mut self.0, lease) {
            ports.give_back(now, lease, end);
        }
    }

    /// Takes back a port with which no connection came to be, for reasons that are not the port's.
    pub fn return_unused(&mut self, now: Duration, lease: Option<Lease>) {
        self.give_back(now, lease, PortEnd::UNUSED);
    }

    /// 4-tuples towards one destination, where the kernel chooses among `kernel_ports` for each address. Towards a socket
    /// file there is no end of them.
    pub fn tuples(&self, to: Target, kernel_ports: u32) -> u64 {
        let Some(address) = to.address.ip() else { return u64::MAX };
        match &self.0 {
            Kind::Own(ports) => ports.tuples_towards(&address),
            Kind::Kernel { v4, v6, range } => {
                let turn = if address.is_ipv4() { v4 } else { v6 };
                let ports = range.map_or(kernel_ports, PortRange::len);
                turn.addresses.len().max(1) as u64 * u64::from(ports)
            }
        }
    }

    /// Ports of our own choice on loan.
    pub fn leases_out(&self) -> usize {
        self.allocator().map_or(0, PortAllocator::leases_out)
    }

    /// Our own allocator; `None` where the kernel chooses.
    pub fn allocator(&self) -> Option<&PortAllocator> {
        match &self.0 {
            Kind::Own(ports) => Some(ports),
            Kind::Kernel { .. } => None,
        }
    }
}
