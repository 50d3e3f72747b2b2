//! What a simulation found.

use core::time::Duration;
use named::named;
use serde::Serialize;
use std::collections::BTreeMap;

named! {
    /// Why a SYN or a connect came to grief.
    #[derive(PartialOrd, Ord)]
    pub enum Cause {
        /// Dropped by tcp_tw_recycle: TSval behind the address's last one.
        RecycleOlderTimestamp = "recycle_older_timestamp",
        /// Dropped by tcp_tw_recycle: no timestamp where the address had one.
        RecycleNoTimestamp = "recycle_no_timestamp",
        /// Rejected by TIME_WAIT: TSval behind the old connection's.
        TimeWaitOlderTimestamp = "time_wait_older_timestamp",
        /// Rejected by TIME_WAIT: sequence number not ahead, and no newer TSval.
        TimeWaitLowerSequence = "time_wait_lower_sequence",
        /// Rejected by TIME_WAIT without an answer: one ACK per 500 ms.
        TimeWaitRateLimit = "time_wait_rate_limit",
        /// The RST that answers a challenge is ignored.
        ResetIgnored = "reset_ignored",
        /// The RST that answers a challenge is lost at the gateway.
        ResetFiltered = "reset_filtered",
        /// The gateway has no port.
        NatNoPort = "nat_no_port",
        /// The client has no port: EADDRNOTAVAIL.
        ClientNoPort = "client_no_port",
        /// Not answered to the last SYN: ETIMEDOUT.
        TimedOut = "timed_out",
    }
}

impl Cause {
    /// The setting that brings it about.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::RecycleOlderTimestamp | Self::RecycleNoTimestamp => "tcp_tw_recycle=1 on the server",
            Self::TimeWaitOlderTimestamp => "timestamps of several clocks behind one address, reused within 60 s",
            Self::TimeWaitLowerSequence => "no newer timestamp: tcp_timestamps=0, or equal clocks; reused within 60 s",
            Self::TimeWaitRateLimit => "tcp_invalid_ratelimit on the server",
            Self::ResetIgnored => "tcp_rfc1337=1 on the server, or an RST with an old TSval",
            Self::ResetFiltered => "a gateway that drops the client's RST",
            Self::NatNoPort => "too few public addresses, or long time-outs of the gateway",
            Self::ClientNoPort => "ip_local_port_range of the client, which closes first",
            Self::TimedOut => "tcp_syn_retries of the client",
        }
    }
}

/// The first SYN that is sent again by its timer comes a second late: what a challenge brings forward is far below.
pub(crate) const STALLED: Duration = Duration::from_millis(900);

/// What became of SYNs and connects. Serialises to `syns` of `simulate --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Syns {
    /// SYNs that clients sent, those sent again included.
    pub sent: u64,
    /// SYNs that the server accepted.
    pub accepted: u64,
    /// SYNs that got no answer.
    pub dropped_silently: u64,
    /// SYNs that TIME_WAIT answered by an ACK.
    pub challenged: u64,
    /// Connects that failed.
    pub failed: u64,
}

/// How long successful connects took: exact, for the values are few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectTimes {
    counts: BTreeMap<Duration, u64>,
    total: u64,
}

impl ConnectTimes {
    pub(super) fn record(&mut self, time: Duration) {
        *self.counts.entry(time).or_default() += 1;
        self.total += 1;
    }

    /// Connects that succeeded.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The time that `share` (0.0 to 1.0) of all connects do not exceed; `None` without connects.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = ((share * self.total as f64).ceil() as u64).max(1);
        let mut passed = 0;
        self.counts
            .iter()
            .find(|(_, count)| {
                passed += **count;
                passed >= rank
            })
            .map(|(time, _)| *time)
    }

    /// The longest; `None` without connects.
    pub fn max(&self) -> Option<Duration> {
        self.counts.keys().next_back().copied()
    }

    /// Connects that took longer than the quickest ones: those that needed a second SYN.
    pub fn delayed(&self) -> u64 {
        self.total - self.counts.values().next().copied().unwrap_or(0)
    }

    /// Connects that took longer than the quickest ones by this much or more.
    pub(super) fn late_by(&self, delay: Duration) -> u64 {
        let Some(quickest) = self.counts.keys().next() else { return 0 };
        self.counts.range(*quickest + delay..).map(|(_, count)| count).sum()
    }

    /// Every time that occurred, and how often.
    pub fn distribution(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.counts.iter().map(|(time, count)| (*time, *count))
    }
}

/// The scene at one instant. Serialises to a point of `simulate --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Point {
    /// When, in simulated seconds.
    pub at_s: u64,
    /// Connects begun since the point before.
    pub connects: u64,
    /// Connects failed since then.
    pub failed: u64,
    /// SYNs not answered since then.
    pub dropped_silently: u64,
    /// SYNs challenged since then.
    pub challenged: u64,
    /// Free public ports of the gateway; `None` without one.
    pub nat_ports_free: Option<u64>,
    /// Free ephemeral ports of the client that has the fewest.
    pub client_ports_free: u64,
    /// TIME_WAITs on the server.
    pub server_time_waits: u64,
}

/// The result of one simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Kernel of the server.
    pub kernel: String,
    /// What was set, as `name=value`.
    pub settings: Vec<String>,
    /// Clients.
    pub clients: u32,
    /// Simulated time, in seconds.
    pub duration_s: u64,
    /// Connects that clients asked for.
    pub connects: u64,
    /// What became of SYNs.
    pub syns: Syns,
    /// How long connects took.
    pub connect_times: ConnectTimes,
    /// How often each cause struck; absent when it did not.
    pub causes: BTreeMap<Cause, u64>,
    /// TIME_WAITs that a new connection took over: reuse that went well.
    pub taken_over: u64,
    /// TIME_WAITs not made because of tcp_max_tw_buckets.
    pub time_wait_overflows: u64,
    /// Entries that the gateway evicted.
    pub nat_evictions: u64,
    /// The scene over time, at most [`POINTS_MAX`](super::POINTS_MAX) points.
    pub series: Vec<Point>,
    /// Connects that at the end had been waiting for [`STALLED`] and more.
    pub(super) hanging: u64,
    /// Events handled.
    pub events: u64,
}

impl Output {
    /// How often `cause` struck.
    pub fn cause(&self, cause: Cause) -> u64 {
        self.causes.get(&cause).copied().unwrap_or(0)
    }

    /// Connects that still sent SYNs in vain when the time was over.
    pub fn waiting(&self) -> u64 {
        self.connects - self.connect_times.total() - self.syns.failed
    }

    /// Connects that people notice: failed, or late by 900 ms and more, still waiting at the end or not.
    pub fn stalled(&self) -> u64 {
        self.connect_times.late_by(STALLED) + self.syns.failed + self.hanging
    }

    /// Connects that needed a second SYN, but were late by less than 900 ms.
    pub fn slowed(&self) -> u64 {
        self.connect_times.delayed() - self.connect_times.late_by(STALLED)
    }

    /// A part of all connects, 0.0 to 1.0.
    pub fn share(&self, connects: u64) -> f64 {
        connects as f64 / self.connects.max(1) as f64
    }
}
