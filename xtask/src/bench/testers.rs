//! The testers against one nginx: requests per second, and per second of their own CPU.

use super::Scale;
use super::record::Table;
use super::stage::{CORE_OTHER, CORE_UNDER_TEST, Stage, installed};
use anyhow::{Context, bail};
use lab::Role;
use lab::topology::BALANCER;
use std::process::Command;
use std::time::{Duration, Instant};

const PORT: u16 = 9100;
const CONNECTIONS: &str = "64";

/// Fewer responses than this in a sample mean that something is wrong with it.
const COMPLETED_MIN: u64 = 1_000;

/// How long every tester runs per sample.
const SECONDS: &str = "2";

/// What kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Load {
    Short,
    Keep,
}

/// One way to ask for it: a name, a command, how to read the number of complete responses from its output.
struct Peer {
    name: &'static str,
    command: fn(&Stage, Load, &str) -> Command,
    completed: fn(&str) -> Option<u64>,
    loads: &'static [Load],
    program: Option<&'static str>,
}

const BOTH: &[Load] = &[Load::Short, Load::Keep];

const PEERS: [Peer; 5] = [
    Peer { name: "quintet", command: ours, completed: ours_completed, loads: BOTH, program: None },
    Peer {
        name: "quintet --ports own",
        command: ours_own_ports,
        completed: ours_completed,
        loads: BOTH,
        program: None,
    },
    Peer { name: "wrk", command: wrk, completed: wrk_completed, loads: BOTH, program: Some("wrk") },
    Peer { name: "ab", command: ab, completed: ab_completed, loads: BOTH, program: Some("ab") },
    Peer {
        name: "h2load",
        command: h2load,
        completed: h2load_completed,
        loads: &[Load::Keep],
        program: Some("h2load"),
    },
];

/// Measures all installed testers, interleaved.
pub(super) fn run(stage: &Stage, scale: Scale) -> anyhow::Result<Vec<Table>> {
    let _target = stage.nginx(Role::Balancer, BALANCER, PORT, CORE_OTHER)?;
    let url = format!("http://{BALANCER}:{PORT}/");
    let mut tables = Vec::new();
    for (load, what) in [(Load::Short, "short connections"), (Load::Keep, "keep-alive requests")] {
        let usable = |peer: &&Peer| peer.loads.contains(&load) && peer.program.is_none_or(installed);
        let peers: Vec<&Peer> = PEERS.iter().filter(usable).collect();
        let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
        let mut per_core = Table::new(&format!("tester: {what} per second of its CPU"), false, &names);
        let mut per_second = Table::new(&format!("tester: {what} per second"), false, &names);
        for round in 0..=scale.rounds {
            for (index, peer) in peers.iter().enumerate() {
                let sample = measure(stage, peer, load, &url)?;
                // The first round warms up.
                if round > 0 {
                    per_core.add(index, sample.requests / sample.cpu.as_secs_f64());
                    per_second.add(index, sample.requests / sample.wall.as_secs_f64());
                }
            }
            eprintln!("testers, {what}: round {round} of {}", scale.rounds);
        }
        tables.extend([per_core, per_second]);
    }
    Ok(tables)
}

struct Sample {
    requests: f64,
    cpu: Duration,
    wall: Duration,
}

fn measure(stage: &Stage, peer: &Peer, load: Load, url: &str) -> anyhow::Result<Sample> {
    let cpu_before = sys::thread::ended_children_cpu_time()?;
    let start = Instant::now();
    let text = stage.run_client(CORE_UNDER_TEST, &(peer.command)(stage, load, url))?;
    let wall = start.elapsed();
    let cpu = sys::thread::ended_children_cpu_time()? - cpu_before;
    let completed = (peer.completed)(&text).with_context(|| format!("reading the output of {}:\n{text}", peer.name))?;
    if completed < COMPLETED_MIN {
        bail!("{} completed only {completed} requests:\n{text}", peer.name);
    }
    Ok(Sample { requests: completed as f64, cpu, wall })
}

fn ours(stage: &Stage, load: Load, url: &str) -> Command {
    let mut command = Command::new(&stage.quintet);
    let close = if load == Load::Short { "wait" } else { "keep" };
    command.args(["stress", "--json", "-", "--threads", "1", "-c", CONNECTIONS, "--close", close]);
    command.args(["-z", SECONDS, url]);
    command
}

fn ours_own_ports(stage: &Stage, load: Load, url: &str) -> Command {
    let mut command = ours(stage, load, url);
    // As wide as the kernel's, which by itself would be left to the other programs of the host.
    command.args(["--ports", "own", "--port-range", "1024-65535"]);
    command
}

fn ours_completed(text: &str) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_str(text).ok()?;
    report["requests"]["ok"].as_u64()
}

fn wrk(_: &Stage, load: Load, url: &str) -> Command {
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", CONNECTIONS, "-d", SECONDS]);
    if load == Load::Short {
        command.args(["-H", "Connection: close"]);
    }
    command.arg(url);
    command
}

/// `  40210 requests in 2.00s, 8.13MB read`
fn wrk_completed(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(" requests in "))?;
    line.split_whitespace().next()?.parse().ok()
}

fn ab(_: &Stage, load: Load, url: &str) -> Command {
    let mut command = Command::new("ab");
    command.args(["-q", "-c", CONNECTIONS, "-t", SECONDS, "-n", "10000000"]);
    if load == Load::Keep {
        command.arg("-k");
    }
    command.arg(url);
    command
}

/// `Complete requests:      20000`
fn ab_completed(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Complete requests:"))?;
    line.trim().parse().ok()
}

fn h2load(_: &Stage, _: Load, url: &str) -> Command {
    let mut command = Command::new("h2load");
    command.args(["--h1", "-t", "1", "-c", CONNECTIONS, "-D", SECONDS, url]);
    command
}

/// `requests: 60000 total, 60000 started, 60000 done, 60000 succeeded, 0 failed, ...`
fn h2load_completed(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests:"))?;
    let part = line.split(',').find(|part| part.contains("succeeded"))?;
    part.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_responses_is_read_from_each_peers_output() {
        assert_eq!(wrk_completed("x\n  40210 requests in 2.00s, 8MB read\n"), Some(40210));
        assert_eq!(ab_completed("Complete requests:      20000\nFailed requests: 0\n"), Some(20000));
        let h2load = "requests: 600 total, 600 started, 600 done, 599 succeeded, 1 failed, 0 errored, 0 timeout";
        assert_eq!(h2load_completed(h2load), Some(599));
        assert_eq!(ours_completed(r#"{"requests": {"ok": 7}}"#), Some(7));
        assert_eq!(ours_completed("nonsense"), None);
    }
}
