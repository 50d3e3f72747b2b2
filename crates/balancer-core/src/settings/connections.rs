//! Connections to servers: which are kept, and where ours begin.

use crate::policy::{Reuse, ServerClose};
use named::named;
use std::net::IpAddr;
use std::time::Duration;

/// Connections kept for re-use, per server and worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Idle connections kept; 0 closes after every response.
    pub idle_max: usize,
    /// How long one may idle.
    pub idle_timeout: Duration,
    /// How one is retired.
    pub close: ServerClose,
    /// Which requests may travel on one.
    pub reuse: Reuse,
}

impl PoolSettings {
    /// Idle connections that may be kept.
    pub fn room(&self) -> usize {
        if self.reuse == Reuse::Never { 0 } else { self.idle_max }
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            idle_max: 256,
            idle_timeout: Duration::from_secs(50),
            close: ServerClose::default(),
            reuse: Reuse::default(),
        }
    }
}

named! {
    /// Who chooses the local port towards servers.
    #[derive(Default)]
    pub enum PortChoice {
        /// The kernel, in `connect()`.
        #[default]
        Kernel = "kernel",
        /// Our allocator: oldest port first, explicit bind + SO_REUSEADDR.
        Own = "own",
    }
}

/// Our side of the connections to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSettings {
    /// Who chooses.
    pub choice: PortChoice,
    /// Source addresses, used in turn; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Ports, inclusive; `None`: the kernel chooses from `ip_local_port_range`, our allocator from outside of it.
    pub range: Option<(u16, u16)>,
    /// Networks of which only [`ports::SAMPLE`] addresses are among the sources.
    pub sampled: Vec<String>,
    /// Sources may be addresses that no interface has, of a prefix that is routed here. It is found out at start.
    pub routed: bool,
}
