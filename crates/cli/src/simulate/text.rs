//! A result for people: what became of the SYNs, how long connects took, which setting cost how many.

use std::fmt::Write as _;
use std::time::Duration;
use tcp_model::simulate::{Cause, ConnectTimes, Output, RawPlan};

const BAR_COLUMNS: usize = 30;
/// Different connect times shown; longer ones are summed up.
const TIMES_MAX: usize = 8;

/// One connect time, or all that are longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeRow {
    pub(super) label: String,
    pub(super) count: u64,
}

/// The whole result.
pub(super) fn report(raw: &RawPlan, result: &Output) -> String {
    let mut text = format!("{}\n\n", scene(raw, result));
    push_counts(&mut text, result);
    push_times(&mut text, &result.connect_times);
    push_causes(&mut text, result);
    push_budget(&mut text, result);
    text
}

/// What was simulated, in one or two lines.
pub(super) fn scene(raw: &RawPlan, result: &Output) -> String {
    let gateway = match (raw.nat.as_str(), raw.nat_addresses) {
        ("none", _) => "each with an address of its own".to_owned(),
        (policy, 1) => format!("behind one public address ({policy})"),
        (policy, count) => format!("behind {count} public addresses ({policy})"),
    };
    format!(
        "{} clients on Linux {}, {gateway}, and a server on Linux {}; {} s at {} connects per second, seed {}\n{}",
        result.clients,
        raw.client_kernel,
        result.kernel,
        result.duration_s,
        raw.rate,
        raw.seed,
        result.settings.join(", "),
    )
}

fn push_counts(text: &mut String, result: &Output) {
    let syns = &result.syns;
    let rows = [
        ("SYNs sent", syns.sent, None),
        ("  accepted", syns.accepted, Some(syns.sent)),
        ("  dropped silently", syns.dropped_silently, Some(syns.sent)),
        ("  answered by a challenge ACK", syns.challenged, Some(syns.sent)),
        ("connects tried", result.connects, None),
        ("  delayed by a second SYN", result.connect_times.delayed(), Some(result.connects)),
        ("  failed", syns.failed, Some(result.connects)),
        ("  still waiting at the end", result.waiting(), Some(result.connects)),
    ];
    for (name, count, whole) in rows {
        let share = whole.map(|whole| percent(count, whole)).unwrap_or_default();
        let _ = writeln!(text, "{name:<30} {count:>12} {share:>10}");
    }
}

/// `12.34 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    format!("{:.2} %", 100.0 * part as f64 / whole.max(1) as f64)
}

fn push_times(text: &mut String, times: &ConnectTimes) {
    let quantile = |share| times.quantile(share).map_or("-".to_owned(), in_ms);
    let _ = writeln!(
        text,
        "\nConnect time: median {}, 99th percentile {}, longest {}",
        quantile(0.5),
        quantile(0.99),
        times.max().map_or("-".to_owned(), in_ms),
    );
    for row in time_rows(times, TIMES_MAX) {
        push_bar(text, &row.label, row.count, times.total(), &percent(row.count, times.total()));
    }
}

/// The times that occurred, shortest first; `rows_max` of them at most.
pub(super) fn time_rows(times: &ConnectTimes, rows_max: usize) -> Vec<TimeRow> {
    let all: Vec<(Duration, u64)> = times.distribution().collect();
    let shown = if all.len() > rows_max { rows_max - 1 } else { all.len() };
    let (singly, rest) = all.split_at(shown);
    let mut rows: Vec<TimeRow> =
        singly.iter().map(|(time, count)| TimeRow { label: in_ms(*time), count: *count }).collect();
    if let (Some((first, _)), Some((last, _))) = (rest.first(), rest.last()) {
        let count = rest.iter().map(|(_, count)| count).sum();
        rows.push(TimeRow { label: format!("{} to {}", in_ms(*first), in_ms(*last)), count });
    }
    rows
}

fn in_ms(time: Duration) -> String {
    if time.subsec_micros().is_multiple_of(1000) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    }
}

/// Causes that struck, most often first.
pub(super) fn causes(result: &Output) -> Vec<(Cause, u64)> {
    let mut causes: Vec<(Cause, u64)> = result.causes.iter().map(|(cause, count)| (*cause, *count)).collect();
    causes.retain(|(_, count)| *count > 0);
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    causes
}

fn push_causes(text: &mut String, result: &Output) {
    let causes = causes(result);
    let most = causes.first().map_or(1, |(_, count)| *count);
    let _ = writeln!(text, "\nCauses{}", if causes.is_empty() { ": none" } else { "" });
    for (cause, count) in causes {
        push_bar(text, cause.name(), count, most, &format!("by {}", cause.setting()));
    }
}

/// Even one of many is seen.
fn push_bar(text: &mut String, name: &str, count: u64, whole: u64, note: &str) {
    let filled = (count as f64 / whole.max(1) as f64 * BAR_COLUMNS as f64).ceil() as usize;
    let _ = writeln!(text, "  {name:>26} {:<BAR_COLUMNS$} {count:>12}  {note}", "#".repeat(filled.min(BAR_COLUMNS)));
}

fn push_budget(text: &mut String, result: &Output) {
    let fewest = |pick: fn(&tcp_model::simulate::Point) -> Option<u64>| result.series.iter().filter_map(pick).min();
    text.push_str("\nPort budget\n");
    if let Some(free) = fewest(|point| point.nat_ports_free) {
        let _ = writeln!(text, "  free at the gateway, at the lowest       {free:>10}");
    }
    if let Some(free) = fewest(|point| Some(point.client_ports_free)) {
        let _ = writeln!(text, "  free at the busiest client, at the lowest {free:>9}");
    }
    let most = result.series.iter().map(|point| point.server_time_waits).max().unwrap_or(0);
    let _ = writeln!(text, "  TIME_WAITs at the server, at the most    {most:>10}");
    let _ = writeln!(text, "  TIME_WAITs taken over at once            {:>10}", result.taken_over);
    for (name, count) in [
        ("gateway entries evicted", result.nat_evictions),
        ("TIME_WAITs not kept (tcp_max_tw_buckets)", result.time_wait_overflows),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {name:<40} {count:>10}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tcp_model::simulate::simulate;

    fn run(change: impl Fn(&mut RawPlan)) -> (RawPlan, Output) {
        let mut raw = RawPlan { clients: 50, rate: 20, duration_s: 60, ..RawPlan::default() };
        change(&mut raw);
        let result = simulate(&raw.check().expect("a valid plan"));
        (raw, result)
    }

    #[test]
    fn a_quiet_scene_has_no_causes() {
        let (raw, result) = run(|raw| raw.nat = "none".to_owned());
        let text = report(&raw, &result);
        for words in ["an address of its own", "Causes: none", "busiest client", "0.00 %"] {
            assert!(text.contains(words), "{words:?} in {text}");
        }
        assert!(!text.contains("at the gateway"), "there is none: {text}");
    }

    #[test]
    fn a_loss_names_its_setting() {
        let (raw, result) = run(|raw| {
            raw.kernel = "2.6.32".to_owned();
            raw.client_kernel = "3.10".to_owned();
            raw.server_sysctls = vec![("tcp_tw_recycle".to_owned(), "1".to_owned())];
        });
        let text = report(&raw, &result);
        assert!(text.contains("recycle_older_timestamp") && text.contains("tcp_tw_recycle=1 on the server"), "{text}");
        let rows = time_rows(&result.connect_times, 3);
        assert!(rows.len() <= 3);
        assert_eq!(rows.iter().map(|row| row.count).sum::<u64>(), result.connect_times.total(), "nothing is left out");
    }
}
