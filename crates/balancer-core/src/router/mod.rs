//! Where a request goes: asked once per request, before a server is picked.

mod rules;

pub use rules::{Action, FixedResponse, Redirect, RedirectStatus, RouteRules};

use http::{Header, RequestFacts};
use std::sync::Arc;

/// The routes of one listener. Cloned for little: the routes are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Routes by number. The last one is what holds where no other fits.
    rules: Arc<[RouteRules]>,
}

/// What was decided of a request: which route it goes by. That says the rest ([`Router::rules`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The number of the route.
    pub route: u32,
}

impl Router {
    /// Everything goes by these rules.
    pub fn only(rules: RouteRules) -> Self {
        Self { rules: Arc::new([rules]) }
    }

    /// Everything goes to backend set number `set`.
    pub fn everything_to(set: usize) -> Self {
        Self::only(RouteRules::new("", Action::Forward { set }))
    }

    /// Which way this request goes.
    #[inline]
    pub fn decide(&self, _request: &RequestFacts<'_>, _headers: &[Header<'_>]) -> Decision {
        self.fallback()
    }

    /// The way of a request of which nothing is known, and of one that no route fits.
    #[inline]
    pub fn fallback(&self) -> Decision {
        Decision { route: self.rules.len() as u32 - 1 }
    }

    /// What is done with requests of a route.
    #[inline]
    pub fn rules(&self, route: u32) -> &RouteRules {
        &self.rules[route as usize]
    }

    /// Every route, by number.
    pub fn all(&self) -> &[RouteRules] {
        &self.rules
    }
}
