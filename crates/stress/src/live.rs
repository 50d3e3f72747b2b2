//! Counters that other threads may look at while a run is in progress.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use stress_core::Tally;

/// How often a tester publishes its counters and looks at the stop flag.
pub(crate) const PUBLISH_EVERY: Duration = Duration::from_millis(100);

/// What one tester published last.
#[derive(Debug, Default)]
pub struct Live {
    ok: AtomicU64,
    failed: AtomicU64,
    failed_here: AtomicU64,
    opened: AtomicU64,
    time_waits: AtomicU64,
}

/// The counters of a [`Live`] at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) failed_here: u64,
    pub(crate) opened: u64,
    pub(crate) time_waits: u64,
}

impl Live {
    pub(crate) fn publish(&self, tally: &Tally) {
        let set = |to: &AtomicU64, value| to.store(value, Ordering::Relaxed);
        set(&self.ok, tally.ok);
        set(&self.failed, tally.failed());
        set(&self.failed_here, tally.failed_here());
        set(&self.opened, tally.connects_opened);
        set(&self.time_waits, tally.closed.time_waits_here());
    }

    pub(crate) fn add_to(&self, counts: &mut Counts) {
        let get = |from: &AtomicU64| from.load(Ordering::Relaxed);
        counts.ok += get(&self.ok);
        counts.failed += get(&self.failed);
        counts.failed_here += get(&self.failed_here);
        counts.opened += get(&self.opened);
        counts.time_waits += get(&self.time_waits);
    }
}
