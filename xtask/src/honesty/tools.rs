//! The testers: how each is asked for a load, and where it tells what.

use super::scenes::Load;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What a tester told. What it does not tell is `None`, or empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) complete: Option<f64>,
    pub(super) failed: Option<f64>,
    pub(super) not_2xx: Option<f64>,
    pub(super) body_bytes: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) max_ms: Option<f64>,
    /// Failures by kind, in words of ours.
    pub(super) kinds: Vec<(String, f64)>,
    /// Who closed how many connections first, likewise.
    pub(super) ends: Vec<(String, f64)>,
}

/// One tester.
#[derive(Clone, Copy)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// Does it count requests, or only time? Then some are under way when it ends.
    pub(super) counts: bool,
    /// How many digits it has: figures may be off by so much of themselves.
    pub(super) off_by: f64,
    /// Why it cannot be asked for this; `None` where it can.
    pub(super) lacks: fn(&Load) -> Option<&'static str>,
    pub(super) command: fn(&Path, &Load, &str, &Path) -> Command,
    pub(super) read: fn(&str) -> Told,
}

/// All that are known; the first is ours.
pub(super) const TOOLS: [Tool; 6] = [
    Tool { name: "quintet", counts: true, off_by: 0.0, lacks: |_| None, command: ours, read: read_ours },
    Tool { name: "wrk", counts: false, off_by: 0.01, lacks: wrk_lacks, command: wrk, read: read_wrk },
    Tool { name: "ab", counts: true, off_by: 0.0, lacks: ab_lacks, command: ab, read: read_ab },
    Tool { name: "h2load", counts: true, off_by: 0.0, lacks: h2load_lacks, command: h2load, read: read_h2load },
    Tool { name: "hey", counts: true, off_by: 0.0, lacks: hey_lacks, command: hey, read: read_hey },
    Tool { name: "oha", counts: true, off_by: 0.0, lacks: |_| None, command: oha, read: read_oha },
];

fn with(program: impl AsRef<std::ffi::OsStr>, args: &str) -> Command {
    let mut command = Command::new(program);
    command.args(args.split_whitespace());
    command
}

fn ours(program: &Path, load: &Load, url: &str, body: &Path) -> Command {
    let Load { requests, connections, timeout_s, .. } = load;
    let mut command =
        with(program, &format!("stress -n {requests} -c {connections} --timeout {timeout_s}s --json - {url}"));
    if load.closes {
        command.args(["--close", if load.ports_max.is_some() { "fin" } else { "wait" }]);
    }
    if load.ports_max.is_some() {
        command.args(["--ports", "kernel"]);
    }
    if let Some(rate) = load.rate {
        command.args(["--rate", &rate.to_string()]);
    }
    if load.body_bytes > 0 {
        command.arg(format!("--data=@{}", body.display()));
    }
    command
}

fn read_ours(text: &str) -> Told {
    let Ok(report) = serde_json::from_str::<Value>(text) else { return Told::default() };
    let at = |path: &str| report.pointer(path).and_then(Value::as_f64);
    let ms = |name: &str| at(&format!("/latency_us/{name}")).map(|micros| micros / 1e3);
    let not_2xx = report.get("statuses").map(|statuses| not_2xx(&counts(Some(statuses))));
    Told {
        complete: at("/requests/ok"),
        failed: at("/requests/failed"),
        not_2xx,
        body_bytes: at("/body_bytes"),
        p50_ms: ms("p50"),
        p99_ms: ms("p99"),
        max_ms: ms("max"),
        kinds: counts(report.get("errors")),
        ends: counts(report.get("closed_first")),
    }
}

/// Those of an object of numbers that are not 0.
fn counts(object: Option<&Value>) -> Vec<(String, f64)> {
    let all = object.and_then(Value::as_object).into_iter().flatten();
    let counts = all.filter_map(|(name, count)| Some((name.clone(), count.as_f64()?)));
    counts.filter(|(_, count)| *count > 0.0).collect()
}

/// How many of such counts are of responses with another status than 2xx.
fn not_2xx(statuses: &[(String, f64)]) -> f64 {
    sum(statuses.iter().filter(|(code, _)| !code.starts_with('2')))
}

fn sum<'c>(counts: impl IntoIterator<Item = &'c (String, f64)>) -> f64 {
    counts.into_iter().map(|(_, count)| count).sum()
}

fn wrk_lacks(load: &Load) -> Option<&'static str> {
    match load {
        Load { rate: Some(_), .. } => Some("no rate"),
        Load { body_bytes: 1.., .. } => Some("a body takes a script"),
        _ => None,
    }
}

fn wrk(_: &Path, load: &Load, url: &str, _: &Path) -> Command {
    let Load { connections, seconds, timeout_s, .. } = load;
    let mut command =
        with("wrk", &format!("-t 1 -c {connections} -d {seconds}s --timeout {timeout_s}s --latency {url}"));
    if load.closes {
        command.args(["-H", "Connection: close"]);
    }
    command
}

/// The number in a line that begins with `before`, behind it.
fn number(text: &str, before: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.trim_start().strip_prefix(before))?.trim_start();
    let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// `1.23ms`, `45.00us`, `2.00s`, in milliseconds.
fn millis(text: &str) -> Option<f64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let factor = match &text[end..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        _ => return None,
    };
    Some(text[..end].parse::<f64>().ok()? * factor)
}

/// The time in the word `nth` of the line that begins so.
fn time(text: &str, before: &str, nth: usize) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.trim_start().strip_prefix(before))?;
    millis(rest.split_whitespace().nth(nth)?.trim_end_matches(','))
}

/// What it calls requests are complete responses; what it reads, heads and bodies.
fn read_wrk(text: &str) -> Told {
    let line = text.lines().find(|line| line.contains(" requests in "));
    let complete = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
    let errors = text.lines().find_map(|line| line.trim().strip_prefix("Socket errors:"));
    let failed = errors.map_or(0.0, |errors| {
        errors.split(',').filter_map(|one| one.trim().rsplit(' ').next()?.parse::<f64>().ok()).sum()
    });
    Told {
        complete,
        failed: complete.map(|_| failed),
        not_2xx: complete.map(|_| number(text, "Non-2xx or 3xx responses:").unwrap_or(0.0)),
        body_bytes: None,
        p50_ms: time(text, "50%", 0),
        p99_ms: time(text, "99%", 0),
        max_ms: time(text, "Latency ", 2),
        ..Told::default()
    }
}

fn ab_lacks(load: &Load) -> Option<&'static str> {
    load.rate.map(|_| "no rate")
}

fn ab(_: &Path, load: &Load, url: &str, body: &Path) -> Command {
    let Load { requests, connections, timeout_s, .. } = load;
    // Errors do not end it, and bodies may differ.
    let mut command = with("ab", &format!("-q -r -l -n {requests} -c {connections} -s {timeout_s}"));
    if !load.closes {
        command.arg("-k");
    }
    if load.body_bytes > 0 {
        command.arg("-p").arg(body).args(["-T", "text/plain"]);
    }
    command.arg(url);
    command
}

/// Its "complete" are all that ended.
fn read_ab(text: &str) -> Told {
    let failed = number(text, "Failed requests:");
    let ended = number(text, "Complete requests:");
    Told {
        complete: ended.zip(failed).map(|(ended, failed)| ended - failed),
        failed,
        not_2xx: ended.map(|_| number(text, "Non-2xx responses:").unwrap_or(0.0)),
        body_bytes: number(text, "HTML transferred:"),
        p50_ms: number(text, "50% "),
        p99_ms: number(text, "99% "),
        max_ms: number(text, "100% "),
        ..Told::default()
    }
}

fn h2load_lacks(load: &Load) -> Option<&'static str> {
    match load {
        Load { closes: true, .. } => Some("connections are kept"),
        Load { rate: Some(_), .. } => Some("its rate is of connections"),
        _ => None,
    }
}

fn h2load(_: &Path, load: &Load, url: &str, body: &Path) -> Command {
    let Load { requests, connections, timeout_s, .. } = load;
    let mut command =
        with("h2load", &format!("--h1 -t 1 -n {requests} -c {connections} -T {timeout_s}s -N {timeout_s}s"));
    if load.body_bytes > 0 {
        command.arg("-d").arg(body);
    }
    command.arg(url);
    command
}

fn read_h2load(text: &str) -> Told {
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
        line.split(", ").find_map(|one| one.strip_suffix(name)?.trim().parse::<f64>().ok())
    };
    let codes = |class: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix("status codes: "))?;
        line.split(", ").find_map(|one| one.strip_suffix(class)?.trim().parse::<f64>().ok())
    };
    let not_2xx = ["3xx", "4xx", "5xx"].iter().map(|class| codes(class)).sum::<Option<f64>>();
    let complete = codes("2xx").zip(not_2xx).map(|(well, other)| well + other);
    let data = text.lines().find_map(|line| line.strip_prefix("traffic: "));
    let data = data.and_then(|line| line.rsplit_once('(')?.1.split(')').next()?.parse().ok());
    Told {
        complete,
        failed: of(" total").zip(complete).map(|(total, complete)| total - complete),
        not_2xx,
        body_bytes: data,
        p50_ms: None,
        p99_ms: None,
        max_ms: time(text, "time for request:", 1),
        ..Told::default()
    }
}

fn hey_lacks(load: &Load) -> Option<&'static str> {
    // One for each of its workers; here there is one.
    (load.rate.is_some() && load.connections > 1).then_some("its rate is of workers")
}

fn hey(_: &Path, load: &Load, url: &str, body: &Path) -> Command {
    let Load { requests, connections, timeout_s, .. } = load;
    let mut command = with("hey", &format!("-n {requests} -c {connections} -t {timeout_s} -disable-redirects"));
    if load.closes {
        command.arg("-disable-keepalive");
    }
    if let Some(rate) = load.rate {
        command.args(["-q", &rate.to_string()]);
    }
    if load.body_bytes > 0 {
        command.args(["-m", "POST", "-D"]).arg(body);
    }
    command.arg(url);
    command
}

/// It counts responses by status, and failures by their words; the bytes are those of bodies.
fn read_hey(text: &str) -> Told {
    // `  [200]\t20 responses`, and below "Error distribution:" `  [3]\tGet ...: EOF`.
    let bracketed = |line: &str| {
        let (inside, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
        Some((inside.to_owned(), rest.split_whitespace().next()?.to_owned()))
    };
    let below = |title: &str| text.split_once(title).map_or("", |(_, below)| below);
    let responses = below("Status code distribution:").split("Error distribution:").next().unwrap_or_default();
    let responses = responses.lines().filter_map(bracketed);
    let statuses: Vec<_> = responses.filter_map(|(code, count)| Some((code, count.parse().ok()?))).collect();
    let failures = below("Error distribution:").lines().filter_map(bracketed);
    let failed: f64 = failures.filter_map(|(count, _)| count.parse::<f64>().ok()).sum();
    let has_ended = text.contains("Summary:");
    let ms = |before: &str| number(text, before).map(|seconds| seconds * 1e3);
    Told {
        complete: has_ended.then(|| sum(&statuses)),
        failed: has_ended.then_some(failed),
        not_2xx: has_ended.then(|| not_2xx(&statuses)),
        body_bytes: number(text, "Total data:"),
        p50_ms: ms("50% in"),
        p99_ms: ms("99% in"),
        max_ms: ms("Slowest:"),
        ..Told::default()
    }
}

fn oha(_: &Path, load: &Load, url: &str, body: &Path) -> Command {
    let Load { requests, connections, timeout_s, .. } = load;
    let args = format!("-n {requests} -c {connections} -t {timeout_s}s -r 0 --no-tui --output-format json");
    let mut command = with("oha", &args);
    if load.closes {
        command.arg("--disable-keepalive");
    }
    if let Some(rate) = load.rate {
        command.args(["-q", &rate.to_string(), "--latency-correction"]);
    }
    if load.body_bytes > 0 {
        command.args(["-m", "POST", "-D"]).arg(body);
    }
    command.arg(url);
    command
}

fn read_oha(text: &str) -> Told {
    let Ok(report) = serde_json::from_str::<Value>(text) else { return Told::default() };
    let at = |path: &str| report.pointer(path).and_then(Value::as_f64);
    let ms = |path: &str| at(path).map(|seconds| seconds * 1e3);
    let of = |name: &str| report.get(name).map(|object| counts(Some(object)));
    let statuses = of("statusCodeDistribution");
    Told {
        complete: statuses.as_deref().map(sum),
        failed: of("errorDistribution").as_deref().map(sum),
        not_2xx: statuses.as_deref().map(not_2xx),
        body_bytes: at("/summary/totalData"),
        p50_ms: ms("/latencyPercentiles/p50"),
        p99_ms: ms("/latencyPercentiles/p99"),
        max_ms: ms("/summary/slowest"),
        ..Told::default()
    }
}
