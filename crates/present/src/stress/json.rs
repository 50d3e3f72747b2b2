//! The shape of `stress --json`.

use super::forecast;
use crate::counts::{closes, object};
use serde_json::{Value, json};
use stats::Percentiles;
use stress_core::by_request::RequestSummary;
use stress_core::client::Led;
use stress_core::report::TlsReport;
use stress_core::{ErrorKind, Judged, KernelCounter, Report, SeriesPoint, TimeWaitOurs, moment};

/// Counts up when a key changes its meaning or goes; a key that is added changes nothing.
const SCHEMA_VERSION: u32 = 1;

/// Where the latency curve has its points.
const CURVE_PERCENT: [f64; 21] = [
    0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0, 92.5, 95.0, 97.5, 99.0, 99.5, 99.9, 99.95,
    99.99, 100.0,
];

/// A report as JSON.
pub(super) fn report(report: &Report) -> Value {
    let mut value = json!({
        "plan": report.plan,
        "duration_s": report.duration.as_secs_f64(),
        "requests": report.requests,
        "latency_us": latency(report),
        "connections": report.connections,
        "errors": errors(report),
        "closed_first": object(closes(&report.closed_first, "server")),
        "ports": ports(report),
        "connect_us": percentiles(report.parts.connect_us.as_ref()),
        "statuses": object(report.statuses.iter().map(|(code, count)| (code.to_string(), *count))),
        "stopped": report.stopped,
        "body_bytes": report.body_bytes,
        "verdict": verdict(report),
        "client": client(report),
        "kernel": kernel(report),
        "client_limited": report.verdict.is_client_limited(),
        "notes": report.notes,
        "drained_s": report.drained.as_secs_f64(),
        "connect_cpu_us": percentiles(report.parts.connect_cost_us.as_ref()),
        "busy": report.tester.busy,
        "also_seen": also_seen(report),
        "not_sent": report.not_sent,
        "forecast": report.forecast.as_ref().map(forecast::with_outcome),
        "by_request": by_request(report),
        "thresholds": report.thresholds.iter().map(threshold).collect::<Vec<_>>(),
        "unexpected_statuses": object(report.unexpected.iter().map(|(code, count)| (code.to_string(), *count))),
    });
    extend(&mut value, secured(report.tls.as_ref()));
    extend(&mut value, described(report));
    if let Some(error) = &report.http_error {
        value["http_error"] = Value::from(error.to_string());
    }
    extend(&mut value, led(&report.led));
    value
}

fn extend(value: &mut Value, more: Value) {
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
}

/// Where answers and proxies have led requests.
fn led(led: &Led) -> Value {
    json!({
        "redirects": led.redirects,
        "redirects_failed": object(led.astray.iter().map(|(why, count)| (why.name(), *count))),
        "cookies_set": led.cookies,
        "proxy_refusals": object(led.refusals.iter().map(|(why, count)| (why.as_str(), *count))),
    })
}

/// What came with the schema.
fn described(report: &Report) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "schema": SCHEMA_VERSION,
        "series": moment::series(&report.raw.timeline).iter().map(point).collect::<Vec<_>>(),
        "series_step_s": report.raw.timeline.seconds_each(),
        "latency_curve": curve(report),
        "unanswered": count(report, ErrorKind::Unanswered),
        "bytes": bytes(report),
        "host": report.host,
        "dns_us": report.parts.looked_up.map(|took| took.as_nanos() as f64 / 1000.0),
        "first_byte_us": percentiles(report.parts.first_byte_us.as_ref()),
        "by_hand": report.by_hand,
    })
}

/// Of each of several requests.
fn by_request(report: &Report) -> Vec<Value> {
    let one = |one: &RequestSummary| json!({ "name": one.name, "ok": one.ok, "failed": one.failed, "latency_us": percentiles(one.latency_us.as_ref()) });
    report.by_request.iter().map(one).collect()
}

/// What was seen is in the unit of the bound: seconds, a number, or per cent.
fn threshold(judged: &Judged) -> Value {
    json!({ "threshold": judged.threshold.text(), "seen": judged.seen, "kept": judged.kept })
}

fn secured(tls: Option<&TlsReport>) -> Value {
    let all = |tls: &TlsReport| {
        json!({
            "handshakes": tls.handshakes,
            "resumed": tls.resumed,
            "version": tls.suite.map(|(version, _)| version),
            "suite": tls.suite.map(|(_, suite)| suite),
            "reasons": object(tls.reasons.iter().map(|(why, count)| (why.as_str(), *count))),
        })
    };
    json!({ "tls_us": percentiles(tls.and_then(|tls| tls.handshake_us.as_ref())), "tls": tls.map(all) })
}

/// What limited the run, in words for programs and for people.
fn verdict(report: &Report) -> Value {
    json!({
        "kind": report.judgement.kind,
        "limiter": report.judgement.limiter,
        "text": report.verdict.to_string(),
        "evidence": report.judgement.evidence,
        "cures": report.advice,
    })
}

/// What the run cost this host.
fn client(report: &Report) -> Value {
    json!({
        "cpu_percent": report.tester.cpu_percent,
        "connect_us": percentiles(report.parts.connect_cost_us.as_ref()),
    })
}

/// Every counter; `null` where it was not read.
fn kernel(report: &Report) -> Value {
    let named =
        KernelCounter::ALL.into_iter().map(|counter| (counter.name().to_owned(), report.kernel.get(counter).into()));
    Value::Object(named.collect())
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

/// Every kind, also those that did not occur.
fn errors(report: &Report) -> Value {
    object(ErrorKind::ALL.into_iter().map(|kind| (kind.name(), count(report, kind))))
}

fn count(report: &Report, kind: ErrorKind) -> u64 {
    report.errors.iter().find(|(seen, _)| *seen == kind).map_or(0, |(_, count)| *count)
}

fn point(point: &SeriesPoint) -> Value {
    json!({
        "t_s": point.t_s,
        "ok": point.ok,
        "failed": point.failed,
        "p50": point.p50,
        "p99": point.p99,
        "max": point.max,
        "time_wait": point.time_wait,
        "connect_us": point.connect_us,
        "opened": point.opened,
    })
}

/// Latency by the share of responses that were not slower, close together where few are.
fn curve(report: &Report) -> Vec<Value> {
    let at = |percent: f64| {
        let us = report.raw.latency.quantile(percent / 100.0)?.as_nanos() as f64 / 1000.0;
        Some(json!({ "percent": percent, "us": us }))
    };
    CURVE_PERCENT.into_iter().filter_map(at).collect()
}

fn bytes(report: &Report) -> Value {
    json!({
        "received": report.received_bytes,
        "body": report.body_bytes,
        "received_per_s": stats::per_second(report.received_bytes, report.duration),
    })
}

/// Oddities and dialects that occurred.
fn also_seen(report: &Report) -> Value {
    let oddities = report.oddities.iter().map(|(what, count)| (what.name(), *count));
    object(oddities.chain(report.dialects.iter().map(|(dialect, count)| (dialect.name(), *count))))
}

/// In an open loop also from when the request was made, beside from when it was due.
fn latency(report: &Report) -> Value {
    let corrected = percentiles(report.latency_us.as_ref());
    if report.plan.rate_per_s.is_none() {
        return corrected;
    }
    let mut both = corrected.clone();
    both["corrected"] = corrected;
    both["uncorrected"] = percentiles(report.uncorrected_us.as_ref());
    both
}

/// The same keys where nothing was measured.
fn percentiles(of: Option<&Percentiles>) -> Value {
    let value = |pick: fn(&Percentiles) -> f64| of.map(pick);
    json!({
        "p50": value(|of| of.p50),
        "p90": value(|of| of.p90),
        "p99": value(|of| of.p99),
        "p999": value(|of| of.p999),
        "max": value(|of| of.max),
        "min": value(|of| of.min),
        "mean": value(|of| of.mean),
        "stddev": value(|of| of.deviation),
        "p75": value(|of| of.p75),
        "p95": value(|of| of.p95),
    })
}
