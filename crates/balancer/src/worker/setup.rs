//! From settings to what one worker needs at hand.

use balancer_core::{BackendSetSettings, IdleConnections, ListenerSettings, PortChoice, Selection};
use http::Limits;
use ports::{DestinationId, PortAllocator, PortRange, PortSet};
use reactor::{ConnId, ListenPlan, ListenerId};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

pub(super) struct Listener {
    pub(super) settings: ListenerSettings,
    pub(super) plan: ListenPlan,
    pub(super) limits: Limits,
    pub(super) id: Option<ListenerId>,
    pub(super) clients: usize,
}

impl Listener {
    pub(super) fn new(settings: &ListenerSettings) -> Self {
        let limits = Limits {
            head_bytes_max: settings.limits.head_bytes_max,
            headers_max: settings.limits.headers_max,
            ..Limits::default()
        };
        Self { settings: settings.clone(), plan: ListenPlan::new(settings.bind), limits, id: None, clients: 0 }
    }
}

pub(super) struct BackendSet {
    pub(super) settings: BackendSetSettings,
    pub(super) selection: Selection,
    pub(super) servers: Vec<Server>,
    pub(super) allocator: Option<PortAllocator>,
    /// Requests that wait for a local port.
    pub(super) waiting: VecDeque<ConnId>,
    /// Turn among the source addresses where the kernel chooses the port.
    pub(super) next_source: usize,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) idle: IdleConnections<ConnId>,
    pub(super) destination: Option<DestinationId>,
    /// A timer for the oldest idle connection is set.
    pub(super) idle_timer: bool,
    /// `Host` for requests that came without one (HTTP/1.0).
    pub(super) host: String,
}

impl BackendSet {
    pub(super) fn new(settings: &BackendSetSettings, share: WorkerShare) -> Self {
        let mut allocator = match settings.ports.choice {
            PortChoice::Own => own_ports(settings, share).map(PortAllocator::new),
            PortChoice::Kernel => None,
        };
        let servers = settings.servers.iter().map(|server| Server {
            address: server.address,
            idle: IdleConnections::new(settings.pool.idle_max, settings.pool.idle_timeout),
            destination: allocator.as_mut().and_then(|ports| ports.destination(server.address).ok()),
            idle_timer: false,
            host: server.address.to_string(),
        });
        let servers = servers.collect();
        let selection = Selection::new(&settings.servers);
        Self {
            settings: settings.clone(),
            selection,
            servers,
            allocator,
            waiting: VecDeque::new(),
            next_source: share.index as usize,
        }
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
