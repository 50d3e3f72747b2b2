//! Words that text and page of a simulation share.

use crate::number::span;
use std::time::Duration;
use tcp_model::simulate::{Cause, ConnectTimes, Output, Point, RawPlan};

/// One connect time, or all that are longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeRow {
    pub(super) label: String,
    pub(super) count: u64,
}

/// What was simulated, in two lines; `kernel` is the server's.
pub(super) fn scene(raw: &RawPlan, result: &Output, kernel: &str) -> String {
    let gateway = match (raw.nat.as_str(), raw.nat_addresses) {
        ("none", _) => "each with an address of its own".to_owned(),
        (policy, 1) => format!("behind one public address ({policy})"),
        (policy, count) => format!("behind {count} public addresses ({policy})"),
    };
    format!(
        "{} clients on Linux {}, {gateway}, and a server on {kernel}; {} s at {} connects per second, seed {}\n{}",
        result.clients,
        raw.client_kernel,
        result.duration_s,
        raw.rate,
        raw.seed,
        result.settings.join(", "),
    )
}

/// The times that occurred, shortest first; `rows_max` of them at most.
pub(super) fn time_rows(times: &ConnectTimes, rows_max: usize) -> Vec<TimeRow> {
    let all: Vec<(Duration, u64)> = times.distribution().collect();
    let shown = if all.len() > rows_max { rows_max - 1 } else { all.len() };
    let (singly, rest) = all.split_at(shown);
    let mut rows: Vec<TimeRow> =
        singly.iter().map(|(time, count)| TimeRow { label: span(*time), count: *count }).collect();
    if let (Some((first, _)), Some((last, _))) = (rest.first(), rest.last()) {
        let count = rest.iter().map(|(_, count)| count).sum();
        rows.push(TimeRow { label: format!("{} to {}", span(*first), span(*last)), count });
    }
    rows
}

/// A connect time, or a dash where no connect succeeded.
pub(super) fn time(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), span)
}

/// Causes that struck, most often first.
pub(super) fn causes(result: &Output) -> Vec<(Cause, u64)> {
    let mut causes: Vec<(Cause, u64)> = result.causes.iter().map(|(cause, count)| (*cause, *count)).collect();
    causes.retain(|(_, count)| *count > 0);
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    causes
}

/// The port budget at its worst: a name and a count each, those that say nothing left out.
pub(super) fn budget(result: &Output) -> Vec<(&'static str, u64)> {
    let fewest = |pick: fn(&Point) -> Option<u64>| result.series.iter().filter_map(pick).min();
    let if_any = |count: u64| (count > 0).then_some(count);
    [
        ("free at the gateway, at the lowest", fewest(|point| point.nat_ports_free)),
        ("free at the busiest client, at the lowest", fewest(|point| Some(point.client_ports_free))),
        ("TIME_WAITs at the server, at the most", Some(most_time_waits(result))),
        ("TIME_WAITs taken over at once", Some(result.taken_over)),
        ("gateway entries evicted", if_any(result.nat_evictions)),
        ("TIME_WAITs not kept (tcp_max_tw_buckets)", if_any(result.time_wait_overflows)),
    ]
    .into_iter()
    .filter_map(|(name, count)| Some((name, count?)))
    .collect()
}

fn most_time_waits(result: &Output) -> u64 {
    result.series.iter().map(|point| point.server_time_waits).max().unwrap_or(0)
}
