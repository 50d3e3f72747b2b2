//! What can be known before the first packet: does this host have the file descriptors and the ports?

use crate::{Share, StressError};
use ports::{Budget, PortRange, PortSet, SourceSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use stress_core::{ClosePolicy, Plan, PortMode};

/// Descriptors of one thread beside its connections: epoll, waker, and room for a short-lived one.
const FILES_PER_THREAD: u64 = 4;
/// Descriptors of the process beside its threads: standard streams, libraries, the socket table.
const FILES_OF_PROCESS: u64 = 32;

/// What a run starts with.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// The address to connect to.
    pub target: SocketAddr,
    /// Threads to use.
    pub threads: u32,
    /// Where connections start.
    pub sources: SourceSet,
    /// Ports and what they pay for; `None` where the range could not be read.
    pub budget: Option<Budget>,
    /// What a person should know before the start.
    pub warnings: Vec<String>,
}

/// Looks at the host before a run. Raises RLIMIT_NOFILE as far as an ordinary user may.
pub(crate) fn preflight(plan: &Plan, target: SocketAddr) -> Result<Preflight, StressError> {
    let threads = threads(plan);
    check_files(plan, threads)?;
    let family = |source: &IpAddr| source.is_ipv4() == target.is_ipv4();
    if !plan.sources.is_empty() && !plan.sources.iter().any(family) {
        return Err(StressError::Family { target: target.ip() });
    }
    check_sources(plan)?;
    check_route(plan, target)?;
    check_port_range(plan, target)?;
    let range = port_range(plan);
    let (sources, threads) = match plan.ports {
        PortMode::Kernel => (Share::whole(plan, target).sources, threads),
        PortMode::Own => {
            let range = range.as_ref().map_err(|why| StressError::PortRange(why.clone()))?;
            (own_ports(plan, target, *range)?, threads_with_ports(plan, threads, *range)?)
        }
    };
    let usable = plan.sources.iter().filter(|source| family(source)).count().max(1) as u32;
    let budget = range.ok().map(|range| Budget { sources: usable, ..Budget::of_ports(range.len()) });
    let warnings = budget.as_ref().map(|budget| warnings(plan, budget)).unwrap_or_default();
    Ok(Preflight { target, threads, sources, budget, warnings })
}

/// One per core, never more than connections.
fn threads(plan: &Plan) -> u32 {
    let cores = u32::try_from(sys::thread::cores()).unwrap_or(1);
    plan.threads.unwrap_or(cores).clamp(1, plan.connections)
}

/// Each thread needs ports of its own. Fewer threads than asked for would be another run: that is refused.
fn threads_with_ports(plan: &Plan, threads: u32, range: PortRange) -> Result<u32, StressError> {
    let threads = if plan.threads.is_none() { threads.min(range.len()) } else { threads };
    range.split(threads)?;
    Ok(threads)
}

fn check_files(plan: &Plan, threads: u32) -> Result<(), StressError> {
    let limit = sys::limits::raise_file_limit().soft;
    let needed = u64::from(plan.connections) + u64::from(threads) * FILES_PER_THREAD + FILES_OF_PROCESS;
    if needed > limit {
        return Err(StressError::Files { connections: plan.connections, needed, limit });
    }
    Ok(())
}

/// A source address of another host fails every connect with EADDRNOTAVAIL, as used-up ports do.
fn check_sources(plan: &Plan) -> Result<(), StressError> {
    for source in &plan.sources {
        UdpSocket::bind((*source, 0)).map_err(|reason| StressError::SourceNotHere { source_ip: *source, reason })?;
    }
    Ok(())
}

/// Without a route, or a source address of this host towards the target, no connect can leave. For IPv6 that is
/// EADDRNOTAVAIL (ipv6_dev_get_saddr()), and would look like used-up ports.
fn check_route(plan: &Plan, target: SocketAddr) -> Result<(), StressError> {
    let source = plan.sources.iter().find(|source| source.is_ipv4() == target.is_ipv4()).copied();
    match route_from(source, target) {
        Err(reason) if is_no_route(&reason) => Err(StressError::NoRoute { target: target.ip(), reason }),
        _ => Ok(()),
    }
}

fn is_no_route(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrNotAvailable, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), AddrNotAvailable | HostUnreachable | NetworkUnreachable)
}

fn check_port_range(plan: &Plan, target: SocketAddr) -> Result<(), StressError> {
    let (Some(range), PortMode::Kernel) = (plan.port_range, plan.ports) else { return Ok(()) };
    // Without a socket there is nothing to ask; the run will say why there is none.
    let Ok(socket) = sys::socket::tcp_for(&target) else { return Ok(()) };
    let set = sys::sockopt::set_local_port_range(&socket, range.low(), range.high());
    set.map_err(|_| StressError::PortRangeUnsupported)
}

fn port_range(plan: &Plan) -> Result<PortRange, String> {
    if let Some(range) = plan.port_range {
        return Ok(range);
    }
    let (low, high) = sys::sysctl::local_port_range().map_err(|error| error.to_string())?;
    PortRange::new(low, high).map_err(|error| error.to_string())
}

fn own_ports(plan: &Plan, target: SocketAddr, range: PortRange) -> Result<SourceSet, StressError> {
    let sources = if plan.sources.is_empty() { vec![route_source(target)?] } else { plan.sources.clone() };
    Ok(SourceSet::Own(PortSet::new(sources, range)?))
}

/// The address the kernel would use.
fn route_source(target: SocketAddr) -> Result<IpAddr, StressError> {
    route_from(None, target).map_err(|reason| StressError::NoSource { target: target.ip(), reason })
}

/// Connecting a UDP socket chooses a route and a source address, and sends nothing.
fn route_from(source: Option<IpAddr>, target: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((source.unwrap_or(any), 0))?;
    socket.connect(target)?;
    Ok(socket.local_addr()?.ip())
}

fn warnings(plan: &Plan, budget: &Budget) -> Vec<String> {
    let mut warnings: Vec<String> = ignored_bounds(plan).into_iter().collect();
    let tuples = budget.tuples();
    if u64::from(plan.connections) > tuples {
        warnings.push(format!(
            "{} connections at a time, but only {tuples} source ports: the others will fail",
            plan.connections
        ));
    }
    if plan.close == ClosePolicy::Fin {
        let (per_s, ports) = (budget.rate_per_s_max(), plan.ports);
        let cure =
            if ports == PortMode::Own { "with TCP timestamps they are re-used at once" } else { "then connects fail" };
        warnings.push(format!(
            "we close first: each port stays in TIME_WAIT for 60 s; {tuples} ports pay for {per_s:.0} connections/s, {cure}"
        ));
    }
    warnings
}

/// The kernel ignores bounds of IP_LOCAL_PORT_RANGE outside the sysctl's (`inet_sk_get_local_port_range`, 6.3).
fn ignored_bounds(plan: &Plan) -> Option<String> {
    let range = plan.port_range.filter(|_| plan.ports == PortMode::Kernel)?;
    let (low, high) = sys::sysctl::local_port_range().ok()?;
    let outside = range.low() < low || range.high() > high;
    outside.then(|| {
        format!("source ports {range} reach beyond net.ipv4.ip_local_port_range ({low}-{high}): the kernel ignores such a bound")
    })
}
