//! What was counted by those who have ended: it stays, but does not grow with every change of the configuration.

use crate::counters::{Counters, Report};
use crate::settings::{BackendSetSettings, ListenerSettings, Settings};
use crate::times::{Timed, TimedOf};
use std::collections::{HashMap, HashSet};

/// Refused messages that are remembered.
const REFUSED_KEPT_MAX: usize = 16;

/// What the settings name.
struct Named<'a> {
    /// Of each listener its routes.
    listeners: HashMap<&'a str, HashSet<&'a str>>,
    /// Of each set its servers.
    sets: HashMap<&'a str, HashSet<String>>,
}

impl<'a> Named<'a> {
    fn of(settings: &'a Settings) -> Self {
        let routes = |one: &'a ListenerSettings| one.router.all().iter().map(|route| route.name.as_str()).collect();
        let servers = |set: &BackendSetSettings| set.servers.iter().map(|server| server.address.to_string()).collect();
        Self {
            listeners: settings.listeners.iter().map(|one| (one.name.as_str(), routes(one))).collect(),
            sets: settings.backend_sets.iter().map(|set| (set.name.as_str(), servers(set))).collect(),
        }
    }

    fn route(&self, listener: &str, name: &str) -> bool {
        self.listeners.get(listener).is_some_and(|routes| routes.contains(name))
    }

    fn server(&self, set: &str, name: &str) -> bool {
        self.sets.get(set).is_some_and(|servers| servers.contains(name))
    }

    fn timed(&self, of: &TimedOf) -> bool {
        match of.what {
            Timed::Request if of.route.is_empty() => self.listeners.contains_key(of.name.as_str()),
            Timed::Request => self.route(&of.name, &of.route),
            Timed::FirstByte | Timed::Connect => self.sets.contains_key(of.name.as_str()),
        }
    }
}

impl Report {
    /// Of what these settings do not name only the sum stays, and of refused messages the last.
    pub fn keep_only(&mut self, settings: &Settings) {
        if *self == Self::default() {
            return;
        }
        let (named, rest) = (Named::of(settings), &mut self.rest);
        let (listeners, sets) = (&named.listeners, &named.sets);
        fold(&mut self.listeners, rest, |(name, _)| listeners.contains_key(name.as_str()), |(_, counters)| counters);
        fold(&mut self.sets, rest, |(name, _)| sets.contains_key(name.as_str()), |(_, counters)| counters);
        fold(&mut self.routes, rest, |(of, name, _)| named.route(of, name), |(_, _, counters)| counters);
        fold(&mut self.servers, rest, |(of, name, _)| named.server(of, name), |(_, _, counters)| counters);
        self.times.retain(|of| named.timed(of));
        self.refused.drain(..self.refused.len().saturating_sub(REFUSED_KEPT_MAX));
    }
}

/// What is not kept adds to `rest`.
fn fold<T>(named: &mut Vec<T>, rest: &mut Counters, keep: impl Fn(&T) -> bool, counters: impl Fn(&T) -> &Counters) {
    named.extract_if(.., |one| !keep(one)).for_each(|one| rest.merge(counters(&one)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ServerSettings;
    use crate::times::Histogram;
    use core::net::SocketAddr;

    #[test]
    fn what_is_no_longer_named_is_kept_as_a_sum() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let settings = Settings {
            listeners: vec![ListenerSettings::new("web", address(80), 0)],
            backend_sets: vec![BackendSetSettings::new("app", vec![ServerSettings::new(address(81))])],
        };
        let some = || Counters { requests: 3, ..Counters::default() };
        let both = |one: &str, other: &str| vec![(one.to_owned(), some()), (other.to_owned(), some())];
        let server = |name: &str| ("app".to_owned(), name.to_owned(), some());
        let mut report = Report {
            listeners: both("web", "old"),
            sets: both("app", "gone"),
            routes: vec![("old".to_owned(), "r".to_owned(), some())],
            servers: vec![server("127.0.0.1:81"), server("127.0.0.1:82")],
            ..Report::default()
        };
        for name in ["web", "old"] {
            report.times.push(Timed::Request, name, "", &Histogram::default());
        }
        let total = report.total();
        report.keep_only(&settings);
        assert_eq!(report.total(), total);
        let kept = (report.listeners.len(), report.sets.len(), report.routes.len(), report.servers.len());
        assert_eq!((kept, report.times.iter().count()), ((1, 1, 0, 1), 1));
        assert_eq!(report.rest.requests, 4 * 3);
    }
}
