//! A live view's data: one snapshot after another, as often as the viewer wants.

use crate::host::{HostPlan, gather};
use doctor_core::HostFacts;
use doctor_core::outlook::{self, Outlook};
use std::time::{Duration, Instant};

/// Destinations of one snapshot.
const OUTLOOKS_MAX: usize = 20;
/// Shorter intervals would make the doctor the host's busiest program.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// What the host looks like at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Since the first snapshot was asked for.
    pub at: Duration,
    /// Everything; counters have grown over the interval.
    pub host: HostFacts,
    /// The fullest destinations, with the seconds until their ports are gone.
    pub outlooks: Vec<Outlook>,
}

impl Snapshot {
    /// Connects started per second.
    pub fn connects_per_s(&self) -> f64 {
        self.host.counters.rate_per_s("Tcp.ActiveOpens")
    }

    /// Connects per second that were refused or timed out. Those that found no local port send no SYN and are
    /// counted by no kernel: a destination whose ports are gone shows them.
    pub fn failing_connects_per_s(&self) -> f64 {
        self.host.counters.rate_per_s("Tcp.AttemptFails")
    }

    /// TIME_WAITs of our own connects that were taken over, per second.
    pub fn recycled_per_s(&self) -> f64 {
        self.host.counters.rate_per_s("TcpExt.TWRecycled")
    }

    /// Until the first destination has no port left; `None`: all last.
    pub fn first_exhausted_in(&self) -> Option<Duration> {
        self.outlooks.iter().filter_map(|outlook| outlook.gone_in).min()
    }
}

/// Snapshots without end; each call of `next` takes one interval.
#[derive(Debug)]
pub struct Watch {
    plan: HostPlan,
    began: Instant,
}

impl Watch {
    /// One snapshot per `interval` (at least 100 ms).
    pub fn every(interval: Duration, pid: Option<u32>) -> Self {
        Self { plan: HostPlan { pid, window: interval.max(INTERVAL_MIN) }, began: Instant::now() }
    }
}

impl Iterator for Watch {
    type Item = Snapshot;

    fn next(&mut self) -> Option<Snapshot> {
        let host = gather(&self.plan);
        let shown = host.sockets.destinations.iter().take(OUTLOOKS_MAX);
        let outlooks = shown.map(|to| outlook::towards(&host, to)).collect();
        Some(Snapshot { at: self.began.elapsed(), host, outlooks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn connects_between_two_looks_are_seen() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let server = listener.local_addr().expect("bound");
        let mut watch = Watch::every(Duration::from_millis(300), None);
        let first = watch.next().expect("without end");
        let over = AtomicBool::new(false);
        let second = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let _client = TcpStream::connect(server).expect("connects");
                    listener.accept().expect("accepts");
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
            let second = watch.next();
            over.store(true, Ordering::Relaxed);
            second.expect("without end")
        });
        assert!(second.at > first.at);
        assert!(second.connects_per_s() > 0.0);
        assert!(second.outlooks.len() <= OUTLOOKS_MAX);
    }
}
