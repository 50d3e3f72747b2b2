//! How the state of everything is found: the balancer is asked, and the kernel.

use crate::overview::{
    BackendSet, Changes, Counts, InertPool, Listener, ListenerState, Overview, Port, Route, Server, ServerState, Spread,
};
use crate::process;
use crate::state::State;
use balancer::{Boards, Glance, Seen};
use balancer_core::{
    BackendSetSettings, Counters, Dimension, Histogram, ListenerSettings, ListenerStage, Override, Report,
    ServerSettings, Timed, inert_pools,
};
use ports::{BudgetVerdict, Spending};
use serde_json::{Value, json};
use std::collections::HashMap;

/// Asks everybody, workers too; `None`: the balancer is ending.
pub(crate) fn everything(state: &State) -> Option<Overview> {
    let (listeners, backend_sets, report) = state.remote.ask(|balancer| {
        let report = balancer.report();
        (listeners(balancer, &report), backend_sets(balancer, &report), report)
    })?;
    Some(Overview {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_s: state.uptime_s(),
        takes_token: state.has_token(),
        changes: changes(state),
        pid: std::process::id(),
        process: process::look(),
        listeners,
        backend_sets,
        ports: state.spending(&report).iter().map(port).collect(),
        counters: counts_of(&report.rest, None),
    })
}

fn changes(state: &State) -> Changes {
    let config = state.remote.config();
    match config.admin.as_ref().map(|admin| admin.bind.address.ip()) {
        Some(None) => Changes::Freely,
        _ if state.has_token() => Changes::Token,
        _ => Changes::Never,
    }
}

/// The configuration that is worked by, secrets hidden, and what stands above it.
pub(crate) fn running(state: &State) -> Value {
    let said = state.remote.said();
    let row = |(set, server, said): (&str, &str, Override)| {
        json!({ "backend_set": set, "server": server, "drained": said.drained, "disabled": said.disabled,
                "weight": said.weight })
    };
    let said: Vec<Value> = said.all().map(row).collect();
    let file = state.remote.file().map(|file| file.display().to_string());
    let drained: Vec<String> = state.remote.drained().into_iter().map(|(name, _)| name).collect();
    json!({ "file": file, "config": state.remote.config().source.told(), "said": said, "drained_listeners": drained })
}

fn port(spending: &Spending) -> Port {
    let (BudgetVerdict::Lasts { rate_per_s_max } | BudgetVerdict::RunsOut { rate_per_s_max, .. }) = spending.verdict();
    Port {
        source: spending.source.to_string(),
        destination: spending.destination.to_string(),
        ports: spending.ports,
        live: spending.live,
        time_wait: spending.waiting,
        free: spending.free(),
        rate_per_s: spending.rate_per_s,
        rate_per_s_max,
        exhausted_in_s: spending.exhausted_in().map(|after| after.as_secs_f64()),
    }
}

/// Those of one dimension, or all.
fn counts_of(counters: &Counters, dimension: Option<Dimension>) -> Counts {
    let mut counts = Counts::default();
    counters.visit(|counter, label, value| {
        if value > 0 && dimension.is_none_or(|dimension| counter.dimension == dimension) {
            counts.note(counter.name, label, value);
        }
    });
    counts
}

/// Nothing has been counted yet of what is new.
fn counts(counters: Option<&&Counters>, dimension: Dimension) -> Counts {
    counters.map(|counters| counts_of(counters, Some(dimension))).unwrap_or_default()
}

/// All listeners, as configured.
pub(crate) fn listeners(balancer: &Glance, report: &Report) -> Vec<Listener> {
    let counters: HashMap<_, _> = report.listeners.iter().map(|(name, counters)| (name.as_str(), counters)).collect();
    let times = times_of(report);
    let listener = |settings: &ListenerSettings| Listener {
        name: settings.name.clone(),
        protocol: settings.protocol.name().to_owned(),
        addresses: settings.addresses().map(|address| address.to_string()).collect(),
        state: match settings.stage {
            ListenerStage::Open => ListenerState::Open,
            ListenerStage::Grace => ListenerState::Draining,
            ListenerStage::Shut | ListenerStage::LastCall | ListenerStage::Cut => ListenerState::Drained,
        },
        routes: routes_of(&settings.name, report),
        request_times: spread(times.get(&(Timed::Request, settings.name.as_str()))),
        counters: counts(counters.get(settings.name.as_str()), Dimension::Listener),
    };
    balancer.settings().listeners.iter().map(listener).collect()
}

/// By listener, its routes together, or by set.
fn times_of(report: &Report) -> HashMap<(Timed, &str), Histogram> {
    let mut times: HashMap<_, Histogram> = HashMap::new();
    for (of, histogram) in report.times.iter() {
        times.entry((of.what, of.name.as_str())).or_default().merge(histogram);
    }
    times
}

/// By set and server.
fn times_of_servers(report: &Report) -> HashMap<(&str, &str), &Histogram> {
    let firsts = report.times.iter().filter(|(of, _)| of.what == Timed::FirstByte);
    firsts.map(|(of, histogram)| ((of.name.as_str(), of.route.as_str()), histogram)).collect()
}

fn spread(times: Option<&Histogram>) -> Spread {
    let rows = times.map(Histogram::buckets).into_iter().flatten().filter(|(_, count)| *count > 0);
    Spread(rows.map(|(end, count)| (end.is_finite().then_some(end), count)).collect())
}

fn routes_of(listener: &str, report: &Report) -> Vec<Route> {
    let its = report.routes.iter().filter(|(of, _, _)| of == listener);
    its.map(|(_, name, counters)| Route { name: name.clone(), counters: counts(Some(&counters), Dimension::Route) })
        .collect()
}

/// All backend sets, as configured.
pub(crate) fn backend_sets(balancer: &Glance, report: &Report) -> Vec<BackendSet> {
    let boards = balancer.boards();
    let seen = by_server(&boards);
    let of_sets: HashMap<_, _> = report.sets.iter().map(|(name, counters)| (name.as_str(), counters)).collect();
    let of_servers: HashMap<_, _> =
        report.servers.iter().map(|(set, server, counters)| ((set.as_str(), server.as_str()), counters)).collect();
    let (inert, times, of_each) = (inert(balancer, report), times_of(report), times_of_servers(report));
    let backend_set = |set: &BackendSetSettings| {
        let server = |settings: &ServerSettings| {
            let name = settings.address.to_string();
            let counters = counts(of_servers.get(&(set.name.as_str(), name.as_str())), Dimension::Server);
            let times = spread(of_each.get(&(set.name.as_str(), name.as_str())).copied());
            let seen = seen.get(&(set.name.as_str(), settings.address));
            Server { first_byte_times: times, ..server_as(settings, seen, counters) }
        };
        BackendSet {
            name: set.name.clone(),
            inert_pool: inert.get(set.name.as_str()).cloned(),
            servers: set.servers.iter().map(server).collect(),
            first_byte_times: spread(times.get(&(Timed::FirstByte, set.name.as_str()))),
            counters: counts(of_sets.get(set.name.as_str()), Dimension::Set),
        }
    };
    balancer.settings().backend_sets.iter().map(backend_set).collect()
}

/// Pools that do nothing, by the names of their sets.
fn inert(balancer: &Glance, report: &Report) -> HashMap<String, InertPool> {
    let told = |pool: balancer_core::InertPool| {
        let why = pool.why.map(|reason| reason.name().to_owned());
        (pool.set, InertPool { opened: pool.opened, why })
    };
    inert_pools(&balancer.settings(), report).into_iter().map(told).collect()
}

type BySeen<'a> = HashMap<(&'a str, ports::Address), Seen<'a>>;

fn by_server(boards: &Boards) -> BySeen<'_> {
    boards.seen().map(|seen| ((seen.set, seen.server), seen)).collect()
}

fn server_as(settings: &ServerSettings, seen: Option<&Seen<'_>>, counters: Counts) -> Server {
    Server {
        address: settings.address.to_string(),
        host: settings.host.as_deref().map(str::to_owned),
        state: match seen {
            _ if settings.disabled => ServerState::Disabled,
            Some(seen) if seen.health.is_down() => ServerState::Down,
            Some(seen) if seen.health.is_aside() => ServerState::Aside,
            _ if settings.weight == 0 => ServerState::Draining,
            _ => ServerState::Up,
        },
        why: seen.filter(|seen| seen.health.is_aside()).and_then(|seen| seen.cause).map(|cause| cause.to_string()),
        weight: settings.weight,
        backup: settings.backup,
        in_flight: seen.map_or(0, |seen| seen.in_flight),
        connections: seen.map_or(0, |seen| seen.connections),
        first_byte_times: Spread::default(),
        counters,
    }
}
