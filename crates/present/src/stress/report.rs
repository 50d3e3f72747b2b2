//! The report: summary, latency, connections, what failed, who closed, what it cost in ports.

use crate::number::{bytes, count, measured, rate, significant, span, time_us};
use crate::table::table;
use crate::text::{Text, Tone};
use ports::ClosedFirst;
use stats::Percentiles;
use std::time::Duration;
use stress_core::by_request::RequestSummary;
use stress_core::report::TlsReport;
use stress_core::{ErrorKind, KernelCounter, Report, TimeWaitOurs, Verdict, dialect_meaning};

/// Rows of requests that a person reads.
const REQUESTS_SHOWN_MAX: usize = 20;

/// With fewer the table of parts is told in words.
const PHASES_COLUMNS_MIN: usize = 72;

/// A wait for the last answers that a person notices.
const DRAINED_SHOWN_MIN: Duration = Duration::from_millis(100);

/// The whole report but the plan, which stands above it since before the run: each section after an empty line.
pub(super) fn text(report: &Report, mut text: Text, columns: usize) -> String {
    text.line("");
    push_summary(&mut text, report);
    push_latency(&mut text, report);
    push_phases(&mut text, report, columns);
    push_connects(&mut text, report);
    push_requests(&mut text, report, columns);
    push_statuses(&mut text, report);
    push_errors(&mut text, report);
    push_closes(&mut text, report);
    push_ports(&mut text, report);
    push_thresholds(&mut text, report);
    push_verdict(&mut text, report);
    text.finish()
}

fn push_summary(text: &mut Text, report: &Report) {
    let requests = &report.requests;
    let early = if report.stopped { " (stopped before its end)" } else { "" };
    text.line("Summary");
    text.row("duration", format!("{}{early}", measured(report.duration)));
    text.row("responses", format!("{} complete, {}", count(requests.ok), rate(requests.per_s)));
    text.row("failed", count(requests.failed));
    if report.not_sent > 0 {
        text.row(
            "not sent",
            format!("{} were due, but no connection was free (after a failure it pauses)", count(report.not_sent)),
        );
    }
    if let Some(redirects) = report.led.redirects.filter(|redirects| redirects.followed > 0) {
        let elsewhere = match redirects.elsewhere {
            0 => String::new(),
            some => format!(", {} of them to other hosts", count(some)),
        };
        text.row("redirects", format!("{} followed{elsewhere}", count(redirects.followed)));
    }
    if let Some(cookies) = report.led.cookies.filter(|cookies| *cookies > 0) {
        text.row("cookies", format!("{} set by answers", count(cookies)));
    }
    if report.drained >= DRAINED_SHOWN_MIN {
        text.row("grace", format!("{} after that for requests in flight", span(report.drained)));
    }
    text.row("body bytes", bytes(report.body_bytes));
    if let Some(per_s) = stats::per_second(report.received_bytes, report.duration) {
        text.row("received", format!("{}, {}/s", bytes(report.received_bytes), bytes(per_s as u64)));
    }
}

fn push_latency(text: &mut Text, report: &Report) {
    let Some(latency) = &report.latency_us else { return };
    text.section("Latency (from when a request is due to its complete response; steps of equal ratio)");
    let most = report.latency_bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    for bar in &report.latency_bars {
        text.bar(&format!("up to {}", time_us(bar.up_to_us)), bar.count, most, "");
    }
    text.gap();
    let shares = [
        ("50 %", latency.p50),
        ("75 %", latency.p75),
        ("90 %", latency.p90),
        ("95 %", latency.p95),
        ("99 %", latency.p99),
        ("99.9 %", latency.p999),
    ];
    shares.iter().for_each(|(share, us)| text.row(share, time_us(*us)));
    push_spread(text, latency);
    if let Some(made) = &report.uncorrected_us {
        let [p50, p99, max] = [made.p50, made.p99, made.max].map(time_us);
        text.row("uncorrected", format!("50 % {p50}, 99 % {p99}, max {max}: from when it was sent"));
    }
}

fn push_spread(text: &mut Text, of: &Percentiles) {
    let [min, mean, deviation, max] = [of.min, of.mean, of.deviation, of.max].map(time_us);
    text.row("spread", format!("min {min}, mean {mean}, deviation {deviation}, max {max}"));
}

/// Where the time of a request goes, part by part; in few columns each in words.
fn push_phases(text: &mut Text, report: &Report, columns: usize) {
    let tls = report.tls.as_ref().and_then(|tls| tls.handshake_us.as_ref());
    let parts = [
        ("connect", report.parts.connect_us.as_ref()),
        ("TLS handshake", tls),
        ("first byte", report.parts.first_byte_us.as_ref()),
        ("whole", report.latency_us.as_ref()),
    ];
    let measured: Vec<_> = parts.into_iter().filter_map(|(name, of)| Some((name, of?))).collect();
    if measured.is_empty() && report.parts.looked_up.is_none() {
        return;
    }
    let is_wide = columns >= PHASES_COLUMNS_MIN;
    let [min, mean, p50, p99, max] = ["min", "mean", "50 %", "99 %", "max"].map(|name| format!("{name:>10}"));
    let head =
        if is_wide { format!("{:<20}{min}{mean}{p50}{p99}{max}", "Where it goes") } else { "Where it goes".into() };
    text.section_as_it_is(&head);
    if let Some(took) = report.parts.looked_up {
        text.row("name resolution", format!("{}, once before the run", measured_us(took)));
    }
    for (name, of) in measured {
        let [min, mean, p50, p99, max] = [of.min, of.mean, of.p50, of.p99, of.max].map(time_us);
        match is_wide {
            true => text.line(format!("  {name:<18}{min:>10}{mean:>10}{p50:>10}{p99:>10}{max:>10}")),
            false => text.row(name, format!("min {min}, mean {mean}, 50 % {p50}, 99 % {p99}, max {max}")),
        }
    }
}

fn measured_us(took: Duration) -> String {
    time_us(took.as_nanos() as f64 / 1000.0)
}

fn push_connects(text: &mut Text, report: &Report) {
    let of = &report.connections;
    text.section("Connections");
    text.row("opened", format!("{} of {} tried, {}", count(of.opened), count(of.tried), rate(of.per_s)));
    if of.sockets_reused > 0 {
        text.row("sockets", format!("{} of them used again", count(of.sockets_reused)));
    }
    report.tls.iter().for_each(|tls| push_tls(text, tls));
    if let Some(cost) = &report.parts.connect_cost_us {
        let [p50, p99, max] = [cost.p50, cost.p99, cost.max].map(time_us);
        text.row("connect() itself", format!("50 % {p50}, 99 % {p99}, max {max} of CPU on this host"));
    }
    if of.timestamps_asked > 0 {
        let share = format!("{} of {} looked at", count(of.timestamps_seen), count(of.timestamps_asked));
        text.row("timestamps", format!("negotiated on {share}"));
    }
}

/// Of many the first; all are in the JSON.
fn push_requests(text: &mut Text, report: &Report, columns: usize) {
    if report.by_request.is_empty() {
        return;
    }
    text.section("Requests");
    let time = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), time_us);
    let row = |one: &RequestSummary| {
        let latency = one.latency_us.as_ref();
        let [p50, p99] = [latency.map(|of| of.p50), latency.map(|of| of.p99)].map(time);
        vec![one.name.clone(), count(one.ok), count(one.failed), p50, p99]
    };
    let header = [("request", 60), ("complete", 100), ("failed", 100), ("50 %", 100), ("99 %", 100)];
    text.block(&table(columns, &header, report.by_request.iter().take(REQUESTS_SHOWN_MAX).map(row)));
    if let Some(more) = report.by_request.len().checked_sub(REQUESTS_SHOWN_MAX).filter(|more| *more > 0) {
        text.line(format!("  and {} more, which --json tells", count(more as u64)));
    }
}

fn push_tls(text: &mut Text, tls: &TlsReport) {
    if tls.handshake_us.is_none() {
        return;
    }
    let suite = tls.suite.map_or_else(String::new, |(version, suite)| format!("; {version}, {suite}"));
    text.row("sessions", format!("{} of {} resumed{suite}", count(tls.resumed), count(tls.handshakes)));
}

fn push_statuses(text: &mut Text, report: &Report) {
    if !report.statuses.is_empty() {
        text.section("Status codes");
    }
    report.statuses.iter().for_each(|(code, number)| text.row(&code.to_string(), count(*number)));
}

fn push_errors(text: &mut Text, report: &Report) {
    if !report.errors.is_empty() || !report.oddities.is_empty() || !report.dialects.is_empty() {
        text.section("Errors");
    }
    for (kind, number) in &report.errors {
        text.row(kind.name(), format!("{} ({})", count(*number), kind.meaning()));
        let of_kind = report.faults.iter().filter(|(fault, _)| ErrorKind::from(*fault) == *kind);
        // What a proxy says is told in its own words.
        let of_kind = of_kind.filter(|_| *kind != ErrorKind::Proxy);
        of_kind.for_each(|(fault, number)| text.row("", format!("{} {fault}", count(*number))));
        let statuses = report.unexpected.iter().filter(|_| *kind == ErrorKind::Status);
        statuses.for_each(|(status, number)| text.row("", format!("{} of {status}", count(*number))));
        let refusals = report.led.refusals.iter().filter(|_| *kind == ErrorKind::Proxy);
        refusals.for_each(|(why, number)| text.row("", format!("{} {why}", count(*number))));
        let astray = report.led.astray.iter().filter(|_| *kind == ErrorKind::Redirect);
        astray.for_each(|(why, number)| text.row("", format!("{} {}", count(*number), why.meaning())));
        let reasons = report.tls.iter().flat_map(|tls| &tls.reasons).filter(|_| *kind == ErrorKind::Tls);
        reasons.for_each(|(why, number)| text.row("", format!("{} {why}", count(*number))));
    }
    report.http_error.iter().for_each(|error| text.row("", format!("the first: {error}")));
    for (what, number) in &report.oddities {
        text.row("also seen", format!("{} ({})", count(*number), what.meaning()));
    }
    for (dialect, number) in &report.dialects {
        text.row("also seen", format!("{} ({})", count(*number), dialect_meaning(*dialect)));
    }
}

fn push_closes(text: &mut Text, report: &Report) {
    if report.closed_first.total() > 0 {
        text.section("Who closed first");
    }
    for who in ClosedFirst::ALL {
        let (name, meaning) = close_words(who);
        let meaning = if report.plan.is_of_a_file() { "a socket file: no TIME_WAIT" } else { meaning };
        match report.closed_first.count(who) {
            0 => {}
            number => text.row(name, format!("{} ({meaning})", count(number))),
        }
    }
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

fn push_ports(text: &mut Text, report: &Report) {
    let used = &report.ports;
    let per_1000 = used.consumed_per_1000_requests.map_or_else(|| "-".to_owned(), significant);
    let time_wait = match &used.time_wait_ours {
        TimeWaitOurs::Counted(number) => count(*number),
        TimeWaitOurs::Unknown(why) => format!("unknown: {why}"),
    };
    text.section("Ports");
    if report.plan.is_of_a_file() {
        text.row("consumed", "none: connections to a socket file take none");
        return push_cpu(text, report);
    }
    text.row("consumed", format!("{per_1000} per 1,000 requests"));
    text.row("TIME_WAIT", format!("{time_wait} of our 4-tuples"));
    push_cpu(text, report);
    let counted = KernelCounter::ALL.into_iter().filter_map(|counter| Some((counter, report.kernel.get(counter)?)));
    let counted: Vec<_> = counted
        .filter(|(counter, number)| *number > 0 && *counter != KernelCounter::Segments)
        .map(|(counter, number)| format!("{} {}", count(number), counter.source()))
        .collect();
    if !counted.is_empty() {
        text.row("kernel", format!("{} (all programs of this host)", counted.join(", ")));
    }
    if used.refused > 0 {
        text.row("refused", format!("{} held by others; the next one was tried", count(used.refused)));
    }
}

fn push_cpu(text: &mut Text, report: &Report) {
    if let Some(cpu) = report.tester.cpu_percent {
        text.row("tester's CPU", format!("{} % of one core", significant(cpu)));
    }
}

/// Those that were not kept stand first, and are named as such.
fn push_thresholds(text: &mut Text, report: &Report) {
    let (kept, failed): (Vec<_>, Vec<_>) = report.thresholds.iter().partition(|one| one.kept);
    if !report.thresholds.is_empty() {
        let tone = if failed.is_empty() { Tone::Good } else { Tone::Bad };
        text.headline(tone, format!("Thresholds: {} kept, {} not", kept.len(), failed.len()));
    }
    failed.iter().for_each(|one| text.row("NOT KEPT", one));
    kept.iter().for_each(|one| text.row("kept", one));
}

fn push_verdict(text: &mut Text, report: &Report) {
    let tone = match report.verdict {
        Verdict::Clean => Tone::Good,
        Verdict::ErrorStatuses { .. } | Verdict::NothingMeasured => Tone::Uneasy,
        _ => Tone::Bad,
    };
    text.headline(tone, format!("Verdict: {}", report.verdict));
    report.notes.iter().for_each(|note| text.line(format!("  note: {note}")));
    report.advice.iter().for_each(|advice| text.line(format!("  try {advice}")));
}
