//! Counters by what they were counted for, and how those of several workers become one.

use super::Counters;
use crate::exchange::{Outcome, Record};
use crate::refusal::Refusal;
use crate::times::{Histogram, Times};
use core::time::Duration;
use std::collections::HashMap;

/// What is counted of one route: there may be many, so it is small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTally {
    /// Requests that are over.
    pub requests: u64,
    responses: u64,
    replies: u64,
    failures: u64,
    /// How long they took.
    pub times: Histogram,
}

impl RouteTally {
    /// Counts a request that is over.
    #[inline]
    pub fn count(&mut self, record: &Record, took: Duration) {
        self.requests += 1;
        self.times.record(took);
        match record.outcome() {
            Outcome::Responded => self.responses += 1,
            Outcome::Replied(_) => self.replies += 1,
            Outcome::Failed(_) => self.failures += 1,
            Outcome::Truncated | Outcome::Abandoned => {}
        }
    }

    /// Adds this to `counters`.
    pub fn add_to(&self, counters: &mut Counters) {
        counters.route_requests += self.requests;
        counters.route_responses += self.responses;
        counters.route_replies += self.replies;
        counters.route_failures += self.failures;
    }
}

/// Counters by what they were counted for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each listener by its name.
    pub listeners: Vec<(String, Counters)>,
    /// Each route by its listener's name and its own.
    pub routes: Vec<(String, String, Counters)>,
    /// Each backend set by its name.
    pub sets: Vec<(String, Counters)>,
    /// Each server by its set's name and its own.
    pub servers: Vec<(String, String, Counters)>,
    /// Event loops, and whatever left with a change of the configuration.
    pub rest: Counters,
    /// The last messages that were refused, oldest first.
    pub refused: Vec<Refusal>,
    /// How long things took.
    pub times: Times,
}

impl Report {
    /// The sum of all.
    pub fn total(&self) -> Counters {
        let mut sum = self.rest.clone();
        let named = self.listeners.iter().chain(&self.sets).map(|(_, counters)| counters);
        let within = self.routes.iter().chain(&self.servers).map(|(_, _, counters)| counters);
        named.chain(within).for_each(|counters| sum.merge(counters));
        sum
    }

    /// Adds another worker's: what has the same name is one.
    pub fn merge(&mut self, other: Self) {
        merge_named(&mut self.listeners, other.listeners);
        merge_named(&mut self.sets, other.sets);
        merge_within(&mut self.routes, other.routes);
        merge_within(&mut self.servers, other.servers);
        self.rest.merge(&other.rest);
        self.times.merge(other.times);
        self.refused.extend(other.refused);
        self.refused.sort_by_key(|refusal| refusal.at);
    }
}

/// What has a name within something else that has one.
fn merge_within(mine: &mut Vec<(String, String, Counters)>, theirs: Vec<(String, String, Counters)>) {
    let mut places: HashMap<(String, String), usize> =
        mine.iter().enumerate().map(|(at, (of, name, _))| ((of.clone(), name.clone()), at)).collect();
    for (of, name, counters) in theirs {
        match places.get(&(of.clone(), name.clone())) {
            Some(at) => mine[*at].2.merge(&counters),
            None => {
                places.insert((of.clone(), name.clone()), mine.len());
                mine.push((of, name, counters));
            }
        }
    }
}

fn merge_named(mine: &mut Vec<(String, Counters)>, theirs: Vec<(String, Counters)>) {
    for (name, counters) in theirs {
        match mine.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => known.merge(&counters),
            None => mine.push((name, counters)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_report_add_up_by_name() {
        let report = |name: &str| Report {
            listeners: vec![(name.to_owned(), Counters { accepted: 2, ..Counters::default() })],
            servers: vec![("app".to_owned(), name.to_owned(), Counters { connects: 1, ..Counters::default() })],
            ..Report::default()
        };
        let mut sum = report("web");
        sum.merge(report("web"));
        sum.merge(report("api"));
        assert_eq!((sum.listeners.len(), sum.servers.len()), (2, 2));
        assert_eq!((sum.listeners[0].1.accepted, sum.servers[0].2.connects), (4, 2));
        assert_eq!((sum.total().accepted, sum.total().connects), (6, 3));
    }
}
