//! Where a request goes: asked once per request, before a server is picked.

use http::RequestFacts;

/// The routes of one listener. It knows one so far: everything goes to one backend set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    everything: usize,
}

impl Router {
    /// Everything goes to backend set number `set`.
    pub fn everything_to(set: usize) -> Self {
        Self { everything: set }
    }

    /// Which backend set serves this request.
    pub fn decide(&self, _request: &RequestFacts<'_>) -> usize {
        self.everything
    }

    /// Which backend set lends its rules to a request that was refused before anything was known of it.
    pub fn fallback(&self) -> usize {
        self.everything
    }
}
