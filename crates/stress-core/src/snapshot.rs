//! A look at a run in progress.

use core::time::Duration;

/// Counters at one moment of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Since the start.
    pub elapsed: Duration,
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
}

impl Snapshot {
    /// Share of the run that is over, 0.0 to 1.0: by time or by number, whichever is further.
    pub fn progress(&self) -> f64 {
        let by_time = self.duration.map_or(0.0, |all| self.elapsed.as_secs_f64() / all.as_secs_f64());
        let by_number = self.requests.map_or(0.0, |all| (self.ok + self.failed) as f64 / all as f64);
        by_time.max(by_number).clamp(0.0, 1.0)
    }
}
