//! A run in progress as metrics of Prometheus (text format 0.0.4).

use std::fmt::Write;
use stress_core::Snapshot;

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
    text
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
    let name = format!("quintet_stress_{name}");
    let _memory = writeln!(text, "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}");
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
}
