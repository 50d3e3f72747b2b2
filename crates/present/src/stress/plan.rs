//! The plan as understood, said before the start.

use crate::number::{self, bytes, count, counted, span};
use stress_core::plan::{Tls, TlsSessions};
use stress_core::report::PlanSummary;
use stress_core::{ClosePolicy, CrowdPhase, Phase, PortMode, Spread};

/// The plan as understood, for people.
pub fn plan(plan: &PlanSummary) -> String {
    let mut text = format!(
        "Plan: {} ({})\n      {} on {}, {}, time-out {}",
        requests(plan),
        targets(plan),
        counted(plan.connections.into(), "connection"),
        counted(plan.threads.into(), "thread"),
        until(plan),
        span(plan.timeout),
    );
    if let (Some(rate), Some(spread)) = (plan.rate_per_s, plan.spread) {
        let how = match spread {
            _ if plan.is_replay => "on average",
            Spread::Constant => "in equal steps",
            Spread::Poisson => "by chance",
        };
        text.push_str(&format!("\n      rate: {} {how}, whether or not a connection is free", rate_words(plan, rate)));
    }
    if !plan.connection_phases.is_empty() {
        text.push_str(&format!("\n      connections: {}", crowd_words(&plan.connection_phases)));
    }
    if !plan.warm_up.is_zero() {
        text.push_str(&format!("\n      warm-up: {} before that, in no figure", span(plan.warm_up)));
    }
    text.push_str(&format!("\n      close: {}; ports: {}", close_words(plan), ports_words(plan)));
    if let Some(why) = &plan.ports_why {
        text.push_str(&format!(" ({why})"));
    }
    push_ways(&mut text, plan);
    if let Some(tls) = &plan.tls {
        text.push_str(&format!("\n      TLS: {}", tls_words(tls)));
    }
    text.push('\n');
    text
}

/// How connections begin, and what is made of answers.
fn push_ways(text: &mut String, plan: &PlanSummary) {
    if let Some(announce) = &plan.proxy_protocol {
        let named = match announce.clients.len() {
            0 => "names where they start".to_owned(),
            clients => format!("names {} in turn", counted(clients as u64, "client")),
        };
        text.push_str(&format!("\n      PROXY protocol: connections begin with {}, which {named}", announce.version));
    }
    if plan.cookie_jar {
        text.push_str("\n      cookies: each connection's place keeps its own");
    }
    if let Some(max) = plan.follow {
        text.push_str(&format!("\n      redirects: {} of a request are followed", count(max.into())));
    }
}

/// Phases that are told.
const PHASES_TOLD_MAX: usize = 6;

fn rate_words(plan: &PlanSummary, mean: f64) -> String {
    let per_s = |rate: f64| number::rate(Some(rate));
    if plan.is_replay {
        return format!("as recorded, {}", per_s(mean));
    }
    let phase = |phase: &Phase| match (phase.from_per_s, phase.to_per_s) {
        (from, to) if from == to => format!("{} for {}", per_s(from), span(phase.lasts)),
        (from, to) => format!("{} to {} over {}", per_s(from), per_s(to), span(phase.lasts)),
    };
    let mut phases: Vec<String> = plan.phases.iter().take(PHASES_TOLD_MAX).map(phase).collect();
    if plan.phases.len() > PHASES_TOLD_MAX {
        phases.push(format!("{} more", plan.phases.len() - PHASES_TOLD_MAX));
    }
    if phases.is_empty() { per_s(mean) } else { phases.join(", then ") }
}

fn crowd_words(phases: &[CrowdPhase]) -> String {
    let phase = |phase: &CrowdPhase| match (phase.from, phase.to) {
        (from, to) if from == to => format!("{} for {}", count(from.into()), span(phase.lasts)),
        (from, to) => format!("{} to {} over {}", count(from.into()), count(to.into()), span(phase.lasts)),
    };
    let mut told: Vec<String> = phases.iter().take(PHASES_TOLD_MAX).map(phase).collect();
    if phases.len() > PHASES_TOLD_MAX {
        told.push(format!("{} more", phases.len() - PHASES_TOLD_MAX));
    }
    told.join(", then ")
}

/// What is sent.
fn requests(plan: &PlanSummary) -> String {
    match (plan.different, plan.body_bytes) {
        (0 | 1, 0) => format!("{} {}", plan.method, plan.url),
        (0 | 1, body) => format!("{} {} with {}", plan.method, plan.url, bytes(body as u64)),
        (different, _) => format!("{} different requests, {}, {}", count(different as u64), plan.order, plan.url),
    }
}

fn tls_words(tls: &Tls) -> String {
    let trust = match (tls.verify, &tls.authorities) {
        (false, _) => "any certificate is taken".to_owned(),
        (true, None) => "verified by the system's authorities".to_owned(),
        (true, Some(path)) => format!("verified by {}", path.display()),
    };
    let sessions = match tls.sessions {
        TlsSessions::Resume => "sessions are resumed",
        TlsSessions::Full => "every handshake is a full one",
    };
    let ours = if tls.certificate.is_some() { ", with our certificate" } else { "" };
    let versions: Vec<&str> = tls.versions.iter().map(|version| version.name()).collect();
    format!("{}, {trust}{ours}; {sessions}; versions {}", tls.server_name, versions.join(" and "))
}

fn targets(plan: &PlanSummary) -> String {
    let names: Vec<String> = plan.targets.iter().map(ToString::to_string).collect();
    let all = match names.as_slice() {
        [_, _, ..] => format!("{} in turn", names.join(" and ")),
        _ => plan.target.to_string(),
    };
    plan.proxy.as_ref().map_or(all.clone(), |proxy| match plan.proxy_tunnel {
        true => format!("{all}, a tunnel through the proxy {proxy}"),
        false => format!("{all}, the proxy {proxy}"),
    })
}

fn until(plan: &PlanSummary) -> String {
    match (plan.requests, plan.duration) {
        (Some(requests), Some(time)) => format!("{} or {}", counted(requests, "request"), span(time)),
        (Some(requests), None) => counted(requests, "request"),
        (None, Some(time)) => format!("for {}", span(time)),
        (None, None) => "until stopped".to_owned(),
    }
}

fn close_words(plan: &PlanSummary) -> String {
    let http = if plan.wire.http10 { "; HTTP/1.0" } else { "" };
    let each = match plan.wire.requests_per_connection {
        Some((low, high)) if low == high && high > 1 => format!("{high} requests each, then: "),
        Some((low, high)) if high > 1 => format!("{low} to {high} requests each, then: "),
        _ => String::new(),
    };
    if let Some(most) = plan.wire.pipeline {
        return format!(
            "keep (connections stay open, with up to {} in flight on each)",
            counted(most.into(), "request")
        );
    }
    let policy = policy_words(plan.close);
    let policy = if each.is_empty() { policy.to_owned() } else { policy.replacen("one request each, ", "", 1) };
    let again = if plan.recycle { "; sockets are used again" } else { "" };
    format!("{each}{policy}{http}{again}")
}

fn policy_words(close: ClosePolicy) -> &'static str {
    match close {
        ClosePolicy::Keep => "keep (connections stay open)",
        ClosePolicy::Wait => "wait (one request each, the server closes first)",
        ClosePolicy::Fin => "fin (one request each, we close first)",
        ClosePolicy::Rst => "rst (one request each, we reset)",
        ClosePolicy::Half => "half (one request each, our FIN behind it; then the response is read)",
    }
}

fn ports_words(plan: &PlanSummary) -> String {
    if plan.is_of_a_file() {
        return "none".to_owned();
    }
    let who = match plan.ports {
        PortMode::Auto => "whatever fits",
        PortMode::Kernel => "kernel's choice",
        PortMode::Own => "own allocator",
    };
    let who = match (plan.port_range, plan.ports) {
        (Some((low, high)), _) => format!("{who} of {low}-{high}"),
        (None, PortMode::Own) => format!("{who}, outside of ip_local_port_range"),
        (None, PortMode::Auto | PortMode::Kernel) => who.to_owned(),
    };
    match plan.sources.as_slice() {
        [] => who,
        [one] => format!("{who}, from {one}"),
        [first, .., last] => format!("{who}, from {} addresses ({first} to {last})", plan.sources.len()),
    }
}
