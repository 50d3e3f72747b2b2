//! What a running balancer of ours says of itself, through its admin listener.

use named::named;
use serde::Serialize;

/// What was told. Serialises to `balancer` of `doctor --json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BalancerFacts {
    /// Where it was asked.
    pub at: String,
    /// Its version.
    pub version: String,
    /// What is counted is counted since then, in seconds.
    pub uptime_s: f64,
    /// Files it has open.
    pub open_files: u64,
    /// Files it may have open; 0 where that is not known.
    pub files_max: u64,
    /// What is spent of its ports.
    pub ports: Vec<PortUse>,
    /// Its backend sets.
    pub sets: Vec<SetUse>,
}

/// Ports from one address of the balancer's to one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PortUse {
    /// Its address.
    pub source: String,
    /// The server's.
    pub destination: String,
    /// Ports there are.
    pub ports: u32,
    /// Held by connections.
    pub live: u64,
    /// Held by TIME_WAIT.
    pub time_wait: u64,
    /// Held by nothing.
    pub free: u64,
    /// Connections opened per second, of late.
    pub rate_per_s: f64,
    /// What the ports pay for where each connection leaves a TIME_WAIT.
    pub rate_per_s_max: f64,
    /// Until the last is gone, where that is to come.
    pub exhausted_in_s: Option<f64>,
}

/// A backend set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SetUse {
    /// Its name.
    pub name: String,
    /// Its pool is configured and does nothing.
    pub inert_pool: Option<InertPool>,
    /// Its servers.
    pub servers: Vec<ServerUse>,
}

/// A pool whose connections are never used again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InertPool {
    /// Connections that were opened.
    pub opened: u64,
    /// What most of them were closed for, by the balancer's name of the reason.
    pub why: Option<String>,
}

/// A server of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerUse {
    /// Its address.
    pub address: String,
    /// Is it asked?
    pub standing: Standing,
    /// Connections opened to it.
    pub opened: u64,
    /// Requests that used one again.
    pub reused: u64,
    /// Connections to it that are closed.
    pub closed: u64,
    /// Those that it closed between two requests.
    pub left: u64,
    /// Those that it closed in the middle of one.
    pub aborted: u64,
    /// Those that the balancer closed first, by FIN: TIME_WAIT was left there.
    pub our_fin: u64,
    /// Connects that failed for want of something at the balancer.
    pub failed_here: u64,
}

impl ServerUse {
    /// Nothing has happened yet.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            standing: Standing::Up,
            opened: 0,
            reused: 0,
            closed: 0,
            left: 0,
            aborted: 0,
            our_fin: 0,
            failed_here: 0,
        }
    }
}

named! {
    /// Whether a server is asked.
    pub enum Standing {
        /// It is.
        Up = "up",
        /// An operator keeps it out.
        Draining = "draining",
        /// Not for a while: requests failed at it.
        Aside = "aside",
        /// Not: its checks fail.
        Down = "down",
    }
}

impl PortUse {
    /// Ports that hold something.
    pub fn taken(&self) -> u64 {
        self.live + self.time_wait
    }
}

impl BalancerFacts {
    /// Every server with its set.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&SetUse, &ServerUse)> {
        self.sets.iter().flat_map(|set| set.servers.iter().map(move |server| (set, server)))
    }
}
