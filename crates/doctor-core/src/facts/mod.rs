//! What a host looks like, recorded: everything the rules may ask.

pub mod counters;
pub mod kernel;
pub mod port_range;
pub mod sockets;
pub mod sysctls;

pub use counters::CounterFacts;
pub use kernel::KernelVersion;
pub use port_range::PortFacts;
pub(crate) use sockets::Holder;
pub use sockets::{DestinationUse, ListenerUse, SocketFacts, TimeWaits};
pub use sysctls::Sysctls;

use core::net::SocketAddr;
use core::time::Duration;
use serde::Serialize;

/// One host, seen from one network namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostFacts {
    /// The running kernel, where its release could be read.
    pub kernel: Option<KernelVersion>,
    /// As `uname` shows it.
    pub release: String,
    /// Settings.
    pub sysctls: Sysctls,
    /// What `connect()` may choose from.
    pub ports: PortFacts,
    /// TCP sockets.
    pub sockets: SocketFacts,
    /// A connect to the loopback, tried where ports looked scarce: the errno it failed with locally, or `Ok`.
    pub connect_try: Option<Result<(), i32>>,
    /// Is the loopback interface up? `None` where it could not be asked.
    pub loopback_up: Option<bool>,
    /// Timer ticks per second of the kernel (CONFIG_HZ), where its configuration can be read.
    pub hz: Option<u32>,
    /// Counters and their growth.
    pub counters: CounterFacts,
    /// Connection tracking; `None` where the namespace has none.
    pub conntrack: Option<ConntrackFacts>,
    /// Open files of one process.
    pub files: Option<FileFacts>,
    /// Whose view this is.
    pub place: Place,
    /// What could not be read.
    pub gaps: Vec<Gap>,
}

/// The connection-tracking table. Serialises to `conntrack` of `doctor --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConntrackFacts {
    /// Entries.
    pub count: u64,
    /// Entries allowed.
    pub max: u64,
    /// Packets dropped because there was no entry to be had, since boot; `None` where the kernel shows no losses, as the
    /// next two.
    pub dropped: Option<u64>,
    /// Entries that clashed with another: no free NAT port, since boot.
    pub insert_failed: Option<u64>,
    /// Entries thrown out early to make room, since boot.
    #[serde(skip)]
    pub early_dropped: Option<u64>,
    /// `dropped` and `early_dropped` during the window, as far as it is known.
    #[serde(skip)]
    pub dropped_grown: u64,
    /// `insert_failed` during the window, as far as it is known.
    #[serde(skip)]
    pub insert_failed_grown: u64,
}

/// Open files of one process. Serialises to `files` of `doctor --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FileFacts {
    /// Whose.
    pub pid: u32,
    /// Is it the doctor itself (a stand-in for what this shell starts)?
    #[serde(skip)]
    pub own: bool,
    /// Open now; `None` when it may not be looked at.
    pub open: Option<u64>,
    /// RLIMIT_NOFILE in force.
    pub soft: u64,
    /// How far it may be raised without root.
    pub hard: u64,
}

/// Whose view the facts are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The container's kind (`docker`, `podman`, `kubernetes`, ...) where there are signs of one.
    pub container: Option<String>,
    /// The network namespace's number (`net:[4026531840]`), where it could be read.
    pub namespace: Option<u64>,
    /// Is it the one the machine started with? `None` when this process cannot know.
    pub initial_namespace: Option<bool>,
    /// Is the process root here?
    pub root: bool,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What is missing.
    pub what: String,
    /// Why, or what would bring it.
    pub remedy: String,
}

/// May `connect()` take over a TIME_WAIT of its own towards a destination (`tcp_twsk_unique`)?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// `tcp_tw_reuse` is 0.
    Off,
    /// `tcp_tw_reuse` is 2, and the destination is not the loopback.
    LoopbackOnly,
    /// `tcp_timestamps` is 0 here.
    TimestampsOffHere,
    /// The connections looked at had none.
    TimestampsOffThere,
    /// Yes, this long after it began.
    After {
        /// `tcp_tw_reuse_delay`; 1000 before 6.14.
        delay_ms: u64,
    },
}

impl Reuse {
    /// Does it free TIME_WAIT ports?
    pub(crate) fn applies(self) -> bool {
        matches!(self, Self::After { .. })
    }
}

impl HostFacts {
    /// How long a TIME_WAIT may last: 60 s, rounded up by the timer wheel (since 4.8) to its slots of 512 ticks, or of
    /// 4096 where a minute has more than 32,768 ticks. Where the ticks are not known: as long as at 1000 per second.
    pub fn time_wait_longest(&self) -> Duration {
        let minute = ports::allocator::TIME_WAIT;
        if self.kernel.is_some_and(|kernel| kernel < KernelVersion::new(4, 8, 0)) {
            return minute + Duration::from_millis(200);
        }
        let hz = self.hz.unwrap_or(1000).max(1);
        let slot = if 60 * hz < 32_768 { 512 } else { 4096 };
        minute + Duration::from_secs_f64(f64::from(slot) / f64::from(hz))
    }

    /// TIME_WAITs towards a destination that take a port from those that were free, per second: those that a program
    /// takes over itself (explicit bind and SO_REUSEADDR, or tcp_tw_reuse) only change places.
    pub(crate) fn fresh_time_waits_per_s(&self, to: &DestinationUse) -> f64 {
        (to.time_waits_per_s() - self.counters.rate_per_s("TcpExt.TWRecycled")).max(0.0)
    }

    /// Are the TIME_WAITs towards a destination taken over as fast as they begin?
    pub(crate) fn is_taken_over(&self, to: &DestinationUse) -> bool {
        to.young > 0 && self.fresh_time_waits_per_s(to) * 2.0 < to.time_waits_per_s()
    }

    /// Ports of one source address towards one destination.
    pub fn capacity(&self) -> u32 {
        self.ports.usable()
    }

    /// Are timestamps offered in our SYNs?
    pub fn timestamps(&self) -> bool {
        !self.sysctls.is("net.ipv4.tcp_timestamps", 0)
    }

    /// How `tcp_tw_reuse` treats a destination.
    pub fn reuse(&self, to: &DestinationUse) -> Reuse {
        let there = to.with_timestamps > 0 || to.without_timestamps == 0;
        self.reuse_towards(to.is_loopback(), there)
    }

    /// As [`HostFacts::reuse`], for a destination that may have no socket yet.
    pub(crate) fn reuse_towards(&self, loopback: bool, timestamps_there: bool) -> Reuse {
        match self.sysctls.number("net.ipv4.tcp_tw_reuse") {
            None | Some(0) => Reuse::Off,
            Some(2) if !loopback => Reuse::LoopbackOnly,
            Some(_) if !self.timestamps() => Reuse::TimestampsOffHere,
            Some(_) if !timestamps_there => Reuse::TimestampsOffThere,
            Some(_) => Reuse::After { delay_ms: self.sysctls.number("net.ipv4.tcp_tw_reuse_delay").unwrap_or(1000) },
        }
    }

    /// Ports towards `to` that `connect()` cannot have now.
    pub(crate) fn blocked(&self, to: &DestinationUse) -> u64 {
        match self.reuse(to) {
            Reuse::After { .. } => to.taken() - to.time_wait,
            _ => to.taken(),
        }
    }

    /// What is known of the ports towards one address, summed over our sources.
    pub(crate) fn taken_towards(&self, remote: SocketAddr) -> u64 {
        let towards = self.sockets.destinations.iter().filter(|known| known.remote == remote);
        towards.map(DestinationUse::taken).sum()
    }
}
