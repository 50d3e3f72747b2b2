//! The line shown while a run is in progress.

use crate::bars::gauge;
use crate::number::{count, counted, rate, rough, time_us};
use stress_core::{KernelCounter, Snapshot};

/// Columns of the gauge.
const WIDTH: usize = 20;

/// One line without a line break: gauge, time, rate now, and what went wrong.
pub fn progress(at: &Snapshot) -> String {
    if at.is_warming {
        return format!("warming up; {}", counted(at.opened, "connection"));
    }
    let gauge = gauge(at.progress(), WIDTH, "=", " ");
    let mut line =
        format!("[{gauge}] {:>5.1} s  {:>12}  {} ok", at.elapsed.as_secs_f64(), rate(at.per_s_now), count(at.ok),);
    if at.failed > 0 {
        line.push_str(&format!(", {} failed", count(at.failed)));
    }
    if at.failed_here > 0 {
        line.push_str(&format!(" ({} on this host)", count(at.failed_here)));
    }
    if at.waiting > 0 {
        line.push_str(&format!("; over, {} in flight are waited for", count(at.waiting)));
        return line;
    }
    line.push_str(&format!("; {}, {} left TIME_WAIT here", counted(at.opened, "connection"), count(at.time_waits)));
    if let Some(time) = at.ports.gone_in {
        let free = at.ports.free.map_or(String::new(), |free| format!("{} free, ", count(free)));
        line.push_str(&format!("; ports: {free}gone in {}", rough(time.as_secs_f64())));
    }
    line + &kernel(at)
}

/// What the kernel says, where it is anything.
fn kernel(at: &Snapshot) -> String {
    let connect = at.connect_us.map(|us| format!("; connect(2) {}", time_us(us)));
    let told = [
        (KernelCounter::SynRetransmits, "SYNs sent again"),
        (KernelCounter::ResetsSent, "resets sent"),
        (KernelCounter::ResetsMet, "resets met"),
        (KernelCounter::ListenDrops, "listen drops"),
    ];
    let count = |(counter, words): (KernelCounter, &str)| {
        let number = at.kernel.get(counter).filter(|number| *number > 0)?;
        Some(format!("; {} {words}", count(number)))
    };
    connect.into_iter().chain(told.into_iter().filter_map(count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use stress_core::snapshot::PortsNow;

    #[track_caller]
    fn check(at: Snapshot, expect: &str) {
        assert_eq!(progress(&at), expect);
    }

    #[test]
    fn the_line_tells_how_far_and_how_well() {
        let start = Snapshot { requests: Some(100), ..Snapshot::default() };
        check(start, "[                    ]   0.0 s             -  0 ok; 0 connections, 0 left TIME_WAIT here");
        let half = Snapshot {
            elapsed: Duration::from_millis(5000),
            duration: Some(Duration::from_secs(10)),
            ok: 150_000,
            failed: 1200,
            failed_here: 1000,
            opened: 50,
            time_waits: 7,
            per_s_now: Some(30_123.4),
            ..Snapshot::default()
        };
        check(
            half.clone(),
            "[==========          ]   5.0 s      30,123/s  150,000 ok, 1,200 failed (1,000 on this host); 50 connections, 7 left TIME_WAIT here",
        );
        let ports = PortsNow { time_wait: Some(7), free: Some(1500), gone_in: Some(Duration::from_millis(8200)) };
        let short = progress(&Snapshot { ports, ..half.clone() });
        assert!(short.ends_with("7 left TIME_WAIT here; ports: 1,500 free, gone in 8.2 s"), "{short}");
        let counts = [("TcpExt.TCPSynRetrans", 12), ("TcpExt.ListenDrops", 3)];
        let kernel = stress_core::KernelCounts::read(|name| {
            Some(counts.iter().find(|one| one.0 == name).map_or(0, |one| one.1))
        });
        let told = progress(&Snapshot { kernel, connect_us: Some(8.5), ..half });
        assert!(told.ends_with("TIME_WAIT here; connect(2) 8.5 us; 12 SYNs sent again; 3 listen drops"), "{told}");
        let drains = Snapshot { waiting: 4, ..Snapshot::default() };
        check(drains, "[                    ]   0.0 s             -  0 ok; over, 4 in flight are waited for");
        let over = Snapshot { ok: 250, requests: Some(100), ..Snapshot::default() };
        assert!(progress(&over).starts_with("[====================]"));
    }
}
