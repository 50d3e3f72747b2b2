//! What can be known before the first packet: does this host have the file descriptors and the ports?

use crate::{Resolved, Share, StressError, facts, tls};
use ports::{Address, HostPorts, PortList, PortSet, SourceSet};
use secure::ClientProfile;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use stress_core::forecast::{Files, PortFacts, Tactic};
use stress_core::plan::RecycleMistake;
use stress_core::{Forecast, Plan, PortMode};
use sys::socket::Standing;

/// Descriptors of one thread beside its connections: epoll, waker, and room for a short-lived one.
const FILES_PER_THREAD: u64 = 4;
/// Descriptors of the process beside its threads: standard streams, libraries, the socket table.
const FILES_OF_PROCESS: u64 = 32;

/// What a run starts with.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// The plan, with what it left open decided.
    pub plan: Plan,
    /// The addresses to connect to, in turn; at least one.
    pub targets: Vec<Address>,
    /// How long the resolver took; `None` where there was no name to be looked up.
    pub looked_up: Option<Duration>,
    /// Threads to use.
    pub threads: u32,
    /// Where connections start.
    pub sources: SourceSet,
    /// Some of their addresses are of no interface, but of a prefix that is routed here.
    pub routed: bool,
    /// The addresses that the kernel starts connections from, where a header of the PROXY protocol has to name them.
    pub starts_from: Vec<IpAddr>,
    /// How connections are secured; `None`: not at all.
    pub security: Option<ClientProfile>,
    /// How those to other hosts are that redirects lead to; their names are their own.
    pub security_elsewhere: Option<ClientProfile>,
    /// What is to be expected.
    pub forecast: Forecast,
    /// What a person should know before the start.
    pub warnings: Vec<String>,
}

/// Looks at the host before a run, and decides what the plan leaves open. Raises RLIMIT_NOFILE as far as an ordinary user may.
pub(crate) fn preflight(plan: &Plan, found: &Resolved) -> Result<Preflight, StressError> {
    let (threads, targets) = (threads(plan), &ips(&found.targets));
    let security = plan.tls.as_ref().map(tls::profile).transpose()?;
    let security_elsewhere = plan.tls_elsewhere.as_ref().map(tls::profile).transpose()?;
    let files = check_files(plan, threads)?;
    let routed = check_sources(plan)?;
    targets.iter().try_for_each(|target| check_route(plan, *target))?;
    let host = reactor::host_ports().map_err(|error| StressError::PortRange(error.to_string()));
    let own = own_ports(plan, host.as_ref());
    let facts = facts::gather(plan, targets, host.as_ref().ok(), own.as_ref().ok(), files);
    let plan = decided(plan, &facts)?;
    targets.iter().try_for_each(|target| check_port_range(&plan, *target))?;
    let (sources, threads) = match plan.ports {
        PortMode::Own => {
            let ports = own?;
            (own_sources(&plan, targets, &ports)?, threads_with_ports(&plan, threads, &ports)?)
        }
        PortMode::Auto | PortMode::Kernel => (Share::whole(&plan, found.targets[0]).sources, threads),
    };
    let starts_from = starts_from(&plan, targets)?;
    let forecast = Forecast::of(&plan, plan.ports, &facts);
    let mut warnings = plan.load.notes.clone();
    warnings.extend(found.left_out.iter().cloned());
    warnings.extend(host.ok().and_then(|host| range_warning(&plan, &host)));
    warnings.extend(forecast.warnings());
    Ok(Preflight {
        plan,
        targets: found.targets.clone(),
        looked_up: found.took,
        threads,
        sources,
        routed,
        starts_from,
        security,
        security_elsewhere,
        forecast,
        warnings,
    })
}

/// Those of them that are no socket files.
pub(crate) fn ips(targets: &[Address]) -> Vec<SocketAddr> {
    targets.iter().filter_map(Address::ip).collect()
}

/// The plan with nothing left open.
///
/// # Errors
/// The choice of ports that is left forbids what was asked for.
fn decided(plan: &Plan, facts: &PortFacts) -> Result<Plan, RecycleMistake> {
    let tactic = Tactic::of(plan, facts);
    if plan.recycle && tactic.ports == PortMode::Own {
        return Err(RecycleMistake::OwnPorts);
    }
    let mut plan = plan.clone();
    (plan.ports, plan.ports_why) = (tactic.ports, tactic.why);
    Ok(plan)
}

/// Those that were asked for, else those that nobody misses.
fn own_ports(plan: &Plan, host: Result<&HostPorts, &StressError>) -> Result<PortList, StressError> {
    match (plan.port_range, host) {
        (Some(range), _) => Ok(range.into()),
        (None, Ok(host)) => Ok(host.own("--port-range")?),
        (None, Err(why)) => Err(StressError::PortRange(why.to_string())),
    }
}

/// One per core, never more than connections.
fn threads(plan: &Plan) -> u32 {
    let cores = u32::try_from(sys::thread::cores()).unwrap_or(1);
    plan.threads.unwrap_or(cores).clamp(1, plan.connections)
}

/// Each thread needs ports of its own. Fewer threads than asked for would be another run: that is refused.
fn threads_with_ports(plan: &Plan, threads: u32, ports: &PortList) -> Result<u32, StressError> {
    let threads = if plan.threads.is_none() { threads.min(ports.len()) } else { threads };
    ports.split(threads)?;
    Ok(threads)
}

fn check_files(plan: &Plan, threads: u32) -> Result<Files, StressError> {
    let limit = sys::limits::raise_file_limit().soft;
    // As many as may wait for their end to be seen before they are used again.
    let resting = if plan.recycle { reactor::epoll::RESTING_MAX as u64 * u64::from(threads) } else { 0 };
    // A place that was led elsewhere has a connection there, beside the one to the target.
    let each = if plan.follow.is_some() { 2 } else { 1 };
    let needed =
        each * u64::from(plan.connections) + resting + u64::from(threads) * FILES_PER_THREAD + FILES_OF_PROCESS;
    if needed > limit {
        return Err(StressError::Files { connections: plan.connections, needed, limit });
    }
    Ok(Files { needed, limit })
}

/// Before anything starts: a connect would only say that no port is left.
/// Is any of them routed here, and of no interface?
fn check_sources(plan: &Plan) -> Result<bool, StressError> {
    let mut routed = false;
    for source in &plan.sources {
        let standing = sys::socket::check_source(*source)
            .map_err(|reason| StressError::SourceNotHere { source_ip: *source, reason })?;
        routed |= standing == Standing::Routed;
    }
    Ok(routed)
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
    let Some(range) = plan.port_range.filter(|_| plan.ports != PortMode::Own) else { return Ok(()) };
    // Without a socket there is nothing to ask; the run will say why there is none.
    let Ok(socket) = sys::socket::tcp_for(&target) else { return Ok(()) };
    let set = sys::sockopt::set_local_port_range(&socket, range.low(), range.high());
    set.map_err(|_| StressError::PortRangeUnsupported)
}

fn own_sources(plan: &Plan, targets: &[SocketAddr], ports: &PortList) -> Result<SourceSet, StressError> {
    let mut sources = plan.sources.clone();
    if sources.is_empty() {
        sources = targets.iter().map(|target| route_source(*target)).collect::<Result<_, _>>()?;
        sources.sort_unstable();
        sources.dedup();
    }
    Ok(SourceSet::Own(PortSet::new(sources, ports.clone())?))
}

/// Whom a header of the PROXY protocol names, where nobody else is given; of clients that are given some have to be of the family
/// of each target.
fn starts_from(plan: &Plan, targets: &[SocketAddr]) -> Result<Vec<IpAddr>, StressError> {
    let Some(announce) = &plan.announce else { return Ok(Vec::new()) };
    if announce.clients.is_empty() {
        return targets.iter().map(|target| route_source(*target)).collect();
    }
    let lacks = |target: &&SocketAddr| announce.clients.iter().all(|ip| ip.is_ipv4() != target.is_ipv4());
    let lacking = targets.iter().find(lacks);
    lacking.map_or(Ok(Vec::new()), |target| Err(StressError::ClientFamily { target: target.ip() }))
}

/// The address the kernel would use.
fn route_source(target: SocketAddr) -> Result<IpAddr, StressError> {
    route_from(None, target).map_err(|reason| StressError::NoSource { target: target.ip(), reason })
}

/// Connecting a UDP socket chooses a route and a source address, and sends nothing.
fn route_from(source: Option<IpAddr>, target: SocketAddr) -> std::io::Result<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    // Whether a source is one of this host was asked before; one of a prefix that is routed here is of no interface.
    let socket = sys::socket::udp_at(source.unwrap_or(any))?;
    socket.connect(target)?;
    Ok(socket.local_addr()?.ip())
}

/// What is the matter with a range that was asked for: bounds of IP_LOCAL_PORT_RANGE outside the sysctl's are ignored
/// by the kernel (`inet_sk_get_local_port_range`, 6.3); ports of our own choice inside it are lost to everybody else.
fn range_warning(plan: &Plan, host: &HostPorts) -> Option<String> {
    let range = plan.port_range?;
    let (ephemeral, contested) = (host.ephemeral, host.contested(range));
    match plan.ports {
        PortMode::Auto | PortMode::Kernel if contested < range.len() => Some(format!(
            "source ports {range} reach beyond net.ipv4.ip_local_port_range ({ephemeral}): the kernel ignores such a bound"
        )),
        PortMode::Own if contested > 0 => Some(format!(
            "{contested} of the source ports {range} lie in net.ipv4.ip_local_port_range ({ephemeral}): other programs of \
             this host cannot use them, wherever they connect to, until 60 s after this run; leave --port-range out to \
             use ports outside of it"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stress_core::PlanDraft;

    #[track_caller]
    fn check(ports: PortMode, range: Option<(u16, u16)>, own: Result<&str, &str>, warns: Option<&str>) {
        let host = HostPorts::default();
        let draft = PlanDraft { ports, port_range: range, ..PlanDraft::new("http://127.0.0.1/") };
        let plan = draft.check().expect("a good draft");
        let seen = own_ports(&plan, Ok(&host)).map(|ports| ports.to_string()).map_err(|why| why.to_string());
        assert_eq!(seen.as_deref().map_err(String::as_str), own);
        let warning = range_warning(&plan, &host);
        let is_as_expected = match (&warning, warns) {
            (Some(text), Some(part)) => text.contains(part),
            (seen, expect) => seen.is_none() && expect.is_none(),
        };
        assert!(is_as_expected, "{ports:?} {range:?}: {warning:?}");
    }

    #[test]
    fn own_ports_are_taken_from_others_only_on_request() {
        check(PortMode::Own, None, Ok("10000-32767, 61000-65535"), None);
        check(PortMode::Own, Some((20_000, 29_999)), Ok("20000-29999"), None);
        check(PortMode::Own, Some((40_000, 40_099)), Ok("40000-40099"), Some("100 of the source ports"));
        check(PortMode::Kernel, Some((40_000, 40_099)), Ok("40000-40099"), None);
        check(PortMode::Kernel, Some((20_000, 40_099)), Ok("20000-40099"), Some("the kernel ignores"));
    }
}
