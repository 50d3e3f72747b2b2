//! How a run is asked to end early.

use crate::orders::Order;
use reactor::Outbox;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ends a run: nothing new is started, what is in flight may finish within the plan's bound. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    testers: Vec<Outbox<Order>>,
}

impl StopFlag {
    /// Not raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the run to end. Safe to call from a thread that waits for signals, any number of times.
    pub fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        state.testers.drain(..).for_each(|tester| tell(&tester));
    }

    /// Was it raised?
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// `tester` is to be told, now or later.
    pub(crate) fn tell(&self, tester: Outbox<Order>) {
        let mut state = self.state();
        if state.stopped {
            tell(&tester);
        } else {
            state.testers.push(tester);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A mailbox that is full can still be closed, which means the same.
fn tell(tester: &Outbox<Order>) {
    if tester.post(Order::Stop).is_err() {
        tester.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reactor::{Mail, mailbox};

    #[test]
    fn a_tester_is_told_once_whenever_it_comes() {
        let (flag, [(before, mut early), (after, mut late)]) = (StopFlag::new(), [mailbox(1, None), mailbox(1, None)]);
        flag.tell(before);
        assert!(!flag.is_stopped() && early.poll().is_none());
        flag.clone().stop();
        flag.stop();
        flag.tell(after);
        assert!(flag.is_stopped());
        for inbox in [&mut early, &mut late] {
            assert!(matches!(inbox.poll(), Some(Mail::Order(Order::Stop))));
            assert!(inbox.poll().is_none());
        }
    }

    #[test]
    fn a_full_mailbox_is_no_excuse() {
        let (flag, (outbox, mut inbox)) = (StopFlag::new(), mailbox(0, None));
        flag.tell(outbox);
        flag.stop();
        assert!(matches!(inbox.poll(), Some(Mail::Closed)));
    }
}
