//! The TCP sockets of the namespace: by state, by destination, by listener.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

/// TIME_WAITs that began, or will end, within this many seconds are counted apart: they are the rate.
pub const RATE_WINDOW_S: u64 = 5;

/// Which end of a TIME_WAIT this host is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeWaits {
    /// Of connections we opened: each holds a port of ours towards its destination.
    pub outgoing: u64,
    /// Of connections we accepted: they hold no port that `connect()` would want.
    pub incoming: u64,
}

/// All sockets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SocketFacts {
    /// Sockets by the state's name (`ESTABLISHED`, `TIME_WAIT`, ...).
    pub by_state: BTreeMap<&'static str, u64>,
    /// TIME_WAIT entries by direction.
    pub time_waits: TimeWaits,
    /// The fullest (source, destination) pairs, fullest first.
    pub destinations: Vec<DestinationUse>,
    /// Pairs that are not in the list, or were forgotten while counting because there were too many.
    pub destinations_left_out: u64,
    /// Listeners whose accept queue is the fullest, fullest first.
    pub listeners: Vec<ListenerUse>,
    /// Listening ports inside the range `connect()` chooses from.
    pub listeners_in_range: Vec<u16>,
    /// Distinct ports of that range that some socket of ours holds, whatever its destination.
    pub ports_held: u64,
    /// Sockets that are bound to a port of that range and go nowhere; `None` where the kernel does not show them (before
    /// 6.8).
    pub bound_only: Option<u64>,
}

impl SocketFacts {
    /// Sockets in this state.
    pub fn in_state(&self, name: &str) -> u64 {
        self.by_state.get(name).copied().unwrap_or(0)
    }

    /// All sockets.
    pub fn total(&self) -> u64 {
        self.by_state.values().sum()
    }
}

/// The ports of one source address towards one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DestinationUse {
    /// Our address.
    pub source: IpAddr,
    /// Where to.
    pub remote: SocketAddr,
    /// Connections that are open, or closing with the peer still to answer.
    pub live: u64,
    /// Connects under way.
    pub syn_sent: u64,
    /// Of those, the ones whose SYN had to be sent again.
    pub syn_resent: u64,
    /// Lowest and highest of the ports.
    pub ports_between: (u16, u16),
    /// In TIME_WAIT.
    pub time_wait: u64,
    /// In FIN_WAIT2: we closed, the peer has not.
    pub fin_wait2: u64,
    /// TIME_WAITs not older than [`RATE_WINDOW_S`].
    pub young: u64,
    /// TIME_WAITs with not more than [`RATE_WINDOW_S`] left.
    pub ending: u64,
    /// Of the live connections looked at, those with timestamps.
    pub with_timestamps: u64,
    /// Of the live connections looked at, those without.
    pub without_timestamps: u64,
    /// The counts may be this much too low, because there were more destinations than are counted at once.
    pub undercount_max: u64,
}

impl DestinationUse {
    /// Nothing yet.
    pub fn new(source: IpAddr, remote: SocketAddr) -> Self {
        Self {
            source,
            remote,
            live: 0,
            syn_sent: 0,
            syn_resent: 0,
            ports_between: (u16::MAX, 0),
            time_wait: 0,
            fin_wait2: 0,
            young: 0,
            ending: 0,
            with_timestamps: 0,
            without_timestamps: 0,
            undercount_max: 0,
        }
    }

    /// Ports held in any state.
    pub fn taken(&self) -> u64 {
        self.live + self.syn_sent + self.time_wait + self.fin_wait2
    }

    /// What holds most of the ports.
    pub(crate) fn mostly(&self) -> Holder {
        let states = [
            (self.time_wait, Holder::TimeWait),
            (self.live, Holder::Live),
            (self.fin_wait2, Holder::FinWait2),
            (self.syn_sent, Holder::SynSent),
        ];
        states.into_iter().max_by_key(|(count, _)| *count).map_or(Holder::TimeWait, |(_, holder)| holder)
    }

    /// Notes a port.
    pub(crate) fn widen(&mut self, port: u16) {
        let (low, high) = self.ports_between;
        self.ports_between = (low.min(port), high.max(port));
    }

    /// TIME_WAITs that begin per second.
    pub fn time_waits_per_s(&self) -> f64 {
        self.young as f64 / RATE_WINDOW_S as f64
    }

    /// Is the destination this host itself by its loopback address?
    pub(crate) fn is_loopback(&self) -> bool {
        self.remote.ip().is_loopback() || self.source.is_loopback()
    }
}

/// In what state most ports towards a destination are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// This side closed first.
    TimeWait,
    /// Open connections.
    Live,
    /// This side has closed, the peer has not.
    FinWait2,
    /// Nobody answers.
    SynSent,
}

/// One listener's accept queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerUse {
    /// Where it listens.
    pub address: SocketAddr,
    /// Connections that wait for `accept()`.
    pub waiting: u32,
    /// How many may.
    pub backlog: u32,
}
