//! The testers against one nginx: requests, bodies and handshakes per second of their own CPU; the memory of many connections; how
//! near an open loop comes to its rate.

mod peers;

use super::Scale;
use super::record::Table;
use super::stage::{CORE_OTHER, CORE_UNDER_TEST, Stage, installed};
use anyhow::{Context, bail};
use lab::Role;
use lab::topology::BALANCER;
use peers::{Peer, Tester};
use std::process::Command;
use std::time::{Duration, Instant};

const PORT: u16 = 9100;
const PORT_TLS: u16 = 9143;

/// Fewer responses than this in a sample mean that something is wrong with it.
const COMPLETED_MIN: u64 = 200;

/// Kept connections that are weighed.
const MANY: &str = "10000";
/// How often a process is asked for its memory.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What an open loop is asked for.
const RATE: u32 = 50_000;

/// Where requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Plain(&'static str),
    Tls,
}

impl Target {
    fn url(self) -> String {
        match self {
            Self::Plain(path) => format!("http://{BALANCER}:{PORT}{path}"),
            Self::Tls => format!("https://{BALANCER}:{PORT_TLS}/"),
        }
    }
}

/// Measures all installed testers, interleaved.
pub(super) fn run(stage: &Stage, scale: Scale) -> anyhow::Result<Vec<Table>> {
    let _target = stage.nginx(Role::Balancer, BALANCER, PORT, CORE_OTHER)?;
    let _secured = stage.nginx_tls(Role::Balancer, BALANCER, PORT_TLS, CORE_OTHER)?;
    let mut tables = Vec::new();
    for kind in &peers::KINDS {
        tables.extend(compare(stage, scale, kind)?);
    }
    tables.push(memory(stage, scale)?);
    tables.push(open_loop(stage, scale)?);
    Ok(tables)
}

fn usable(peers: &'static [Peer]) -> Vec<&'static Peer> {
    peers.iter().filter(|peer| peer.tester.program().is_none_or(installed)).collect()
}

fn compare(stage: &Stage, scale: Scale, kind: &peers::Kind) -> anyhow::Result<[Table; 2]> {
    let (what, url, peers) = (kind.what, kind.target.url(), usable(kind.peers));
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let table = |per: &str| Table::against(&format!("tester: {what} per {per}"), false, &names, kind.against);
    let (mut per_core, mut per_second) = (table("second of its CPU"), table("second"));
    for round in 0..=scale.rounds {
        for (index, peer) in peers.iter().enumerate() {
            let sample = measure(stage, peer, &url)?;
            // The first round warms up.
            if round > 0 {
                per_core.add(index, sample.requests / sample.cpu.as_secs_f64());
                per_second.add(index, sample.requests / sample.wall.as_secs_f64());
            }
        }
        eprintln!("testers, {what}: round {round} of {}", scale.rounds);
    }
    Ok([per_core, per_second])
}

struct Sample {
    requests: f64,
    cpu: Duration,
    wall: Duration,
}

fn measure(stage: &Stage, peer: &Peer, url: &str) -> anyhow::Result<Sample> {
    let cpu_before = sys::thread::ended_children_cpu_time()?;
    let start = Instant::now();
    let text = stage.run_client(CORE_UNDER_TEST, &peer.tester.command(stage, url))?;
    let wall = start.elapsed();
    let cpu = sys::thread::ended_children_cpu_time()? - cpu_before;
    let completed = peer.tester.completed(&text);
    let completed = completed.with_context(|| format!("reading the output of {}:\n{text}", peer.name))?;
    if completed < COMPLETED_MIN {
        bail!("{} completed only {completed} requests:\n{text}", peer.name);
    }
    Ok(Sample { requests: completed as f64, cpu, wall })
}

/// The most memory that each had with very many kept connections.
fn memory(stage: &Stage, scale: Scale) -> anyhow::Result<Table> {
    sys::limits::raise_file_limit();
    let peers = usable(&peers::KEPT);
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let title = format!("tester: MiB of memory at most, with {MANY} kept connections");
    let mut table = Table::against(&title, true, &names, "wrk");
    for _ in 0..scale.rounds.min(3) {
        for (index, peer) in peers.iter().enumerate() {
            let mut command = peer.tester.command(stage, &Target::Plain("/").url());
            command.args(["-c", MANY]);
            table.add(index, weigh(stage, &command).with_context(|| format!("weighing {}", peer.name))?);
        }
    }
    Ok(table)
}

fn weigh(stage: &Stage, command: &Command) -> anyhow::Result<f64> {
    let mut guest = stage.start_client(CORE_UNDER_TEST, command)?;
    let pid = guest.child().id();
    let mut most = None;
    while guest.child().try_wait()?.is_none() {
        // VmHWM of /proc/PID/status, in KiB; a process that ends has none any more.
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
        most = kib.or(most);
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(most.context("it ended before it was looked at")? / 1024.0)
}

/// What comes of a rate on one core.
fn open_loop(stage: &Stage, scale: Scale) -> anyhow::Result<Table> {
    let title = format!("tester: an open loop of {RATE} requests per second on one core");
    let mut table = Table::of_ours(&title, false, &["made, in percent", "99 % of latency, us"]);
    let rate = RATE.to_string();
    let tester = Tester::Ours(&["--close", "keep"]);
    for _ in 0..scale.rounds {
        let mut command = tester.command(stage, &Target::Plain("/").url());
        command.args(["-R", &rate]);
        let text = stage.run_client(CORE_UNDER_TEST, &command)?;
        let report: serde_json::Value = serde_json::from_str(&text).context("reading our report")?;
        let made = report["requests"]["per_s"].as_f64().context("a rate")?;
        table.add(0, made * 100.0 / f64::from(RATE));
        table.add(1, report["latency_us"]["p99"].as_f64().context("latencies")?);
    }
    Ok(table)
}
