//! The shape of `doctor --json`. Names of findings, fields and values are a promise to scripts.

use crate::counts::object;
use doctor_core::facts::DestinationUse;
use doctor_core::target::ReuseTry;
use doctor_core::{Diagnosis, HostFacts, TargetFacts};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The whole diagnosis.
pub(super) fn report(diagnosis: &Diagnosis) -> Value {
    json!({
        "verdict": diagnosis.verdict(),
        "findings": diagnosis.findings,
        "host": host(&diagnosis.host),
        "target": diagnosis.target.as_ref().map(|target| self::target(target, diagnosis)),
        "ports": diagnosis.outlooks,
        "balancer": diagnosis.balancer,
    })
}

/// One host.
pub(super) fn host(host: &HostFacts) -> Value {
    let sysctls: BTreeMap<&str, &str> = host.sysctls.iter().collect();
    let counters: BTreeMap<&str, u64> = host.counters.totals().collect();
    let not_seen: Vec<String> = host.gaps.iter().map(|gap| format!("{}: {}", gap.what, gap.remedy)).collect();
    json!({
        "kernel": host.release,
        "container": host.place.container,
        "network_namespace": host.place.namespace,
        "initial_namespace": host.place.initial_namespace,
        "port_range": [host.ports.low, host.ports.high],
        "ports_reserved": host.ports.reserved_count(),
        "ports_usable": host.capacity(),
        "sockets": host.sockets.by_state,
        "time_wait_outgoing": host.sockets.time_waits.outgoing,
        "time_wait_incoming": host.sockets.time_waits.incoming,
        "destinations": host.sockets.destinations.iter().map(destination).collect::<Vec<_>>(),
        "destinations_left_out": host.sockets.destinations_left_out,
        "sysctls": sysctls,
        "counters": object(counters),
        "conntrack": host.conntrack,
        "files": host.files,
        "not_seen": not_seen,
        "ports_held": host.sockets.ports_held,
        "bound_only": host.sockets.bound_only,
        "connect_errno": host.connect_try.map(|tried| tried.err().unwrap_or(0)),
        "loopback_up": host.loopback_up,
        "time_wait_s_max": host.time_wait_longest().as_secs_f64(),
    })
}

fn destination(to: &DestinationUse) -> Value {
    json!({
        "source": to.source,
        "destination": to.remote,
        "live": to.live,
        "syn_sent": to.syn_sent,
        "time_wait": to.time_wait,
        "fin_wait2": to.fin_wait2,
        "time_waits_per_s": to.time_waits_per_s(),
        "with_timestamps": to.with_timestamps,
        "without_timestamps": to.without_timestamps,
        "undercount_max": to.undercount_max,
        "syn_resent": to.syn_resent,
    })
}

fn target(target: &TargetFacts, diagnosis: &Diagnosis) -> Value {
    let handshake = target.handshake;
    let by_name: BTreeMap<&str, _> = target.closings.iter().map(|(probe, end)| (probe.name(), end)).collect();
    let closes_first: Map<String, Value> =
        by_name.iter().map(|(probe, end)| ((*probe).to_owned(), json!(end.by))).collect();
    json!({
        "url": target.url,
        "address": target.address,
        "unreachable": target.unreachable,
        "timestamps": handshake.timestamps,
        "sack": handshake.sack,
        "window_scale": handshake.window_scale,
        "connect_us_median": handshake.connect_us_median,
        "connect_us_max": handshake.connect_us_max,
        "syn_retransmits": handshake.syn_retransmits,
        "closes_first": closes_first,
        "closings": by_name,
        "keep_alive_asked": target.keep_alive.asked,
        "keep_alive_served": target.keep_alive.served,
        "keep_alive_announced": target.keep_alive.announced,
        "reusable_at_once": target.is_reusable_at_once(),
        "reopens_at_once": target.after_server_close.map(ReuseTry::worked_at_once),
        "connections": target.connections,
        "advice": diagnosis.tactic,
        "failed": target.failed,
        "speaks": target.speaks,
        "dead_addresses": target.dead.iter().map(|(address, why)| json!({ "address": address, "why": why })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use doctor_core::{Question, diagnose};

    #[test]
    fn the_fixed_points_are_there() {
        let question = Question { rate_per_s: Some(5000.0), ..Question::default() };
        let target =
            TargetFacts { url: "http://x/".into(), unreachable: Some("refused".into()), ..TargetFacts::default() };
        let json = report(&diagnose(HostFacts::default(), Some(target), question));
        let finding = &json["findings"][0];
        for key in ["id", "severity", "title", "evidence"] {
            assert!(finding[key].is_string(), "{key}: {finding}");
        }
        assert!(finding["cures"][0]["what"].is_string() && json["host"].is_object());
        assert!(json["target"]["timestamps"].is_boolean() && json["target"]["closes_first"].is_object());
        assert_eq!(json["target"]["reusable_at_once"], false);
        let alone = report(&diagnose(HostFacts::default(), None, Question::default()));
        assert!(alone["target"].is_null());
    }
}
