//! What was sampled, in words and as a table.

use super::clients::Seen;
use super::house::Counted;
use super::secured;
use std::fmt::Write;
use std::path::PathBuf;

/// One second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Since the beginning.
    pub(super) at_s: u64,
    /// Anonymous memory of the process that serves.
    pub(super) memory_bytes: u64,
    /// Files that it has open.
    pub(super) files: u64,
    /// Requests answered since the last sample.
    pub(super) requests: u64,
    /// The slowest of a hundred of them.
    pub(super) p99_us: u64,
}

/// A paragraph, and a row per part of the time.
pub(super) fn summary(
    minutes: f64,
    fresh: &Sample,
    samples: &[Sample],
    (seen, over_tls): (&Seen, &secured::Seen),
    counted: &Counted,
) -> String {
    let mut text = format!(
        "# Soak of {minutes} minutes\n\n{} clients, {} requests answered, {} sent again by clients, {} lost; over TLS {} answered, {} \
         lost; {} reloads, {} hand-overs, servers killed or stopped {} times, {} requests spoilt by one that is never well, all \
         local ports towards one taken by somebody else {} times ({} connects found none), a name led elsewhere {} times, {} certificates.\n{} processes counted {} requests and {} responses.\n\n\
         | after | requests/s | p99, us (worst second) | memory, KiB | files |\n|---|---|---|---|---|\n\
         | 0 s | | | {} | {} |\n",
        seen.clients,
        seen.answered,
        seen.again,
        seen.lost,
        over_tls.answered,
        over_tls.failed,
        counted.reloads,
        counted.upgrades,
        counted.servers_disturbed,
        counted.requests_spoilt,
        counted.ports_taken,
        counted.portless,
        counted.names_changed,
        counted.certificates_changed,
        counted.processes,
        counted.requests,
        counted.responses,
        fresh.memory_bytes / 1024,
        fresh.files
    );
    for part in samples.chunks(samples.len().div_ceil(20).max(1)) {
        text += &row(part);
    }
    text
}

/// Some seconds in one.
fn row(part: &[Sample]) -> String {
    let most = |of: fn(&Sample) -> u64| part.iter().map(of).max().unwrap_or(0);
    let requests = part.iter().map(|one| one.requests).sum::<u64>() / part.len().max(1) as u64;
    let mut times: Vec<u64> = part.iter().map(|one| one.p99_us).collect();
    times.sort_unstable();
    let (median, worst) = (times.get(times.len() / 2).copied().unwrap_or(0), most(|one| one.p99_us));
    let (at, memory, files) = (most(|one| one.at_s), most(|one| one.memory_bytes) / 1024, most(|one| one.files));
    format!("| {at} s | {requests} | {median} ({worst}) | {memory} | {files} |\n")
}

/// Below bench/runs/, beside the benches; where.
pub(super) fn write(summary: &str, samples: &[Sample]) -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(format!("bench/runs/{}-soak", crate::bench::today()?));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("summary.md"), summary)?;
    let mut rows = "at_s,requests,p99_us,memory_bytes,files\n".to_owned();
    for one in samples {
        let _always = writeln!(rows, "{},{},{},{},{}", one.at_s, one.requests, one.p99_us, one.memory_bytes, one.files);
    }
    std::fs::write(folder.join("samples.csv"), rows)?;
    Ok(folder)
}
