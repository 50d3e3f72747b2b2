//! From settings to what one worker needs at hand.

use super::places::Crowd;
use super::state::ExchangeId;
use crate::boards::{Board, Boards};
use crate::room::Room;
use balancer_core::downstream::DownstreamScene;
use balancer_core::exchange::Scene;
use balancer_core::{
    BackendSetSettings, ConnectTimes, Counters, IdleConnections, ListenerSettings, PoolSettings, PortChoice,
    PortSettings, Router, Selection, Settings, Standing,
};
use http::Limits;
use ports::{
    HostPorts, NoOwnPorts, PortList, PortRange, PortSet, SetError, SourceSet, Sources, Strain, Target,
    TooManyDestinations,
};
use reactor::{Bell, ConnId, ListenerId, Reactor, TimerId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Which worker of how many: each gets its own slice of the local ports.
#[derive(Clone, Debug)]
pub struct WorkerShare {
    /// 0 for the first worker.
    pub index: u32,
    /// At least 1.
    pub count: u32,
    /// For sets that choose ports themselves without a range of their own; `None`: as on a host with Linux's defaults.
    pub own_ports: Option<PortList>,
    /// Ports the kernel chooses from.
    pub kernel_ports: u32,
}

impl WorkerShare {
    /// The only worker, on a host with Linux's default port range.
    pub const ALONE: Self = Self { index: 0, count: 1, own_ports: None, kernel_ports: 28_232 };
}

/// What a listener's clients are treated by.
#[derive(Debug)]
pub(super) struct ListenerRules {
    pub(super) settings: ListenerSettings,
    pub(super) limits: Limits,
    pub(super) router: Router,
}

impl ListenerRules {
    /// `set`: the place of its backend set in the worker's table.
    pub(super) fn new(settings: &ListenerSettings, set: usize) -> Self {
        let limits = Limits {
            head_bytes_max: settings.limits.head_bytes_max,
            headers_max: settings.limits.headers_max,
            ..Limits::default()
        };
        let router = Router::everything_to(set);
        Self { settings: settings.clone(), limits, router }
    }

    pub(super) fn scene<'a>(&'a self, set: &'a BackendSetSettings, now: Duration, draining: bool) -> Scene<'a> {
        Scene {
            now,
            client: &self.settings.timeouts,
            server: &set.timeouts,
            close: self.settings.close,
            retries_max: set.retries_max,
            server_errors: set.health.server_errors,
            draining,
        }
    }
}

pub(super) struct Listener {
    pub(super) rules: Rc<ListenerRules>,
    pub(super) id: Option<ListenerId>,
    pub(super) clients: usize,
    /// It is gone from the configuration; its clients are served to the end of their requests.
    pub(super) leaving: bool,
    /// Clients come in.
    pub(super) open: bool,
    /// Its room, all workers together, and this worker's number there.
    pub(super) room: Arc<Room>,
    pub(super) number: usize,
    /// Not while it is full.
    pub(super) accepting: bool,
    /// Its room has changed, and is to be looked at; a new client may be one too many.
    pub(super) review: bool,
    pub(super) wants_room: bool,
    /// From when it was full for the first time.
    pub(super) crowd: Option<Box<Crowd>>,
    pub(super) counters: Counters,
}

impl Listener {
    /// One whose socket is still to be adopted.
    pub(super) fn new(rules: ListenerRules, boards: &Boards, bell: Bell) -> Self {
        let room = boards.room(&rules.settings);
        room.set_places(rules.settings.limits.connections_max);
        Self {
            rules: Rc::new(rules),
            id: None,
            clients: 0,
            leaving: false,
            open: false,
            number: room.join(bell),
            room,
            accepting: true,
            review: false,
            wants_room: false,
            crowd: None,
            counters: Counters::default(),
        }
    }

    /// It stays, perhaps by other rules.
    pub(super) fn take_rules(&mut self, rules: ListenerRules) {
        self.room.set_places(rules.settings.limits.connections_max);
        (self.rules, self.leaving, self.review) = (Rc::new(rules), false, true);
    }

    /// It accepts from now on.
    pub(super) fn listens(&mut self, id: ListenerId) {
        (self.id, self.open) = (Some(id), true);
    }

    /// Is it the one that these settings speak of?
    pub(super) fn is(&self, settings: &ListenerSettings) -> bool {
        (&self.rules.settings.name, self.rules.settings.bind) == (&settings.name, settings.bind)
    }

    /// Its place may be another's.
    pub(super) fn is_vacant(&self) -> bool {
        self.leaving && !self.open && self.clients == 0
    }

    pub(super) fn downstream_scene(&self, now: Duration, draining: bool) -> DownstreamScene<'_> {
        let ListenerSettings { timeouts, close, .. } = &self.rules.settings;
        DownstreamScene { now, timeouts, close: *close, draining: self.drains(draining) }
    }

    /// No client of it is kept: the worker drains, or the listener leaves.
    #[inline]
    pub(super) fn drains(&self, worker: bool) -> bool {
        worker || self.leaving
    }

    /// Nobody comes in any more.
    pub(super) fn let_go<R: Reactor>(&mut self, io: &mut R) {
        if let Some(id) = self.id.filter(|_| std::mem::take(&mut self.open)) {
            io.close_listener(id);
        }
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
    /// It is gone from the configuration; requests that began with it end with it.
    pub(super) leaving: bool,
    /// This worker's share of the ports that the kernel chooses from.
    kernel_ports: u32,
}

pub(super) struct Server {
    pub(super) target: Target,
    /// What all workers know of it.
    pub(super) board: Arc<Board>,
    pub(super) connect_times: ConnectTimes,
    /// There was no local port left towards it; until then it is not tried while another can be.
    pub(super) portless_until: Duration,
    /// What our closes have done to the ports towards it, of which this worker has so many.
    pub(super) strain: Strain,
    pub(super) tuples: u64,
    pub(super) idle: IdleConnections<ConnId>,
    /// The timer for the oldest idle connection.
    pub(super) idle_timer: Option<TimerId>,
    /// `Host` for requests that came without one (HTTP/1.0).
    pub(super) host: String,
    /// Connections to it, opening and idle ones included.
    pub(super) connections: usize,
    /// It is gone from the set; its connections finish their work.
    pub(super) leaving: bool,
    pub(super) counters: Counters,
}

impl BackendSet {
    /// # Errors
    /// The ports of the set's own choice cannot be divided among so many workers.
    pub(super) fn new(settings: &BackendSetSettings, share: &WorkerShare, boards: &Boards) -> Result<Self, SetupError> {
        let failed = |reason| SetupError::of_ports(&settings.name, share.count, reason);
        let all = source_set(settings, share.own_ports.as_ref())?;
        let mut sources = Sources::new(all.share(share.index, share.count).map_err(failed)?);
        let kernel_ports = share.kernel_ports / share.count;
        let mut servers = Vec::with_capacity(settings.servers.len());
        for server in &settings.servers {
            let failed = |reason| SetupError::Servers { set: settings.name.clone(), reason };
            let target = sources.target(server.address).map_err(failed)?;
            let board = boards.board(&settings.name, server.address);
            servers.push(Server::new(target, sources.tuples(target, kernel_ports), &settings.pool, board));
        }
        Ok(Self {
            rules: Rc::new(settings.clone()),
            selection: Selection::new(&settings.servers, share.index),
            servers,
            sources,
            waiting: VecDeque::new(),
            freed: 0,
            counters: Counters::default(),
            leaving: false,
            kernel_ports,
        })
    }

    fn tuples(&self, target: Target) -> u64 {
        self.sources.tuples(target, self.kernel_ports)
    }

    /// Makes sure that connections to `address` can start.
    pub(super) fn know(&mut self, address: SocketAddr) -> Result<Target, SetupError> {
        let failed = |reason| SetupError::Servers { set: self.rules.name.clone(), reason };
        self.sources.target(address).map_err(failed)
    }

    /// The server leaves: no request is sent to it any more, what it works on it may finish.
    pub(super) fn let_go(&mut self, number: usize) {
        self.servers[number].leaving = true;
        self.selection.set_weight(number, 0);
        self.sources.forget(self.servers[number].target);
    }

    /// The place of the server at `address`, which is [known](Self::know): that it has, or had and still finishes
    /// its work in, or a vacant or new one. Counters of the place's former tenant go to `gone`.
    pub(super) fn place_of(&mut self, address: SocketAddr, board: Arc<Board>, gone: &mut Counters) -> usize {
        let here = self.servers.iter().position(|server| server.target.address() == address);
        if let Some(number) = here {
            if std::mem::take(&mut self.servers[number].leaving)
                && let Ok(target) = self.sources.target(address)
            {
                self.servers[number].target = target;
            }
            self.servers[number].board = board;
            return number;
        }
        let target = self.sources.target(address).expect("it is known already");
        let server = Server::new(target, self.tuples(target), &self.rules.pool, board);
        let vacant = self.servers.iter().position(|server| server.leaving && server.connections == 0);
        let Some(number) = vacant else {
            self.servers.push(server);
            return self.servers.len() - 1;
        };
        let left = std::mem::replace(&mut self.servers[number], server);
        gone.merge(&left.counters);
        number
    }
}

impl Server {
    /// How it stands as its turn comes.
    #[inline]
    pub(super) fn standing(&self, now: Duration) -> Standing {
        if self.portless_until > now { Standing::Portless } else { self.board.standing(now) }
    }

    fn new(target: Target, tuples: u64, pool: &PoolSettings, board: Arc<Board>) -> Self {
        Self {
            target,
            board,
            connect_times: ConnectTimes::default(),
            portless_until: Duration::ZERO,
            strain: Strain::default(),
            tuples,
            idle: IdleConnections::new(pool.room(), pool.idle_timeout),
            idle_timer: None,
            host: target.address().to_string(),
            connections: 0,
            leaving: false,
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
    /// It is to choose ports itself, has no range of its own, and this host has none to spare.
    #[error("backend set \"{set}\": {reason}")]
    NoOwnPorts {
        /// Name of the set.
        set: String,
        /// Why, and the way out.
        reason: NoOwnPorts,
    },
    /// A listener came without a socket.
    #[error("listener {name:?}: no socket was handed over; bind it first")]
    NoSocket {
        /// Its name.
        name: String,
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
pub(crate) fn check_shares(settings: &Settings, workers: u32, own: Option<&PortList>) -> Result<(), SetupError> {
    let last = WorkerShare { index: workers - 1, count: workers, own_ports: own.cloned(), ..WorkerShare::ALONE };
    let sets = settings.backend_sets.iter();
    sets.map(|set| BackendSet::new(set, &last, &Boards::default())).try_for_each(|set| set.map(|_| ()))
}

/// Where connections of a set may start, all workers together.
fn source_set(settings: &BackendSetSettings, own: Option<&PortList>) -> Result<SourceSet, SetupError> {
    let PortSettings { choice, sources, range } = &settings.ports;
    let failed = |reason| SetupError::Ports { set: settings.name.clone(), reason };
    let range = range.map(|(low, high)| PortRange::new(low, high)).transpose().map_err(failed)?;
    if *choice == PortChoice::Kernel {
        return Ok(SourceSet::Kernel { addresses: sources.clone(), range });
    }
    let ports = match (range, own) {
        (Some(range), _) => range.into(),
        (None, Some(own)) => own.clone(),
        (None, None) => crate::own_ports::of_host(&settings.name, &HostPorts::default())?,
    };
    Ok(SourceSet::Own(if sources.is_empty() {
        PortSet::any_address(ports)
    } else {
        PortSet::new(sources.clone(), ports).map_err(failed)?
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::ServerSettings;

    /// A reload may bring servers of the other address family to a set that stays.
    #[test]
    fn own_ports_reach_servers_of_either_family() {
        let first = ServerSettings { address: SocketAddr::from(([127, 0, 0, 1], 9001)), weight: 1 };
        let mut settings = BackendSetSettings::new("app", vec![first]);
        settings.ports.choice = PortChoice::Own;
        let mut set = BackendSet::new(&settings, &WorkerShare::ALONE, &Boards::default()).expect("ports for one");
        for address in ["127.0.0.1:9002", "[::1]:9001"] {
            let address: SocketAddr = address.parse().expect("an address");
            let target = set.know(address).expect("room for it");
            let start = set.sources.choose(Duration::ZERO, target).expect("a port");
            let ports::Source::Exact(from) = start.source else { panic!("{address}: {start:?}") };
            assert_eq!(from.is_ipv4(), address.is_ipv4(), "{address}");
            set.sources.return_unused(Duration::ZERO, start.lease);
        }
    }
}
