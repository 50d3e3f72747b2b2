//! What is done with the requests of one route.

use super::path::append_filled;
use super::rewrite::Rewrite;
use crate::settings::{ClientTimeouts, ServerTimeouts};
use crate::treatment::Treatment;
use http::{Template, TooLong, Values};
use named::named;
use std::sync::Arc;

/// What is done with the requests of one route. It is complete: what a listener says for all of its routes is in each of
/// them. An exchange ends by the rules it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRules {
    /// Its name in reports; empty where it is all there is.
    pub name: String,
    /// Who answers.
    pub action: Action,
    /// What is done to its requests and responses, beside what the listener does to all of them.
    pub treatment: Treatment,
    /// What becomes of the path before it is passed on.
    pub rewrite: Option<Rewrite>,
    /// Patience with clients, where it is not that of the listener.
    pub client_timeouts: Option<ClientTimeouts>,
    /// Patience with servers, where it is not that of the backend set.
    pub server_timeouts: Option<ServerTimeouts>,
    /// What failures look like.
    pub errors: ErrorPages,
}

impl RouteRules {
    /// A route that does this and nothing else.
    pub fn new(name: &str, action: Action) -> Self {
        Self {
            name: name.to_owned(),
            action,
            rewrite: None,
            client_timeouts: None,
            server_timeouts: None,
            errors: ErrorPages::default(),
            treatment: Treatment::default(),
        }
    }
}

/// Who answers the requests of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A server of this backend set, by its place in [`Settings::backend_sets`](crate::Settings::backend_sets).
    Forward {
        /// Which set.
        set: usize,
    },
    /// The balancer: it is elsewhere.
    Redirect(Redirect),
    /// The balancer, always the same.
    Respond(FixedResponse),
    /// The balancer: nobody is here for it.
    NotFound,
}

/// Bytes of the value of `Location`. No client takes one so long.
const LOCATION_BYTES_MAX: usize = 64 * 1024;

/// Where a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// What the client is told.
    pub status: RedirectStatus,
    /// The value of `Location`.
    pub to: Template,
    /// The request's query is added behind it. A question mark at the end, with nothing behind it, is left out.
    pub keep_query: bool,
}

named! {
    /// The statuses of redirects (RFC 9110 section 15.4).
    #[derive(Default)]
    pub enum RedirectStatus {
        /// For good; a POST may become a GET.
        MovedPermanently = "301",
        /// For now; a POST may become a GET.
        #[default]
        Found = "302",
        /// For now, by the same method.
        TemporaryRedirect = "307",
        /// For good, by the same method.
        PermanentRedirect = "308",
    }
}

impl RedirectStatus {
    /// As a number.
    pub fn code(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::TemporaryRedirect => 307,
            Self::PermanentRedirect => 308,
        }
    }
}

/// An answer that is always the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedResponse {
    /// Its status: 200 to 599.
    pub status: u16,
    /// What it says.
    pub page: Page,
}

/// The body of an answer of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The value of `Content-Type`, where there is a body.
    pub content_type: String,
    /// Its bytes.
    pub body: Arc<[u8]>,
}

/// Pages for failures of the balancer's own, by status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorPages(Arc<[(u16, Page)]>);

impl ErrorPages {
    /// Of a listener, or of a route: what that does not have is its listener's.
    #[must_use]
    pub fn within(pages: &[(u16, Page)], listener: &Self) -> Self {
        let others = listener.0.iter().filter(|(status, _)| !pages.iter().any(|(own, _)| own == status));
        Self(pages.iter().chain(others).cloned().collect())
    }

    /// The page for this status.
    pub fn page(&self, status: u16) -> Option<&Page> {
        self.0.iter().find(|(of, _)| *of == status).map(|(_, page)| page)
    }
}

impl Redirect {
    /// Appends the value of `Location` for one request to `out`.
    ///
    /// A client reads `//host` as a host, so that a path of its own choice would lead wherever it likes: at the beginning
    /// there is one slash at most.
    ///
    /// # Errors
    /// It is too long to be one; `out` is as it was.
    pub fn location(&self, values: &Values<'_>, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let from = out.len();
        append_filled(&self.to, values, out);
        let query = values.asked.and_then(|asked| asked.target.query());
        if let (true, Some(query)) = (self.keep_query, query) {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
        if out.ends_with(b"?") {
            out.pop();
        }
        if out.len() - from > LOCATION_BYTES_MAX {
            out.truncate(from);
            return Err(TooLong);
        }
        if out[from..].starts_with(b"/") {
            let more = out[from + 1..].iter().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
            out.drain(from + 1..from + 1 + more);
        }
        Ok(())
    }
}
