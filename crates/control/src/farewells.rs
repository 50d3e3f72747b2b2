//! Listeners that are drained by order, by the clock of the plane.

use crate::event::Event;
use balancer::Config;
use balancer_core::{DrainTimes, DrainedListeners, ListenerOrder, ListenerStage, OrderError, Settings};
use std::time::Duration;
use tokio::time::Instant;

/// A drain may have begun in a process before this one: times here are since so long before the plane began.
const BEFORE: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Debug, Default)]
pub(crate) struct Farewells {
    drained: DrainedListeners,
    looked: Duration,
}

fn times_of(config: &Config) -> DrainTimes {
    DrainTimes { grace: config.drain_grace, patience: config.drain }
}

impl Farewells {
    /// Those of a process before, each with for how long it has been drained.
    pub(crate) fn of_before(drained: Vec<(String, Duration)>) -> Self {
        let mut farewells = Self { looked: BEFORE, ..Self::default() };
        for (name, ago) in drained {
            farewells.drained.remember(&name, BEFORE.saturating_sub(ago));
        }
        farewells
    }

    pub(crate) fn order(
        &mut self,
        settings: &Settings,
        listener: &str,
        order: ListenerOrder,
        now: Duration,
    ) -> Result<(), OrderError> {
        self.drained.order(settings, listener, order, BEFORE + now)
    }

    pub(crate) fn apply(&self, settings: &mut Settings, config: &Config, now: Duration) {
        self.drained.apply(settings, &times_of(config), BEFORE + now);
    }

    /// Has anything changed by itself since the last look, and what of it is told?
    pub(crate) fn poll_moved(&mut self, config: &Config, now: Duration) -> (bool, Vec<Event>) {
        let (before, now) = (std::mem::replace(&mut self.looked, BEFORE + now), BEFORE + now);
        let moved: Vec<_> = self.drained.moved(times_of(config), before, now).collect();
        // Whether anybody is left to be called is not known here.
        let told = moved.iter().filter(|(_, stage)| *stage != ListenerStage::LastCall);
        let told = told.map(|(name, stage)| Event::ListenerDrains { listener: (*name).to_owned(), stage: *stage });
        (!moved.is_empty(), told.collect())
    }

    /// When that is so again.
    pub(crate) fn next_change(&self, config: &Config, now: Duration) -> Option<Duration> {
        let at = self.drained.next_change(&times_of(config), BEFORE + now)?;
        Some(at.saturating_sub(BEFORE))
    }

    /// By name, and since when.
    pub(crate) fn told(&self, now: Duration) -> Vec<(String, std::time::Instant)> {
        let at = Instant::now().into_std();
        let since = |since: Duration| at.checked_sub((BEFORE + now).saturating_sub(since)).unwrap_or(at);
        self.drained.all().map(|(name, began)| (name.to_owned(), since(began))).collect()
    }
}
