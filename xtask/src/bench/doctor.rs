//! The doctor on a host with very many TIME_WAITs, made by closing first towards a hundred addresses of the loopback.

use super::Scale;
use super::record::Table;
use anyhow::{Context, bail};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;
use sys::sock_diag::{Filter, SockDiag};

/// So many that no range fills: connect() would become slow.
const DESTINATIONS: usize = 100;

/// Walks the socket table, and runs the doctor from start to verdict. The network must be our own.
pub(super) fn run(quintet: &Path, scale: Scale) -> anyhow::Result<Vec<Table>> {
    for (name, value) in [
        ("net.ipv4.ip_local_port_range", "1024 65535"),
        ("net.ipv4.tcp_tw_reuse", "0"),
        ("net.ipv4.tcp_max_tw_buckets", "1000000"),
    ] {
        sys::sysctl::write(name, value)?;
    }
    let count = scale.time_waits;
    let mut walk = Table::of_ours(&format!("sock_diag: ms to walk {count} TIME_WAITs"), true, &["all sockets"]);
    let mut verdict = Table::of_ours(
        &format!("doctor: ms from start to verdict, {} and {count} TIME_WAITs, counters watched for 300 ms", count / 2),
        true,
        &["half of them", "all of them"],
    );
    for (row, wanted) in [count / 2, count].into_iter().enumerate() {
        make_time_waits(count / 2)?;
        for _ in 0..scale.rounds {
            verdict.add(row, look_ms(quintet, wanted)?);
        }
    }
    for _ in 0..scale.rounds {
        walk.add(0, walk_ms(count)?);
    }
    Ok(vec![walk, verdict])
}

/// On one thread: on the loopback a FIN has arrived when `close()` returns.
fn make_time_waits(count: usize) -> anyhow::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").context("a listener in our own network")?;
    for at in 0..count {
        let address = Ipv4Addr::new(127, 0, 0, 1 + (at % DESTINATIONS) as u8);
        let client = TcpStream::connect(SocketAddr::from((address, 80)))?;
        let (accepted, _) = listener.accept()?;
        drop(client);
        drop(accepted);
    }
    Ok(())
}

/// They live for 60 s: a sample that finds too few of them says nothing.
fn check_still_there(seen: usize, wanted: usize) -> anyhow::Result<()> {
    if seen < wanted * 9 / 10 {
        bail!("only {seen} of {wanted} TIME_WAITs are left: this host is too slow for so many rounds; use fewer");
    }
    Ok(())
}

fn walk_ms(wanted: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut seen = 0;
    SockDiag::open()?.for_each(&Filter::default(), |_| seen += 1)?;
    let took = begun.elapsed();
    check_still_there(seen, wanted)?;
    Ok(took.as_secs_f64() * 1e3)
}

fn look_ms(quintet: &Path, wanted: usize) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let output = Command::new(quintet).args(["doctor", "--json", "-"]).stdin(Stdio::null()).output()?;
    let took = begun.elapsed();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).context("the doctor's report")?;
    let seen = report["host"]["sockets"]["TIME_WAIT"].as_u64().unwrap_or(0);
    check_still_there(seen as usize, wanted)?;
    Ok(took.as_secs_f64() * 1e3)
}
