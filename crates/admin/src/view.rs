//! The state of everything, in the shape in which it is told.

use balancer::{Boards, Glance, Seen};
use balancer_core::{BackendSetSettings, ListenerSettings, ServerSettings};
use serde::Serialize;
use std::collections::HashMap;

/// A listener.
#[derive(Debug, Serialize)]
pub(crate) struct Listener {
    name: String,
    protocol: &'static str,
    addresses: Vec<String>,
    routes: usize,
}

/// A backend set.
#[derive(Debug, Serialize)]
pub(crate) struct BackendSet {
    name: String,
    servers: Vec<Server>,
}

/// A server of it.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    address: String,
    /// The host it was found under, where it was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    state: &'static str,
    /// By which it is asked: what an operator said stands above what is configured.
    weight: u32,
    backup: bool,
    in_flight: u32,
    connections: u32,
}

/// All listeners, as configured.
pub(crate) fn listeners(balancer: &Glance) -> Vec<Listener> {
    balancer.settings().listeners.iter().map(listener).collect()
}

fn listener(settings: &ListenerSettings) -> Listener {
    Listener {
        name: settings.name.clone(),
        protocol: settings.protocol.name(),
        addresses: settings.addresses().map(|address| address.to_string()).collect(),
        routes: settings.router.all().len(),
    }
}

/// All backend sets, as configured.
pub(crate) fn backend_sets(balancer: &Glance) -> Vec<BackendSet> {
    let boards = balancer.boards();
    let seen = by_server(&boards);
    balancer.settings().backend_sets.iter().map(|set| backend_set(set, &seen)).collect()
}

type BySeen<'a> = HashMap<(&'a str, ports::Address), Seen<'a>>;

fn by_server(boards: &Boards) -> BySeen<'_> {
    boards.seen().map(|seen| ((seen.set, seen.server), seen)).collect()
}

fn backend_set(set: &BackendSetSettings, seen: &BySeen<'_>) -> BackendSet {
    let server = |server: &ServerSettings| server_as(server, seen.get(&(set.name.as_str(), server.address)));
    BackendSet { name: set.name.clone(), servers: set.servers.iter().map(server).collect() }
}

fn server_as(settings: &ServerSettings, seen: Option<&Seen<'_>>) -> Server {
    Server {
        address: settings.address.to_string(),
        host: settings.host.as_deref().map(str::to_owned),
        state: match seen {
            Some(seen) if seen.health.is_down() => "down",
            Some(seen) if seen.health.is_aside() => "aside",
            _ if settings.weight == 0 => "draining",
            _ => "up",
        },
        weight: settings.weight,
        backup: settings.backup,
        in_flight: seen.map_or(0, |seen| seen.in_flight),
        connections: seen.map_or(0, |seen| seen.connections),
    }
}
