//! Where a request goes: asked once per request, before a server is picked.
//!
//! Of all routes that fit a request the first one in this order is taken:
//!
//! 1. by host: the exact one, then the longest `*.name`, then none;
//! 2. by path: the exact one, then patterns in the order of the file, then the longest prefix, then none;
//! 3. the one that asks for more (methods, fields, parameters);
//! 4. the one that stands first in the file.
//!
//! Which form of a path is matched, and which is passed on, stands in `path`.

mod conditions;
mod explain;
mod hash;
mod path;
mod rewrite;
mod rules;
mod shadows;
mod table;

pub use conditions::{
    Condition, Conditions, HostError, HostPattern, PathError, PathPattern, Pattern, PatternError, Wanted,
};
pub use explain::{Because, Misfit, Standing};
pub use path::AmbiguousPath;
pub use rewrite::{Rewrite, Unpassable};
pub use rules::{Action, ErrorPages, FixedResponse, Page, Redirect, RedirectStatus, RouteRules};
pub use shadows::{Shadow, shadows};

use http::{Header, RequestFacts, RequestHead, Target};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use table::Table;

/// A route: what it asks of a request, and what is done with those that fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// What it asks.
    pub conditions: Conditions,
    /// What is done.
    pub rules: RouteRules,
}

/// The routes of one listener. Cloned for little: the routes are shared.
#[derive(Clone, Debug)]
pub struct Router {
    /// What is done, by the number of the route. The last one is what holds where no other fits.
    rules: Arc<[RouteRules]>,
    /// `None`: there is no other.
    table: Option<Arc<Table>>,
}

/// What was decided of a request: which route it goes by. That says the rest ([`Router::rules`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The number of the route.
    pub route: u32,
    /// Nothing has to be resolved in the path that came: servers see it as it is, unless the route rewrites it.
    pub plain: bool,
}

impl Router {
    /// Routes in the order of the file, and what is done with requests that fit none.
    pub fn new(routes: Vec<Route>, otherwise: RouteRules) -> Self {
        let (conditions, rules): (Vec<_>, Vec<_>) = routes.into_iter().map(|one| (one.conditions, one.rules)).unzip();
        let table = (!conditions.is_empty()).then(|| Arc::new(Table::new(conditions)));
        Self { rules: rules.into_iter().chain([otherwise]).collect(), table }
    }

    /// Everything goes by these rules.
    pub fn only(rules: RouteRules) -> Self {
        Self::new(Vec::new(), rules)
    }

    /// Everything goes to backend set number `set`.
    pub fn everything_to(set: usize) -> Self {
        Self::only(RouteRules::new("", Action::Forward { set }))
    }

    /// Which way this request goes. `scratch` is room for paths that are not matched as they came.
    ///
    /// # Errors
    /// Servers would read its path differently.
    #[inline]
    pub fn decide(
        &self,
        request: &RequestFacts<'_>,
        headers: &[Header<'_>],
        scratch: &mut Scratch,
    ) -> Result<Decision, AmbiguousPath> {
        match &self.table {
            None => Ok(self.fallback()),
            Some(table) => self.look_up(table, request, headers, scratch),
        }
    }

    fn look_up(
        &self,
        table: &Table,
        request: &RequestFacts<'_>,
        headers: &[Header<'_>],
        scratch: &mut Scratch,
    ) -> Result<Decision, AmbiguousPath> {
        let (path, plain) = matched_path(request.target, &mut scratch.path)?;
        let found = table.find(request, headers, path);
        Ok(Decision { route: found.unwrap_or(self.fallback().route), plain })
    }

    /// Which way a connection goes whose client asks for `name`; `None`: no route is for it.
    pub fn decide_name(&self, name: &[u8]) -> Option<Decision> {
        let route = self.table.as_ref()?.find(&facts_of(name), &[], b"")?;
        Some(Decision { route, plain: true })
    }

    /// The way of a request of which nothing is known, and of one that no route fits.
    #[inline]
    pub fn fallback(&self) -> Decision {
        Decision { route: self.rules.len() as u32 - 1, plain: self.table.is_none() }
    }

    /// What is done with requests of a route.
    #[inline]
    pub fn rules(&self, route: u32) -> &RouteRules {
        &self.rules[route as usize]
    }

    /// What is done, by the number of the route; the last one is for requests that fit no other.
    pub fn all(&self) -> &[RouteRules] {
        &self.rules
    }

    /// What the routes ask, by their number; of the last one there is nothing.
    pub fn conditions(&self) -> &[Conditions] {
        self.table.as_ref().map_or(&[], |table| table.conditions())
    }

    /// Are there routes, beside what holds otherwise?
    pub fn has_routes(&self) -> bool {
        self.table.is_some()
    }

    /// Is a path passed on as it came? Else [`Router::passed_on`] tells: where there are routes its dot segments are resolved,
    /// and a route may rewrite it.
    #[inline]
    pub fn leaves(&self, decision: Decision) -> bool {
        decision.plain && self.rules(decision.route).rewrite.is_none()
    }
}

impl PartialEq for Router {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules && self.conditions() == other.conditions()
    }
}

impl Eq for Router {}

/// Room for what is put together per request, so that nothing is allocated once it is warm. One for each worker's copy of a
/// router.
#[derive(Debug, Default)]
pub struct Scratch {
    path: Vec<u8>,
    text: Vec<u8>,
    /// Where groups of a route's pattern were found.
    groups: Vec<Option<regex::bytes::CaptureLocations>>,
}

/// A request for a host and nothing else.
fn facts_of(name: &[u8]) -> RequestFacts<'_> {
    RequestHead { host: Some(name), ..RequestHead::default() }.facts(IpAddr::V4(Ipv4Addr::UNSPECIFIED), true)
}

/// The path of a target as it is matched, in `room` where it is not that which came; and whether it is.
fn matched_path<'p>(target: Target<'p>, room: &'p mut Vec<u8>) -> Result<(&'p [u8], bool), AmbiguousPath> {
    let path = target.path().as_bytes();
    if path::is_plain(path) || !path.starts_with(b"/") {
        return Ok((path, true));
    }
    room.clear();
    path::pass_on(path, room)?;
    path::make_matched(room);
    Ok((room, false))
}
