//! `host` of the report.

use doctor_core::facts::{DestinationUse, HostFacts};
use serde::Serialize;
use std::collections::BTreeMap;

/// This host.
#[derive(Debug, Serialize)]
pub struct HostReport {
    /// As `uname` shows it.
    pub kernel: String,
    /// Kind of container, or null.
    pub container: Option<String>,
    /// Number of the network namespace.
    pub network_namespace: u64,
    /// Is it the machine's own? null: this process cannot know.
    pub initial_namespace: Option<bool>,
    /// The range `connect()` chooses from.
    pub port_range: [u16; 2],
    /// Ports of it that are reserved.
    pub ports_reserved: u32,
    /// Ports it may really choose.
    pub ports_usable: u32,
    /// Sockets by state.
    pub sockets: BTreeMap<&'static str, u64>,
    /// TIME_WAITs of our own connects.
    pub time_wait_outgoing: u64,
    /// TIME_WAITs of accepted connections.
    pub time_wait_incoming: u64,
    /// The fullest destinations.
    pub destinations: Vec<DestinationReport>,
    /// Destinations that are not listed, at least.
    pub destinations_left_out: u64,
    /// Sysctls the rules look at.
    pub sysctls: BTreeMap<String, String>,
    /// Counters since the namespace began.
    pub counters: BTreeMap<String, u64>,
    /// Connection tracking, or null.
    pub conntrack: Option<ConntrackReport>,
    /// Open files of the process looked at, or null.
    pub files: Option<FilesReport>,
    /// What could not be seen, and what would bring it.
    pub not_seen: Vec<String>,
}

/// Ports towards one destination.
#[derive(Debug, Serialize)]
pub struct DestinationReport {
    /// Our address.
    pub source: String,
    /// Where to.
    pub destination: String,
    /// Open connections.
    pub live: u64,
    /// Connects under way.
    pub syn_sent: u64,
    /// In TIME_WAIT.
    pub time_wait: u64,
    /// In FIN_WAIT2.
    pub fin_wait2: u64,
    /// TIME_WAITs that begin per second.
    pub time_waits_per_s: f64,
    /// Open connections with timestamps, of those looked at.
    pub with_timestamps: u64,
    /// Open connections without.
    pub without_timestamps: u64,
    /// The counts may be this much too low.
    pub undercount_max: u64,
}

/// The connection-tracking table.
#[derive(Debug, Serialize)]
pub struct ConntrackReport {
    /// Entries.
    pub count: u64,
    /// Entries allowed.
    pub max: u64,
    /// Dropped for want of an entry, since boot.
    pub dropped: u64,
    /// Clashes, since boot.
    pub insert_failed: u64,
}

/// Open files of one process.
#[derive(Debug, Serialize)]
pub struct FilesReport {
    /// Whose.
    pub pid: u32,
    /// Open now, or null.
    pub open: Option<u64>,
    /// Limit in force.
    pub soft: u64,
    /// How far it may be raised.
    pub hard: u64,
}

impl HostReport {
    /// Of the facts.
    pub fn of(host: &HostFacts) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            kernel: host.release.clone(),
            container: host.place.container.clone(),
            network_namespace: host.place.namespace,
            initial_namespace: host.place.initial_namespace,
            port_range: [host.ports.low, host.ports.high],
            ports_reserved: host.ports.reserved_count(),
            ports_usable: host.capacity(),
            sockets: host.sockets.by_state.clone(),
            time_wait_outgoing: host.sockets.time_waits.outgoing,
            time_wait_incoming: host.sockets.time_waits.incoming,
            destinations: host.sockets.destinations.iter().map(destination).collect(),
            destinations_left_out: host.sockets.destinations_left_out,
            sysctls: host.sysctls.iter().map(owned).collect(),
            counters: host.counters.totals().map(|(name, total)| (name.to_owned(), total)).collect(),
            conntrack: host.conntrack.map(|table| ConntrackReport {
                count: table.count,
                max: table.max,
                dropped: table.dropped,
                insert_failed: table.insert_failed,
            }),
            files: host.files.map(|files| FilesReport {
                pid: files.pid,
                open: files.open,
                soft: files.soft,
                hard: files.hard,
            }),
            not_seen: host.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.remedy)).collect(),
        }
    }
}

fn destination(to: &DestinationUse) -> DestinationReport {
    DestinationReport {
        source: to.source.to_string(),
        destination: to.remote.to_string(),
        live: to.live,
        syn_sent: to.syn_sent,
        time_wait: to.time_wait,
        fin_wait2: to.fin_wait2,
        time_waits_per_s: to.time_waits_per_s(),
        with_timestamps: to.with_timestamps,
        without_timestamps: to.without_timestamps,
        undercount_max: to.undercount_max,
    }
}
