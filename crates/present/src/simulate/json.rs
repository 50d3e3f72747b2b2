//! The shape of `simulate --json`.

use crate::counts::object;
use serde_json::{Value, json};
use std::time::Duration;
use tcp_model::simulate::{Cause, Output};

/// A result as JSON.
pub(super) fn report(result: &Output) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let times = &result.connect_times;
    json!({
        "kernel": result.kernel,
        "settings": result.settings,
        "clients": result.clients,
        "duration_s": result.duration_s,
        "syns": result.syns,
        "connect_ms": { "p50": ms(times.quantile(0.5)), "p99": ms(times.quantile(0.99)), "max": ms(times.max()) },
        "causes": object(Cause::ALL.map(|cause| (cause.name(), result.cause(cause)))),
        "connects": {
            "tried": result.connects,
            "succeeded": times.total(),
            "delayed": times.delayed(),
            "failed": result.syns.failed,
            "waiting": result.waiting(),
            "stalled": result.stalled(),
            "slowed": result.slowed(),
        },
        "time_waits": { "taken_over": result.taken_over, "overflows": result.time_wait_overflows },
        "nat_evictions": result.nat_evictions,
        "events": result.events,
        "series": result.series,
    })
}
