//! How a run is asked to end early, or to go on otherwise than planned.

use crate::orders::Order;
use reactor::Outbox;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use stress_core::Scale;
use stress_core::by_hand::CHANGES_MAX;

/// Ends a run: nothing new is started, what is in flight may finish within the plan's bound. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    turned: Turned,
    testers: Vec<Outbox<Order>>,
}

/// What somebody changed since it was asked last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turned {
    /// When, and to what.
    pub(crate) changes: Vec<(Instant, Scale)>,
    /// Those beyond what a report tells.
    pub(crate) more: u64,
    /// In force.
    pub(crate) scale: Scale,
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

    /// Asks the run for so many times as much as was planned, from here on: requests of an open loop, connections of a closed
    /// one. `false` where that cannot be: it ends already, or a thread of it has not read what it was told before.
    pub fn scale(&self, scale: Scale) -> bool {
        let mut state = self.state();
        if state.stopped || state.testers.is_empty() {
            return false;
        }
        let told = state.testers.iter().filter(|tester| tester.post(Order::Scale(scale)).is_ok()).count();
        if told > 0 {
            state.turned.scale = scale;
            match state.turned.changes.len() < CHANGES_MAX {
                true => state.turned.changes.push((Instant::now(), scale)),
                false => state.turned.more += 1,
            }
        }
        told == state.testers.len()
    }

    /// What was changed so far.
    pub(crate) fn turned(&self) -> Turned {
        self.state().turned.clone()
    }

    /// In force.
    pub(crate) fn scale_now(&self) -> Scale {
        self.state().turned.scale
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
    fn what_was_changed_is_told_to_all_and_kept_until_the_end() {
        let (flag, (one, mut inbox), (full, _unread)) = (StopFlag::new(), mailbox(9, None), mailbox(0, None));
        let twice = Scale::new(2.0).expect("a scale");
        assert!(!flag.scale(twice), "nobody is there yet");
        flag.tell(one);
        assert!(flag.scale(twice));
        assert!(matches!(inbox.poll(), Some(Mail::Order(Order::Scale(scale))) if scale == twice));
        flag.tell(full);
        assert!(!flag.scale(Scale::PLANNED), "one of them does not hear it");
        assert_eq!((flag.turned().changes.len(), flag.scale_now()), (2, Scale::PLANNED));
        flag.stop();
        assert!(!flag.scale(twice) && flag.turned().changes.len() == 2);
    }

    #[test]
    fn a_full_mailbox_is_no_excuse() {
        let (flag, (outbox, mut inbox)) = (StopFlag::new(), mailbox(0, None));
        flag.tell(outbox);
        flag.stop();
        assert!(matches!(inbox.poll(), Some(Mail::Closed)));
    }
}
