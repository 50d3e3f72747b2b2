//! What is spent of the ports towards servers, from the kernel's own table, and how fast.

use balancer_core::{Counters, PortSupply, Report, Settings};
use ports::Spending;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use sys::sock_diag::{DiagError, Filter, SockDiag, States, TcpState};

/// Rows that are told: the scarcest.
const ROWS_MAX: usize = 32;

/// Connections opened to a server until some moment.
type Opened = HashMap<SocketAddr, u64>;

/// Looks at the ports from time to time; the rate is that since the look before.
#[derive(Debug)]
pub struct PortWatch {
    since: Instant,
    opened: Opened,
    supply: PortSupply,
}

/// Sockets from one address to one destination.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    live: u64,
    waiting: u64,
}

impl PortWatch {
    pub(crate) fn new(supply: PortSupply) -> Self {
        Self { since: Instant::now(), opened: Opened::new(), supply }
    }

    /// What is spent towards the servers of `report`, the scarcest first, and how many more rows there would be.
    ///
    /// # Errors
    /// The kernel does not list its sockets.
    pub fn look(&mut self, settings: &Settings, report: &Report) -> Result<(Vec<Spending>, usize), DiagError> {
        let opened = opened(report);
        let elapsed = self.since.elapsed().max(Duration::from_millis(1));
        let ports = self.ports_by_destination(settings, report);
        let held = held(&ports.keys().copied().collect())?;
        let mut rows: Vec<Spending> = Vec::new();
        for (destination, ports) in ports {
            let sources: Vec<(&IpAddr, &Held)> = held
                .iter()
                .filter(|((_, remote), _)| *remote == destination)
                .map(|((local, _), held)| (local, held))
                .collect();
            let before = self.opened.get(&destination).copied().unwrap_or_default();
            let new = opened.get(&destination).copied().unwrap_or_default().saturating_sub(before);
            let rate_per_s = new as f64 / elapsed.as_secs_f64() / sources.len().max(1) as f64;
            rows.extend(sources.into_iter().map(|(source, held)| Spending {
                source: *source,
                destination,
                ports,
                live: held.live,
                waiting: held.waiting,
                rate_per_s,
            }));
        }
        (self.since, self.opened) = (Instant::now(), opened);
        rows.sort_by_key(|row| row.free());
        let more = rows.len().saturating_sub(ROWS_MAX);
        rows.truncate(ROWS_MAX);
        Ok((rows, more))
    }

    /// Ports that each source has towards each server.
    fn ports_by_destination(&self, settings: &Settings, report: &Report) -> BTreeMap<SocketAddr, u32> {
        let ports_of = |name: &str| {
            let set = settings.backend_sets.iter().find(|set| set.name == name);
            set.map_or(self.supply.kernel(), |set| self.supply.ports(&set.ports))
        };
        let named = report.servers.iter().filter_map(|(set, server, _)| Some((server.parse().ok()?, ports_of(set))));
        named.collect()
    }
}

fn opened(report: &Report) -> Opened {
    let mut opened = Opened::new();
    for (_, server, Counters { connects, .. }) in &report.servers {
        if let Ok(address) = server.parse() {
            *opened.entry(address).or_default() += connects;
        }
    }
    opened
}

/// Sockets of this host towards a server, TIME_WAIT included; `None` where the kernel does not list them.
pub(crate) fn held_towards(server: SocketAddr) -> Option<u64> {
    let held = held(&HashSet::from([server])).ok()?;
    Some(held.values().map(|held| held.live + held.waiting).sum())
}

/// Sockets towards these, by our address and theirs.
fn held(destinations: &HashSet<SocketAddr>) -> Result<BTreeMap<(IpAddr, SocketAddr), Held>, DiagError> {
    let closed = [TcpState::Listen, TcpState::Close];
    let open: Vec<TcpState> = TcpState::ALL.into_iter().filter(|state| !closed.contains(state)).collect();
    let mut held: BTreeMap<(IpAddr, SocketAddr), Held> = BTreeMap::new();
    SockDiag::open()?.for_each(&Filter { states: States::of(&open), ..Filter::default() }, |entry| {
        if !destinations.contains(&entry.remote) {
            return;
        }
        let held = held.entry((entry.local.ip(), entry.remote)).or_default();
        match entry.state {
            TcpState::TimeWait => held.waiting += 1,
            _ => held.live += 1,
        }
    })?;
    Ok(held)
}
