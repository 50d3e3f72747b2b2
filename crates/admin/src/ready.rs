//! Is it ready to be sent clients?

use crate::state::State;
use balancer::Glance;
use balancer_core::Ready;
use std::collections::HashSet;

const DRAINING: &str = "draining";

/// Why not, if it is not.
pub(crate) fn look(state: &State) -> Result<(), String> {
    if state.remote.is_ending() {
        return Err(DRAINING.to_owned());
    }
    if state.remote.ask(accepts_nobody) == Some(true) {
        return Err("every listener is drained by order".to_owned());
    }
    match state.remote.config().admin.as_ref().map_or(Ready::default(), |admin| admin.ready) {
        Ready::Accepting => Ok(()),
        rule => rule.decide(&state.remote.ask(sets).ok_or(DRAINING)?),
    }
}

fn accepts_nobody(balancer: &Glance) -> bool {
    let settings = balancer.settings();
    !settings.listeners.is_empty() && settings.listeners.iter().all(|listener| listener.stage.drains())
}

/// Each set, with whether a server of it is asked.
fn sets(balancer: &Glance) -> Vec<(String, bool)> {
    let boards = balancer.boards();
    let out = boards.seen().filter(|seen| seen.health.is_down() || seen.health.is_aside());
    let out: HashSet<_> = out.map(|seen| (seen.set, seen.server)).collect();
    let settings = balancer.settings();
    let sets = settings.backend_sets.iter().map(|set| {
        let mut servers = set.servers.iter().filter(|server| server.weight > 0 && !server.disabled);
        (set.name.clone(), servers.any(|server| !out.contains(&(set.name.as_str(), server.address))))
    });
    sets.collect()
}
