//! Why a run cannot start.

use ports::{NoOwnPorts, SetError};
use reactor::SpawnError;
use std::net::IpAddr;
use sys::resolve::ResolveError;

/// Why a run cannot start. Nothing was sent. The text names the thing and the way out.
#[derive(Debug, thiserror::Error)]
pub enum StressError {
    /// Connections cannot be secured as it was asked.
    #[error(transparent)]
    Tls(#[from] crate::TlsError),
    /// The name does not resolve.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// RLIMIT_NOFILE is too low.
    #[error(
        "{connections} connections need {needed} file descriptors, the limit is {limit}: \
         raise it (ulimit -n {needed}) or use fewer connections (-c)"
    )]
    Files {
        /// Connections asked for.
        connections: u32,
        /// Descriptors needed.
        needed: u64,
        /// The limit, after it was raised as far as allowed.
        limit: u64,
    },
    /// No source address of the target's family.
    #[error("none of the source addresses has the family of the target {target}: give one that has")]
    Family {
        /// The target.
        target: IpAddr,
    },
    /// Nobody to be named to a target of that family.
    #[error(
        "none of --proxy-clients has the family of the target {target}, to which they are to be named: give one that has"
    )]
    ClientFamily {
        /// The target.
        target: IpAddr,
    },
    /// No way out of this host to the target.
    #[error(
        "no route to {target}: {reason}; check the address, and that an interface towards it is up (`ip route get {target}`)"
    )]
    NoRoute {
        /// The target.
        target: IpAddr,
        /// What the system said.
        reason: std::io::Error,
    },
    /// No source address for our own port allocator.
    #[error("no source address towards {target}: {reason}; give one with --source-ip")]
    NoSource {
        /// The target.
        target: IpAddr,
        /// What the system said.
        reason: std::io::Error,
    },
    /// A source address that is not on this host.
    #[error(
        "source address {source_ip} cannot be used: {reason}; add it to an interface of this host, route it here ({}), or \
         leave it out",
        sys::socket::how_to_route(*source_ip)
    )]
    SourceNotHere {
        /// The address.
        source_ip: IpAddr,
        /// What the system said.
        reason: std::io::Error,
    },
    /// IP_LOCAL_PORT_RANGE does not exist here.
    #[error("this kernel has no IP_LOCAL_PORT_RANGE (Linux 6.3): leave --port-range out, or use it with --ports own")]
    PortRangeUnsupported,
    /// The source ports cannot be divided among the threads.
    #[error(transparent)]
    Ports(#[from] SetError),
    /// This host has no ports to spare for our own choice.
    #[error(transparent)]
    NoOwnPorts(#[from] NoOwnPorts),
    /// The range of ephemeral ports cannot be read.
    #[error("cannot read the range of ephemeral ports: {0}; give one with --port-range")]
    PortRange(String),
    /// Sockets cannot be used again.
    #[error(transparent)]
    Recycle(#[from] stress_core::plan::RecycleMistake),
    /// A thread cannot be had, or nothing can run on it.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}
