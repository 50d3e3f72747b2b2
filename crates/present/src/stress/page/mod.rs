//! Reports of `stress --json` as one page: one run in full, or several over each other.

mod heat;
mod plots;

use crate::Made;
use crate::made::utc;
use crate::number::{bytes, count, rate, time_us};
use crate::page::{cards, document, faint_lines, prose};
use maud::{Markup, html};
use serde_json::Value;
use stats::Timeline;
use stress_core::{Moment, Report};

/// Runs that can be told apart by colour.
pub(super) const RUNS_MAX: usize = 4;

/// A run: what it is called, and its report.
pub(crate) struct Run<'a> {
    pub(crate) name: String,
    pub(crate) report: &'a Value,
}

/// The page of a run that is over.
pub(super) fn of_one(report: &Report, json: &Value, made: &Made) -> String {
    let run = Run { name: report.plan.url.clone(), report: json };
    let title = format!("quintet stress {}", report.plan.url);
    document(&title, &in_full(&run, &report.raw.timeline), made)
}

/// Several runs over each other, the figures side by side; `verdict` above all.
pub(super) fn of_several(runs: &[Run<'_>], verdict: &str, made: &Made) -> String {
    let body = html! {
        h1 { (verdict.lines().last().unwrap_or_default()) }
        (faint_lines(&runs.iter().map(|run| format!("{}: {}", run.name, plan_line(run.report))).collect::<Vec<_>>().join("\n")))
        h2 { "Figures" }
        (side_by_side(runs))
        h2 { "Over time" }
        (plots::rates(runs))
        (plots::latencies(runs, "p50", "Median latency"))
        (plots::latencies(runs, "p99", "99th percentile of latency"))
        h2 { "Latency" }
        (plots::percentiles(runs))
        h2 { "Ports" }
        (plots::ports(runs))
    };
    document("quintet compare", &body, made)
}

fn in_full(run: &Run<'_>, timeline: &Timeline<Moment>) -> Markup {
    let report = run.report;
    html! {
        h1 { (text(&report["verdict"]["text"])) }
        (faint_lines(&plan_line(report)))
        (cards(&figures(report)))
        (verdict(report))
        (thresholds(report))
        h2 { "Over time" }
        (plots::rate(run))
        (plots::latency(run))
        h2 { "Latency" }
        (parts(report))
        (plots::percentiles(std::slice::from_ref(run)))
        (heat::map(timeline))
        h2 { "Ports" }
        (plots::ports(std::slice::from_ref(run)))
        (table("Who closed first", &report["closed_first"], |name| name.replace('_', " ")))
        h2 { "Answers" }
        (table("Status codes", &report["statuses"], str::to_owned))
        (table("Failures", &report["errors"], str::to_owned))
        (table("Also seen", &report["also_seen"], |name| name.replace('_', " ")))
        h2 { "Plan and host" }
        (pairs(&report["plan"]))
        (host(&report["host"]))
    }
}

/// A value of the report for people; nothing where there is none.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => String::new(),
        Value::Array(all) => all.iter().map(text).filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", "),
        Value::Object(all) => {
            let said = all.iter().map(|(key, value)| (key.replace('_', " "), text(value)));
            said.filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| format!("{key} {value}"))
                .collect::<Vec<_>>()
                .join(", ")
        }
        number => number.as_f64().map_or_else(String::new, plain),
    }
}

/// Without a fraction where there is none.
fn plain(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 { format!("{number:.0}") } else { number.to_string() }
}

fn plan_line(report: &Value) -> String {
    let plan = &report["plan"];
    let rate =
        plan["rate_per_s"].as_f64().map_or_else(String::new, |asked| format!(", {} asked for", rate(Some(asked))));
    format!(
        "{} {}, {} connections on {} threads, close {}, ports {}{rate}",
        text(&plan["method"]),
        text(&plan["url"]),
        text(&plan["connections"]),
        text(&plan["threads"]),
        text(&plan["close"]),
        text(&plan["ports"]),
    )
}

fn time(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), time_us)
}

fn number(value: &Value) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), count)
}

fn figures(report: &Value) -> [(String, &'static str); 10] {
    let latency = &report["latency_us"];
    [
        (rate(report["requests"]["per_s"].as_f64()), "responses"),
        (number(&report["requests"]["ok"]), "complete"),
        (number(&report["requests"]["failed"]), "failed"),
        (number(&report["not_sent"]), "never sent"),
        (time(&latency["p50"]), "median latency"),
        (time(&latency["p99"]), "99th percentile"),
        (time(&latency["max"]), "slowest"),
        (number(&report["connections"]["opened"]), "connections"),
        (number(&report["ports"]["time_wait_ours"]), "in TIME_WAIT at the end"),
        (report["bytes"]["received"].as_u64().map_or_else(|| "-".to_owned(), bytes), "received"),
    ]
}

fn verdict(report: &Value) -> Markup {
    let items = |key: &str| report["verdict"][key].as_array().cloned().unwrap_or_default();
    let notes = report["notes"].as_array().cloned().unwrap_or_default();
    let (cures, class) = (items("cures"), if report["verdict"]["kind"] == "clean" { "blue" } else { "red" });
    html! {
        @if !(cures.is_empty() && notes.is_empty()) {
            section class=(class) {
                @if !notes.is_empty() { ul { @for note in &notes { li { (prose(&text(note))) } } } }
                @if !cures.is_empty() { h2 { "To try, least invasive first" } ol { @for cure in &cures { li { (prose(&text(cure))) } } } }
            }
        }
    }
}

fn thresholds(report: &Value) -> Markup {
    let all = report["thresholds"].as_array().cloned().unwrap_or_default();
    html! {
        @if !all.is_empty() {
            h2 { "Thresholds" }
            table.budget {
                @for one in &all {
                    tr {
                        th { code { (text(&one["threshold"])) } }
                        td { (seen(&text(&one["threshold"]), &one["seen"])) }
                        td { @if one["kept"] == true { "kept" } @else { b.red { "NOT KEPT" } } }
                    }
                }
            }
        }
    }
}

/// What was measured, in the unit of its bound.
fn seen(threshold: &str, seen: &Value) -> String {
    match (seen.as_f64(), threshold.chars().last()) {
        (None, _) => "nothing was measured".to_owned(),
        (Some(share), Some('%')) => format!("{share:.2} %"),
        (Some(seconds), Some('s')) => time_us(seconds * 1e6),
        (Some(number), _) => plain((number * 100.0).round() / 100.0),
    }
}

/// Where the time of a request goes.
fn parts(report: &Value) -> Markup {
    let keys = [
        ("connect", "connect_us"),
        ("TLS handshake", "tls_us"),
        ("first byte", "first_byte_us"),
        ("whole", "latency_us"),
    ];
    let measured: Vec<_> = keys.into_iter().filter(|(_, key)| report[*key]["p50"].is_number()).collect();
    html! {
        @if !measured.is_empty() {
            div.wide {
                table.budget.parts {
                    tr { th { b { "Where it goes" } } @for name in ["min", "mean", "50 %", "99 %", "max"] { td.faint { (name) } } }
                    @if report["dns_us"].is_number() { tr { th { "name resolution, once" } td { (time(&report["dns_us"])) } } }
                    @for (name, key) in measured {
                        tr { th { (name) } @for of in ["min", "mean", "p50", "p99", "max"] { td { (time(&report[key][of])) } } }
                    }
                }
            }
        }
    }
}

/// Counts by name, those that happened.
fn table(title: &str, counts: &Value, name: impl Fn(&str) -> String) -> Markup {
    let happened = counts.as_object().into_iter().flatten().filter(|(_, count)| count.as_u64() > Some(0));
    let rows: Vec<_> = happened.map(|(key, value)| (name(key), number(value))).collect();
    html! {
        @if rows.is_empty() { p { (title) ": none." } }
        @else { table.budget { tr { th { b { (title) } } th {} } @for (name, number) in rows { tr { th { (name) } td { (number) } } } } }
    }
}

fn pairs(of: &Value) -> Markup {
    let all = of.as_object().into_iter().flatten().map(|(key, value)| (key.replace('_', " "), text(value)));
    let said: Vec<_> = all.filter(|(_, value)| !value.is_empty()).collect();
    html! { dl { @for (key, value) in said { dt { (key) } dd { (value) } } } }
}

fn host(of: &Value) -> Markup {
    let mut of = of.clone();
    if let Some(unix_s) = of["started_unix_s"].as_u64() {
        of["started"] = utc(unix_s).into();
    }
    of.as_object_mut().map(|of| of.shift_remove("started_unix_s"));
    pairs(&of)
}

fn side_by_side(runs: &[Run<'_>]) -> Markup {
    let all: Vec<_> = runs.iter().map(|run| figures(run.report)).collect();
    html! {
        table.budget {
            tr { th {} @for run in runs { th { b { (run.name) } } } }
            @for (at, (_, name)) in all.first().into_iter().flatten().enumerate() {
                tr { th { (name) } @for of_run in &all { td { (of_run[at].0) } } }
            }
        }
    }
}
