//! The order of rules, kept where routes have another one.
//!
//! Rules are asked in turn. Of routes the one is taken whose host says more, then whose path does (exact, then patterns as
//! they stand in the file, then the longest prefix), then the one that asks for more. Where that takes a later rule, the
//! earlier one is said again for just what both are about.
//!
//! A prefix of theirs is a text (`/adm` is for `/admin`, too); one of a route ends where a segment does. So one that does not
//! end in a slash becomes a pattern, and so does every prefix that has to stand before a pattern.

use crate::condition::{Matches, Path};

/// Routes that may come of settling the order, for each that was there.
const GROWTH_MAX: usize = 20;

/// Something done with what matches; `T` is what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ordered<T> {
    /// Its place among the rules.
    order: usize,
    pub(crate) matches: Matches,
    pub(crate) what: T,
}

/// Routes that do as rules in this order do; `None`: they would be too many.
pub(crate) fn settled<T: Clone + PartialEq>(rules: Vec<(Matches, T)>) -> Option<Vec<Ordered<T>>> {
    let most = rules.len() * GROWTH_MAX;
    let rules = with_patterns(rules);
    let mut routes: Vec<Ordered<T>> = Vec::new();
    for (order, (matches, what)) in rules.into_iter().enumerate() {
        let mut queue = vec![Ordered { order, matches, what }];
        while let Some(next) = queue.pop() {
            if routes.len() + queue.len() > most {
                return None;
            }
            let Some(next) = without_taken(next, &routes) else { continue };
            let Some(again) = said_again(&next, &routes) else { continue };
            queue.extend(again.into_iter().filter(|one| !routes.iter().any(|known| known.matches == one.matches)));
            if !routes.iter().any(|known| known.matches == next.matches) {
                routes.push(next);
            }
        }
    }
    routes.sort_by_key(|route| route.order);
    Some(routes)
}

/// Of several hosts those that an earlier route leaves: a route that is never reached for one of its hosts is a mistake. `None`:
/// nothing is left of them.
fn without_taken<T>(mut next: Ordered<T>, routes: &[Ordered<T>]) -> Option<Ordered<T>> {
    if next.matches.hosts.len() < 2 {
        return Some(next);
    }
    let is_left = |host: &String| {
        let alone = Matches { hosts: vec![host.clone()], ..next.matches.clone() };
        let takes =
            |route: &Ordered<T>| route.matches.and(&alone).is_ok_and(|both| both.is_some_and(|both| both == alone));
        !routes.iter().filter(|route| route.order < next.order).any(takes)
    };
    let left: Vec<String> = next.matches.hosts.iter().filter(|host| is_left(host)).cloned().collect();
    next.matches.hosts = left;
    (!next.matches.hosts.is_empty()).then_some(next)
}

/// Earlier routes that `next` would stand before, for what both are about; `None` where nothing is left of it.
fn said_again<T: Clone>(next: &Ordered<T>, routes: &[Ordered<T>]) -> Option<Vec<Ordered<T>>> {
    let mut again = Vec::new();
    for earlier in routes.iter().filter(|earlier| earlier.order < next.order) {
        let Some(both) = contested(&earlier.matches, &next.matches) else { continue };
        if both == next.matches {
            return None;
        }
        again.push(Ordered { order: earlier.order, matches: both, what: earlier.what.clone() });
    }
    Some(again)
}

/// For which requests the later of two would be taken in spite of the earlier.
fn contested(earlier: &Matches, later: &Matches) -> Option<Matches> {
    let both = earlier.and(later).ok().flatten();
    match host_rank(later).cmp(&host_rank(earlier)) {
        std::cmp::Ordering::Greater => match both {
            Some(both) if both == *later => Some(both),
            // A pattern cannot be joined with another path: the earlier one holds for that host as a whole.
            _ => earlier.and(&Matches::hosts(later.hosts.clone())).ok().flatten(),
        },
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => both.filter(|both| is_taken_before(later, earlier) || both == later),
    }
}

/// Of two routes for the same host: is the later one taken before the earlier? Patterns are asked as they stand in the file.
fn is_taken_before(later: &Matches, earlier: &Matches) -> bool {
    let rank = |one: &Matches| (path_rank(one), asks(one));
    !(is_pattern(later) && is_pattern(earlier)) && rank(later) > rank(earlier)
}

fn is_pattern(matches: &Matches) -> bool {
    matches.path.as_ref().is_some_and(Path::is_pattern)
}

/// How much the host says: none, a wildcard by its length, a name.
fn host_rank(matches: &Matches) -> usize {
    let rank = |host: &String| if host.starts_with('*') { host.len() } else { usize::MAX };
    matches.hosts.iter().map(rank).max().unwrap_or_default()
}

/// How much the path says. Among patterns the file decides, so that none stands above another.
fn path_rank(matches: &Matches) -> (u8, usize) {
    match &matches.path {
        None => (0, 0),
        Some(Path::Prefix(prefix)) => (1, prefix.len()),
        Some(path) if path.is_pattern() => (2, 0),
        Some(_) => (3, 0),
    }
}

fn asks(matches: &Matches) -> usize {
    usize::from(!matches.methods.is_empty()) + matches.headers.len() + matches.query.len()
}

/// Prefixes that routes can say as patterns only. From the last rule up, because each of them is a pattern for those above it.
fn with_patterns<T>(mut rules: Vec<(Matches, T)>) -> Vec<(Matches, T)> {
    for at in (0..rules.len()).rev() {
        let Some(Path::Prefix(prefix)) = &rules[at].0.path else { continue };
        let stands_before = |later: &(Matches, T)| is_taken_first(&later.0, &rules[at].0);
        if !prefix.ends_with('/') || rules[at + 1..].iter().any(stands_before) {
            rules[at].0.path = Some(Path::Begin(prefix.clone()));
        }
    }
    rules
}

/// Does the later of two stand before the earlier, a prefix, because it is a pattern?
fn is_taken_first(later: &Matches, earlier: &Matches) -> bool {
    let hosts = |of: &Matches| Matches::hosts(of.hosts.clone());
    let shares = hosts(later).and(&hosts(earlier)).is_ok_and(|both| both.is_some());
    is_pattern(later) && shares && host_rank(earlier) <= host_rank(later)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str) -> Matches {
        let mut matches = Matches::default();
        for word in text.split_whitespace() {
            match word.split_at(1) {
                ("@", host) => matches.hosts.push(host.to_owned()),
                ("=", path) => matches.path = Some(Path::Exact(path.to_owned())),
                ("~", path) => matches.path = Some(Path::Regex(path.to_owned())),
                ("^", path) => matches.path = Some(Path::Begin(path.to_owned())),
                ("!", method) => matches.methods.push(method.to_owned()),
                _ => matches.path = Some(Path::Prefix(word.to_owned())),
            }
        }
        matches
    }

    #[test]
    fn the_order_of_rules_is_kept() {
        for (rules, expect) in [
            // In order already.
            (vec!["=/a", "/a/", ""], vec![("=/a", 0), ("/a/", 1), ("", 2)]),
            // A later host: the path holds for it, too.
            (vec!["/a/", "@x"], vec![("/a/", 0), ("@x /a/", 0), ("@x", 1)]),
            // Nothing is left of a rule behind one that takes all of it.
            (vec!["/", "=/a", "@x"], vec![("/", 0), ("@x /", 0), ("@x", 2)]),
            // Of several hosts one is taken.
            (vec!["@x", "@x @y"], vec![("@x", 0), ("@y", 1)]),
            (vec!["@x", "@y", "@x @y"], vec![("@x", 0), ("@y", 1)]),
            // A prefix before a pattern.
            (vec!["/a/", "~b$"], vec![("^/a/", 0), ("~b$", 1)]),
            (vec!["@x /a/", "~b$"], vec![("@x /a/", 0), ("~b$", 1)]),
            // One that is a pattern because it ends within a segment.
            (vec!["/adm", "/"], vec![("^/adm", 0), ("/", 1)]),
            (vec!["/adm", "/admin/"], vec![("^/adm", 0)]),
            (vec!["/admin/", "/adm", "/"], vec![("^/admin/", 0), ("^/adm", 1), ("/", 2)]),
            (vec!["/a/", "/admin", "/b", "=/a/x"], vec![("^/a/", 0), ("^/admin", 1), ("^/b", 2)]),
            (vec!["/adm", "@x"], vec![("^/adm", 0), ("@x ^/adm", 0), ("@x", 1)]),
            (vec!["~b$", "@x ~c$"], vec![("~b$", 0), ("@x ~b$", 0), ("@x ~c$", 1)]),
            (vec!["~b", "~b !POST", "/a !POST"], vec![("~b", 0), ("^/a !POST", 2)]),
            // What asks for more, later.
            (vec!["/a/", "/a/ !POST"], vec![("/a/", 0)]),
            (vec!["!POST", "/a/"], vec![("!POST", 0), ("/a/ !POST", 0), ("/a/", 1)]),
        ] {
            let given = rules.iter().enumerate().map(|(at, rule)| (matches(rule), at)).collect();
            let mut found: Vec<_> =
                settled(given).unwrap().into_iter().map(|route| (route.matches, route.what)).collect();
            let mut expect: Vec<_> = expect.into_iter().map(|(rule, at)| (matches(rule), at)).collect();
            let key = |(matches, at): &(Matches, usize)| (*at, format!("{matches:?}"));
            found.sort_by_key(key);
            expect.sort_by_key(key);
            assert_eq!(found, expect, "{rules:?}");
        }
    }
}
