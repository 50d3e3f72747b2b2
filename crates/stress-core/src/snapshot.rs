//! A look at a run in progress.

use crate::by_hand::{Asked, Scale};
use crate::error_kind::ErrorKind;
use crate::kernel::KernelCounts;
use core::time::Duration;
use stats::Coarse;

/// Ports towards the target at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PortsNow {
    /// 4-tuples of this run in TIME_WAIT; `None`: they cannot be counted.
    pub time_wait: Option<u64>,
    /// Ports that nothing holds; `None`: unknown.
    pub free: Option<u64>,
    /// Until the last one is gone, at the rate of late; `None`: that is not to come, or unknown.
    pub gone_in: Option<Duration>,
}

/// Counters at one moment of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Since the start of what is measured.
    pub elapsed: Duration,
    /// The warm-up is not over.
    pub is_warming: bool,
    /// Planned duration, where there is one.
    pub duration: Option<Duration>,
    /// Planned number of requests, where there is one.
    pub requests: Option<u64>,
    /// Complete responses.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Of those, for want of something on this host.
    pub failed_here: u64,
    /// Connections established.
    pub opened: u64,
    /// Connections that ended with TIME_WAIT on our side.
    pub time_waits: u64,
    /// Nothing is issued any more: requests that are still waited for.
    pub waiting: u64,
    /// Complete responses per second since the snapshot before; `None` for the first.
    pub per_s_now: Option<f64>,
    /// Failed requests, likewise.
    pub failed_per_s_now: Option<f64>,
    /// Ports towards the target.
    pub ports: PortsNow,
    /// CPU time of one connect(2), in microseconds: the mean since the snapshot before; `None` where there was none.
    pub connect_us: Option<f64>,
    /// What the kernel counted since the start, for all programs of this host.
    pub kernel: KernelCounts,
    /// What the plan asks for; `None` where that cannot be changed.
    pub planned: Option<Asked>,
    /// So many times as much is asked for, by hand.
    pub scale: Scale,
    /// Latency of all complete responses so far.
    pub latency: Coarse,
    /// Latency of those since the snapshot before.
    pub lately: Coarse,
    /// Responses by status, in order.
    pub statuses: Vec<(u16, u64)>,
    /// Failures by kind, those that happened.
    pub errors: Vec<(ErrorKind, u64)>,
    /// CPU time of this process since the snapshot before, in per cent of one core; `None` for the first.
    pub cpu_percent: Option<f64>,
}

impl Snapshot {
    /// Share of the run that is over, 0.0 to 1.0: by time or by number, whichever is further.
    pub fn progress(&self) -> f64 {
        let by_time = self.duration.map_or(0.0, |all| self.elapsed.as_secs_f64() / all.as_secs_f64());
        let by_number = self.requests.map_or(0.0, |all| (self.ok + self.failed) as f64 / all as f64);
        by_time.max(by_number).clamp(0.0, 1.0)
    }
}
