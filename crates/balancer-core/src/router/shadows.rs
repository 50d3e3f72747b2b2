//! Routes that no request ever goes by, because another one stands before them.

use super::conditions::{Conditions, HostPattern, PathKind};
use super::explain::Rank;
use std::collections::HashMap;

/// A route that is never reached: for a host and a path of its own at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The number of the route.
    pub route: usize,
    /// Which of its hosts, if it names any.
    pub host: Option<usize>,
    /// Which of its paths, if it names any.
    pub path: Option<usize>,
    /// The route before it, which fits whatever this one fits; itself, where it says something twice.
    pub by: usize,
}

/// Patterns that every path fits.
const EVERYTHING: [&str; 7] = ["", "^", "^/", ".*", "^.*$", "^/.*", "^/.*$"];

/// One host and one path of a route.
#[derive(Clone, Copy)]
struct Way<'c> {
    route: usize,
    host: Option<usize>,
    path: Option<usize>,
    rank: Rank,
    asks: &'c Conditions,
}

/// A host, if one is named, and a path: which kind it is, and its text.
type Place<'c> = (Option<&'c HostPattern>, Option<(PathKind, &'c str)>);

type Places<'c> = HashMap<Place<'c>, Vec<Way<'c>>>;

/// The routes that are never reached, each once.
pub fn shadows(routes: &[Conditions]) -> Vec<Shadow> {
    let mut places = Places::new();
    let mut found: Vec<Shadow> = Vec::new();
    for (route, asks) in routes.iter().enumerate() {
        for way in ways(route, asks) {
            places.entry(way.place()).or_default().push(way);
        }
    }
    let everything = everything(&places);
    for (place, ways) in &places {
        let everything = everything.get(&place.0).map_or(&[][..], |ways| ways);
        for way in ways {
            let before = ways.iter().chain(everything).find(|other| other.shadows(way));
            found.extend(before.map(|by| Shadow { route: way.route, host: way.host, path: way.path, by: by.route }));
        }
    }
    found.sort_by_key(|shadow| (shadow.route, shadow.host, shadow.path));
    found.dedup_by_key(|shadow| shadow.route);
    found
}

fn ways(route: usize, asks: &Conditions) -> impl Iterator<Item = Way<'_>> {
    let numbers = |count: usize| (0..count).map(Some).chain((count == 0).then_some(None));
    numbers(asks.hosts.len()).flat_map(move |host| {
        numbers(asks.paths.len()).map(move |path| {
            let rank = Rank::of(asks, route, host.map(|at| &asks.hosts[at]), path.map(|at| &asks.paths[at]));
            Way { route, host, path, rank, asks }
        })
    })
}

/// Of each host: ways by patterns that every path fits.
fn everything<'c>(places: &Places<'c>) -> HashMap<Option<&'c HostPattern>, Vec<Way<'c>>> {
    let mut found: HashMap<_, Vec<Way<'c>>> = HashMap::new();
    for (place, ways) in places {
        if let (host, Some((PathKind::Pattern, pattern))) = place
            && EVERYTHING.contains(pattern)
        {
            found.entry(*host).or_default().extend(ways);
        }
    }
    found
}

impl<'c> Way<'c> {
    fn place(&self) -> Place<'c> {
        (self.host.map(|at| &self.asks.hosts[at]), self.path.map(|at| self.asks.paths[at].parts()))
    }

    /// Does it stand before `other`, and fit whatever that fits?
    fn shadows(&self, other: &Self) -> bool {
        let itself = self.route == other.route;
        let before = if itself { (self.host, self.path) < (other.host, other.path) } else { self.rank < other.rank };
        let covers = |mine: &super::Condition| other.asks.further.iter().any(|theirs| mine.covers(theirs));
        // Of itself only what it says twice; that one of its paths is in another one is its own affair.
        before && (!itself || self.place() == other.place()) && self.asks.further.iter().all(covers)
    }
}
