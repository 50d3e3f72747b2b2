//! CPU per request of the balancers, short and kept connections, under the same load.

use super::Scale;
use super::record::Table;
use super::stage::{CORE_OTHER, CORE_UNDER_TEST, Stage, installed};
use crate::configurations;
use anyhow::{Context, bail};
use lab::Role;
use lab::topology::{BALANCER, SERVER};
use std::net::SocketAddr;
use std::process::Command;
use sys::netns::Guest;

pub(super) const ORIGIN_PORT: u16 = 9000;
/// Connections of the load.
const CONNECTIONS: u32 = 64;
const REQUESTS_TO_WARM_UP: u64 = 2_000;

/// A balancer with its listening address.
pub(super) struct Peer {
    /// Name in tables.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    guest: Guest,
}

impl Peer {
    /// One that listens.
    pub(super) fn new(name: &'static str, address: SocketAddr, guest: Guest) -> Self {
        Self { name, address, guest }
    }

    /// The process under test.
    pub(super) fn pid(&mut self) -> u32 {
        self.guest.child().id()
    }
}

/// The kinds of load: name, the tester's close policy, how the scale counts it.
const LOADS: [(&str, &str); 2] = [("short connection", "wait"), ("keep-alive request", "keep")];

/// Measures all installed balancers, interleaved.
pub(super) fn run(stage: &Stage, scale: Scale) -> anyhow::Result<Vec<Table>> {
    let _origin = stage.nginx(Role::Server, SERVER, ORIGIN_PORT, CORE_OTHER)?;
    let mut peers = start_all(stage)?;
    peers.push(with_features(stage)?);
    peers.push(in_operation(stage)?);
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let mut cpu = LOADS.map(|(load, _)| Table::new(&format!("balancer: CPU us per {load}"), true, &names));
    let mut rate = LOADS.map(|(load, _)| Table::new(&format!("balancer: {load}s per second"), false, &names));
    for peer in &peers {
        load(stage, peer.address, "keep", REQUESTS_TO_WARM_UP)?;
    }
    for round in 0..scale.rounds {
        for (kind, (_, close)) in LOADS.iter().enumerate() {
            let requests = if *close == "keep" { scale.keep } else { scale.short };
            for (index, peer) in peers.iter_mut().enumerate() {
                let pid = peer.pid();
                let before = cpu_time(pid)?;
                let per_second = load(stage, peer.address, close, requests)?;
                let used = cpu_time(pid)? - before;
                cpu[kind].add(index, used.as_secs_f64() * 1e6 / requests as f64);
                rate[kind].add(index, per_second);
            }
        }
        eprintln!("balancers: round {} of {}", round + 1, scale.rounds);
    }
    Ok(cpu.into_iter().chain(rate).collect())
}

/// Starts our balancer and every installed peer, all towards one origin.
pub(super) fn start_all(stage: &Stage) -> anyhow::Result<Vec<Peer>> {
    let origin = SocketAddr::from((SERVER, ORIGIN_PORT));
    let at = |port| SocketAddr::from((BALANCER, port));
    let mut peers = vec![start(stage, "quintet", at(8080), &ours(stage, at(8080), origin)?)?];
    if installed("haproxy") {
        peers.push(start(stage, "haproxy", at(8081), &haproxy(stage, at(8081), origin)?)?);
    }
    if installed("nginx") {
        peers.push(start(stage, "nginx", at(8082), &nginx(stage, at(8082), origin)?)?);
    }
    Ok(peers)
}

fn start(stage: &Stage, name: &'static str, address: SocketAddr, program: &Command) -> anyhow::Result<Peer> {
    let guest = stage.serve(Role::Balancer, CORE_UNDER_TEST, program, address)?;
    Ok(Peer::new(name, address, guest))
}

/// Our own balancer with routes, checks, limits and rules about fields.
fn with_features(stage: &Stage) -> anyhow::Result<Peer> {
    let (listen, origin) = (SocketAddr::from((BALANCER, 8083)), SocketAddr::from((SERVER, ORIGIN_PORT)));
    let command = serve(stage, "quintet-features.toml", &configurations::with_features(listen, origin))?;
    start(stage, "quintet+features", listen, &command)
}

/// The same with an access log in JSON to a file, its writer's time included.
fn in_operation(stage: &Stage) -> anyhow::Result<Peer> {
    let at = |port| SocketAddr::from((BALANCER, port));
    let (listen, origin) = (at(8084), SocketAddr::from((SERVER, ORIGIN_PORT)));
    let log = stage.write("access.log", "")?;
    let text = configurations::in_operation(listen, origin, &log, &stage.path("admin"));
    start(stage, "quintet+operation", listen, &serve(stage, "quintet-operation.toml", &text)?)
}

fn ours(stage: &Stage, listen: SocketAddr, origin: SocketAddr) -> anyhow::Result<Command> {
    serve(stage, "quintet.toml", &configurations::plain(listen, origin))
}

fn serve(stage: &Stage, name: &str, text: &str) -> anyhow::Result<Command> {
    let path = stage.write(name, text)?;
    let mut command = Command::new(&stage.quintet);
    command.arg("serve").arg("--config").arg(path).args(["--workers", "1"]);
    Ok(command)
}

fn haproxy(stage: &Stage, listen: SocketAddr, origin: SocketAddr) -> anyhow::Result<Command> {
    let text = format!(
        "global\n  nbthread 1\n  maxconn 9000\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  \
         timeout server 60s\n  http-reuse always\n  option forwardfor\nfrontend f\n  bind {listen}\n  default_backend \
         b\nbackend b\n  server s {origin} pool-max-conn 1000\n"
    );
    let path = stage.write("haproxy.cfg", &text)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    Ok(command)
}

fn nginx(stage: &Stage, listen: SocketAddr, origin: SocketAddr) -> anyhow::Result<Command> {
    let text = format!(
        "{}\nhttp {{ access_log off; keepalive_requests 1000000000;\n upstream app {{ server {origin}; keepalive 256; \
         keepalive_requests 1000000000; }}\n server {{ listen {listen} reuseport backlog=4096; location / {{ proxy_pass \
         http://app; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header X-Forwarded-For \
         $proxy_add_x_forwarded_for; }} }} }}\n",
        stage.nginx_preamble("balancer")
    );
    let path = stage.write("nginx-balancer.conf", &text)?;
    let mut command = Command::new("nginx");
    command.arg("-c").arg(path);
    Ok(command)
}

/// Sends `requests`; how many per second it were. A failed request makes the run worthless, so it is an error.
fn load(stage: &Stage, to: SocketAddr, close: &str, requests: u64) -> anyhow::Result<f64> {
    let mut command = Command::new(&stage.quintet);
    command
        .args(["stress", "--json", "-", "--threads", "1", "--close", close])
        .args(["-c", &CONNECTIONS.to_string(), "-n", &requests.to_string()])
        .arg(format!("http://{to}/"));
    let text = stage.run_client(CORE_OTHER, &command)?;
    let report: serde_json::Value = serde_json::from_str(&text).context("reading the tester's report")?;
    let count = |name: &str| report["requests"][name].as_u64();
    if count("ok") != Some(requests) {
        bail!("{to}, close {close}: {requests} requests asked, report: {report}");
    }
    report["requests"]["per_s"].as_f64().context("requests.per_s in the tester's report")
}

pub(super) fn cpu_time(pid: u32) -> anyhow::Result<std::time::Duration> {
    sys::thread::cpu_time(pid).with_context(|| format!("reading the CPU time of process {pid}"))
}
