//! What it costs to join connections (`protocol = "tcp"`): CPU per message of 1 KiB each way, per MiB, and per connection.
//! HTTP is what is spoken, by our tester and nginx; between them nobody looks at it.

use super::Scale;
use super::balancers::{ORIGIN_PORT, Peer, cpu_time};
use super::record::Table;
use super::stage::{CORE_OTHER, CORE_UNDER_TEST, Stage, installed};
use anyhow::{Context, bail};
use lab::Role;
use lab::topology::{BALANCER, SERVER};
use std::net::SocketAddr;
use std::process::Command;

/// A kind of load.
struct Load {
    /// What is counted.
    unit: &'static str,
    path: &'static str,
    close: &'static str,
    connections: u32,
    count: fn(&Scale) -> u64,
}

const LOADS: [Load; 3] = [
    Load { unit: "answer of 1 KiB", path: "kib", close: "keep", connections: 64, count: |scale| scale.keep },
    Load { unit: "answer of 1 MiB", path: "mib", close: "keep", connections: 16, count: |scale| scale.keep / 20 },
    Load { unit: "connection", path: "", close: "wait", connections: 64, count: |scale| scale.short },
];

/// Measures all installed balancers, interleaved.
pub(super) fn run(stage: &Stage, scale: Scale) -> anyhow::Result<Vec<Table>> {
    let _origin = stage.nginx(Role::Server, SERVER, ORIGIN_PORT, CORE_OTHER)?;
    let mut peers = start_all(stage)?;
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let mut tables = LOADS.map(|load| Table::new(&format!("tcp relay: CPU us per {}", load.unit), true, &names));
    for round in 0..scale.rounds {
        for (table, load) in tables.iter_mut().zip(&LOADS) {
            for (index, peer) in peers.iter_mut().enumerate() {
                let (pid, count) = (peer.pid(), (load.count)(&scale));
                let before = cpu_time(pid)?;
                make(stage, peer.address, load, count)?;
                table.add(index, (cpu_time(pid)? - before).as_secs_f64() * 1e6 / count as f64);
            }
        }
        eprintln!("relay: round {} of {}", round + 1, scale.rounds);
    }
    Ok(tables.into())
}

/// Loads a balancer. An answer that is missing makes the run worthless, so it is an error.
fn make(stage: &Stage, to: SocketAddr, load: &Load, count: u64) -> anyhow::Result<()> {
    let mut command = Command::new(&stage.quintet);
    command
        .args(["stress", "--json", "-", "--threads", "1", "--close", load.close])
        .args(["-c", &load.connections.to_string(), "-n", &count.to_string()])
        .arg(format!("http://{to}/{}", load.path));
    let text = stage.run_client(CORE_OTHER, &command)?;
    let report: serde_json::Value = serde_json::from_str(&text).context("reading the tester's report")?;
    if report["requests"]["ok"].as_u64() != Some(count) {
        bail!("{to}, {}: {count} requests asked, report: {report}", load.unit);
    }
    Ok(())
}

/// Starts our balancer and every installed peer, all towards one origin.
fn start_all(stage: &Stage) -> anyhow::Result<Vec<Peer>> {
    let origin = SocketAddr::from((SERVER, ORIGIN_PORT));
    let at = |port| SocketAddr::from((BALANCER, port));
    let start = |name, address, program: &Command| {
        let guest = stage.serve(Role::Balancer, CORE_UNDER_TEST, program, address)?;
        anyhow::Ok(Peer::new(name, address, guest))
    };
    let mut peers = vec![start("quintet", at(8300), &ours(stage, at(8300), origin)?)?];
    if installed("haproxy") {
        peers.push(start("haproxy", at(8301), &haproxy(stage, at(8301), origin, "")?)?);
        let splicing = haproxy(stage, at(8302), origin, "  option splice-auto\n")?;
        peers.push(start("haproxy splice-auto", at(8302), &splicing)?);
    }
    Ok(peers)
}

fn ours(stage: &Stage, listen: SocketAddr, origin: SocketAddr) -> anyhow::Result<Command> {
    let text = format!(
        "[[listener]]\nname = \"relay\"\nbind = \"{listen}\"\nprotocol = \"tcp\"\nbackends = \"app\"\n\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{origin}\"]\n"
    );
    let path = stage.write("quintet-tcp.toml", &text)?;
    let mut command = Command::new(&stage.quintet);
    command.arg("serve").arg("--config").arg(path).args(["--workers", "1"]);
    Ok(command)
}

fn haproxy(stage: &Stage, listen: SocketAddr, origin: SocketAddr, more: &str) -> anyhow::Result<Command> {
    let text = format!(
        "global\n  nbthread 1\n  maxconn 4000\ndefaults\n  mode tcp\n{more}  timeout connect 5s\n  timeout client 60s\n  \
         timeout server 60s\nfrontend f\n  bind {listen}\n  default_backend b\nbackend b\n  server s {origin}\n"
    );
    let path = stage.write(&format!("haproxy-tcp-{}.cfg", listen.port()), &text)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    Ok(command)
}
