//! The backend sets of one worker: their servers, and where connections to them start.

use super::budget::Spending;
use super::line::Places;
use super::share::{WorkerShare, source_set};
use super::state::ExchangeId;
use crate::board::Board;
use crate::boards::Boards;
use crate::errors::SetupError;
use crate::flight::Flight;
use crate::purse::SharedPurse;
use balancer_core::exchange::Record;
use balancer_core::{
    BackendSetSettings, ConnectTimes, Counters, Histogram, IdleConnections, Mark, PoolSettings, Selection,
    SelectionRules, ServerSettings, ServerTimes, Settings, Standing, Timed, Times,
};
use ports::{Address, PortList, Sources, Strain, Target};
use reactor::{Bell, ConnId, ProfileId, TimerId};
use std::cell::LazyCell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct BackendSet {
    pub(super) rules: Rc<BackendSetSettings>,
    pub(super) selection: Selection,
    pub(super) servers: Vec<Server>,
    pub(super) sources: Sources,
    /// Requests that wait for a local port.
    pub(super) waiting: VecDeque<ExchangeId>,
    /// Requests that wait for a place at a server.
    pub(super) places: Places,
    /// What is left of its retry budget, all workers together, and this worker's part in that.
    pub(super) purse: Arc<SharedPurse>,
    pub(super) spending: Spending,
    /// What is under way in it, all workers together, where that is bounded.
    pub(super) flight: Arc<Flight>,
    /// Ports and connections that came free while requests waited.
    pub(super) freed: u32,
    pub(super) counters: Counters,
    /// How long its servers take to answer, and to take a connection.
    pub(super) times: ServerTimes,
    /// It is gone from the configuration; requests that began with it end with it.
    pub(super) leaving: bool,
    /// This worker's share of the ports that the kernel chooses from.
    kernel_ports: u32,
}

/// Where the servers of a set have their places while others come and go.
#[derive(Default)]
pub(super) struct Roster {
    /// Of those that stay, or are back.
    places: HashMap<Address, usize>,
    /// Of those that have left with all their work, the lowest first.
    vacant: VecDeque<usize>,
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
    /// What names it to clients that stay with it.
    pub(super) mark: Option<Mark>,
    /// `Host` for requests that came without one (HTTP/1.0).
    pub(super) host: String,
    /// How it is spoken to over TLS.
    pub(super) tls_profile: Option<u32>,
    /// Connections to it, opening and idle ones included.
    pub(super) connections: usize,
    /// It is gone from the set; its connections finish their work.
    pub(super) leaving: bool,
    /// From a request on its way to the head of its response.
    pub(super) first_byte: Histogram,
    pub(super) counters: Counters,
}

fn servers_of(
    settings: &BackendSetSettings,
    sources: &mut Sources,
    boards: &Boards,
    kernel_ports: u32,
) -> Result<Vec<Server>, SetupError> {
    let server = |server: &ServerSettings| {
        let failed = |reason| SetupError::Servers { set: settings.name.clone(), reason };
        let target = sources.target(server.address).map_err(failed)?;
        let board = boards.board(&settings.name, server.address);
        let tuples = sources.tuples(target, kernel_ports);
        let tls_profile = server.tls_profile;
        let mut new = Server { tls_profile, ..Server::new(target, tuples, &settings.pool, board) };
        new.be_marked_by(&settings.selection);
        Ok(new)
    };
    settings.servers.iter().map(server).collect()
}

impl BackendSet {
    /// A request is over that went to it, or was to.
    #[inline]
    pub(super) fn count(&mut self, record: &Record) {
        self.counters.bytes_sent += record.up_bytes;
        self.counters.bytes_received += record.down_bytes;
        if let Some(took) = record.first_byte_within() {
            let its = record.server.and_then(|server| self.servers.get_mut(server as usize));
            its.map_or(&mut self.times.first_byte, |server| &mut server.first_byte).record(took);
        }
        if let Some(took) = record.connected_within() {
            self.times.connect.record(took);
        }
    }

    /// # Errors
    /// The ports of the set's own choice cannot be divided among so many workers.
    pub(super) fn new(
        settings: &BackendSetSettings,
        share: &WorkerShare,
        boards: &Boards,
        bell: Bell,
    ) -> Result<Self, SetupError> {
        let failed = |reason| SetupError::of_ports(&settings.name, share.count, reason);
        let all = source_set(settings, share.own_ports.as_ref())?;
        let mut sources = Sources::new(all.share(share.index, share.count).map_err(failed)?);
        let kernel_ports = share.kernel_ports / share.count;
        let servers = servers_of(settings, &mut sources, boards, kernel_ports)?;
        let mut selection = Selection::new(&settings.selection, &settings.servers, share.index);
        if let Some(table) = boards.table(&settings.name) {
            selection.set_table(table, (0..servers.len()).collect());
        }
        Ok(Self {
            rules: Rc::new(settings.clone()),
            selection,
            servers,
            sources,
            waiting: VecDeque::new(),
            places: Places::new(boards.line(&settings.name), bell),
            purse: boards.purse(&settings.name),
            spending: Spending::default(),
            flight: boards.flight(&settings.name),
            freed: 0,
            times: ServerTimes::default(),
            counters: Counters::default(),
            leaving: false,
            kernel_ports,
        })
    }

    /// How a layer is to secure a connection to this server.
    pub(super) fn profile_of(&self, server: usize) -> Option<ProfileId> {
        // Without a number nobody is connected to: never in the clear.
        self.rules.tls.as_ref().map(|_| ProfileId(self.servers[server].tls_profile.unwrap_or(u32::MAX)))
    }

    /// This worker has another share of the ports that the kernel chooses from.
    pub(super) fn set_share(&mut self, share: &WorkerShare) {
        let kernel_ports = share.kernel_ports / share.count;
        if std::mem::replace(&mut self.kernel_ports, kernel_ports) != kernel_ports {
            for server in &mut self.servers {
                server.tuples = self.sources.tuples(server.target, kernel_ports);
            }
        }
    }

    fn tuples(&self, target: Target) -> u64 {
        self.sources.tuples(target, self.kernel_ports)
    }

    /// Makes sure that connections to `address` can start.
    pub(super) fn know(&mut self, address: Address) -> Result<Target, SetupError> {
        let failed = |reason| SetupError::Servers { set: self.rules.name.clone(), reason };
        self.sources.target(address).map_err(failed)
    }

    /// Servers that are none of `wanted` leave: no request is sent to them any more, what they work on they may finish.
    /// Answers with the places of those who stand elsewhere than where they are wanted.
    pub(super) fn let_go_all_but(&mut self, wanted: &[ServerSettings]) -> Roster {
        // Most sets stay as they are: nobody is looked up where each has the place that it had.
        let stands = |number: usize, address| wanted.get(number).is_some_and(|server| server.address == address);
        let others = LazyCell::new(|| wanted.iter().map(|server| server.address).collect::<HashSet<Address>>());
        let mut roster = Roster::default();
        for number in 0..self.servers.len() {
            let server = &self.servers[number];
            let address = server.target.address();
            if stands(number, address) {
                continue;
            }
            if others.contains(&address) {
                roster.places.insert(address, number);
                continue;
            }
            if !server.leaving {
                self.let_go(number);
            }
            if self.servers[number].connections == 0 {
                roster.vacant.push_back(number);
            }
        }
        roster
    }

    fn let_go(&mut self, number: usize) {
        self.servers[number].leaving = true;
        self.selection.remove_server(number);
        self.sources.forget(self.servers[number].target);
    }

    /// The place of the server at `address`, which is [known](Self::know) and wanted at the place `wanted`: that it has, or had
    /// and still finishes its work in, or a vacant or new one. Counters of the place's former tenant go to `gone`.
    pub(super) fn place_of(
        &mut self,
        (wanted, address): (usize, Address),
        board: Arc<Board>,
        roster: &mut Roster,
        gone: &mut Counters,
    ) -> usize {
        let stands = self.servers.get(wanted).is_some_and(|server| server.target.address() == address);
        if let Some(number) = stands.then_some(wanted).or_else(|| roster.places.get(&address).copied()) {
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
        let number = self.seat(server, roster.vacant.pop_front(), gone);
        roster.places.insert(address, number);
        number
    }

    fn seat(&mut self, server: Server, vacant: Option<usize>, gone: &mut Counters) -> usize {
        let Some(number) = vacant else {
            self.servers.push(server);
            return self.servers.len() - 1;
        };
        let left = std::mem::replace(&mut self.servers[number], server);
        self.note_replaced(&left.counters);
        self.times.first_byte.merge(&left.first_byte);
        gone.merge(&left.counters);
        number
    }
}

impl BackendSet {
    /// Adds how long its servers took.
    pub(super) fn tell_times(&self, times: &mut Times) {
        let name = &self.rules.name;
        times.push(Timed::FirstByte, name, "", &self.times.first_byte);
        for server in self.servers.iter().filter(|server| server.first_byte.count() > 0) {
            times.push(Timed::FirstByte, name, &server.target.address().to_string(), &server.first_byte);
        }
        times.push(Timed::Connect, name, "", &self.times.connect);
    }
}

impl Server {
    /// How it stands as its turn comes.
    #[inline]
    pub(super) fn standing(&self, now: Duration, connections_max: Option<u32>) -> Standing {
        match self.portless_until > now {
            true => Standing::Portless,
            false if connections_max.is_some_and(|max| self.is_full(max)) => self.board.standing(now).when_full(),
            false => self.board.standing(now),
        }
    }

    /// Clients that stay with it know it by this from now on.
    pub(super) fn be_marked_by(&mut self, rules: &SelectionRules) {
        self.mark = rules.sticky.as_ref().map(|sticky| sticky.mark(&self.target.address().to_string()));
    }

    /// What a client that asked for `asked` is to remember, if that is another one.
    #[inline]
    pub(super) fn cookie_for(&self, asked: Option<u64>) -> Option<&[u8]> {
        self.mark.as_ref().filter(|mark| asked != Some(mark.id)).map(|mark| mark.cookie.as_bytes())
    }

    /// When it may be asked again, where that is only a matter of time.
    pub(super) fn returns_at(&self, now: Duration) -> Option<Duration> {
        let at = self.portless_until.max(self.board.due_at().unwrap_or_default());
        (at > now).then_some(at)
    }

    /// No place is left for one more connection, and none is idle here.
    fn is_full(&self, max: u32) -> bool {
        self.board.connections() >= max && self.idle.is_empty()
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
            mark: None,
            host: host_of(target.address()),
            tls_profile: None,
            connections: 0,
            leaving: false,
            first_byte: Histogram::default(),
            counters: Counters::default(),
        }
    }
}

/// How a server is called to itself, where the request does not say.
fn host_of(address: Address) -> String {
    address.ip().map_or_else(|| "localhost".to_owned(), |address| address.to_string())
}

/// Can each of `workers` have its share of every set's ports?
///
/// # Errors
/// The first set that cannot be divided.
pub(crate) fn check_shares(settings: &Settings, workers: u32, own: Option<&PortList>) -> Result<(), SetupError> {
    let last = WorkerShare { index: workers - 1, count: workers, own_ports: own.cloned(), ..WorkerShare::ALONE };
    let sets = settings.backend_sets.iter();
    sets.map(|set| BackendSet::new(set, &last, &Boards::default(), Bell::SILENT)).try_for_each(|set| set.map(|_| ()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::{PortChoice, ServerSettings};
    use std::net::SocketAddr;

    /// A reload may bring servers of the other address family to a set that stays.
    #[test]
    fn own_ports_reach_servers_of_either_family() {
        let first = ServerSettings::new(SocketAddr::from(([127, 0, 0, 1], 9001)));
        let mut settings = BackendSetSettings::new("app", vec![first]);
        settings.ports.choice = PortChoice::Own;
        let mut set =
            BackendSet::new(&settings, &WorkerShare::ALONE, &Boards::default(), Bell::SILENT).expect("ports for one");
        for address in ["127.0.0.1:9002", "[::1]:9001"] {
            let address: SocketAddr = address.parse().expect("an address");
            let target = set.know(address.into()).expect("room for it");
            let start = set.sources.choose(Duration::ZERO, target).expect("a port");
            let ports::Source::Exact(from) = start.source else { panic!("{address}: {start:?}") };
            assert_eq!(from.is_ipv4(), address.is_ipv4(), "{address}");
            set.sources.return_unused(Duration::ZERO, start.lease);
        }
    }
}
