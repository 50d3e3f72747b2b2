//! Listeners that an operator drains while the balancer runs. That stands above the configuration, reloads included, until
//! it is taken back or the process ends.
//!
//! ```text
//!   Open --order--> Grace       whoever comes is served, every answer says that its connection closes
//!                   Shut        nobody comes in any more, what is idle goes, requests in flight finish
//!                   LastCall    who has no answer is told so
//!                   Cut         whatever is left is cut
//! ```

use crate::overrides::OrderError;
use crate::settings::Settings;
use named::named;
use std::collections::BTreeMap;
use std::time::Duration;

/// Listeners that something is said of; they may come and go.
const SAID_MAX: usize = 1_000;
/// From the last call to the end: for the answers to arrive.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

named! {
    /// How far the drain of a listener is.
    #[derive(Default, PartialOrd, Ord)]
    pub enum ListenerStage {
        /// There is none.
        #[default]
        Open = "open",
        /// It accepts; every answer says that its connection closes.
        Grace = "grace",
        /// It accepts nobody; idle connections go, requests in flight finish.
        Shut = "shut",
        /// Who has no answer is told so.
        LastCall = "last-call",
        /// Whatever is left is cut.
        Cut = "cut",
    }
}

impl ListenerStage {
    /// Does every answer say that its connection closes?
    #[inline]
    pub fn drains(self) -> bool {
        self != Self::Open
    }

    /// Does nobody come in, and what is idle go?
    #[inline]
    pub fn is_shut(self) -> bool {
        self >= Self::Shut
    }
}

/// How long a drain may take, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainTimes {
    /// In which it still accepts.
    pub grace: Duration,
    /// After that, for requests in flight.
    pub patience: Duration,
}

impl DrainTimes {
    /// How far a drain is after that time, and after which time (from its beginning) it goes on.
    pub fn stage(&self, elapsed: Duration) -> (ListenerStage, Option<Duration>) {
        let shut = self.grace;
        let last_call = shut.saturating_add(self.patience);
        let cut = last_call.saturating_add(LAST_WORDS);
        let ends = |at: Duration| (at < Duration::MAX).then_some(at);
        match elapsed {
            _ if elapsed < shut => (ListenerStage::Grace, ends(shut)),
            _ if elapsed < last_call => (ListenerStage::Shut, ends(last_call)),
            _ if elapsed < cut => (ListenerStage::LastCall, ends(cut)),
            _ => (ListenerStage::Cut, None),
        }
    }
}

named! {
    /// What an operator wants of a listener.
    pub enum ListenerOrder {
        /// It is to fall silent.
        Drain = "drain",
        /// It accepts again.
        Undrain = "undrain",
    }
}

/// Listeners that are drained, by name, and since when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DrainedListeners(BTreeMap<String, Duration>);

impl DrainedListeners {
    /// Takes an order about a listener of `settings`. One that is given twice counts from the first time.
    ///
    /// # Errors
    /// There is no such listener; nothing changed.
    pub fn order(
        &mut self,
        settings: &Settings,
        name: &str,
        order: ListenerOrder,
        now: Duration,
    ) -> Result<(), OrderError> {
        // What was said of one can be taken back when it is gone, too.
        if order == ListenerOrder::Undrain && self.0.remove(name).is_some() {
            return Ok(());
        }
        check_known(settings, name)?;
        if order == ListenerOrder::Drain {
            if self.0.len() >= SAID_MAX && !self.0.contains_key(name) {
                return Err(OrderError::TooManyListeners);
            }
            self.0.entry(name.to_owned()).or_insert(now);
        }
        Ok(())
    }

    /// What was said in a process before this one.
    pub fn remember(&mut self, name: &str, since: Duration) {
        if self.0.len() < SAID_MAX {
            self.0.insert(name.to_owned(), since);
        }
    }

    /// Their names, and since when they are drained.
    pub fn all(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.0.iter().map(|(name, since)| (name.as_str(), *since))
    }

    /// Puts what was said in place of what is configured.
    pub fn apply(&self, settings: &mut Settings, times: &DrainTimes, now: Duration) {
        for listener in &mut settings.listeners {
            let since = self.0.get(&listener.name);
            listener.stage = since.map_or(ListenerStage::Open, |since| times.stage(now.saturating_sub(*since)).0);
        }
    }

    /// The listeners whose drains are elsewhere at `now` than they were at `before`, and where.
    pub fn moved(
        &self,
        times: DrainTimes,
        before: Duration,
        now: Duration,
    ) -> impl Iterator<Item = (&str, ListenerStage)> {
        let at = move |since, now: Duration| {
            now.checked_sub(since).map_or(ListenerStage::Open, |for_s| times.stage(for_s).0)
        };
        self.all()
            .map(move |(name, since)| (name, at(since, before), at(since, now)))
            .filter_map(|(name, before, after)| (before != after).then_some((name, after)))
    }

    /// When a drain goes on.
    pub fn next_change(&self, times: &DrainTimes, now: Duration) -> Option<Duration> {
        let next = |since: &Duration| Some(since.saturating_add(times.stage(now.saturating_sub(*since)).1?));
        self.0.values().filter_map(next).min()
    }
}

fn check_known(settings: &Settings, name: &str) -> Result<(), OrderError> {
    const SHOWN_MAX: usize = 8;
    let names = || settings.listeners.iter().map(|listener| listener.name.as_str());
    match names().any(|known| known == name) {
        true => Ok(()),
        false => Err(OrderError::NoListener {
            name: name.to_owned(),
            there_are: names().take(SHOWN_MAX).map(str::to_owned).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ListenerSettings;
    use std::net::SocketAddr;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn settings(names: &[&str]) -> Settings {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let listeners = names.iter().map(|name| ListenerSettings::new(name, any, 0)).collect();
        Settings { listeners, backend_sets: Vec::new() }
    }

    #[test]
    fn a_drain_goes_from_stage_to_stage() {
        use ListenerStage::*;
        let check = |grace, patience, after, expect| {
            let times = DrainTimes { grace, patience };
            assert_eq!(times.stage(after), expect, "{times:?} after {after:?}");
        };
        check(s(5), s(30), s(0), (Grace, Some(s(5))));
        check(s(5), s(30), s(5), (Shut, Some(s(35))));
        check(s(5), s(30), s(35), (LastCall, Some(s(36))));
        check(s(5), s(30), s(36), (Cut, None));
        check(s(0), s(30), s(0), (Shut, Some(s(30))));
        check(s(0), s(0), s(0), (LastCall, Some(s(1))));
        // It may be said that nobody is ever cut.
        check(s(0), units::OFF, s(1_000_000), (Shut, None));
    }

    #[test]
    fn what_is_said_counts_from_the_first_time_until_it_is_taken_back() {
        use ListenerStage::*;
        let times = DrainTimes { grace: s(5), patience: s(30) };
        let mut settings = settings(&["web", "api"]);
        let mut drained = DrainedListeners::default();
        let mut stage = |order: Option<ListenerOrder>, now| {
            if let Some(order) = order {
                drained.order(&settings, "web", order, now).expect("it is there");
            }
            drained.apply(&mut settings, &times, now);
            assert_eq!(settings.listeners[1].stage, Open);
            (settings.listeners[0].stage, drained.next_change(&times, now))
        };
        assert_eq!(stage(None, s(1)), (Open, None));
        assert_eq!(stage(Some(ListenerOrder::Drain), s(10)), (Grace, Some(s(15))));
        assert_eq!(stage(Some(ListenerOrder::Drain), s(14)), (Grace, Some(s(15))));
        assert_eq!(stage(None, s(15)), (Shut, Some(s(45))));
        assert_eq!(stage(Some(ListenerOrder::Undrain), s(20)), (Open, None));
        assert_eq!(stage(Some(ListenerOrder::Undrain), s(21)), (Open, None));
        assert_eq!(stage(Some(ListenerOrder::Drain), s(30)), (Grace, Some(s(35))));
    }

    #[test]
    fn stages_that_are_reached_are_told_once() {
        let times = DrainTimes { grace: s(5), patience: s(30) };
        let mut drained = DrainedListeners::default();
        drained.order(&settings(&["web"]), "web", ListenerOrder::Drain, s(10)).expect("it is there");
        let told = |before, now| drained.moved(times, before, now).collect::<Vec<_>>();
        assert_eq!(told(s(9), s(10)), [("web", ListenerStage::Grace)]);
        assert_eq!(told(s(10), s(14)), []);
        assert_eq!(told(s(14), s(15)), [("web", ListenerStage::Shut)]);
        assert_eq!(told(s(15), s(16)), []);
        assert_eq!(told(s(16), s(99)), [("web", ListenerStage::Cut)]);
    }

    #[test]
    fn an_unknown_one_is_said_and_one_that_is_gone_can_be_taken_back() {
        let mut drained = DrainedListeners::default();
        let refused =
            drained.order(&settings(&["web", "api"]), "wbe", ListenerOrder::Drain, s(0)).expect_err("refused");
        assert_eq!(refused.to_string(), "there is no listener \"wbe\"; there are: web, api");
        drained.order(&settings(&["web"]), "web", ListenerOrder::Drain, s(0)).expect("it is there");
        drained.order(&settings(&["api"]), "web", ListenerOrder::Undrain, s(0)).expect("something was said of it");
        assert_eq!(drained, DrainedListeners::default());
    }
}
