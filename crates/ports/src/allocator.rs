//! Which local address and port the next connection starts from: oldest port first, per destination.
//!
//! A 4-tuple whose end left no TIME_WAIT here is free at once; one in TIME_WAIT can be re-used at once
//! only by an explicit bind with SO_REUSEADDR and only when timestamps had been negotiated on the old
//! connection (`tcp_twsk_unique`, Linux 2.6.32 to 6.18); any other has to wait out its 60 s.
//!
//! Every operation is O(1). A destination costs some 250 bytes, its address included, and 12 for each slot it ever
//! used; a port that has rested for two minutes is used again before one that was never used.

use crate::closing::ClosedFirst;
use crate::destination::Destination;
use crate::list::PortList;
use crate::set::PortSet;
use core::net::{IpAddr, SocketAddr};
use core::num::NonZeroU32;
use core::time::Duration;
use std::collections::HashMap;

/// How long a closed 4-tuple stays in TIME_WAIT: a constant of Linux (TCP_TIMEWAIT_LEN).
pub const TIME_WAIT: Duration = Duration::from_secs(60);

/// How long a port that `bind()` or `connect()` refused is left alone: somebody else holds it.
pub const SET_ASIDE: Duration = Duration::from_secs(5);

/// Destinations one allocator keeps apart.
pub const DESTINATIONS_MAX: usize = 65_536;

/// A destination of one allocator. Once forgotten, the id means nothing and does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationId {
    index: u32,
    generation: NonZeroU32,
}

/// Why there is no port to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPort {
    /// No source address has the destination's family, or the range is empty.
    #[error("no source address of the destination's family")]
    NoSource,
    /// Live connections hold every port.
    #[error("every source port is in use by a live connection")]
    AllInUse,
    /// What is not in use waits out its TIME_WAIT.
    #[error("every free source port is in TIME_WAIT")]
    AllWaiting {
        /// When the oldest becomes free.
        free_at: Duration,
    },
    /// What is not in use was refused by the kernel lately: another process holds it.
    #[error("every free source port is held by another process")]
    AllRefused {
        /// When the oldest is tried again.
        free_at: Duration,
    },
    /// The destination was forgotten.
    #[error("the destination was forgotten")]
    Forgotten,
}

impl NoPort {
    /// When a try makes sense again by time alone.
    pub fn free_at(self) -> Option<Duration> {
        match self {
            Self::AllWaiting { free_at } | Self::AllRefused { free_at } => Some(free_at),
            Self::NoSource | Self::AllInUse | Self::Forgotten => None,
        }
    }
}

/// There are [`DESTINATIONS_MAX`] destinations already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {DESTINATIONS_MAX} destinations for one allocator of ports: use fewer, or let the kernel choose")]
pub struct TooManyDestinations;

/// A port on loan. It cannot be copied, so that it cannot be given back twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a port that is not given back is lost"]
pub struct Lease {
    to: DestinationId,
    slot: u32,
}

/// How a connection that used a port ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortEnd {
    /// Who closed first; `None` when it had never been established.
    pub closed_first: Option<ClosedFirst>,
    /// Were timestamps negotiated? Say `false` when it is not known.
    pub timestamps: bool,
}

impl PortEnd {
    /// There was no connection: the port was not used.
    pub(crate) const UNUSED: Self = Self { closed_first: None, timestamps: false };
}

/// Ports of one set by what they could be used for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounts {
    /// Held by live connections.
    pub in_use: u32,
    /// Never used, or ended without TIME_WAIT here.
    pub free: u32,
    /// In TIME_WAIT, re-usable at once by bind + SO_REUSEADDR.
    pub recyclable: u32,
    /// In TIME_WAIT until 60 s are over.
    pub waiting: u32,
    /// Refused by the kernel lately.
    pub aside: u32,
}

/// Hands out source addresses and ports, oldest first. See the module's head.
#[derive(Debug)]
pub struct PortAllocator {
    ports: PortList,
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
    rooms: Vec<Room>,
    free_rooms: Vec<u32>,
    known: HashMap<SocketAddr, DestinationId>,
    leases_out: usize,
}

/// Where a destination lives; its generation tells tenants apart.
#[derive(Debug)]
struct Room {
    generation: NonZeroU32,
    tenant: Option<Destination>,
}

impl PortAllocator {
    /// An allocator over `set`.
    pub fn new(set: PortSet) -> Self {
        let (v4, v6) = set.sources().iter().partition(|source| source.is_ipv4());
        Self {
            ports: set.ports().clone(),
            v4,
            v6,
            rooms: Vec::new(),
            free_rooms: Vec::new(),
            known: HashMap::new(),
            leases_out: 0,
        }
    }

    /// The id of `address`, made when it is new.
    pub fn destination(&mut self, address: SocketAddr) -> Result<DestinationId, TooManyDestinations> {
        if let Some(id) = self.known.get(&address).copied() {
            if let Ok(tenant) = self.tenant(id) {
                tenant.leaving = false;
            }
            return Ok(id);
        }
        if self.known.len() == DESTINATIONS_MAX {
            return Err(TooManyDestinations);
        }
        let slots = self.sources_towards(&address).len() as u32 * self.ports.len();
        let id = self.let_room(Destination::new(address, slots));
        self.known.insert(address, id);
        Ok(id)
    }

    /// Nothing more will start towards `to`. What is known of its ports goes when the last lease comes back; when the
    /// destination is named again before, nothing of it is lost.
    pub fn forget(&mut self, to: DestinationId) {
        if let Ok(tenant) = self.tenant(to) {
            tenant.leaving = true;
            self.clear_if_left(to);
        }
    }

    /// The port to bind next: a rested, fresh or free one, then the oldest in TIME_WAIT that bind + SO_REUSEADDR may
    /// take over. [`PortAllocator::address`] says which.
    pub fn take(&mut self, now: Duration, to: DestinationId) -> Result<Lease, NoPort> {
        let slot = self.tenant(to)?.take(now)?;
        self.leases_out += 1;
        Ok(Lease { to, slot })
    }

    /// [`PortAllocator::take`] towards an address that need not be a destination (any more): it is known for as long as
    /// leases are out.
    pub(crate) fn take_in_passing(&mut self, now: Duration, address: SocketAddr) -> Result<Lease, NoPort> {
        let id = match self.known.get(&address) {
            Some(id) => *id,
            None => {
                let id = self.destination(address).map_err(|_| NoPort::Forgotten)?;
                self.tenant(id)?.leaving = true;
                id
            }
        };
        let lease = self.take(now, id);
        self.clear_if_left(id);
        lease
    }

    /// What to bind before `connect()`.
    ///
    /// # Panics
    /// When the lease comes from another allocator.
    pub fn address(&self, lease: &Lease) -> SocketAddr {
        let tenant = self.rooms[lease.to.index as usize].tenant.as_ref().expect("it stays as long as leases are out");
        let sources = self.sources_towards(&tenant.address);
        let (slot, count) = (lease.slot as usize, sources.len());
        SocketAddr::new(sources[slot % count], self.ports.at((slot / count) as u32))
    }

    /// Takes back a port whose connection is over.
    ///
    /// # Panics
    /// When the lease comes from another allocator; so do the others that take one.
    pub fn give_back(&mut self, now: Duration, lease: Lease, end: PortEnd) {
        self.returned(&lease).give_back(now, lease.slot, end);
        self.clear_if_left(lease.to);
    }

    /// Takes back a port that `bind()` or `connect()` refused (EADDRINUSE, EADDRNOTAVAIL) and leaves
    /// it alone for [`SET_ASIDE`].
    pub fn refused(&mut self, now: Duration, lease: Lease) {
        self.returned(&lease).set_aside(now, lease.slot);
        self.clear_if_left(lease.to);
    }

    /// How the ports towards one destination stand; all zero when it is forgotten.
    pub fn counts(&self, to: DestinationId) -> PortCounts {
        let room = self.rooms.get(to.index as usize).filter(|room| room.generation == to.generation);
        room.and_then(|room| room.tenant.as_ref()).map(Destination::counts).unwrap_or_default()
    }

    /// Ports on loan, towards all destinations.
    pub fn leases_out(&self) -> usize {
        self.leases_out
    }

    /// 4-tuples towards this destination.
    pub(crate) fn tuples_towards(&self, address: &SocketAddr) -> u64 {
        self.sources_towards(address).len() as u64 * u64::from(self.ports.len())
    }

    /// Destinations known; one that was forgotten counts as long as leases are out.
    pub fn destinations(&self) -> usize {
        self.known.len()
    }

    fn sources_towards(&self, address: &SocketAddr) -> &[IpAddr] {
        if address.is_ipv4() { &self.v4 } else { &self.v6 }
    }

    fn tenant(&mut self, id: DestinationId) -> Result<&mut Destination, NoPort> {
        let room = self.rooms.get_mut(id.index as usize).filter(|room| room.generation == id.generation);
        room.and_then(|room| room.tenant.as_mut()).ok_or(NoPort::Forgotten)
    }

    fn let_room(&mut self, tenant: Destination) -> DestinationId {
        let index = self.free_rooms.pop().unwrap_or_else(|| {
            self.rooms.push(Room { generation: NonZeroU32::MIN, tenant: None });
            self.rooms.len() as u32 - 1
        });
        let room = &mut self.rooms[index as usize];
        room.tenant = Some(tenant);
        DestinationId { index, generation: room.generation }
    }

    fn returned(&mut self, lease: &Lease) -> &mut Destination {
        self.leases_out -= 1;
        self.tenant(lease.to).expect("a lease goes back to the allocator it came from")
    }

    /// A destination that was forgotten goes with its last lease.
    fn clear_if_left(&mut self, id: DestinationId) {
        let room = &mut self.rooms[id.index as usize];
        if let Some(tenant) = room.tenant.take_if(|tenant| tenant.leaving && tenant.in_use == 0) {
            // After 2^32 tenants of one room an id of the first could be mistaken: it was dropped long before.
            room.generation = room.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
            self.free_rooms.push(id.index);
            self.known.remove(&tenant.address);
        }
    }
}
