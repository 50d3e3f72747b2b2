//! What a configuration asks for and its ports cannot give, by arithmetic alone: said at the start, before it is missed.

use crate::policy::{Reuse, ServerClose};
use crate::router::{Action, RouteRules};
use crate::settings::{BackendSetSettings, ListenerLimits, ListenerSettings, Protocol, ServerSettings, Settings};
use crate::supply::PortSupply;
use crate::treatment::{RateBy, Treatment};
use ports::PortRange;
use std::fmt;
use std::net::SocketAddr;

/// A limit that cannot be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// Each request pays for a connection whose TIME_WAIT stays here.
    Rate {
        /// Name of the set.
        set: String,
        /// A server of it, as all of them.
        server: SocketAddr,
        /// Where its ports come from.
        ports: String,
        /// Source addresses that reach it.
        sources: u32,
        /// Connections per second its ports pay for.
        rate_max: u64,
        /// Requests per second that its share of the limits would let in.
        asked: u64,
    },
    /// Each client of a tcp listener needs a connection to a server.
    Clients {
        /// Name of the listener.
        listener: String,
        /// Clients it would take.
        asked: usize,
        /// Name of the set.
        set: String,
        /// Connections the set can have at once.
        connections_max: u64,
    },
    /// The kernel chooses, and keeps to no port outside of its own range.
    Range {
        /// Name of the set.
        set: String,
        /// Ports that were asked for.
        asked: PortRange,
        /// Those the kernel chooses from.
        host: PortRange,
    },
}

/// All of them.
pub fn shortfalls(settings: &Settings, supply: &PortSupply) -> Vec<Shortfall> {
    let rates = settings.backend_sets.iter().enumerate().filter_map(|(at, set)| {
        let asked = asked_of(settings, at)?;
        short_of_rate(set, asked, supply)
    });
    let clients = short_of_clients(settings, supply);
    let ranges = settings.backend_sets.iter().filter_map(|set| {
        let (asked, host) = supply.unheeded(&set.ports)?;
        Some(Shortfall::Range { set: set.name.clone(), asked, host })
    });
    rates.chain(clients).chain(ranges).collect()
}

/// Requests per second that come to a set when all limits for whole listeners and routes are reached; `None` where somebody
/// may send any number.
fn asked_of(settings: &Settings, set: usize) -> Option<f64> {
    let mut sum = 0.0;
    for listener in &settings.listeners {
        let leads_here = |route: &&RouteRules| route.action == Action::Forward { set };
        let mut routes = listener.router.all().iter().filter(leads_here).peekable();
        if routes.peek().is_none() {
            continue;
        }
        let of_routes = routes.map(|route| whole(&route.treatment)).sum::<Option<f64>>();
        let least = [whole(&listener.treatment), of_routes].into_iter().flatten().reduce(f64::min)?;
        sum += least;
    }
    (sum > 0.0).then_some(sum)
}

/// Requests per second that all clients together may send.
fn whole(treatment: &Treatment) -> Option<f64> {
    let limits = treatment.rates.iter().filter(|limit| limit.by == RateBy::Route && !limit.dry_run);
    limits.map(|limit| limit.rate.per_s()).reduce(f64::min)
}

fn short_of_rate(set: &BackendSetSettings, asked: f64, supply: &PortSupply) -> Option<Shortfall> {
    // A connection that begins with a PROXY header is one client's.
    let keeps_none = set.pool.room() == 0 || set.pool.reuse == Reuse::Never || set.proxy_protocol.is_some();
    let pays = keeps_none && set.pool.close == ServerClose::Fin;
    let servers = working(set).count();
    let first = working(set).next().filter(|_| pays)?;
    let budget = supply.budget(&set.ports, &first.address);
    // As it is shown wherever it is shown.
    let (rate_max, asked) = (budget.rate_per_s_max().round() as u64, (asked / servers as f64).ceil() as u64);
    let (server, ports) = (first.address.ip()?, supply.in_words(&set.ports));
    let (set, sources) = (set.name.clone(), budget.sources);
    (asked > rate_max).then_some(Shortfall::Rate { set, server, ports, sources, rate_max, asked })
}

/// What nobody asked for is no promise: the default is far above what most hosts have ports for.
fn short_of_clients(settings: &Settings, supply: &PortSupply) -> impl Iterator<Item = Shortfall> {
    let default = ListenerLimits::default().connections_max;
    let asks = move |listener: &&ListenerSettings| {
        listener.protocol == Protocol::Tcp && listener.limits.connections_max != default
    };
    settings.listeners.iter().filter(asks).filter_map(move |listener| {
        let rules = listener.router.rules(listener.router.fallback().route);
        let Action::Forward { set } = rules.action else { return None };
        let set = settings.backend_sets.get(set)?;
        let towards = |server: &ServerSettings| supply.budget(&set.ports, &server.address).tuples();
        let connections_max = working(set).map(towards).sum::<u64>();
        let asked = listener.limits.connections_max;
        let (listener, set) = (listener.name.clone(), set.name.clone());
        (connections_max > 0 && asked as u64 > connections_max).then_some(Shortfall::Clients {
            listener,
            asked,
            set,
            connections_max,
        })
    })
}

/// Servers over which the load is spread while all are well; those behind a socket file need no port.
fn working(set: &BackendSetSettings) -> impl Iterator<Item = &ServerSettings> {
    set.servers.iter().filter(|server| !server.backup && server.weight > 0 && server.address.ip().is_some())
}

impl Shortfall {
    /// The server whose ports are meant, where it is one.
    pub fn server(&self) -> Option<SocketAddr> {
        match self {
            Self::Rate { server, .. } => Some(*server),
            Self::Clients { .. } | Self::Range { .. } => None,
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { set, server, ports, sources, rate_max, asked } => write!(
                f,
                "set {set}: server {server}: {rate_max} connections/s by this set's close policy and ports ({ports}, {}, 62 s \
                 of TIME_WAIT each), asked for {asked}; keep connections, retire them by \"reset-when-safe\", or add sources",
                units::counted((*sources).into(), "source")
            ),
            Self::Clients { listener, asked, set, connections_max } => write!(
                f,
                "listener {listener}: connections_max asks for {asked}, but set {set} can have {connections_max} connections \
                 at once: each starts from a port of its own towards its server; add sources or servers"
            ),
            Self::Range { set, asked, host } => write!(
                f,
                "set {set}: port_range {asked} is not within net.ipv4.ip_local_port_range {host}, and the kernel, which chooses \
                 ports here, keeps to no end outside of it; write ports = \"own\" with it, or a range within the kernel's"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy_header::ProxyHeader;
    use crate::rate::Rate;
    use crate::settings::PortChoice;
    use crate::treatment::{LimitName, RateLimit};
    use ports::HostPorts;
    use std::time::Duration;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    /// A listener that lets in 4,000 requests per second, before two servers.
    fn settings(change: impl Fn(&mut Settings)) -> Settings {
        let servers = ["10.0.0.1:80", "10.0.0.2:80"].map(|server| ServerSettings::new(address(server)));
        let mut set = BackendSetSettings::new("app", servers.to_vec());
        (set.pool.idle_max, set.pool.close) = (0, ServerClose::Fin);
        let mut listener = ListenerSettings::new("web", address("127.0.0.1:80"), 0);
        let rate = Rate::new(4000, Duration::from_secs(1), 100).expect("a rate");
        let limit = RateLimit { rate, by: RateBy::Route, dry_run: false, name: LimitName::new("web") };
        listener.treatment.rates.push(limit);
        let mut settings = Settings { listeners: vec![listener], backend_sets: vec![set] };
        change(&mut settings);
        settings
    }

    fn said(change: impl Fn(&mut Settings)) -> Vec<String> {
        let supply = PortSupply::new(HostPorts::default(), HostPorts::default().own("port_range").ok().as_ref());
        shortfalls(&settings(change), &supply).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_rate_that_the_ports_cannot_pay_for_is_told() {
        let expect = "set app: server 10.0.0.1:80: 455 connections/s by this set's close policy and ports (28232 ports of \
                      ip_local_port_range 32768-60999, 1 source, 62 s of TIME_WAIT each), asked for 2000; keep connections, \
                      retire them by \"reset-when-safe\", or add sources";
        assert_eq!(said(|_| ()), [expect]);
        let none: [&str; 0] = [];
        let sources: Vec<_> = (1..=5u8).map(|last| [10, 0, 1, last].into()).collect();
        assert_eq!(said(|settings| settings.backend_sets[0].ports.sources.clone_from(&sources)), none);
        assert_eq!(said(|settings| settings.backend_sets[0].pool.idle_max = 9), none);
        assert_eq!(said(|settings| settings.backend_sets[0].pool.close = ServerClose::Auto), none);
        assert_eq!(said(|settings| settings.listeners[0].treatment.rates.clear()), none, "nothing was asked for");
        assert_eq!(said(|settings| settings.listeners[0].treatment.rates[0].by = RateBy::Client), none);
        assert_eq!(said(|settings| settings.backend_sets[0].servers[1].backup = true).len(), 1);
        let own = said(|settings| settings.backend_sets[0].ports.choice = PortChoice::Own);
        assert!(own[0].contains("440 connections/s") && own[0].contains("27304 ports outside of"), "{own:?}");
        let here = said(|settings| settings.backend_sets[0].servers[0].address = address("127.0.0.1:80").into());
        assert!(here[0].contains("server 127.0.0.1:80: 455 connections/s"), "{here:?}");
        let announced = said(|settings| {
            (settings.backend_sets[0].pool.idle_max, settings.backend_sets[0].proxy_protocol) =
                (9, Some(ProxyHeader::V2));
        });
        assert_eq!(announced.len(), 1, "a connection with a PROXY header is not kept");
    }

    #[test]
    fn a_range_that_the_kernel_does_not_keep_to_is_told() {
        let check = |choice, range, expect: bool| {
            let said = said(|settings| {
                settings.listeners[0].treatment.rates.clear();
                (settings.backend_sets[0].ports.choice, settings.backend_sets[0].ports.range) = (choice, range);
            });
            assert_eq!(said.iter().any(|line| line.contains("is not within")), expect, "{range:?}: {said:?}");
        };
        check(PortChoice::Kernel, None, false);
        check(PortChoice::Kernel, Some((32_768, 60_999)), false);
        check(PortChoice::Kernel, Some((40_000, 40_000)), false);
        check(PortChoice::Kernel, Some((20_000, 29_999)), true);
        check(PortChoice::Kernel, Some((32_767, 40_000)), true);
        check(PortChoice::Kernel, Some((40_000, 61_000)), true);
        check(PortChoice::Own, Some((20_000, 29_999)), false);
    }

    #[test]
    fn clients_of_a_tcp_listener_need_a_port_each() {
        let tcp = |connections_max| {
            move |settings: &mut Settings| {
                settings.listeners[0].protocol = Protocol::Tcp;
                settings.listeners[0].treatment.rates.clear();
                settings.listeners[0].limits.connections_max = connections_max;
            }
        };
        let expect = "listener web: connections_max asks for 60000, but set app can have 56464 connections at once: each starts \
                      from a port of its own towards its server; add sources or servers";
        assert_eq!(said(tcp(60_000)), [expect]);
        assert!(said(tcp(56_464)).is_empty());
        assert!(said(tcp(100_000)).is_empty(), "the default is no wish");
    }
}
