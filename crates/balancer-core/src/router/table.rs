//! Routes compiled: what a request costs does not grow with how many there are.
//!
//! ```text
//!   host --exact--> tree      path, segment by segment, as deep as it leads    --> exact
//!        --below--> tree  of  patterns, in the order of the file               --> patterns
//!        ---any---> tree      from there up                                    --> longest prefix first
//!                                                                              --> no path
//! ```
//!
//! Each arrow ends at a few routes that differ in what they ask further: those that ask for more come first.

use super::conditions::{Conditions, HOST_BYTES_MAX, Host, HostPattern, PathPattern, Pattern};
use super::hash::BuildQuick;
use http::{Header, RequestFacts};
use std::collections::HashMap;

type Map<T> = HashMap<Box<[u8]>, T, BuildQuick>;

/// From so many patterns on it is asked of all of them at once whether any is found.
const SET_FROM: usize = 4;

/// Routes in the order they are tried for one host and one path.
type Routes = Vec<u32>;

#[derive(Debug, Default)]
pub(super) struct Table {
    exact: Trees,
    below: Trees,
    any: Option<usize>,
    trees: Vec<Tree>,
    conditions: Vec<Conditions>,
}

/// Trees by the names of hosts.
#[derive(Debug, Default)]
struct Trees {
    of: Map<usize>,
    /// A bit for the length of each name. Most hosts are told from all names by their length alone; and however many parents a
    /// host has, no more of them are looked up than there are lengths.
    lengths: [u64; HOST_BYTES_MAX.div_ceil(64)],
}

impl Trees {
    fn place_of(&mut self, name: &str, next: usize) -> usize {
        self.lengths[name.len() / 64] |= 1 << (name.len() % 64);
        *self.of.entry(name.as_bytes().into()).or_insert(next)
    }

    #[inline]
    fn get(&self, name: &[u8]) -> Option<&usize> {
        let is_known = self.lengths.get(name.len() / 64).is_some_and(|bits| bits >> (name.len() % 64) & 1 != 0);
        if is_known { self.of.get(name) } else { None }
    }

    fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}

/// The routes of one host by path.
#[derive(Debug, Default)]
struct Tree {
    /// The first one is the root.
    nodes: Vec<Node>,
    /// Bytes of the longest segment.
    segment_bytes_max: usize,
    patterns: Vec<(Pattern, Routes)>,
    /// All patterns in one.
    any_pattern: Option<regex::bytes::RegexSet>,
    without_path: Routes,
}

/// A place that segments lead to.
#[derive(Debug, Default)]
struct Node {
    parent: usize,
    children: Map<usize>,
    /// The path ends here.
    exact: Routes,
    /// It may, or goes on.
    prefix: Routes,
    /// It goes on.
    below: Routes,
}

impl Table {
    pub(super) fn new(conditions: Vec<Conditions>) -> Self {
        let mut table = Self { conditions, ..Self::default() };
        for route in 0..table.conditions.len() {
            let hosts = table.conditions[route].hosts.clone();
            for host in &hosts {
                let tree = table.tree_of(Some(host));
                table.add(tree, route);
            }
            if hosts.is_empty() {
                let tree = table.tree_of(None);
                table.add(tree, route);
            }
        }
        let Self { trees, conditions, .. } = &mut table;
        trees.iter_mut().for_each(|tree| tree.finish(conditions));
        table
    }

    pub(super) fn conditions(&self) -> &[Conditions] {
        &self.conditions
    }

    fn tree_of(&mut self, host: Option<&HostPattern>) -> usize {
        let next = self.trees.len();
        let at = match host {
            None => *self.any.get_or_insert(next),
            Some(HostPattern::Exact(name)) => self.exact.place_of(name, next),
            Some(HostPattern::Below(name)) => self.below.place_of(name, next),
        };
        if at == next {
            self.trees.push(Tree { nodes: vec![Node::default()], ..Tree::default() });
        }
        at
    }

    fn add(&mut self, tree: usize, route: usize) {
        let (tree, paths) = (&mut self.trees[tree], &self.conditions[route].paths);
        paths.iter().for_each(|path| tree.routes_of(path).push(route as u32));
        if paths.is_empty() {
            tree.without_path.push(route as u32);
        }
    }

    /// The first route in the order of precedence that fits.
    pub(super) fn find(&self, request: &RequestFacts<'_>, headers: &[Header<'_>], path: &[u8]) -> Option<u32> {
        let fits = |route: &u32| self.conditions[*route as usize].further.iter().all(|one| one.fits(request, headers));
        let in_tree = |tree: &usize| self.trees[*tree].find(path, fits);
        if self.exact.is_empty() && self.below.is_empty() {
            return self.any.as_ref().and_then(in_tree);
        }
        let host = Host::of(request);
        let host = host.as_bytes();
        let exact = self.exact.get(host).and_then(in_tree);
        exact.or_else(|| self.parents_of(host).find_map(in_tree)).or_else(|| self.any.as_ref().and_then(in_tree))
    }

    /// The trees of `*.` and what is above `host`, the longest name first.
    fn parents_of<'t>(&'t self, host: &'t [u8]) -> impl Iterator<Item = &'t usize> {
        let dots = host.iter().enumerate().filter(|(at, byte)| **byte == b'.' && *at > 0).map(|(at, _)| at + 1);
        dots.filter_map(|from| self.below.get(&host[from..]))
    }
}

impl Tree {
    fn routes_of(&mut self, path: &PathPattern) -> &mut Routes {
        match path {
            PathPattern::Pattern(pattern) => {
                // Each its own: their order is that of the file.
                self.patterns.push((pattern.clone(), Vec::new()));
                &mut self.patterns.last_mut().expect("it was pushed").1
            }
            PathPattern::Exact(path) => {
                let node = self.node_of(path.as_bytes());
                &mut self.nodes[node].exact
            }
            PathPattern::Prefix(prefix) => {
                let above = prefix.strip_suffix('/');
                let node = self.node_of(above.unwrap_or(prefix).as_bytes());
                if above.is_some() { &mut self.nodes[node].below } else { &mut self.nodes[node].prefix }
            }
        }
    }

    /// The node that the segments of `path` lead to; an empty one is the root.
    fn node_of(&mut self, path: &[u8]) -> usize {
        let mut at = 0;
        for segment in path.split(|byte| *byte == b'/').skip(1) {
            self.segment_bytes_max = self.segment_bytes_max.max(segment.len());
            let next = self.nodes.len();
            let child = *self.nodes[at].children.entry(segment.into()).or_insert(next);
            if child == next {
                self.nodes.push(Node { parent: at, ..Node::default() });
            }
            at = child;
        }
        at
    }

    fn finish(&mut self, conditions: &[Conditions]) {
        // Sorting is stable: what asks for as much stays in the order of the file.
        let sort = |routes: &mut Routes| {
            routes.sort_by_key(|route| std::cmp::Reverse(conditions[*route as usize].further.len()));
        };
        for node in &mut self.nodes {
            [&mut node.exact, &mut node.prefix, &mut node.below].into_iter().for_each(sort);
        }
        sort(&mut self.without_path);
        if self.patterns.len() >= SET_FROM {
            // Too large together, they are asked one by one.
            self.any_pattern = Pattern::any_of(self.patterns.iter().map(|(one, _)| one));
        }
    }

    fn find(&self, path: &[u8], fits: impl Fn(&u32) -> bool + Copy) -> Option<u32> {
        let first = |routes: &Routes| routes.iter().copied().find(|route| fits(route));
        let deepest = path.starts_with(b"/").then(|| self.walk(path));
        if let Some((node, true)) = deepest
            && let Some(route) = first(&self.nodes[node].exact)
        {
            return Some(route);
        }
        if let Some((node, ends)) = deepest {
            let route = self.find_pattern(path, first).or_else(|| self.find_prefix(node, ends, first));
            if route.is_some() {
                return route;
            }
        }
        first(&self.without_path)
    }

    /// As deep as the path leads: the node, and whether the path ends there.
    fn walk(&self, path: &[u8]) -> (usize, bool) {
        let mut at = 0;
        for segment in path[1..].split(|byte| *byte == b'/') {
            let node = &self.nodes[at];
            if node.children.is_empty() || segment.len() > self.segment_bytes_max {
                return (at, false);
            }
            let Some(child) = node.children.get(segment) else { return (at, false) };
            at = *child;
        }
        (at, true)
    }

    fn find_pattern(&self, path: &[u8], first: impl Fn(&Routes) -> Option<u32>) -> Option<u32> {
        if self.any_pattern.as_ref().is_some_and(|any| !any.is_match(path)) {
            return None;
        }
        let found = self.patterns.iter().filter(|(pattern, _)| pattern.regex().is_match(path));
        found.filter_map(|(_, routes)| first(routes)).next()
    }

    /// From the deepest node up. `ends`: the path ends there.
    fn find_prefix(&self, deepest: usize, ends: bool, first: impl Fn(&Routes) -> Option<u32>) -> Option<u32> {
        let (mut at, mut goes_on) = (deepest, !ends);
        loop {
            let node = &self.nodes[at];
            let below = if goes_on { first(&node.below) } else { None };
            let route = below.or_else(|| first(&node.prefix));
            if route.is_some() || at == 0 {
                return route;
            }
            (at, goes_on) = (node.parent, true);
        }
    }
}
