//! Curves of runs: over time, and by percentile.

use super::Run;
use crate::page::{Axes, Colour, Series, Upwards, curves_on};
use maud::{Markup, html};
use serde_json::Value;

/// In the order of runs.
const COLOURS: [Colour; super::RUNS_MAX] = [Colour::Blue, Colour::Orange, Colour::Violet, Colour::Red];
/// The last percentile at the axis: 99.99.
const NINES: f64 = 4.0;

fn series(report: &Value) -> &[Value] {
    report["series"].as_array().map_or(&[], Vec::as_slice)
}

/// How long each point of a run lasted: the last one may be cut short.
fn lasted(report: &Value, t_s: f64) -> f64 {
    let step = report["series_step_s"].as_f64().unwrap_or(1.0);
    (report["duration_s"].as_f64().unwrap_or(0.0) - t_s).clamp(0.0, step)
}

/// What a key counts, per second; a last second of less than a tenth says nothing of a rate.
fn per_second(report: &Value, key: &str) -> Vec<(f64, f64)> {
    let point = |point: &Value| {
        let (t_s, count) = (point["t_s"].as_f64()?, point[key].as_f64()?);
        let lasted = lasted(report, t_s);
        (lasted >= 0.1).then(|| (t_s, count / lasted))
    };
    series(report).iter().filter_map(point).collect()
}

fn values(report: &Value, key: &str) -> Vec<(f64, f64)> {
    let point = |point: &Value| Some((point["t_s"].as_f64()?, point[key].as_f64()?));
    series(report).iter().filter_map(point).collect()
}

fn one(name: &str, colour: Colour, points: Vec<(f64, f64)>) -> Series<'_> {
    Series { name, colour, points }
}

/// Each run in its colour.
fn each<'a>(runs: &'a [Run<'_>], points: impl Fn(&Value) -> Vec<(f64, f64)>) -> Vec<Series<'a>> {
    let name = |run: &'a Run<'_>| if runs.len() > 1 { run.name.as_str() } else { "" };
    runs.iter().zip(COLOURS).map(|(run, colour)| one(name(run), colour, points(run.report))).collect()
}

/// The time of all of these runs: their curves stand below each other.
fn over_time(runs: &[Run<'_>]) -> Axes {
    let number = |key: &str| runs.iter().filter_map(|run| run.report[key].as_f64()).fold(0.0, f64::max);
    Axes::seconds(number("duration_s")).with_step(number("series_step_s"))
}

pub(super) fn rate(run: &Run<'_>) -> Markup {
    let of = |key| per_second(run.report, key);
    let all = [one("complete", Colour::Blue, of("ok")), one("failed", Colour::Red, of("failed"))];
    curves_on("Responses per second", &all, &over_time(std::slice::from_ref(run)))
}

pub(super) fn latency(run: &Run<'_>) -> Markup {
    let of = |key| values(run.report, key);
    let all = [
        one("median", Colour::Blue, of("p50")),
        one("99th percentile", Colour::Orange, of("p99")),
        one("slowest", Colour::Violet, of("max")),
    ];
    curves_on("Latency", &all, &over_time(std::slice::from_ref(run)).by_decades())
}

pub(super) fn rates(runs: &[Run<'_>]) -> Markup {
    let drawn = |title, key| curves_on(title, &each(runs, |report| per_second(report, key)), &over_time(runs));
    html! { (drawn("Complete responses per second", "ok")) (drawn("Failed requests per second", "failed")) }
}

pub(super) fn latencies(runs: &[Run<'_>], key: &str, title: &str) -> Markup {
    curves_on(title, &each(runs, |report| values(report, key)), &over_time(runs).by_decades())
}

pub(super) fn ports(runs: &[Run<'_>]) -> Markup {
    let drawn = |title, of: &dyn Fn(&Value) -> Vec<(f64, f64)>| curves_on(title, &each(runs, of), &over_time(runs));
    html! {
        (drawn("Ports in TIME_WAIT that the run left here", &|report| values(report, "time_wait")))
        (drawn("Connections opened per second", &|report| per_second(report, "opened")))
        (drawn("CPU time of one connect(2), us", &|report| values(report, "connect_us")))
    }
}

/// By nines: the few slow responses get as much room as the many others.
pub(super) fn percentiles(runs: &[Run<'_>]) -> Markup {
    let place = |point: &Value| {
        let (percent, us) = (point["percent"].as_f64()?, point["us"].as_f64()?);
        let nines = if percent < 100.0 { -(1.0 - percent / 100.0).log10() } else { NINES };
        (nines <= NINES).then_some((nines, us))
    };
    let curve =
        |report: &Value| report["latency_curve"].as_array().into_iter().flatten().filter_map(place).collect::<Vec<_>>();
    let x_labels = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"].map(str::to_owned).to_vec();
    let axes = Axes { x_max: NINES, x_labels, upwards: Upwards::ByDecades, gap_max: f64::INFINITY };
    curves_on("Latency by percentile", &each(runs, curve), &axes)
}
