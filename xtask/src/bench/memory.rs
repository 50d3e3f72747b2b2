//! What an idle keep-alive connection costs the balancers in user memory.

use super::Scale;
use super::balancers::{Peer, start_all};
use super::record::Table;
use super::stage::{CORE_OTHER, Stage};
use anyhow::{Context, bail};
use lab::Role;
use lab::topology::SERVER;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: bench.example\r\n\r\n";
/// For the balancers to put their buffers away.
const SETTLE: Duration = Duration::from_millis(300);

/// Weighs each balancer before and after `scale.idle` connections had one request each and went idle.
pub(super) fn run(stage: &Stage, scale: Scale) -> anyhow::Result<Table> {
    let _origin = stage.nginx(Role::Server, SERVER, 9000, CORE_OTHER)?;
    let mut peers = start_all(stage)?;
    let names: Vec<_> = peers.iter().map(|peer| peer.name).collect();
    let mut table = Table::new("balancer: bytes of user memory per idle connection", true, &names);
    for (index, peer) in peers.iter_mut().enumerate() {
        table.add(index, weigh(stage, peer, scale.idle)?);
    }
    Ok(table)
}

fn weigh(stage: &Stage, peer: &mut Peer, connections: usize) -> anyhow::Result<f64> {
    // The first connection pays for what all share.
    let _first = exchange(stage.connect(Role::Client, peer.address)?)?;
    std::thread::sleep(SETTLE);
    let pid = peer.pid();
    let before = anonymous_bytes(pid)?;
    let mut idle = Vec::with_capacity(connections);
    for _ in 0..connections {
        idle.push(exchange(stage.connect(Role::Client, peer.address)?)?);
    }
    std::thread::sleep(SETTLE);
    let after = anonymous_bytes(pid)?;
    Ok((after - before) / idle.len() as f64)
}

fn exchange(mut stream: TcpStream) -> anyhow::Result<TcpStream> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(REQUEST)?;
    let mut bytes = [0; 4096];
    let len = stream.read(&mut bytes)?;
    if !bytes[..len].starts_with(b"HTTP/1.1 200") {
        bail!("not a 200: {:?}", String::from_utf8_lossy(&bytes[..len]));
    }
    Ok(stream)
}

/// RssAnon of a process (`/proc/PID/status`), in bytes.
fn anonymous_bytes(pid: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).context("RssAnon")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0)
}
