//! Somebody at work beside the balancer, who counts what he does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// On a thread of its own, until it is dropped.
pub(super) struct AtWork {
    ends: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl AtWork {
    /// `work` is told when it is to end, and where to count.
    pub(super) fn start(work: impl FnOnce(&AtomicBool, &AtomicU64) + Send + 'static) -> Self {
        let (ends, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (until, counted) = (Arc::clone(&ends), Arc::clone(&count));
        let thread = std::thread::spawn(move || work(&until, &counted));
        Self { ends, count, thread: Some(thread) }
    }

    /// What was counted so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _panicked = self.thread.take().map(JoinHandle::join);
    }
}
