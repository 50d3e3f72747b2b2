//! The time of a turn: asked for once, and only by those who need it. And the date, which is written once a second.

use super::Worker;
use http::Date;
use reactor::Reactor;
use std::time::Duration;

/// The date as it is until so much of the worker's time has passed.
pub(super) struct Today {
    date: Date,
    until: Duration,
}

impl Today {
    /// Nobody has asked yet.
    pub(super) const UNKNOWN: Self = Self { date: Date::EPOCH, until: Duration::ZERO };
}

impl Worker {
    pub(super) fn now<R: Reactor>(&mut self, io: &R) -> Duration {
        *self.now.get_or_insert_with(|| io.now())
    }

    /// For messages that have to say when they were made.
    pub(super) fn date<R: Reactor>(&mut self, io: &R) -> Date {
        let now = self.now(io);
        if now >= self.today.until {
            let wall = io.wall_clock();
            let rest = Duration::from_secs(1) - Duration::from_nanos(wall.subsec_nanos().into());
            self.today = Today { date: Date::at(wall.as_secs()), until: now + rest };
        }
        self.today.date
    }
}
