//! What only several sections together can get wrong: names, addresses, shares.

use super::backend::BackendSet;
use super::listener::Listener;
use super::route_action::Action;
use super::routing::{self, Sets};
use crate::circles::{Ways, reaches};
use balancer_core::{BackendSetSettings, Bind, ListenerSettings, ListenerStage, Settings};
use config_file::{Mistake, Placed};
use ports::Address;
use std::collections::HashMap;

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
    check_circles(&listeners, &sets, mistakes);
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

/// A server that is a listener of this very file, from which requests come back: they would go in a circle.
fn check_circles(listeners: &[Listener<'_>], sets: &[BackendSet<'_>], mistakes: &mut Vec<Mistake>) {
    let reached_by = |address: Address| {
        let here = |bind: &Placed<Bind>| reaches(address, bind.value.address, |ip| ip.is_loopback());
        listeners.iter().enumerate().find_map(|(at, one)| Some((at, one.binds.iter().find(|bind| here(bind))?)))
    };
    let reached: Vec<Vec<_>> = sets
        .iter()
        .map(|set| set.servers.iter().filter_map(|server| Some((server, reached_by(server.value.address)?))).collect())
        .collect();
    let places = sets.iter().enumerate().filter_map(|(at, set)| Some((set.name.as_ref()?.value, at))).collect();
    let ways = Ways {
        sets: listeners.iter().map(|listener| sets_of(listener, &places)).collect(),
        listeners: reached.iter().map(|of_set| of_set.iter().map(|(_, (at, _))| *at).collect()).collect(),
    };
    for (set, reached) in reached.iter().enumerate() {
        for (server, (_, bind)) in reached.iter().filter(|(_, (at, _))| ways.come_back(set, *at)) {
            let title = format!("server {} is this balancer itself", server.value.address);
            mistakes.push(
                Mistake::new(server.span.clone(), title, "requests come back to this set from there")
                    .other(bind.span.clone(), "this listener")
                    .help("name the address the server listens on, or give the listener another one"),
            );
        }
    }
}

/// The sets that requests of a listener go to, as far as they exist.
fn sets_of(listener: &Listener<'_>, places: &HashMap<&str, usize>) -> Vec<usize> {
    let of_routes = listener.routes.iter().filter_map(|route| match &route.action {
        Some(Action::Forward { backends, .. }) => Some(backends.value),
        _ => None,
    });
    let names = listener.backends.iter().map(|backends| backends.value).chain(of_routes);
    names.filter_map(|name| places.get(name).copied()).collect()
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
        stage: ListenerStage::Open,
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
