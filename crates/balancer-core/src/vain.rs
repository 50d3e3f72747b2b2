//! What a configuration says that comes to nothing: no mistake, as it may be on its way to something, but worth a word.

use crate::router::{Action, HostPattern};
use crate::settings::{ListenerSettings, Settings};
use std::fmt;

/// Something that is said for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vain {
    /// Nobody sends anything to a set.
    Set {
        /// Its name.
        set: String,
    },
    /// Clients that ask for a route's host are turned away before there is a request.
    Host {
        /// Name of the listener.
        listener: String,
        /// The host, as it is written.
        host: String,
    },
}

/// Sets that no listener and no route sends anything to.
pub fn unused_sets(settings: &Settings) -> impl Iterator<Item = Vain> {
    let mut used = vec![false; settings.backend_sets.len()];
    for rules in settings.listeners.iter().flat_map(|listener| listener.router.all()) {
        if let Action::Forward { set } = rules.action {
            used[set] = true;
        }
    }
    let unused = settings.backend_sets.iter().zip(used).filter(|(_, used)| !used);
    unused.map(|(set, _)| Vain::Set { set: set.name.clone() })
}

/// Hosts of routes of a listener with `strict_sni` that none of these names of certificates is for.
pub fn hosts_without_certificate(listener: &ListenerSettings, names: &[&str]) -> Vec<Vain> {
    let mut found: Vec<Vain> = Vec::new();
    if !listener.tls.as_ref().is_some_and(|tls| tls.strict_sni) {
        return found;
    }
    for pattern in listener.router.conditions().iter().flat_map(|conditions| &conditions.hosts) {
        let host = match pattern {
            HostPattern::Exact(name) => name.clone(),
            HostPattern::Below(name) => format!("*.{name}"),
        };
        let word = Vain::Host { listener: listener.name.clone(), host };
        if !names.iter().any(|name| is_for(name, pattern)) && !found.contains(&word) {
            found.push(word);
        }
    }
    found
}

/// Is a certificate for `name` one for this host, or for some of these hosts? A star stands for one label.
fn is_for(name: &str, pattern: &HostPattern) -> bool {
    let below = |name: &str, parent: &str| name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
    match (pattern, name.strip_prefix("*.")) {
        (HostPattern::Exact(host), None) => name == host,
        (HostPattern::Exact(host), Some(parent)) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        (HostPattern::Below(host), None) => below(name, host),
        (HostPattern::Below(host), Some(parent)) => parent == host || below(parent, host),
    }
}

impl fmt::Display for Vain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { set } => write!(
                f,
                "backend set {set:?}: no listener and no route sends anything there; name it in `backends` of one, or take it out"
            ),
            Self::Host { listener, host } => write!(
                f,
                "listener {listener:?}: no certificate is for {host}, which a route is for: with strict_sni its clients are turned \
                 away; add a certificate of that name to `certificates`, or take the route out"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::{Conditions, Route, Router};
    use crate::{BackendSetSettings, ListenerTls, RouteRules};
    use std::net::SocketAddr;

    /// A listener that sends these hosts to the first set, and everything else to the second.
    fn listener(hosts: &[&str], strict_sni: bool) -> ListenerSettings {
        let mut listener = ListenerSettings::new("web", SocketAddr::from(([127, 0, 0, 1], 443)), 1);
        let hosts = hosts.iter().map(|host| HostPattern::parse(host).expect("a host")).collect();
        let conditions = Conditions { hosts, ..Conditions::default() };
        let route = Route { conditions, rules: RouteRules::new("app", Action::Forward { set: 0 }) };
        listener.router = Router::new(vec![route], RouteRules::new("", Action::Forward { set: 1 }));
        listener.tls = Some(ListenerTls { strict_sni, ..ListenerTls::new(Vec::new()) });
        listener
    }

    #[test]
    fn a_set_that_nobody_names_is_told() {
        let sets = ["a", "b", "c"].map(|name| BackendSetSettings::new(name, Vec::new())).to_vec();
        let settings = Settings { listeners: vec![listener(&["a.example"], false)], backend_sets: sets };
        let told: Vec<Vain> = unused_sets(&settings).collect();
        assert_eq!(told, [Vain::Set { set: "c".to_owned() }]);
        assert!(told[0].to_string().starts_with("backend set \"c\": no listener and no route"), "{}", told[0]);
    }

    #[test]
    fn a_host_without_certificate_is_told_where_its_clients_are_turned_away() {
        let names = ["a.example", "*.b.example", "x.y.c.example"];
        for (host, is_told) in [
            ("a.example", false),
            ("A.example", false),
            ("www.a.example", true),
            ("x.b.example", false),
            ("b.example", true),
            ("x.y.b.example", true),
            ("*.b.example", false),
            ("*.a.example", true),
            ("*.c.example", false),
            ("*.example", false),
        ] {
            let told = hosts_without_certificate(&listener(&[host, host], true), &names);
            assert_eq!(told.len(), usize::from(is_told), "{host}: {told:?}");
            assert_eq!(hosts_without_certificate(&listener(&[host], false), &names), [], "{host}");
        }
    }
}
