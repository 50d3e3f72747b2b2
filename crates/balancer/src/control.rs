//! The mailbox between the main thread and one worker: it asks, the worker answers when it is woken.

use balancer_core::Counters;
use std::sync::Mutex;
use std::time::Duration;

/// Shared by one worker and whoever steers it.
#[derive(Debug, Default)]
pub struct Control {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    drain: Option<Duration>,
    /// Last counters published, and how often that was done.
    counters: (Counters, u64),
}

impl Control {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A panic elsewhere leaves plain numbers behind: still good to read.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Asks for a drain with this much patience; wake the worker afterwards.
    pub fn ask_drain(&self, patience: Duration) {
        self.state().drain = Some(patience);
    }

    pub(crate) fn drain_asked(&self) -> Option<Duration> {
        self.state().drain
    }

    pub(crate) fn publish(&self, counters: Counters) {
        let mut state = self.state();
        state.counters.1 += 1;
        state.counters.0 = counters;
    }

    /// The counters last published, and how many times they were.
    pub fn counters(&self) -> (Counters, u64) {
        self.state().counters.clone()
    }
}
