//! Which local address and port the next connection starts from: oldest port first, per destination.
//!
//! A 4-tuple whose end left no TIME_WAIT here is free at once; one in TIME_WAIT can be re-used at once
//! only by an explicit bind with SO_REUSEADDR and only when timestamps had been negotiated on the old
//! connection (`tcp_twsk_unique`, Linux 2.6.32 to 6.18); any other has to wait out its 60 s.
//!
//! ```text
//! slots of one destination (source = slot % sources, port = low + slot / sources):
//!   [ used so far: state, time, next ............ | never used: not even stored ]
//!     each in use, or in exactly one queue:         ^fresh
//!     free -> recyclable (TIME_WAIT, timestamps) ; waiting (TIME_WAIT, none) ; aside (refused)
//! ```
//! Every operation is O(1); a destination costs 12 bytes per slot ever used.

use crate::closing::ClosedFirst;
use crate::queue::{Links, Queue};
use crate::set::PortSet;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// How long a closed 4-tuple stays in TIME_WAIT: a constant of Linux (TCP_TIMEWAIT_LEN).
pub const TIME_WAIT: Duration = Duration::from_secs(60);

/// How long a port that `bind()` or `connect()` refused is left alone: somebody else holds it.
pub const SET_ASIDE: Duration = Duration::from_secs(5);

/// Destinations one allocator keeps apart.
pub const DESTINATIONS_MAX: usize = 1024;

/// Expired queue heads brought back per [`PortAllocator::take`]; more than one, so that the queues
/// drain faster than they fill.
const EXPIRED_PER_TAKE_MAX: usize = 2;

/// A destination of one allocator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationId(u32);

/// Why there is no port to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPort {
    /// No source address has the destination's family, or the range is empty.
    NoSource,
    /// Live connections hold every port.
    AllInUse,
    /// What is not in use waits out its TIME_WAIT.
    AllWaiting {
        /// When the oldest becomes free.
        free_at: Duration,
    },
    /// What is not in use was refused by the kernel lately: another process holds it.
    AllRefused {
        /// When the oldest is tried again.
        free_at: Duration,
    },
}

impl NoPort {
    /// When a try makes sense again by time alone.
    pub fn free_at(self) -> Option<Duration> {
        match self {
            Self::AllWaiting { free_at } | Self::AllRefused { free_at } => Some(free_at),
            Self::NoSource | Self::AllInUse => None,
        }
    }
}

impl fmt::Display for NoPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSource => "no source address of the destination's family",
            Self::AllInUse => "every source port is in use by a live connection",
            Self::AllWaiting { .. } => "every free source port is in TIME_WAIT",
            Self::AllRefused { .. } => "every free source port is held by another process",
        })
    }
}

/// There are [`DESTINATIONS_MAX`] destinations already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyDestinations;

/// A port on loan. It cannot be copied, so that it cannot be given back twice.
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    address: SocketAddr,
    to: DestinationId,
    slot: u32,
}

impl Lease {
    /// What to bind before `connect()`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How a connection that used a port ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortEnd {
    /// Who closed first; `None` when it had never been established.
    pub closed_first: Option<ClosedFirst>,
    /// Were timestamps negotiated? Say `false` when it is not known.
    pub timestamps: bool,
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
    set: PortSet,
    destinations: Vec<Destination>,
}

#[derive(Debug)]
struct Destination {
    address: SocketAddr,
    /// The set's sources of this destination's family.
    sources: Vec<IpAddr>,
    /// Slots in all; those from `links.len()` on are fresh.
    slots: u32,
    in_use: u32,
    links: Links,
    free: Queue,
    recyclable: Queue,
    waiting: Queue,
    aside: Queue,
}

impl PortAllocator {
    /// An allocator over `set`.
    pub fn new(set: PortSet) -> Self {
        Self { set, destinations: Vec::new() }
    }

    /// The id of `address`, made when it is new.
    pub fn destination(&mut self, address: SocketAddr) -> Result<DestinationId, TooManyDestinations> {
        if let Some(at) = self.destinations.iter().position(|known| known.address == address) {
            return Ok(DestinationId(at as u32));
        }
        if self.destinations.len() == DESTINATIONS_MAX {
            return Err(TooManyDestinations);
        }
        self.destinations.push(Destination::new(address, &self.set));
        Ok(DestinationId(self.destinations.len() as u32 - 1))
    }

    /// The address and port to bind next: a fresh or free one, then the oldest in TIME_WAIT that
    /// bind + SO_REUSEADDR may take over.
    pub fn take(&mut self, now: Duration, to: DestinationId) -> Result<Lease, NoPort> {
        let low = self.set.range().low();
        let known = &mut self.destinations[to.0 as usize];
        known.bring_back_expired(now);
        let slot = known.next_slot()?;
        known.links.mark_in_use(slot);
        known.in_use += 1;
        Ok(Lease { address: known.address_of(slot, low), to, slot })
    }

    /// Takes back a port whose connection is over.
    pub fn give_back(&mut self, now: Duration, lease: Lease, end: PortEnd) {
        let time_wait = end.closed_first.is_some_and(ClosedFirst::leaves_time_wait_here);
        let (known, slot) = self.ended(lease);
        let queue = match (time_wait, end.timestamps) {
            (false, _) => &mut known.free,
            (true, true) => &mut known.recyclable,
            (true, false) => &mut known.waiting,
        };
        queue.push(&mut known.links, slot, now);
    }

    /// Takes back a port that `bind()` or `connect()` refused (EADDRINUSE, EADDRNOTAVAIL) and leaves
    /// it alone for [`SET_ASIDE`].
    pub fn refused(&mut self, now: Duration, lease: Lease) {
        let (known, slot) = self.ended(lease);
        known.aside.push(&mut known.links, slot, now);
    }

    /// How the ports towards one destination stand.
    pub fn counts(&self, to: DestinationId) -> PortCounts {
        let known = &self.destinations[to.0 as usize];
        PortCounts {
            in_use: known.in_use,
            free: known.slots - known.links.len() + known.free.len(),
            recyclable: known.recyclable.len(),
            waiting: known.waiting.len(),
            aside: known.aside.len(),
        }
    }

    /// # Panics
    /// When the lease comes from another allocator.
    fn ended(&mut self, lease: Lease) -> (&mut Destination, u32) {
        let known = &mut self.destinations[lease.to.0 as usize];
        assert!(known.links.is_in_use(lease.slot), "a lease goes back to the allocator it came from");
        known.in_use -= 1;
        (known, lease.slot)
    }
}

impl Destination {
    fn new(address: SocketAddr, set: &PortSet) -> Self {
        let same_family = |source: &&IpAddr| source.is_ipv4() == address.is_ipv4();
        let sources: Vec<IpAddr> = set.sources().iter().filter(same_family).copied().collect();
        let slots = sources.len() as u32 * set.range().len();
        Self {
            address,
            sources,
            slots,
            in_use: 0,
            links: Links::default(),
            free: Queue::default(),
            recyclable: Queue::default(),
            waiting: Queue::default(),
            aside: Queue::default(),
        }
    }

    /// Moves heads whose time is over to `free`. Queues are in order of time, so heads suffice.
    fn bring_back_expired(&mut self, now: Duration) {
        let queues = [(&mut self.waiting, TIME_WAIT), (&mut self.recyclable, TIME_WAIT), (&mut self.aside, SET_ASIDE)];
        for (queue, time) in queues {
            for _ in 0..EXPIRED_PER_TAKE_MAX {
                let Some(since) = queue.oldest(&self.links).filter(|since| *since + time <= now) else { break };
                if let Some(slot) = queue.pop(&mut self.links) {
                    self.free.push(&mut self.links, slot, since);
                }
            }
        }
    }

    fn next_slot(&mut self) -> Result<u32, NoPort> {
        if self.links.len() < self.slots {
            return Ok(self.links.add());
        }
        let links = &mut self.links;
        let used = self.free.pop(links).or_else(|| self.recyclable.pop(links));
        used.ok_or_else(|| self.no_port())
    }

    fn no_port(&self) -> NoPort {
        if self.slots == 0 {
            return NoPort::NoSource;
        }
        let waiting = self.waiting.oldest(&self.links).map(|since| since + TIME_WAIT);
        let aside = self.aside.oldest(&self.links).map(|since| since + SET_ASIDE);
        match (waiting, aside) {
            (None, None) => NoPort::AllInUse,
            (Some(free_at), None) => NoPort::AllWaiting { free_at },
            (None, Some(free_at)) => NoPort::AllRefused { free_at },
            (Some(waiting), Some(aside)) if waiting <= aside => NoPort::AllWaiting { free_at: waiting },
            (Some(_), Some(free_at)) => NoPort::AllRefused { free_at },
        }
    }

    fn address_of(&self, slot: u32, low: u16) -> SocketAddr {
        let count = self.sources.len() as u32;
        SocketAddr::new(self.sources[(slot % count) as usize], low + (slot / count) as u16)
    }
}
