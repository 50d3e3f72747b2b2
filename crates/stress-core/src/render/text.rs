//! The final report: summary, latency, connections, what failed, who closed, what it cost in ports.

use super::bars;
use super::numbers::{bytes, count, rate, significant, time_us};
use crate::report::{Report, TimeWaitOurs};
use ports::ClosedFirst;
use stats::Percentiles;

/// The whole report but the plan, which was shown before the run ([`super::render_plan`]): each section after an empty
/// line, ending with a line break.
pub fn render_text(report: &Report) -> String {
    let sections = [
        summary(report),
        latency(report),
        connects(report),
        statuses(report),
        errors(report),
        closes(report),
        ports(report),
        verdict(report),
    ];
    let full = sections.iter().filter(|lines| !lines.is_empty());
    let text: Vec<String> = full.map(|lines| lines.join("\n")).collect();
    text.join("\n\n") + "\n"
}

fn summary(report: &Report) -> Vec<String> {
    let requests = &report.requests;
    let early = if report.stopped { " (stopped before its end)" } else { "" };
    let mut lines = vec![
        "Summary".to_owned(),
        row("duration", format!("{:.3} s{early}", report.duration.as_secs_f64())),
        row("responses", format!("{} complete, {}", count(requests.ok), rate(requests.per_s))),
        row("failed", count(requests.failed)),
    ];
    if requests.abandoned > 0 {
        lines.push(row("abandoned", format!("{} in flight at the end", count(requests.abandoned))));
    }
    lines.push(row("body bytes", bytes(report.body_bytes)));
    lines
}

fn latency(report: &Report) -> Vec<String> {
    let Some(latency) = &report.latency_us else { return Vec::new() };
    let mut lines = vec!["Latency (from when a request is due to its complete response)".to_owned()];
    lines.extend(bars::lines(&report.latency_bars));
    lines.push(String::new());
    let shares = [
        ("50 %", latency.p50),
        ("75 %", latency.p75),
        ("90 %", latency.p90),
        ("95 %", latency.p95),
        ("99 %", latency.p99),
        ("99.9 %", latency.p999),
    ];
    lines.extend(shares.iter().map(|(share, us)| row(share, time_us(*us))));
    lines.push(spread(latency));
    lines
}

fn spread(of: &Percentiles) -> String {
    let [min, mean, deviation, max] = [of.min, of.mean, of.deviation, of.max].map(time_us);
    row("spread", format!("min {min}, mean {mean}, deviation {deviation}, max {max}"))
}

fn connects(report: &Report) -> Vec<String> {
    let of = &report.connections;
    let mut lines = vec!["Connections".to_owned()];
    lines.push(row("opened", format!("{} of {} tried, {}", count(of.opened), count(of.tried), rate(of.per_s))));
    if let Some(time) = &report.connect_us {
        let [p50, p99] = [time.p50, time.p99].map(time_us);
        lines.push(row("connect time", format!("50 % {p50}, 99 % {p99}")));
        lines.push(spread(time));
    }
    if of.timestamps_asked > 0 {
        let share = format!("{} of {} looked at", count(of.timestamps_seen), count(of.timestamps_asked));
        lines.push(row("timestamps", format!("negotiated on {share}")));
    }
    lines
}

fn statuses(report: &Report) -> Vec<String> {
    if report.statuses.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["Status codes".to_owned()];
    lines.extend(report.statuses.iter().map(|(code, number)| row(&code.to_string(), count(*number))));
    lines
}

fn errors(report: &Report) -> Vec<String> {
    if report.errors.is_empty() && report.oddities.is_empty() {
        return Vec::new();
    }
    let mut lines = vec!["Errors".to_owned()];
    for (kind, number) in &report.errors {
        lines.push(row(kind.name(), format!("{} ({})", count(*number), kind.meaning())));
        let of_kind = report.faults.iter().filter(|(fault, _)| crate::ErrorKind::from(*fault) == *kind);
        lines.extend(of_kind.map(|(fault, number)| row("", format!("{} {fault}", count(*number)))));
    }
    lines.extend(report.http_error.iter().map(|error| row("", format!("the first: {error}"))));
    lines.extend(
        report
            .oddities
            .iter()
            .map(|(what, number)| row("also seen", format!("{} ({})", count(*number), what.meaning()))),
    );
    lines
}

fn closes(report: &Report) -> Vec<String> {
    if report.closed_first.total() == 0 {
        return Vec::new();
    }
    let mut lines = vec!["Who closed first".to_owned()];
    let seen = ClosedFirst::ALL.into_iter().filter(|who| report.closed_first.count(*who) > 0);
    lines.extend(seen.map(|who| {
        let (name, meaning) = close_words(who);
        row(name, format!("{} ({meaning})", count(report.closed_first.count(who))))
    }));
    lines
}

fn close_words(who: ClosedFirst) -> (&'static str, &'static str) {
    match who {
        ClosedFirst::PeerFin => ("server FIN", "TIME_WAIT stays with the server"),
        ClosedFirst::OurFin => ("our FIN", "TIME_WAIT stays here"),
        ClosedFirst::Simultaneous => ("simultaneous", "TIME_WAIT on both sides"),
        ClosedFirst::RstSent => ("RST sent", "no TIME_WAIT"),
        ClosedFirst::RstReceived => ("RST received", "no TIME_WAIT"),
    }
}

fn ports(report: &Report) -> Vec<String> {
    let used = &report.ports;
    let per_1000 = used.consumed_per_1000_requests.map_or_else(|| "-".to_owned(), significant);
    let time_wait = match &used.time_wait_ours {
        TimeWaitOurs::Counted(number) => count(*number),
        TimeWaitOurs::Unknown(why) => format!("unknown: {why}"),
    };
    let mut lines = vec![
        "Ports".to_owned(),
        row("consumed", format!("{per_1000} per 1,000 requests")),
        row("TIME_WAIT", format!("{time_wait} of our 4-tuples")),
    ];
    if used.refused > 0 {
        lines.push(row("refused", format!("{} held by others; the next one was tried", count(used.refused))));
    }
    lines
}

fn verdict(report: &Report) -> Vec<String> {
    let mut lines = vec![format!("Verdict: {}", report.verdict)];
    lines.extend(report.notes.iter().map(|note| format!("  note: {note}")));
    let advice = report.verdict.advice(report.plan.close, report.plan.ports);
    lines.extend(advice.iter().map(|advice| format!("  try {advice}")));
    lines
}

fn row(name: &str, value: String) -> String {
    format!("  {name:<18} {value}")
}
