//! A run in progress as metrics of Prometheus (text format 0.0.4).

use stats::Coarse;
use std::fmt::Write;
use stress_core::{ErrorKind, KernelCounter, Snapshot};

/// Everything that is known of a run at this moment; what is not known has no line.
pub fn metrics(at: &Snapshot) -> String {
    let mut text = String::new();
    counter(&mut text, "responses", "Complete responses", Some(at.ok));
    counter(&mut text, "failures", "Failed requests", Some(at.failed));
    counter(&mut text, "failures_here", "Failed requests for want of something on this host", Some(at.failed_here));
    counter(&mut text, "connections_opened", "Connections established", Some(at.opened));
    counter(&mut text, "time_waits", "Connections whose end left TIME_WAIT here", Some(at.time_waits));
    gauge(&mut text, "progress_ratio", "How much of the run is over", Some(at.progress()));
    gauge(&mut text, "elapsed_seconds", "Time since the start", Some(at.elapsed.as_secs_f64()));
    gauge(&mut text, "responses_per_second", "Complete responses per second of late", at.per_s_now);
    gauge(&mut text, "waiting", "Requests in flight after the end of the run", Some(at.waiting as f64));
    gauge(&mut text, "ports_time_wait", "4-tuples of the run in TIME_WAIT", at.ports.time_wait.map(|n| n as f64));
    gauge(&mut text, "ports_free", "Ports towards the target that nothing holds", at.ports.free.map(|n| n as f64));
    let gone_in = at.ports.gone_in.map(|time| time.as_secs_f64());
    gauge(&mut text, "ports_gone_in_seconds", "Until the last port is gone, at the rate of late", gone_in);
    let connect_s = at.connect_us.map(|us| us / 1e6);
    gauge(&mut text, "connect_cpu_seconds", "CPU time of one connect(2) of late", connect_s);
    let cores = at.cpu_percent.map(|percent| percent / 100.0);
    gauge(&mut text, "cpu_cores", "CPU that this process uses of late, in cores", cores);
    histogram(&mut text, &at.latency);
    quantiles(&mut text, &at.lately);
    each(&mut text, "responses_by_status", "Complete responses by status", "status", at.statuses.iter().copied());
    let kinds = at.errors.iter().copied();
    each(
        &mut text,
        "failures_by_kind",
        "Failed requests by kind",
        "kind",
        kinds.map(|(kind, n): (ErrorKind, u64)| (kind.name(), n)),
    );
    let counted = |counter: KernelCounter| Some((counter.name(), at.kernel.get(counter)?));
    let help = "What the kernel counted since the start, for all programs of this host";
    each(&mut text, "kernel_events", help, "event", KernelCounter::ALL.into_iter().filter_map(counted));
    text
}

/// Where buckets end, in microseconds: three in each power of ten.
const BOUNDS_US: [u64; 22] = [
    10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000,
    2_000_000, 5_000_000, 10_000_000, 20_000_000, 50_000_000, 60_000_000,
];

/// All latencies, within 3 %.
fn histogram(text: &mut String, latency: &Coarse) {
    let name = head(text, "latency_seconds", "Latency of complete responses, from when they were due", "histogram");
    let (mut seen, mut buckets) = (0, latency.buckets().peekable());
    for bound in BOUNDS_US {
        while let Some((_, count)) = buckets.next_if(|(upper_us, _)| *upper_us <= bound) {
            seen += count;
        }
        line(text, &format!("{name}_bucket{{le=\"{}\"}}", bound as f64 / 1e6), &seen.to_string());
    }
    line(text, &format!("{name}_bucket{{le=\"+Inf\"}}"), &latency.count().to_string());
    let sum_s: f64 = latency.buckets().map(|(upper_us, count)| upper_us as f64 / 1e6 * count as f64).sum();
    line(text, &format!("{name}_sum"), &sum_s.to_string());
    line(text, &format!("{name}_count"), &latency.count().to_string());
}

/// Of the last half second; none where nothing was complete.
fn quantiles(text: &mut String, lately: &Coarse) {
    let all = ["0.5", "0.9", "0.99", "0.999"].map(|share| (share, lately.quantile_us(share.parse().unwrap_or(0.5))));
    if lately.count() == 0 {
        return;
    }
    let name = head(text, "latency_of_late_seconds", "Latency of what was complete in the last half second", "gauge");
    for (share, us) in all {
        let us = us.unwrap_or_default();
        line(text, &format!("{name}{{quantile=\"{share}\"}}"), &(us / 1e6).to_string());
    }
}

/// A counter for each, by one label.
fn each<L: std::fmt::Display>(
    text: &mut String,
    name: &str,
    help: &str,
    label: &str,
    counts: impl Iterator<Item = (L, u64)>,
) {
    let mut counts = counts.peekable();
    if counts.peek().is_none() {
        return;
    }
    let name = head(text, &format!("{name}_total"), help, "counter");
    counts.for_each(|(of, count)| line(text, &format!("{name}{{{label}=\"{of}\"}}"), &count.to_string()));
}

fn counter(text: &mut String, name: &str, help: &str, value: Option<u64>) {
    if let Some(value) = value {
        push(text, &format!("{name}_total"), help, "counter", &value.to_string());
    }
}

fn gauge(text: &mut String, name: &str, help: &str, value: Option<f64>) {
    if let Some(value) = value {
        push(text, name, help, "gauge", &value.to_string());
    }
}

fn push(text: &mut String, name: &str, help: &str, kind: &str, value: &str) {
    let name = head(text, name, help, kind);
    line(text, &name, value);
}

/// What a metric is; its whole name.
fn head(text: &mut String, name: &str, help: &str, kind: &str) -> String {
    let name = format!("quintet_stress_{name}");
    let _memory = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
    name
}

fn line(text: &mut String, name: &str, value: &str) {
    let _memory = writeln!(text, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_unknown_has_no_line() {
        let at = Snapshot { ok: 7, elapsed: Duration::from_millis(1500), ..Snapshot::default() };
        let text = metrics(&at);
        assert!(
            text.contains("# TYPE quintet_stress_responses_total counter\nquintet_stress_responses_total 7\n"),
            "{text}"
        );
        assert!(text.contains("\nquintet_stress_elapsed_seconds 1.5\n") && !text.contains("ports_free"), "{text}");
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        assert!(
            lines.clone().all(|line| line.split(' ').count() == 2 && line.starts_with("quintet_stress_")),
            "{text}"
        );
        assert!(lines.count() >= 8);
    }

    #[test]
    fn latency_is_a_histogram_whose_buckets_add_up() {
        let mut at = Snapshot { statuses: vec![(200, 3), (503, 1)], ..Snapshot::default() };
        at.errors = vec![(ErrorKind::Timeout, 2)];
        for us in [15, 15, 3000, 3_600_000_000] {
            at.latency.record(Duration::from_micros(us));
            at.lately.record(Duration::from_micros(us));
        }
        let text = metrics(&at);
        for line in [
            "# TYPE quintet_stress_latency_seconds histogram",
            "quintet_stress_latency_seconds_bucket{le=\"0.00001\"} 0",
            "quintet_stress_latency_seconds_bucket{le=\"0.00002\"} 2",
            "quintet_stress_latency_seconds_bucket{le=\"0.005\"} 3",
            "quintet_stress_latency_seconds_bucket{le=\"60\"} 3",
            "quintet_stress_latency_seconds_bucket{le=\"+Inf\"} 4",
            "quintet_stress_latency_seconds_count 4",
            "quintet_stress_responses_by_status_total{status=\"503\"} 1",
            "quintet_stress_failures_by_kind_total{kind=\"target.timeout\"} 2",
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line} in {text}");
        }
        assert!(text.contains("quintet_stress_latency_of_late_seconds{quantile=\"0.5\"} 0.0000"), "{text}");
        let heads = text.lines().filter(|line| line.starts_with("# TYPE")).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(heads.len(), text.matches("# TYPE").count(), "each is declared once: {text}");
    }
}
