//! `quintet doctor --balancer`: what a running balancer tells, as facts.

use crate::ctl;
use admin::{AskError, BackendSet, Client, Counts, Overview, Port, Server, ServerState};
use anyhow::anyhow;
use balancer_core::CloseReason;
use doctor_core::BalancerFacts;
use doctor_core::balancer::{InertPool, PortUse, ServerUse, SetUse, Standing};
use ports::Address;
use std::path::Path;

/// Asks it.
pub(super) fn ask(at: Address, token_file: Option<&Path>) -> anyhow::Result<BalancerFacts> {
    let token = token_file.map(ctl::token_of).transpose()?;
    let overview = Client::new(at, token).overview().map_err(|error| match error {
        AskError::NotThere { at, why } => {
            anyhow!("no balancer answers at {at}: {why}; --balancer names its `[admin]` listener")
        }
        other => other.into(),
    })?;
    Ok(facts(at.to_string(), &overview))
}

fn facts(at: String, told: &Overview) -> BalancerFacts {
    BalancerFacts {
        at,
        version: told.version.clone(),
        uptime_s: told.uptime_s,
        open_files: told.process.open_files,
        files_max: told.process.files_max,
        ports: told.ports.iter().map(port).collect(),
        sets: told.backend_sets.iter().map(set).collect(),
    }
}

fn port(told: &Port) -> PortUse {
    PortUse {
        source: told.source.clone(),
        destination: told.destination.clone(),
        ports: told.ports,
        live: told.live,
        time_wait: told.time_wait,
        free: told.free,
        rate_per_s: told.rate_per_s,
        rate_per_s_max: told.rate_per_s_max,
        exhausted_in_s: told.exhausted_in_s,
    }
}

fn set(told: &BackendSet) -> SetUse {
    let inert = |pool: &admin::InertPool| InertPool { opened: pool.opened, why: pool.why.clone() };
    SetUse {
        name: told.name.clone(),
        inert_pool: told.inert_pool.as_ref().map(inert),
        servers: told.servers.iter().map(server).collect(),
    }
}

fn server(told: &Server) -> ServerUse {
    let counters = &told.counters;
    ServerUse {
        standing: match told.state {
            ServerState::Up => Standing::Up,
            ServerState::Draining | ServerState::Disabled => Standing::Draining,
            ServerState::Aside => Standing::Aside,
            ServerState::Down => Standing::Down,
        },
        opened: counters.count("servers.opened"),
        reused: counters.count("servers.reused"),
        closed: counters.count("servers.why"),
        left: of_row(counters, "servers.why", CloseReason::PeerLeft.name()),
        aborted: of_row(counters, "servers.why", CloseReason::PeerAborted.name()),
        our_fin: of_row(counters, "servers.closed_first", "our_fin"),
        failed_here: counters.count("servers.connects_failed_here"),
        ..ServerUse::new(told.address.clone())
    }
}

fn of_row(counters: &Counts, row: &str, label: &str) -> u64 {
    counters.row(row).find(|(name, _)| *name == label).map_or(0, |(_, count)| count)
}
