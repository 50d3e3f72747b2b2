//! From settings to what one worker needs at hand.

use super::state::ExchangeId;
use balancer_core::downstream::DownstreamScene;
use balancer_core::exchange::Scene;
use balancer_core::{
    BackendSetSettings, Counters, IdleConnections, ListenerSettings, PortChoice, Selection, ServerSettings,
};
use http1::Limits;
use ports::{DestinationId, Fault, FaultKind, Lease, PortAllocator, PortEnd, PortRange, PortSet};
use reactor::{ConnId, ConnectPlan, ListenPlan, ListenerId, Source};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// Which worker of how many: each gets its own slice of the local ports.
#[derive(Clone, Copy, Debug)]
pub struct WorkerShare {
    /// 0 for the first worker.
    pub index: u32,
    /// At least 1.
    pub count: u32,
    /// The kernel's `ip_local_port_range`, for sets that choose ports themselves without a range of their own.
    pub kernel_range: (u16, u16),
}

impl WorkerShare {
    /// The only worker, with Linux's default port range.
    pub const ALONE: Self = Self { index: 0, count: 1, kernel_range: (32768, 60999) };
}

/// What a listener's clients are treated by.
#[derive(Debug)]
pub(super) struct ListenerRules {
    pub(super) settings: ListenerSettings,
    pub(super) limits: Limits,
}

impl ListenerRules {
    fn new(settings: &ListenerSettings) -> Self {
        let limits = Limits {
            head_bytes_max: settings.limits.head_bytes_max,
            headers_max: settings.limits.headers_max,
            ..Limits::default()
        };
        Self { settings: settings.clone(), limits }
    }

    pub(super) fn downstream_scene(&self, now: Duration, draining: bool) -> DownstreamScene<'_> {
        DownstreamScene { now, timeouts: &self.settings.timeouts, close: self.settings.close, draining }
    }

    pub(super) fn scene<'a>(&'a self, set: &'a BackendSetSettings, now: Duration, draining: bool) -> Scene<'a> {
        Scene {
            now,
            client: &self.settings.timeouts,
            server: &set.timeouts,
            close: self.settings.close,
            retries_max: set.retries_max,
            draining,
        }
    }

    pub(super) fn route(&self) -> usize {
        self.settings.backend_set
    }
}

pub(super) struct Listener {
    pub(super) rules: Rc<ListenerRules>,
    pub(super) plan: ListenPlan,
    pub(super) id: Option<ListenerId>,
    pub(super) clients: usize,
    pub(super) counters: Counters,
}

impl Listener {
    pub(super) fn new(settings: &ListenerSettings) -> Self {
        Self {
            rules: Rc::new(ListenerRules::new(settings)),
            plan: ListenPlan::new(settings.bind),
            id: None,
            clients: 0,
            counters: Counters::default(),
        }
    }

    /// New clients wait in the accept queue.
    pub(super) fn is_full(&self) -> bool {
        self.clients >= self.rules.settings.limits.connections_max
    }
}

pub(super) struct BackendSet {
    pub(super) rules: Rc<BackendSetSettings>,
    pub(super) selection: Selection,
    pub(super) servers: Vec<Server>,
    allocator: Option<PortAllocator>,
    /// Requests that wait for a local port.
    pub(super) waiting: VecDeque<ExchangeId>,
    /// Ports and connections that came free while requests waited.
    pub(super) freed: u32,
    /// Turn among the source addresses where the kernel chooses the port.
    next_source: usize,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) idle: IdleConnections<ConnId>,
    destination: Option<DestinationId>,
    /// A timer for the oldest idle connection is set.
    pub(super) idle_timer: bool,
    /// `Host` for requests that came without one (HTTP/1.0).
    pub(super) host: String,
    /// Connections to it, opening and idle ones included.
    pub(super) connections: usize,
    pub(super) counters: Counters,
}

/// Where a connect starts from.
pub(super) struct Start {
    pub(super) plan: ConnectPlan,
    pub(super) lease: Option<Lease>,
}

impl BackendSet {
    pub(super) fn new(settings: &BackendSetSettings, share: WorkerShare) -> Self {
        let mut allocator = match settings.ports.choice {
            PortChoice::Own => own_ports(settings, share).map(PortAllocator::new),
            PortChoice::Kernel => None,
        };
        let server = |server: &ServerSettings| Server {
            address: server.address,
            idle: IdleConnections::new(settings.pool.idle_max, settings.pool.idle_timeout),
            destination: allocator.as_mut().and_then(|ports| ports.destination(server.address).ok()),
            idle_timer: false,
            host: server.address.to_string(),
            connections: 0,
            counters: Counters::default(),
        };
        let servers = settings.servers.iter().map(server).collect();
        Self {
            rules: Rc::new(settings.clone()),
            selection: Selection::new(&settings.servers, share.index),
            servers,
            allocator,
            waiting: VecDeque::new(),
            freed: 0,
            next_source: share.index as usize,
        }
    }

    pub(super) fn choose_start(&mut self, server: usize, now: Duration) -> Result<Start, Fault> {
        let target = &self.servers[server];
        let mut plan = ConnectPlan::to(target.address);
        if let (Some(allocator), Some(destination)) = (&mut self.allocator, target.destination) {
            let lease = allocator.take(now, destination).map_err(|_| Fault::of(FaultKind::Ports))?;
            plan.source = Source::Exact(lease.address());
            return Ok(Start { plan, lease: Some(lease) });
        }
        plan.port_range = self.rules.ports.range;
        let family = |address: &&IpAddr| address.is_ipv4() == target.address.is_ipv4();
        let usable = self.rules.ports.sources.iter().filter(family).count();
        if usable > 0 {
            let turn = self.next_source % usable;
            self.next_source = self.next_source.wrapping_add(1);
            let address = self.rules.ports.sources.iter().filter(family).nth(turn);
            plan.source = address.map_or(Source::Kernel, |address| Source::Address(*address));
        }
        Ok(Start { plan, lease: None })
    }

    pub(super) fn note_port_refused(&mut self, lease: Option<Lease>, now: Duration) {
        if let (Some(allocator), Some(lease)) = (&mut self.allocator, lease) {
            allocator.refused(now, lease);
        }
    }

    pub(super) fn give_back_unused(&mut self, lease: Option<Lease>, now: Duration) {
        self.give_back(lease, PortEnd { closed_first: None, timestamps: false }, now);
    }

    pub(super) fn give_back(&mut self, lease: Option<Lease>, end: PortEnd, now: Duration) {
        if let (Some(allocator), Some(lease)) = (&mut self.allocator, lease) {
            allocator.give_back(now, lease, end);
        }
    }

    /// Leases that connections hold: of each destination.
    pub(super) fn leases_out(&self) -> usize {
        let Some(allocator) = &self.allocator else { return 0 };
        let held = self.servers.iter().filter_map(|server| server.destination);
        held.map(|destination| allocator.counts(destination).in_use as usize).sum()
    }
}

/// This worker's slice of the ports; `None` where the range is too small to share, so that the kernel chooses.
fn own_ports(settings: &BackendSetSettings, share: WorkerShare) -> Option<PortSet> {
    let (low, high) = settings.ports.range.unwrap_or(share.kernel_range);
    let range = PortRange::new(low, high).ok()?;
    let sources =
        if settings.ports.sources.is_empty() { unspecified_sources(settings) } else { settings.ports.sources.clone() };
    let slices = PortSet::new(sources, range).ok()?.split(share.count).ok()?;
    slices.into_iter().nth(share.index as usize)
}

/// Bind to the wildcard of each family in use: the kernel then picks the address by route.
fn unspecified_sources(settings: &BackendSetSettings) -> Vec<IpAddr> {
    let families = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let used = |family: &IpAddr| settings.servers.iter().any(|s| s.address.is_ipv4() == family.is_ipv4());
    families.into_iter().filter(used).collect()
}
