//! One timer per client connection, moved only when a deadline comes nearer: most deadlines move away.

use super::time::TimerKey;
use reactor::{TimerId, TimerWheel};
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Alarm {
    timer: Option<(TimerId, Duration)>,
}

impl Alarm {
    /// The timer fires at `at` or earlier, never later.
    pub(super) fn arm(&mut self, at: Duration, key: TimerKey, wheel: &mut TimerWheel<TimerKey>) {
        match self.timer {
            Some((_, set_for)) if set_for <= at => return,
            Some((timer, _)) => _ = wheel.cancel(timer),
            None => {}
        }
        self.timer = Some((wheel.set(at, key), at));
    }

    /// It fired.
    pub(super) fn handle_fired(&mut self) {
        self.timer = None;
    }

    /// It is not needed any more.
    pub(super) fn disarm(&mut self, wheel: &mut TimerWheel<TimerKey>) {
        if let Some((timer, _)) = self.timer.take() {
            wheel.cancel(timer);
        }
    }

    /// When it fires.
    pub(super) fn at(&self) -> Option<Duration> {
        self.timer.map(|(_, at)| at)
    }
}
