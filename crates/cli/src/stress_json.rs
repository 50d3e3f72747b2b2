//! The shape of `stress --json`. Other programs build on it: keys are added behind the others, never changed, and
//! every kind of error is there, zeroes included.

use ports::ClosedFirst;
use serde_json::{Map, Value, json};
use stats::Percentiles;
use stress_core::report::PlanSummary;
use stress_core::{ErrorKind, Report, TimeWaitOurs};

/// A report as JSON. What was not measured is `null`, never a made-up zero.
pub(crate) fn report_json(report: &Report) -> Value {
    let closed = |who| report.closed_first.count(who);
    let mut value = json!({
        "plan": plan(&report.plan),
        "duration_s": report.duration.as_secs_f64(),
        "requests": {
            "ok": report.requests.ok,
            "failed": report.requests.failed,
            "per_s": report.requests.per_s,
            "abandoned": report.requests.abandoned,
        },
        "latency_us": percentiles(report.latency_us.as_ref()),
        "connections": {
            "tried": report.connections.tried,
            "opened": report.connections.opened,
            "per_s": report.connections.per_s,
            "timestamps_asked": report.connections.timestamps_asked,
            "timestamps_seen": report.connections.timestamps_seen,
        },
        "errors": errors(report),
        "closed_first": {
            "server_fin": closed(ClosedFirst::PeerFin),
            "our_fin": closed(ClosedFirst::OurFin),
            "simultaneous": closed(ClosedFirst::Simultaneous),
            "rst_sent": closed(ClosedFirst::RstSent),
            "rst_received": closed(ClosedFirst::RstReceived),
        },
        "ports": ports(report),
        "connect_us": percentiles(report.connect_us.as_ref()),
        "statuses": report.statuses.iter().map(|(code, count)| (code.to_string(), Value::from(*count))).collect::<Map<_, _>>(),
        "stopped": report.stopped,
        "body_bytes": report.body_bytes,
        "client_limited": report.verdict.is_client_limited(),
        "notes": report.notes,
    });
    if let Some(error) = &report.http_error {
        value["http_error"] = Value::from(error.to_string());
    }
    value
}

fn ports(report: &Report) -> Value {
    let (count, why) = match &report.ports.time_wait_ours {
        TimeWaitOurs::Counted(count) => (Some(*count), None),
        TimeWaitOurs::Unknown(why) => (None, Some(why)),
    };
    let mut value = json!({
        "consumed_per_1000_requests": report.ports.consumed_per_1000_requests,
        "time_wait_ours": count,
        "refused": report.ports.refused,
    });
    if let Some(why) = why {
        value["time_wait_unknown"] = Value::from(why.as_str());
    }
    value
}

fn errors(report: &Report) -> Map<String, Value> {
    let count = |kind| report.errors.iter().find(|(seen, _)| *seen == kind).map_or(0, |(_, count)| *count);
    ErrorKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), Value::from(count(kind)))).collect()
}

fn percentiles(of: Option<&Percentiles>) -> Value {
    let value = |pick: fn(&Percentiles) -> f64| of.map(pick);
    json!({
        "p50": value(|of| of.p50),
        "p90": value(|of| of.p90),
        "p99": value(|of| of.p99),
        "p999": value(|of| of.p999),
        "max": value(|of| of.max),
    })
}

fn plan(plan: &PlanSummary) -> Value {
    json!({
        "url": plan.url,
        "target": plan.target.to_string(),
        "method": plan.method,
        "body_bytes": plan.body_bytes,
        "connections": plan.connections,
        "threads": plan.threads,
        "requests": plan.requests,
        "duration_s": plan.duration.map(|time| time.as_secs_f64()),
        "timeout_s": plan.timeout.as_secs_f64(),
        "close": plan.close.name(),
        "ports": plan.ports.name(),
        "sources": plan.sources.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
