//! What is done to a request and its response on their way: by a listener, by a route of it, by a backend set.

use crate::network::Networks;
use http::forward::FieldRules;
use std::net::IpAddr;

/// Fields that are removed, set, added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderRules {
    /// Those of requests, as servers shall see them.
    pub requests: FieldRules,
    /// Those of responses, as clients shall see them.
    pub responses: FieldRules,
}

impl HeaderRules {
    /// Does a value ask for the request's id?
    pub fn ask_id(&self) -> bool {
        self.requests.asks_id() || self.responses.asks_id()
    }
}

/// Who may ask: whoever is not denied, and allowed where anybody is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Only these, unless there are none.
    pub allow: Networks,
    /// None of these, whatever is allowed.
    pub deny: Networks,
}

impl Access {
    /// Everybody may.
    pub fn is_open(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// May this address ask?
    pub fn admits(&self, client: IpAddr) -> bool {
        !self.deny.contains(client) && (self.allow.is_empty() || self.allow.contains(client))
    }
}

/// What a listener does, or a route of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Fields.
    pub headers: HeaderRules,
    /// Who may ask: each of these has to admit.
    pub access: Vec<Access>,
}

impl Treatment {
    /// A route's own within its listener's: the route's header rules follow those of the listener and stand above them, both
    /// lists of addresses must admit.
    #[must_use]
    pub fn within(&self, listener: &Self) -> Self {
        Self {
            headers: HeaderRules {
                requests: listener.headers.requests.then(&self.headers.requests),
                responses: listener.headers.responses.then(&self.headers.responses),
            },
            access: listener.access.iter().chain(&self.access).cloned().collect(),
        }
    }

    /// May this address ask?
    pub fn admits(&self, client: IpAddr) -> bool {
        self.access.iter().all(|access| access.admits(client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::parse_network;

    fn access(allow: &[&str], deny: &[&str]) -> Access {
        let networks = |list: &[&str]| list.iter().map(|net| parse_network(net).unwrap()).collect();
        Access { allow: networks(allow), deny: networks(deny) }
    }

    #[test]
    fn deny_stands_above_allow_and_a_route_cannot_let_in_whom_its_listener_keeps_out() {
        let check = |treatment: &Treatment, address: &str, expect: bool| {
            assert_eq!(treatment.admits(address.parse().unwrap()), expect, "{address}");
        };
        let open = Treatment::default();
        check(&open, "192.0.2.1", true);
        let listener = Treatment { access: vec![access(&["10.0.0.0/8"], &["10.0.0.66"])], ..Treatment::default() };
        check(&listener, "10.0.0.1", true);
        check(&listener, "10.0.0.66", false);
        check(&listener, "192.0.2.1", false);
        let route = Treatment { access: vec![access(&["10.0.0.0/24", "192.0.2.0/24"], &[])], ..Treatment::default() };
        let both = route.within(&listener);
        check(&both, "10.0.0.1", true);
        check(&both, "10.1.0.1", false);
        check(&both, "192.0.2.1", false);
        check(&both, "10.0.0.66", false);
    }
}
