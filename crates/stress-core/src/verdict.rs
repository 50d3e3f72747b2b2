//! What a run says about itself: was it the target that was measured, or this host?

use crate::error_kind::ErrorKind;
use crate::plan::{ClosePolicy, PortMode};
use crate::tally::Tally;
use core::fmt;
use core::time::Duration;
use ports::Blame;
use units::counted;

/// What holds the ports of a run that finds none, or none quickly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortsHeldBy {
    /// TIME_WAIT, of this run or of others.
    TimeWait,
    /// Connections that are open.
    Connections,
    /// Nobody: more than half of them are free, and no search for one is long.
    Nobody,
}

impl PortsHeldBy {
    /// In a run that keeps so many connections open over so many ports, of which so many are taken, where those are known.
    /// The kernel finds a port at once until half of them are taken: it looks at those of one parity first.
    pub fn of(connections: u32, ports: Option<u64>, taken: Option<u64>) -> Self {
        match (ports, taken) {
            (Some(ports), _) if u64::from(connections) > ports => Self::Connections,
            (Some(ports), Some(taken)) if taken * 2 < ports => Self::Nobody,
            _ => Self::TimeWait,
        }
    }
}

/// The verdict of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every request got its response.
    Clean,
    /// Every request got its response, but some say that the target refused or failed.
    ErrorStatuses {
        /// Responses with a status of 400 or above (RFC 9110 section 15).
        count: u64,
    },
    /// This host ran out of something: the figures say nothing about the target.
    ClientLimited {
        /// What ran out most often.
        by: ErrorKind,
        /// Requests that failed for want of anything here.
        failed: u64,
    },
    /// This host took long to open connections: latencies and rates say nothing about the target.
    SlowConnects {
        /// Calls of connect(2) that took more CPU time than [`crate::tally::SLOW_CONNECT`].
        slow: u64,
        /// Of so many.
        of: u64,
    },
    /// The target failed some requests.
    TargetFailed {
        /// The most frequent failure.
        by: ErrorKind,
        /// Requests the target failed.
        failed: u64,
    },
    /// In an open loop: requests that were due were not made, because every connection was busy.
    BehindRate {
        /// So many.
        not_sent: u64,
        /// Of so many that were due.
        of: u64,
    },
    /// In an open loop: every request was made, the last ones long after they were due.
    Late {
        /// How long.
        by: Duration,
    },
    /// Nothing was tried, or nothing got through before the run was stopped.
    NothingMeasured,
}

impl Verdict {
    /// Of a run with these counts. A shortage here outweighs everything else.
    pub fn of(tally: &Tally) -> Self {
        let failed_here = tally.failed_here();
        if failed_here > 0 {
            return Self::ClientLimited { by: most_frequent(tally, Blame::Here), failed: failed_here };
        }
        if tally.is_slow_here() {
            return Self::SlowConnects { slow: tally.slow_connects, of: tally.connect_cost.count() };
        }
        match tally.failed() {
            0 if tally.not_sent > 0 => Self::BehindRate { not_sent: tally.not_sent, of: tally.due() },
            0 if tally.ok == 0 => Self::NothingMeasured,
            0 if tally.is_behind() => Self::Late { by: tally.behind },
            0 => match error_statuses(tally) {
                0 => Self::Clean,
                count => Self::ErrorStatuses { count },
            },
            failed => Self::TargetFailed { by: most_frequent(tally, Blame::There), failed },
        }
    }

    /// As hoped: did every request get its response? What the responses say is for their reader to judge.
    pub fn is_good(self) -> bool {
        matches!(self, Self::Clean | Self::ErrorStatuses { .. })
    }

    /// Did this host limit the run?
    pub fn is_client_limited(self) -> bool {
        matches!(self, Self::ClientLimited { .. } | Self::SlowConnects { .. })
    }

    /// What to try, least invasive first.
    pub fn advice(self, close: ClosePolicy, ports: PortMode, held_by: PortsHeldBy) -> Vec<&'static str> {
        match self {
            Self::SlowConnects { .. } if held_by == PortsHeldBy::Nobody => {
                vec!["--close keep: fewer connections are opened"]
            }
            Self::ClientLimited { by: ErrorKind::ClientPorts, .. } | Self::SlowConnects { .. } => match held_by {
                PortsHeldBy::TimeWait | PortsHeldBy::Nobody => ports_advice(close, ports),
                PortsHeldBy::Connections => LIVE_ADVICE.to_vec(),
            },
            Self::ClientLimited { by: ErrorKind::ClientFiles, .. } => {
                vec!["raise the limit on open files (ulimit -n), or use fewer connections (-c)"]
            }
            Self::ClientLimited { by: ErrorKind::ClientMemory, .. } => {
                vec!["use fewer connections (-c); see net.ipv4.tcp_mem"]
            }
            Self::ClientLimited { .. } => vec!["a firewall rule or a security policy of this host forbids it"],
            Self::BehindRate { .. } | Self::Late { .. } => {
                vec!["-c: more connections, if the target answers more at once; else this is more than it can do"]
            }
            Self::TargetFailed { by: ErrorKind::Refused, .. } => {
                vec!["is the target listening on this address and port?"]
            }
            Self::TargetFailed { by: ErrorKind::Unanswered, .. } => {
                vec!["did the target freeze, or is it slower than the grace at the end of a run?"]
            }
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clean => f.write_str("clean: every request got its response"),
            Self::ErrorStatuses { count } => {
                write!(f, "every request got its response, {count} of them with a status of 400 or above")
            }
            Self::ClientLimited { by, failed } => {
                let failed = counted(*failed, "request");
                write!(f, "client-limited: {failed} failed on this host, first of all: {}", by.meaning())
            }
            Self::SlowConnects { slow, of } => write!(
                f,
                "client-limited: {slow} of {of} connect() calls took over {} us of CPU on this host",
                crate::tally::SLOW_CONNECT.as_micros()
            ),
            Self::TargetFailed { by, failed } => {
                let failed = counted(*failed, "request");
                write!(f, "the target failed {failed}, first of all: {}", by.meaning())
            }
            Self::BehindRate { not_sent, of } => {
                write!(f, "behind the rate: {not_sent} of {} that were due were never sent", counted(*of, "request"))
            }
            Self::Late { by } => write!(
                f,
                "behind the rate: every request was sent, the last of them {:.1} s after it was due",
                by.as_secs_f64()
            ),
            Self::NothingMeasured => f.write_str("nothing was measured"),
        }
    }
}

fn error_statuses(tally: &Tally) -> u64 {
    tally.statuses().filter(|(status, _)| *status >= 400).map(|(_, count)| count).sum()
}

fn most_frequent(tally: &Tally, blame: Blame) -> ErrorKind {
    let kinds = ErrorKind::ALL.into_iter().filter(|kind| kind.blame() == blame);
    kinds.rev().max_by_key(|kind| tally.errors(*kind)).unwrap_or(ErrorKind::Other)
}

/// Ports of open connections come back by no close policy.
const LIVE_ADVICE: [&str; 3] = [
    "-c: fewer connections than there are source ports",
    "a wider range of ports: --port-range with --ports own, or net.ipv4.ip_local_port_range",
    "--source-ip: more source addresses, each with its own ports",
];

fn ports_advice(close: ClosePolicy, ports: PortMode) -> Vec<&'static str> {
    let mut advice = Vec::new();
    if close.is_first() {
        advice.push("--close wait: let the server close first, so that TIME_WAIT stays there");
    }
    if ports != PortMode::Own {
        advice.push("--ports own: bind + SO_REUSEADDR re-uses ports in TIME_WAIT (needs TCP timestamps)");
    }
    advice.push("--source-ip: more source addresses, each with its own ports");
    if close != ClosePolicy::Rst {
        advice.push("--close rst: a reset leaves no TIME_WAIT");
    }
    advice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Failure;
    use core::time::Duration;
    use ports::Fault;

    #[track_caller]
    fn check(ok: u64, errnos: &[i32], expect: Verdict) {
        let mut tally = Tally::default();
        (0..ok).for_each(|_| tally.record_complete(200, Duration::from_micros(1), Duration::ZERO));
        errnos.iter().for_each(|errno| tally.record_failure(Failure::Fault(Fault::from_errno(*errno)), Duration::ZERO));
        assert_eq!(Verdict::of(&tally), expect);
    }

    /// Of a run of 100 s whose last request was made so long after it was due.
    #[track_caller]
    fn check_behind(millis: u64, expect: Verdict) {
        let (behind, elapsed) = (Duration::from_millis(millis), Duration::from_secs(100));
        let mut tally = Tally::default();
        (tally.behind, tally.elapsed) = (behind, elapsed);
        tally.record_complete(200, behind, Duration::ZERO);
        assert_eq!(Verdict::of(&tally), expect);
        assert_eq!(Verdict::of(&tally).is_good(), expect == Verdict::Clean);
    }

    #[test]
    fn who_sends_all_but_too_late_has_not_kept_the_rate() {
        check_behind(1_000, Verdict::Clean);
        check_behind(1_001, Verdict::Late { by: Duration::from_millis(1_001) });
    }

    #[test]
    fn a_shortage_here_outweighs_the_target() {
        let ports = ErrorKind::ClientPorts;
        check(0, &[], Verdict::NothingMeasured);
        check(9, &[], Verdict::Clean);
        check(9, &[111, 104, 104], Verdict::TargetFailed { by: ErrorKind::Reset, failed: 3 });
        check(9, &[111, 111, 99], Verdict::ClientLimited { by: ports, failed: 1 });
        check(0, &[24, 99, 98], Verdict::ClientLimited { by: ports, failed: 3 });
    }

    #[test]
    fn a_run_with_requests_nobody_answered_is_not_clean() {
        let mut tally = Tally::default();
        tally.record_complete(200, Duration::ZERO, Duration::ZERO);
        tally.record_unanswered();
        let verdict = Verdict::of(&tally);
        assert_eq!(verdict, Verdict::TargetFailed { by: ErrorKind::Unanswered, failed: 1 });
        assert!(!verdict.is_good());
    }

    #[test]
    fn a_rate_that_was_not_kept_is_no_good_run() {
        let check = |ok: u64, errnos: &[i32], not_sent, expect: Verdict| {
            let mut tally = Tally::default();
            tally.not_sent = not_sent;
            (0..ok).for_each(|_| tally.record_complete(200, Duration::ZERO, Duration::ZERO));
            let faults = errnos.iter().map(|errno| Failure::Fault(Fault::from_errno(*errno)));
            faults.for_each(|fault| tally.record_failure(fault, Duration::ZERO));
            let verdict = Verdict::of(&tally);
            assert_eq!((verdict, verdict.is_good()), (expect, false));
        };
        check(9, &[], 1, Verdict::BehindRate { not_sent: 1, of: 10 });
        check(0, &[], 3, Verdict::BehindRate { not_sent: 3, of: 3 });
        check(9, &[104], 1, Verdict::TargetFailed { by: ErrorKind::Reset, failed: 1 });
        check(9, &[99], 1, Verdict::ClientLimited { by: ErrorKind::ClientPorts, failed: 1 });
    }

    /// The port cliff fails nothing at first: it makes connect() slow, and so latency long.
    #[test]
    fn slow_connects_here_are_this_hosts_doing() {
        let check = |slow: u64, quick: u64, failed: u64, limited: bool| {
            let mut tally = Tally::default();
            (0..slow).for_each(|_| tally.record_connect_cost(Duration::from_micros(591), Duration::ZERO));
            (0..quick).for_each(|_| tally.record_connect_cost(Duration::from_micros(16), Duration::ZERO));
            (0..slow + quick).for_each(|_| tally.record_complete(200, Duration::ZERO, Duration::ZERO));
            (0..failed).for_each(|_| tally.record_failure(Failure::Timeout, Duration::ZERO));
            let (verdict, expect) = (Verdict::of(&tally), Verdict::SlowConnects { slow, of: slow + quick });
            assert_eq!(verdict == expect, limited, "{slow} {quick}: {verdict}");
            assert_eq!((verdict.is_client_limited(), verdict.is_good()), (limited, !limited && failed == 0));
        };
        check(20, 380, 0, true);
        check(20, 381, 0, false);
        check(19, 0, 0, false);
        check(0, 1000, 0, false);
        check(1000, 1000, 5, true);
        check(0, 1000, 5, false);
    }

    #[test]
    fn an_error_status_is_a_response_but_not_clean() {
        let check = |statuses: &[u16], expect: Verdict| {
            let mut tally = Tally::default();
            statuses.iter().for_each(|status| tally.record_complete(*status, Duration::ZERO, Duration::ZERO));
            let verdict = Verdict::of(&tally);
            assert_eq!((verdict, verdict.is_good()), (expect, true), "{statuses:?}");
        };
        check(&[101, 200, 204, 304, 399], Verdict::Clean);
        check(&[200, 400, 503, 503], Verdict::ErrorStatuses { count: 3 });
    }

    #[test]
    fn advice_starts_with_what_changes_least() {
        let limited = Verdict::ClientLimited { by: ErrorKind::ClientPorts, failed: 1 };
        let firsts = [
            (ClosePolicy::Fin, PortMode::Kernel, "--close wait", 4),
            (ClosePolicy::Keep, PortMode::Kernel, "--ports own", 3),
            (ClosePolicy::Fin, PortMode::Own, "--close wait", 3),
            (ClosePolicy::Rst, PortMode::Own, "--source-ip", 1),
        ];
        for (close, ports, first, count) in firsts {
            let advice = limited.advice(close, ports, PortsHeldBy::TimeWait);
            assert!(advice[0].starts_with(first) && advice.len() == count, "{close:?} {ports:?}: {advice:?}");
        }
    }

    #[test]
    fn no_close_policy_frees_the_port_of_an_open_connection() {
        let check =
            |ports, taken, expect| assert_eq!(PortsHeldBy::of(100, ports, taken), expect, "{ports:?} {taken:?}");
        check(Some(99), None, PortsHeldBy::Connections);
        check(Some(100), None, PortsHeldBy::TimeWait);
        check(None, Some(0), PortsHeldBy::TimeWait);
        check(Some(1000), Some(499), PortsHeldBy::Nobody);
        check(Some(1000), Some(500), PortsHeldBy::TimeWait);
        let slow = Verdict::SlowConnects { slow: 20, of: 20 };
        let advice = slow.advice(ClosePolicy::Fin, PortMode::Kernel, PortsHeldBy::Nobody);
        assert!(advice.iter().all(|one| !one.contains("TIME_WAIT")), "{advice:?}");
        let limited = Verdict::ClientLimited { by: ErrorKind::ClientPorts, failed: 1 };
        let advice = limited.advice(ClosePolicy::Fin, PortMode::Kernel, PortsHeldBy::Connections);
        assert!(advice[0].starts_with("-c: fewer") && !advice.iter().any(|one| one.contains("--close")), "{advice:?}");
        assert_eq!(limited.to_string().split(", ").next(), Some("client-limited: 1 request failed on this host"));
    }
}
