//! What this host and the target say about ports, before a run.

use ports::{HostPorts, PortList};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use stress_core::forecast::{Conntrack, Files, PortFacts, Stock};
use stress_core::{ClosePolicy, Plan};
use sys::sock_diag::{End, Filter, SockDiag};

/// `tcp_tw_reuse_delay` by default; before Linux 6.14 it was about a second, always.
const REUSE_DELAY: Duration = Duration::from_secs(1);
/// `nf_conntrack_tcp_timeout_time_wait` by default.
const CONNTRACK_TIME_WAIT: Duration = Duration::from_secs(120);
/// How long the target may take to show whether it negotiates timestamps.
const PATIENCE: Duration = Duration::from_secs(2);

/// Gathers them. `kernel` and `own`: the ports that each of the two would choose from.
pub(crate) fn gather(
    plan: &Plan,
    targets: &[SocketAddr],
    host: Option<&HostPorts>,
    own: Option<&PortList>,
    files: Files,
) -> PortFacts {
    let kernel = host.map(|host| host.chosen_from(plan.port_range));
    let range = plan.port_range.or(host.map(|host| host.ephemeral));
    let is_kernels = |port: u16| range.is_some_and(|range| (range.low()..=range.high()).contains(&port));
    let is_own = |port: u16| own.is_some_and(|list| list.ranges().iter().any(|r| (r.low()..=r.high()).contains(&port)));
    let taken = held_ports(targets, &plan.sources);
    let count =
        |of: &dyn Fn(u16) -> bool| taken.as_ref().map(|all| all.iter().filter(|port| of(**port)).count() as u64);
    PortFacts {
        kernel: kernel.map(|ports| Stock { ports, taken: count(&is_kernels) }),
        own: own.map(|list| Stock { ports: list.len(), taken: count(&is_own) }),
        beyond_kernel: plan.port_range.zip(host).is_some_and(|(range, host)| !host.keeps_to(range)),
        sources: sources(plan, targets),
        destinations: targets.len() as u32,
        socket_file: targets.is_empty(),
        timestamps: timestamps(plan, targets),
        tw_reuse_after: tw_reuse_after(targets),
        files,
        conntrack: conntrack(),
    }
}

/// As many source addresses as the least reachable target can be reached from.
fn sources(plan: &Plan, targets: &[SocketAddr]) -> u32 {
    let usable =
        |target: &SocketAddr| plan.sources.iter().filter(|source| source.is_ipv4() == target.is_ipv4()).count();
    targets.iter().map(usable).min().unwrap_or(0).max(1) as u32
}

/// Ports of our own that sockets hold towards the targets, TIME_WAIT included, once for each.
fn held_ports(targets: &[SocketAddr], sources: &[IpAddr]) -> Option<Vec<u16>> {
    let mut held = Vec::new();
    let mut diag = SockDiag::open().ok()?;
    for target in targets {
        let filter = Filter { remote: End::Exact(*target), ..Filter::default() };
        let is_ours = |source: IpAddr| sources.is_empty() || sources.contains(&source);
        let visit = |entry: &sys::sock_diag::Entry| {
            if is_ours(entry.local.ip()) {
                held.push(entry.local.port());
            }
        };
        diag.for_each(&filter, visit).ok()?;
    }
    Some(held)
}

/// Only where it decides anything: it costs a connection, which is reset at once.
fn timestamps(plan: &Plan, targets: &[SocketAddr]) -> Option<bool> {
    let here = sys::sysctl::read_u64("net.ipv4.tcp_timestamps").ok();
    match (here, plan.close) {
        (Some(0), _) => Some(false),
        _ if !plan.looks_ahead => None,
        (_, ClosePolicy::Fin | ClosePolicy::Half) => sys::resolve::negotiates_timestamps(targets.first()?, PATIENCE),
        _ => None,
    }
}

/// 1 everywhere, 2 on the loopback (`tcp_twsk_unique`). What cannot be read does not help.
fn tw_reuse_after(targets: &[SocketAddr]) -> Option<Duration> {
    let read = |name: &str| sys::sysctl::read_u64(name).ok();
    let on_loopback = targets.iter().all(|target| target.ip().is_loopback());
    let applies = match read("net.ipv4.tcp_tw_reuse")? {
        1 => true,
        2 => on_loopback,
        _ => false,
    };
    applies.then(|| read("net.ipv4.tcp_tw_reuse_delay").map_or(REUSE_DELAY, Duration::from_millis))
}

/// A table without any entry tracks nothing.
fn conntrack() -> Option<Conntrack> {
    let read = |name: &str| sys::sysctl::read_u64(&format!("net.netfilter.nf_conntrack_{name}")).ok();
    let (count, max) = (read("count")?, read("max")?);
    let time_wait = read("tcp_timeout_time_wait").map_or(CONNTRACK_TIME_WAIT, Duration::from_secs);
    (count > 0 && max > 0).then_some(Conntrack { count, max, time_wait })
}
