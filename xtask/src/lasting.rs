//! `cargo xtask lasting`: short connections at full speed for minutes, from one address across a veth pair, `--ports auto`. Not one may
//! fail, or find connect(2) slow; and when it is over, another program of that host connects as if nothing had been.

use crate::bench::{said_by, today};
use anyhow::{Context, bail, ensure};
use lab::topology::BALANCER;
use lab::{Role, Topology};
use serde_json::Value;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use sys::netns::Guest;

const PORT: u16 = 9000;
/// A call of connect(2) that takes more CPU time is slow, in microseconds: it searched for a port.
const SLOW_US: f64 = 1000.0;
/// Connects of another program, when it is over.
const NEIGHBOURS: u32 = 100;
/// Each of them, at most.
const NEIGHBOUR_PATIENCE: Duration = Duration::from_secs(1);
const START_PATIENCE: Duration = Duration::from_secs(10);
/// A day.
const MINUTES_MAX: f64 = 24.0 * 60.0;

/// Flags of `cargo xtask lasting`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct LastingArgs {
    /// Minutes that it takes.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Who closes: fin spends a port for each connection, which is what it is about.
    #[arg(long, default_value = "fin")]
    close: String,
    /// Use this program instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Record the run below bench/runs/.
    #[arg(long)]
    record: bool,
}

/// Runs it, and says what came of it.
pub(crate) fn run(args: &LastingArgs) -> anyhow::Result<()> {
    let minutes_min = 0.05;
    ensure!(
        (minutes_min..=MINUTES_MAX).contains(&args.minutes),
        "{} minutes: from {minutes_min} to a day",
        args.minutes
    );
    let program = crate::bench::program(args.binary.as_deref())?;
    sys::netns::enter_private().map_err(|why| anyhow::anyhow!("{why}"))?;
    let topology = Topology::build()?;
    let target = SocketAddr::from((BALANCER, PORT));
    let _origin = origin(&topology, &program, target)?;
    let report = load(&topology, &program, target, args)?;
    let neighbours = topology.run(Role::Client, || neighbours(target))?;
    let text = summary(args, &report, neighbours)?;
    println!("{text}");
    if args.record {
        println!("recorded in {}", record(args, &text, &report)?.display());
    }
    judge(&report, neighbours)
}

fn origin(topology: &Topology, program: &PathBuf, at: SocketAddr) -> anyhow::Result<Guest> {
    let mut command = Command::new(program);
    command.args(["origin", "--listen", &at.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let guest = topology.namespace(Role::Balancer).start_program(command).context("starting an origin")?;
    let until = Instant::now() + START_PATIENCE;
    while topology.run(Role::Client, || TcpStream::connect(at))?.is_err() {
        ensure!(Instant::now() < until, "the origin does not listen on {at}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(guest)
}

fn load(topology: &Topology, program: &PathBuf, target: SocketAddr, args: &LastingArgs) -> anyhow::Result<Value> {
    let mut command = Command::new(program);
    let time = format!("{}s", (args.minutes * 60.0).round());
    command.args(["stress", "--json", "-", "--threads", "1", "-c", "64", "--ports", "auto", "--close", &args.close]);
    command.args(["-z", &time, &format!("http://{target}/")]).stdin(Stdio::null());
    let output = topology.run(Role::Client, || command.output())?.context("running the tester")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // A run that failed has a report, too: what went wrong is read from it.
    serde_json::from_str(&text)
        .with_context(|| format!("reading the report:\n{text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// How many of another program's connects worked, and how long the slowest took.
fn neighbours(target: SocketAddr) -> (u32, Duration) {
    let (mut worked, mut slowest) = (0, Duration::ZERO);
    for _ in 0..NEIGHBOURS {
        let begun = Instant::now();
        worked += u32::from(TcpStream::connect_timeout(&target, NEIGHBOUR_PATIENCE).is_ok());
        slowest = slowest.max(begun.elapsed());
    }
    (worked, slowest)
}

fn number(report: &Value, path: &str) -> anyhow::Result<f64> {
    report.pointer(path).and_then(Value::as_f64).with_context(|| format!("the report has no {path}"))
}

fn judge(report: &Value, (worked, _): (u32, Duration)) -> anyhow::Result<()> {
    let (failed, slowest) = (number(report, "/requests/failed")?, number(report, "/connect_cpu_us/max")?);
    if failed > 0.0 {
        bail!("{failed} requests failed: {}", report["errors"]);
    }
    ensure!(slowest <= SLOW_US, "a connect(2) took {slowest} us of CPU time");
    ensure!(worked == NEIGHBOURS, "{worked} of {NEIGHBOURS} connects of another program worked");
    Ok(())
}

fn summary(args: &LastingArgs, report: &Value, (worked, slowest): (u32, Duration)) -> anyhow::Result<String> {
    let mut text = format!("# Short connections for {} minutes, --close {} --ports auto\n\n", args.minutes, args.close);
    let plan = &report["plan"];
    let _ = writeln!(text, "- ports: {} ({})", plan["ports"], plan["ports_why"]);
    let [ok, failed, per_s] = ["/requests/ok", "/requests/failed", "/requests/per_s"].map(|path| number(report, path));
    let _ = writeln!(text, "- connections: {} answered, {} failed, {:.0} per second", ok?, failed?, per_s?);
    let [p50, p99, max] = ["p50", "p99", "max"].map(|name| number(report, &format!("/connect_cpu_us/{name}")));
    let _ = writeln!(
        text,
        "- CPU time of connect(2) in us, of one call of eight: 50 % {}, 99 % {}, max {}",
        p50?, p99?, max?
    );
    let _ = writeln!(text, "- first seconds and last: {}", ends(report));
    let _ = writeln!(
        text,
        "- after it, another program: {worked} of {NEIGHBOURS} connects worked, the slowest within {} us",
        slowest.as_micros()
    );
    Ok(text)
}

/// Connections per second, and what each connect cost, at the beginning and at the end.
fn ends(report: &Value) -> String {
    let points = report["series"].as_array().map_or(&[][..], Vec::as_slice);
    let word = |point: &Value| format!("{} opened at {} us", point["opened"], point["connect_us"]);
    match points {
        [] => "none".to_owned(),
        [one] => word(one),
        [first, .., before_last, _cut_short] => format!("{}; {}", word(first), word(before_last)),
        [first, _] => word(first),
    }
}

/// Below bench/runs/, beside the benches; where.
fn record(args: &LastingArgs, text: &str, report: &Value) -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(format!("bench/runs/{}-lasting-{}", today()?, args.close));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let text = format!("{text}- kernel: {}; cores: {}\n", said_by("uname", &["-sr"])?, sys::thread::cores());
    std::fs::write(folder.join("summary.md"), text)?;
    std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(report)? + "\n")?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(failed: u32, slowest_us: f64, worked: u32, expect: Option<&str>) {
        let report = json!({
            "requests": {"failed": failed}, "errors": {"client.ports": failed}, "connect_cpu_us": {"max": slowest_us}
        });
        let judged = judge(&report, (worked, Duration::ZERO)).map_err(|why| why.to_string());
        match (judged, expect) {
            (Ok(()), None) => {}
            (Err(why), Some(expect)) => assert!(why.contains(expect), "{why}"),
            (judged, _) => panic!("{judged:?} for {expect:?}"),
        }
    }

    #[test]
    fn one_failure_one_slow_connect_or_one_refused_neighbour_is_too_much() {
        check(0, 900.0, NEIGHBOURS, None);
        check(1, 9.0, NEIGHBOURS, Some("client.ports"));
        check(0, 1200.0, NEIGHBOURS, Some("1200 us"));
        check(0, 9.0, NEIGHBOURS - 1, Some("99 of 100"));
    }
}
