//! What is known of this host and of the target before a run.

use crate::plan::PortMode;
use core::time::Duration;
use serde::{Serialize, Serializer};

/// Ports that connections may start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Stock {
    /// Ports of each source address.
    pub ports: u32,
    /// Sockets that hold some of them towards the target, whoever's and in whatever state; `None`: they cannot be counted.
    pub taken: Option<u64>,
}

/// The table of connection tracking, where it tracks anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Conntrack {
    /// Entries.
    pub count: u64,
    /// Entries there may be (`net.netfilter.nf_conntrack_max`).
    pub max: u64,
    /// How long a connection that ended by FIN keeps its entry.
    #[serde(rename = "time_wait_s", serialize_with = "seconds")]
    pub time_wait: Duration,
}

/// File descriptors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// That the run needs at most.
    pub needed: u64,
    /// That there may be (RLIMIT_NOFILE).
    pub limit: u64,
}

/// What is known of this host and of the target. Serialises to `facts` of `forecast`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PortFacts {
    /// What the kernel chooses from, reserved ports left out; `None` where its range cannot be read.
    pub kernel: Option<Stock>,
    /// What our own choice is from; `None` where there is nothing.
    pub own: Option<Stock>,
    /// Source ports were asked for that the kernel would not keep to: bounds outside of its range are ignored.
    pub beyond_kernel: bool,
    /// Source addresses that reach the target, at least one.
    pub sources: u32,
    /// Addresses of the target, at least one.
    pub destinations: u32,
    /// The target is a socket file: there are no ports.
    pub socket_file: bool,
    /// Does a connection to the target negotiate TCP timestamps? `None`: nobody asked, or nobody answered.
    pub timestamps: Option<bool>,
    /// How long after its last connection the kernel gives a port in TIME_WAIT out again, where timestamps were negotiated
    /// (`net.ipv4.tcp_tw_reuse` and its delay); `None`: never.
    #[serde(rename = "tw_reuse_after_s", serialize_with = "seconds_if_any")]
    pub tw_reuse_after: Option<Duration>,
    /// File descriptors.
    pub files: Files,
    /// Connection tracking of this host; `None`: there is none, or it tracks nothing.
    pub conntrack: Option<Conntrack>,
}

impl Default for PortFacts {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            kernel: None,
            own: None,
            beyond_kernel: false,
            sources: 1,
            destinations: 1,
            socket_file: false,
            timestamps: None,
            tw_reuse_after: None,
            files: Files::default(),
            conntrack: None,
        }
    }
}

impl PortFacts {
    /// What a mode of choice chooses from.
    pub(super) fn stock(&self, mode: PortMode) -> Option<Stock> {
        if mode == PortMode::Own { self.own } else { self.kernel }
    }

    /// When a port that is in TIME_WAIT can be used again.
    pub(super) fn reuse(&self, mode: PortMode) -> Reuse {
        match (mode, self.tw_reuse_after) {
            // The kernel decides by the old connection (`tcp_twsk_unique`).
            _ if self.timestamps != Some(true) => Reuse::Never,
            (PortMode::Own, _) => Reuse::AtOnce,
            (PortMode::Kernel | PortMode::Auto, Some(after)) => Reuse::After(after),
            (PortMode::Kernel | PortMode::Auto, None) => Reuse::Never,
        }
    }
}

/// When a port in TIME_WAIT can be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// When its TIME_WAIT is over.
    Never,
    /// So long after its last connection, by `net.ipv4.tcp_tw_reuse`.
    After(Duration),
    /// At once, by an explicit bind.
    AtOnce,
}

pub(super) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

pub(super) fn seconds_if_any<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}
