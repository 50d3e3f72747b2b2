//! Facts in words, for text and page.

use doctor_core::balancer::PortUse;
use doctor_core::outlook::Outlook;
use doctor_core::{BalancerFacts, Diagnosis, HostFacts, TargetFacts};
use std::time::Duration;

/// What the probes of a target saw, one line each.
pub(super) fn target(target: &TargetFacts) -> Vec<String> {
    let yes = |on: bool| if on { "yes" } else { "no" };
    let handshake = &target.handshake;
    let scale = handshake.window_scale.map_or("no".to_owned(), |(theirs, ours)| format!("{theirs} there, {ours} here"));
    let mut facts =
        vec![format!("timestamps {}, SACK {}, window scale {scale}", yes(handshake.timestamps), yes(handshake.sack))];
    if let (Some(median), Some(longest)) = (handshake.connect_us_median, handshake.connect_us_max) {
        let again = handshake.syn_retransmits;
        facts.push(format!("connect: median {median} us, longest {longest} us, {again} SYNs sent again"));
    }
    for (probe, closing) in &target.closings {
        let status = closing.status.map_or("no status".to_owned(), |status| status.to_string());
        let (by, after_ms, response) = (closing.by, closing.after_ms, closing.response);
        facts.push(format!("{probe:<17} ended by {by} after {after_ms} ms; {status}, response {response}"));
    }
    let kept = &target.keep_alive;
    facts.push(format!("keep-alive: {} of {} requests served on one connection", kept.served, kept.asked));
    facts.push(format!("5-tuple re-usable at once after our close: {}", yes(target.is_reusable_at_once())));
    if let Some(seen) = target.after_server_close {
        facts.push(format!("5-tuple reopened at once after the target's close: {}", yes(seen.worked_at_once())));
    }
    facts
}

/// Destinations, and sets, of a balancer that are shown.
const SHOWN_MAX: usize = 8;

/// Which balancer, and since when.
pub(super) fn balancer_head(balancer: &BalancerFacts) -> String {
    format!("Balancer at {} (quintet {}), {:.0} s after its start", balancer.at, balancer.version, balancer.uptime_s)
}

/// What a running balancer told, one line each.
pub(super) fn balancer(balancer: &BalancerFacts) -> Vec<String> {
    let mut facts: Vec<String> = balancer.ports.iter().take(SHOWN_MAX).map(ports_towards).collect();
    if balancer.ports.is_empty() {
        facts.push("no connection to a server, so nothing is spent of its ports".to_owned());
    }
    let more = |count: usize| (count > SHOWN_MAX).then(|| format!("and {} more", count - SHOWN_MAX));
    facts.extend(more(balancer.ports.len()));
    for set in balancer.sets.iter().take(SHOWN_MAX) {
        let sum = |of: fn(&doctor_core::balancer::ServerUse) -> u64| set.servers.iter().map(of).sum::<u64>();
        let (opened, reused) = (sum(|server| server.opened), sum(|server| server.reused));
        let (closed, ours) = (sum(|server| server.closed), sum(|server| server.our_fin));
        facts.push(format!(
            "set {}: {opened} connections opened, {reused} requests on one that was open; {closed} closed, {ours} of them first by \
             the balancer",
            set.name
        ));
    }
    facts.extend(more(balancer.sets.len()));
    facts.push(format!("{} of {} files open", balancer.open_files, balancer.files_max));
    facts
}

fn ports_towards(port: &PortUse) -> String {
    let gone = port.exhausted_in_s.map_or(String::new(), |after| format!("; gone in {after:.0} s"));
    format!(
        "{} to {}: {} ports, {} live, {} in TIME_WAIT, {} free; {:.1} connections per second, {:.0} are paid for{gone}",
        port.source,
        port.destination,
        port.ports,
        port.live,
        port.time_wait,
        port.free,
        port.rate_per_s,
        port.rate_per_s_max
    )
}

/// How to stress the target: the command, and why so.
pub(super) fn tactic(diagnosis: &Diagnosis) -> Option<(String, &str)> {
    let (tactic, target) = (diagnosis.tactic.as_ref()?, diagnosis.target.as_ref()?);
    Some((format!("quintet stress {} {}", target.url, tactic.flags()), &tactic.why))
}

/// What was read off this host, one line each.
pub(super) fn host(host: &HostFacts) -> Vec<String> {
    let mut facts = vec![
        place(host),
        format!(
            "{} ports for connect() ({} to {}, {} reserved), {} of them held by some socket",
            host.capacity(),
            host.ports.low,
            host.ports.high,
            host.ports.reserved_count(),
            host.sockets.ports_held
        ),
        sockets(host),
    ];
    if let Some(table) = &host.conntrack {
        facts.push(format!("connection tracking: {} of {} entries", table.count, table.max));
    }
    facts.extend(host.gaps.iter().map(|gap| format!("not seen: {} ({})", gap.what, gap.remedy)));
    facts
}

fn place(host: &HostFacts) -> String {
    let container = host.place.container.as_ref().map(|kind| format!(", inside {kind}")).unwrap_or_default();
    let namespace = match host.place.initial_namespace {
        Some(true) => "the machine's own network namespace".to_owned(),
        _ => match host.place.namespace {
            Some(number) => format!("network namespace {number} only"),
            None => "this network namespace only".to_owned(),
        },
    };
    let kernel = || host.kernel.map_or("of an unknown version".to_owned(), |kernel| kernel.to_string());
    let release = if host.release.is_empty() { kernel() } else { host.release.clone() };
    format!("Linux {release}{container}; looking at {namespace}")
}

/// Sockets by state.
pub(super) fn sockets(host: &HostFacts) -> String {
    let states: Vec<String> = host.sockets.by_state.iter().map(|(name, count)| format!("{count} {name}")).collect();
    format!("sockets: {}", if states.is_empty() { "none".to_owned() } else { states.join(", ") })
}

/// How long a destination's ports last.
pub(super) fn gone_in(time: Option<Duration>) -> String {
    match time {
        None => "they last".to_owned(),
        Some(time) if time.is_zero() => "none is left".to_owned(),
        Some(time) => format!("gone in {:.1} s", time.as_secs_f64()),
    }
}

/// The ports towards one destination.
pub(super) fn outlook(outlook: &Outlook) -> String {
    let rate = if outlook.asked { "asked" } else { "now" };
    format!(
        "{}: {} of {} taken ({} in TIME_WAIT), {rate} {:.0}/s, lasting rate {:.0}/s: {}",
        outlook.to,
        outlook.taken,
        outlook.capacity,
        outlook.time_wait,
        outlook.rate_per_s,
        outlook.rate_per_s_max,
        gone_in(outlook.gone_in)
    )
}
