//! What only several sections together can get wrong: names, addresses, shares.

use super::backend::BackendSet;
use super::listener::Listener;
use super::routing::{self, Sets};
use crate::circles::reaches;
use balancer_core::{BackendSetSettings, Bind, ListenerSettings, Settings};
use config_file::{Mistake, Placed};

/// Joins listeners with the sets they name. `None` only where mistakes were noted.
pub(super) fn join(
    listeners: Vec<Listener<'_>>,
    sets: Vec<BackendSet<'_>>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Settings> {
    let before = mistakes.len();
    check_unique("listener", listeners.iter().filter_map(|listener| listener.name.as_ref()), mistakes);
    check_unique("backend set", sets.iter().filter_map(|set| set.name.as_ref()), mistakes);
    check_binds(&listeners, mistakes);
    sets.iter().for_each(|set| check_circles(&listeners, set, mistakes));
    let names: Vec<Option<&str>> = sets.iter().map(|set| set.name.as_ref().map(|name| name.value)).collect();
    // All of them first, so that each tells its mistakes.
    let backend_sets: Vec<_> = sets.into_iter().map(finish_set).collect();
    let sets = Sets { names, settings: &backend_sets };
    let listeners: Vec<_> = listeners.into_iter().map(|one| finish_listener(one, &sets, mistakes)).collect();
    let settings = Settings {
        listeners: listeners.into_iter().collect::<Option<_>>()?,
        backend_sets: backend_sets.into_iter().collect::<Option<_>>()?,
    };
    (mistakes.len() == before).then_some(settings)
}

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a Placed<&'a str>>, mistakes: &mut Vec<Mistake>) {
    let mut seen: Vec<&Placed<&str>> = Vec::new();
    for name in names {
        match seen.iter().find(|other| other.value == name.value) {
            Some(first) => mistakes.push(
                Mistake::new(name.span.clone(), format!("two {what}s are named \"{}\"", name.value), "again here")
                    .other(first.span.clone(), "first here")
                    .help("names tell them apart in reports and references: choose another"),
            ),
            None => seen.push(name),
        }
    }
}

/// Two listeners cannot share an address; port 0 is a new one each time.
fn check_binds(listeners: &[Listener<'_>], mistakes: &mut Vec<Mistake>) {
    let binds: Vec<_> = listeners.iter().flat_map(|listener| &listener.binds).collect();
    let named = |bind: &Bind| bind.address.ip().is_none_or(|address| address.port() != 0);
    for (at, bind) in binds.iter().enumerate().filter(|(_, bind)| named(&bind.value)) {
        if let Some(first) = binds[..at].iter().find(|other| other.value.address == bind.value.address) {
            let title = format!("two listeners bind {}", bind.value.address);
            mistakes.push(
                Mistake::new(bind.span.clone(), title, "again here")
                    .other(first.span.clone(), "first here")
                    .help("give each listener an address or port of its own"),
            );
        }
    }
}

/// A server that is a listener of this very file: requests would go in a circle, or through this balancer twice.
fn check_circles(listeners: &[Listener<'_>], set: &BackendSet<'_>, mistakes: &mut Vec<Mistake>) {
    let binds: Vec<_> = listeners.iter().flat_map(|listener| &listener.binds).collect();
    for server in &set.servers {
        let address = server.value.address;
        if let Some(bind) = binds.iter().find(|bind| reaches(address, bind.value.address, |ip| ip.is_loopback())) {
            mistakes.push(
                Mistake::new(server.span.clone(), format!("server {address} is this balancer itself"), "this server")
                    .other(bind.span.clone(), "this listener")
                    .help("name the address the server listens on, or give the listener another one"),
            );
        }
    }
}

fn finish_listener(listener: Listener<'_>, sets: &Sets<'_>, mistakes: &mut Vec<Mistake>) -> Option<ListenerSettings> {
    let router = routing::router(&listener, sets, mistakes);
    Some(ListenerSettings {
        name: listener.name?.value.to_owned(),
        binds: listener.binds.into_iter().map(|bind| bind.value).collect(),
        protocol: listener.protocol,
        tls: listener.tls,
        tls_profile: None,
        proxy_protocol: listener.proxy_protocol,
        router: router?,
        close: listener.close,
        timestamps: listener.timestamps,
        limits: listener.limits,
        timeouts: listener.timeouts,
        requests: listener.requests,
        treatment: listener.treatment,
    })
}

fn finish_set(set: BackendSet<'_>) -> Option<BackendSetSettings> {
    let base = BackendSetSettings::new("", Vec::new());
    Some(BackendSetSettings {
        name: set.name?.value.to_owned(),
        servers: set.servers.into_iter().map(|server| server.value).collect(),
        selection: set.selection,
        pool: set.pool,
        ports: set.ports,
        timeouts: set.timeouts,
        health: set.health.passive,
        check: set.health.check,
        retries_max: set.retries.max.unwrap_or(base.retries_max),
        waits_for_restart: set.retries.max.is_none(),
        retry_on: set.retries.on,
        retry_budget: set.retries.budget,
        responses: set.responses,
        limits: set.limits,
        capacity: set.capacity,
        via: set.via,
        proxy_protocol: set.proxy_protocol,
        headers: set.headers,
        tls: set.tls,
        tls_profile: None,
    })
}
