//! The shape of `simulate --json`. Other programs build on it: keys are added behind the others, never changed, and
//! every cause is there, zeroes included. What did not happen has no time: `null`.

use serde_json::{Map, Value, json};
use std::time::Duration;
use tcp_model::simulate::{Cause, Output, Point};

/// A result as JSON.
pub(super) fn report(result: &Output) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let times = &result.connect_times;
    json!({
        "kernel": result.kernel,
        "settings": result.settings,
        "clients": result.clients,
        "duration_s": result.duration_s,
        "syns": {
            "sent": result.syns.sent,
            "accepted": result.syns.accepted,
            "dropped_silently": result.syns.dropped_silently,
            "challenged": result.syns.challenged,
            "failed": result.syns.failed,
        },
        "connect_ms": { "p50": ms(times.quantile(0.5)), "p99": ms(times.quantile(0.99)), "max": ms(times.max()) },
        "causes": causes(result),
        "connects": {
            "tried": result.connects,
            "succeeded": times.total(),
            "delayed": times.delayed(),
            "failed": result.syns.failed,
            "waiting": result.waiting(),
        },
        "time_waits": { "taken_over": result.taken_over, "overflows": result.time_wait_overflows },
        "nat_evictions": result.nat_evictions,
        "events": result.events,
        "series": result.series.iter().map(point).collect::<Vec<_>>(),
    })
}

fn causes(result: &Output) -> Map<String, Value> {
    Cause::ALL.iter().map(|cause| (cause.name().to_owned(), Value::from(result.cause(*cause)))).collect()
}

fn point(point: &Point) -> Value {
    json!({
        "at_s": point.at_s,
        "connects": point.connects,
        "failed": point.failed,
        "dropped_silently": point.dropped_silently,
        "challenged": point.challenged,
        "nat_ports_free": point.nat_ports_free,
        "client_ports_free": point.client_ports_free,
        "server_time_waits": point.server_time_waits,
    })
}
