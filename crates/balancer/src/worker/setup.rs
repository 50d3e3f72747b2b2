//! From settings to what one worker needs at hand.

use super::state::ExchangeId;
use balancer_core::downstream::DownstreamScene;
use balancer_core::exchange::Scene;
use balancer_core::{
    BackendSetSettings, Counters, IdleConnections, ListenerSettings, PoolSettings, PortChoice, PortSettings, Router,
    Selection, Settings,
};
use http::Limits;
use ports::{PortRange, PortSet, SetError, SourceSet, Sources, Target, TooManyDestinations};
use reactor::{ConnId, ListenPlan, ListenerId};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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
    pub(super) router: Router,
}

impl ListenerRules {
    fn new(settings: &ListenerSettings) -> Self {
        let limits = Limits {
            head_bytes_max: settings.limits.head_bytes_max,
            headers_max: settings.limits.headers_max,
            ..Limits::default()
        };
        let router = Router::everything_to(settings.backend_set);
        Self { settings: settings.clone(), limits, router }
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
    pub(super) sources: Sources,
    /// Requests that wait for a local port.
    pub(super) waiting: VecDeque<ExchangeId>,
    /// Ports and connections that came free while requests waited.
    pub(super) freed: u32,
    pub(super) counters: Counters,
}

pub(super) struct Server {
    pub(super) target: Target,
    pub(super) idle: IdleConnections<ConnId>,
    /// A timer for the oldest idle connection is set.
    pub(super) idle_timer: bool,
    /// `Host` for requests that came without one (HTTP/1.0).
    pub(super) host: String,
    /// Connections to it, opening and idle ones included.
    pub(super) connections: usize,
    pub(super) counters: Counters,
}

impl BackendSet {
    /// # Errors
    /// The ports of the set's own choice cannot be divided among so many workers.
    pub(super) fn new(settings: &BackendSetSettings, share: WorkerShare) -> Result<Self, SetupError> {
        let sources = source_set(settings, share.kernel_range).and_then(|all| all.share(share.index, share.count));
        let failed = |reason| SetupError::of_ports(&settings.name, share.count, reason);
        let mut sources = Sources::new(sources.map_err(failed)?);
        let mut servers = Vec::with_capacity(settings.servers.len());
        for server in &settings.servers {
            let failed = |reason| SetupError::Servers { set: settings.name.clone(), reason };
            let target = sources.target(server.address).map_err(failed)?;
            servers.push(Server::new(target, &settings.pool));
        }
        Ok(Self {
            rules: Rc::new(settings.clone()),
            selection: Selection::new(&settings.servers, share.index),
            servers,
            sources,
            waiting: VecDeque::new(),
            freed: 0,
            counters: Counters::default(),
        })
    }
}

impl Server {
    fn new(target: Target, pool: &PoolSettings) -> Self {
        Self {
            target,
            idle: IdleConnections::new(pool.idle_max, pool.idle_timeout),
            idle_timer: false,
            host: target.address().to_string(),
            connections: 0,
            counters: Counters::default(),
        }
    }
}

/// A backend set that no worker can work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// Own ports are divided among the workers; each needs at least one.
    #[error(
        "backend set \"{set}\": {ports} own ports cannot be divided among {workers} workers; \
         widen `port_range` or use fewer workers"
    )]
    TooFewPorts {
        /// Name of the set.
        set: String,
        /// Ports there are.
        ports: u32,
        /// Workers there are.
        workers: u32,
    },
    /// Its ports make no range.
    #[error("backend set \"{set}\": {reason}")]
    Ports {
        /// Name of the set.
        set: String,
        /// Why.
        reason: SetError,
    },
    /// It has more servers than ports can be kept for.
    #[error("backend set \"{set}\": own ports for so many servers: {reason}; choose `ports = \"kernel\"`")]
    Servers {
        /// Name of the set.
        set: String,
        /// Why.
        reason: TooManyDestinations,
    },
}

impl SetupError {
    fn of_ports(set: &str, workers: u32, reason: SetError) -> Self {
        let set = set.to_owned();
        match reason {
            SetError::TooFewPorts { ports, .. } => Self::TooFewPorts { set, ports, workers },
            reason => Self::Ports { set, reason },
        }
    }
}

/// Can each of `workers` have its share of every set's ports?
///
/// # Errors
/// The first set that cannot be divided.
pub(crate) fn check_shares(settings: &Settings, workers: u32, kernel_range: (u16, u16)) -> Result<(), SetupError> {
    let last = WorkerShare { index: workers - 1, count: workers, kernel_range };
    settings.backend_sets.iter().try_for_each(|set| BackendSet::new(set, last).map(|_| ()))
}

/// Where connections of a set may start, all workers together.
fn source_set(settings: &BackendSetSettings, kernel_range: (u16, u16)) -> Result<SourceSet, SetError> {
    let PortSettings { choice, sources, range } = &settings.ports;
    let ports = |(low, high)| PortRange::new(low, high);
    match choice {
        PortChoice::Kernel => {
            Ok(SourceSet::Kernel { addresses: sources.clone(), range: range.map(ports).transpose()? })
        }
        PortChoice::Own => {
            let sources = if sources.is_empty() { unspecified_sources(settings) } else { sources.clone() };
            Ok(SourceSet::Own(PortSet::new(sources, ports(range.unwrap_or(kernel_range))?)?))
        }
    }
}

/// Bind to the wildcard of each family in use: the kernel then picks the address by route.
fn unspecified_sources(settings: &BackendSetSettings) -> Vec<IpAddr> {
    let families = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
    let used = |family: &IpAddr| settings.servers.iter().any(|s| s.address.is_ipv4() == family.is_ipv4());
    families.into_iter().filter(used).collect()
}
