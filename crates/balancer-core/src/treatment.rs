//! What is done to a request and its response on their way: by a listener, by a route of it, by a backend set.

use crate::auth::{AuthRule, BasicAuth};
use crate::compression::Compression;
use crate::network::Networks;
use crate::rate::Rate;
use http::forward::{FieldRules, Message};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

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

/// How often somebody may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How often.
    pub rate: Rate,
    /// Who is somebody.
    pub by: RateBy,
    /// Nobody is refused: it is only counted who would be.
    pub dry_run: bool,
    /// What tells its buckets from those of other limits, also after the configuration has changed.
    pub name: LimitName,
}

/// A name that is asked for its number only, which is known beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitName {
    text: String,
    number: u64,
}

impl LimitName {
    /// Of this text.
    pub fn new(text: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self { text: text.to_owned(), number: hasher.finish() }
    }

    /// Of a zone: whatever limit says it counts in the same buckets. No listener or route is called like that.
    pub fn of_zone(zone: &str) -> Self {
        Self::new(&format!("zone\n{zone}"))
    }

    /// Is it still to be named by where it stands?
    fn is_open(&self) -> bool {
        self.text.is_empty()
    }

    /// The same for the same text, and hardly for another.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Whose requests are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateBy {
    /// Those of one address; of IPv6, of one /64, which is what one customer has.
    Client,
    /// Those with the same first value of this field.
    Header(Box<str>),
    /// All that the limit is for.
    Route,
}

/// The part of an address that stands for one client.
pub fn client_of(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        // No IPv4 address has these bits.
        IpAddr::V6(v6) => (v6.to_bits() >> 64) as u64 | 1 << 63,
    }
}

/// What a listener does, or a route of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Treatment {
    /// Fields.
    pub headers: HeaderRules,
    /// Who may ask: each of these has to admit.
    pub access: Vec<Access>,
    /// How often: each of these has to let in.
    pub rates: Vec<RateLimit>,
    /// Who has to say who he is; `None`: nobody, unless the listener says so.
    pub auth: Option<AuthRule>,
    /// Bytes of a request's body; `None`: any.
    pub body_bytes_max: Option<u64>,
    /// What is compressed; `None`: nothing.
    pub compression: Option<Compression>,
}

impl Treatment {
    /// A route's own within its listener's: the route's header rules follow those of the listener and stand above them; lists
    /// of addresses and limits of rates of both must let in (of one zone that of the listener alone: a request counts once); users, a bound and a compression of the route stand in place of the
    /// listener's.
    #[must_use]
    pub fn within(&self, listener: &Self) -> Self {
        let counts_already =
            |own: &RateLimit| !own.name.is_open() && listener.rates.iter().any(|one| one.name == own.name);
        let own_rates = self.rates.iter().filter(|own| !counts_already(own));
        Self {
            headers: HeaderRules {
                requests: listener.headers.requests.then(&self.headers.requests),
                responses: listener.headers.responses.then(&self.headers.responses),
            },
            access: listener.access.iter().chain(&self.access).cloned().collect(),
            rates: listener.rates.iter().chain(own_rates).cloned().collect(),
            auth: self.auth.clone().or_else(|| listener.auth.clone()),
            body_bytes_max: self.body_bytes_max.or(listener.body_bytes_max),
            compression: self.compression.clone().or_else(|| listener.compression.clone()),
        }
    }

    /// The same with a name for what counts requests, and has none of a zone.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        let mut named = self.clone();
        let open = named.rates.iter_mut().filter(|limit| limit.name.is_open());
        open.for_each(|limit| limit.name = LimitName::new(name));
        named
    }

    /// What is asked of whoever asks.
    #[inline]
    pub fn basic(&self) -> Option<&Arc<BasicAuth>> {
        self.auth.as_ref().and_then(AuthRule::basic)
    }

    /// As it is carried out: what is said here is for nobody behind, unless it is to be passed on.
    #[must_use]
    pub fn guarded(mut self) -> Self {
        if self.basic().is_some_and(|basic| !basic.passes()) {
            let mut without = FieldRules::NONE;
            without.remove("Authorization", Message::Request).expect("a field that may be removed");
            self.headers.requests = without.then(&self.headers.requests);
        }
        self
    }

    /// Is every request let in?
    #[inline]
    pub fn is_open(&self) -> bool {
        self.access.is_empty() && self.rates.is_empty() && self.body_bytes_max.is_none() && self.basic().is_none()
    }

    /// Content of a request's body that may still come when so much has.
    #[inline]
    pub fn left_after(&self, came: usize) -> u64 {
        self.body_bytes_max.map_or(u64::MAX, |most| most.saturating_sub(came as u64))
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
    fn a_client_is_an_address_or_a_64() {
        let of = |text: &str| client_of(text.parse().unwrap());
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_ne!(of("0.0.0.1"), of("0:0:0:1::"));
    }

    #[test]
    fn limits_of_one_zone_have_one_name_and_count_once() {
        let limit = |name| {
            let rate = Rate::new(1, std::time::Duration::from_secs(1), 1).unwrap();
            let limit = RateLimit { rate, by: RateBy::Client, dry_run: false, name };
            Treatment { rates: vec![limit], ..Treatment::default() }
        };
        let (open, all) = (limit(LimitName::default()), limit(LimitName::of_zone("all")));
        let numbers = |route: &Treatment, listener: &Treatment| -> Vec<u64> {
            let whole = route.named("web/1").within(&listener.named("web"));
            whole.rates.iter().map(|limit| limit.name.number()).collect()
        };
        let of = |name: &str| LimitName::new(name).number();
        assert_eq!(numbers(&open, &open), [of("web"), of("web/1")]);
        assert_eq!(numbers(&all, &open), [of("web"), LimitName::of_zone("all").number()]);
        assert_eq!(numbers(&all, &all), [LimitName::of_zone("all").number()]);
        assert_eq!(open.within(&open).rates.len(), 2, "who has no name yet counts by himself");
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
