//! What limited a run: this host, the target, or what lies between; with the evidence for it, and cures.

use crate::error_kind::ErrorKind;
use crate::kernel::{KernelCounter, KernelCounts};
use crate::verdict::Verdict;
use named::named;
use units::grouped;

/// From this share of its time on a thread is at its limit.
pub(crate) const BUSY_MIN: f64 = 0.9;
/// Segments sent again that are no chance, and their share of all.
const RETRANSMITS_MIN: u64 = 100;
const RETRANSMITS_SHARE: u64 = 100;

named! {
    /// What a run was limited by, roughly.
    pub enum Kind {
        /// Nothing: the figures are about the target.
        Clean = "clean",
        /// Every request was answered, some by a status of 400 or above.
        ErrorStatuses = "error-statuses",
        /// This host, or how it was told to go about it.
        ClientLimited = "client-limited",
        /// The target.
        TargetLimited = "target-limited",
        /// What lies between them.
        Network = "network",
        /// Nothing was measured.
        Nothing = "nothing-measured",
    }
}

named! {
    /// What a run was limited by.
    pub enum Limiter {
        /// Source ports.
        Ports = "ports",
        /// File descriptors.
        Files = "files",
        /// Memory or buffers.
        Memory = "memory",
        /// A rule of this host.
        Permission = "permission",
        /// connect(2) that searches long.
        Connect = "connect",
        /// The tester's own threads.
        Cpu = "cpu",
        /// Connections that were all busy.
        Connections = "connections",
        /// The target's answers.
        Target = "target",
        /// A listener's queue of connections that it has not accepted.
        AcceptQueue = "accept-queue",
        /// Segments that were lost.
        Loss = "loss",
    }
}

/// What limited a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Roughly.
    pub kind: Kind,
    /// What; `None`: nothing did.
    pub limiter: Option<Limiter>,
    /// What it was told from, beside the verdict.
    pub evidence: Vec<String>,
    /// What to try, beside what the verdict advises.
    pub cures: Vec<&'static str>,
}

/// What a run is judged by, beside its verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// The busiest thread's share of its time, where it says something.
    pub busy: Option<f64>,
    /// Too few connections for the rate at the latency there was.
    pub few_connections: bool,
    /// What the kernel counted.
    pub kernel: KernelCounts,
}

impl Judgement {
    /// Of a run with this verdict.
    pub fn of(verdict: Verdict, at: &Circumstances) -> Self {
        let (kind, limiter) = match verdict {
            Verdict::ClientLimited { by, .. } => (Kind::ClientLimited, Some(lacking(by))),
            Verdict::SlowConnects { .. } => (Kind::ClientLimited, Some(Limiter::Connect)),
            Verdict::NothingMeasured => (Kind::Nothing, None),
            Verdict::BehindRate { .. } | Verdict::Late { .. } if at.is_busy() => {
                (Kind::ClientLimited, Some(Limiter::Cpu))
            }
            Verdict::BehindRate { .. } | Verdict::Late { .. } if at.few_connections => {
                (Kind::TargetLimited, Some(Limiter::Connections))
            }
            Verdict::BehindRate { .. } | Verdict::Late { .. } => (Kind::TargetLimited, Some(Limiter::Target)),
            Verdict::TargetFailed { by, .. } => at.failed(by),
            Verdict::Clean => at.answered(Kind::Clean),
            Verdict::ErrorStatuses { .. } => at.answered(Kind::ErrorStatuses),
        };
        let evidence = limiter.map_or_else(Vec::new, |limiter| at.evidence(limiter));
        Self { kind, limiter, evidence, cures: limiter.map_or_else(Vec::new, cures) }
    }
}

impl Circumstances {
    fn is_busy(&self) -> bool {
        self.busy.is_some_and(|busy| busy >= BUSY_MIN)
    }

    /// SYNs that came to nothing at first, because a listener of this host dropped them.
    fn drops_syns(&self) -> bool {
        let seen = |counter| self.kernel.nonzero(counter).is_some();
        seen(KernelCounter::ListenDrops) && seen(KernelCounter::SynRetransmits)
    }

    fn loses(&self) -> bool {
        let (again, all) =
            (self.kernel.get(KernelCounter::Retransmits), self.kernel.get(KernelCounter::Segments).unwrap_or(0));
        again.is_some_and(|again| again >= RETRANSMITS_MIN && again * RETRANSMITS_SHARE >= all)
    }

    /// Silence may be the network's, or that of a listener whose queue is full; what somebody said is the target's.
    fn failed(&self, by: ErrorKind) -> (Kind, Option<Limiter>) {
        let silent = matches!(by, ErrorKind::Timeout | ErrorKind::Unanswered);
        match by {
            ErrorKind::Unreachable => (Kind::Network, Some(Limiter::Loss)),
            _ if silent && self.drops_syns() => (Kind::TargetLimited, Some(Limiter::AcceptQueue)),
            _ if silent && (self.loses() || self.kernel.nonzero(KernelCounter::SynRetransmits).is_some()) => {
                (Kind::Network, Some(Limiter::Loss))
            }
            _ => (Kind::TargetLimited, Some(Limiter::Target)),
        }
    }

    /// Everything was answered: were the figures the target's?
    fn answered(&self, kind: Kind) -> (Kind, Option<Limiter>) {
        if self.is_busy() {
            (Kind::ClientLimited, Some(Limiter::Cpu))
        } else if self.drops_syns() {
            (Kind::TargetLimited, Some(Limiter::AcceptQueue))
        } else if self.loses() {
            (Kind::Network, Some(Limiter::Loss))
        } else {
            (kind, None)
        }
    }

    fn evidence(&self, limiter: Limiter) -> Vec<String> {
        let counted = |counter: KernelCounter, what: &str| {
            let count = self.kernel.nonzero(counter)?;
            Some(format!("{} {what} ({}, of all programs of this host)", grouped(count), counter.source()))
        };
        let syns = || counted(KernelCounter::SynRetransmits, "SYNs sent again");
        match limiter {
            Limiter::AcceptQueue => {
                let drops = counted(KernelCounter::ListenDrops, "SYNs dropped by a listener here");
                drops.into_iter().chain(syns()).collect()
            }
            Limiter::Loss => {
                syns().into_iter().chain(counted(KernelCounter::Retransmits, "segments sent again")).collect()
            }
            Limiter::Ports => {
                counted(KernelCounter::TimeWaitRecycled, "ports taken over from TIME_WAIT").into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

fn lacking(by: ErrorKind) -> Limiter {
    match by {
        ErrorKind::ClientPorts => Limiter::Ports,
        ErrorKind::ClientFiles => Limiter::Files,
        ErrorKind::ClientMemory => Limiter::Memory,
        _ => Limiter::Permission,
    }
}

fn cures(limiter: Limiter) -> Vec<&'static str> {
    match limiter {
        Limiter::AcceptQueue => vec!["a longer queue at the target: its listen backlog, and net.core.somaxconn"],
        Limiter::Loss => {
            vec![
                "look for lost packets between here and the target: `ip -s link`, `nstat`, a full table of connection tracking",
            ]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counters that were read: those that are named here, and no segment sent otherwise.
    fn kernel(counts: &'static [(KernelCounter, u64)]) -> KernelCounts {
        KernelCounts::read(|name| {
            Some(counts.iter().find(|(one, _)| one.source() == name).map_or(0, |(_, count)| *count))
        })
    }

    /// Verdict, share of its time in which the tester was busy, too few connections, what the kernel counted: kind and limiter.
    type Case = (Verdict, f64, bool, &'static [(KernelCounter, u64)], &'static str, Option<&'static str>);

    const FULL: &[(KernelCounter, u64)] = &[(KernelCounter::ListenDrops, 4), (KernelCounter::SynRetransmits, 4)];
    const LOSSY: &[(KernelCounter, u64)] = &[(KernelCounter::Retransmits, 100), (KernelCounter::Segments, 10_000)];

    fn of_answers() -> Vec<Case> {
        use KernelCounter::{ListenDrops, Retransmits, Segments};
        vec![
            (Verdict::Clean, 0.5, false, &[], "clean", None),
            (Verdict::Clean, 0.9, false, FULL, "client-limited", Some("cpu")),
            (Verdict::Clean, 0.5, false, FULL, "target-limited", Some("accept-queue")),
            (Verdict::Clean, 0.5, false, &[(ListenDrops, 4)], "clean", None),
            (Verdict::Clean, 0.5, false, LOSSY, "network", Some("loss")),
            (Verdict::Clean, 0.5, false, &[(Retransmits, 100), (Segments, 10_001)], "clean", None),
            (Verdict::Clean, 0.5, false, &[(Retransmits, 99), (Segments, 99)], "clean", None),
            (Verdict::ErrorStatuses { count: 1 }, 0.5, false, &[], "error-statuses", None),
        ]
    }

    fn of_failures() -> Vec<Case> {
        use KernelCounter::SynRetransmits;
        let failed = |by| Verdict::TargetFailed { by, failed: 3 };
        let behind = Verdict::BehindRate { not_sent: 1, of: 2 };
        vec![
            (failed(ErrorKind::Reset), 0.5, false, FULL, "target-limited", Some("target")),
            (failed(ErrorKind::Timeout), 0.5, false, &[], "target-limited", Some("target")),
            (failed(ErrorKind::Timeout), 0.5, false, FULL, "target-limited", Some("accept-queue")),
            (failed(ErrorKind::Timeout), 0.5, false, &[(SynRetransmits, 1)], "network", Some("loss")),
            (failed(ErrorKind::Unanswered), 0.5, false, FULL, "target-limited", Some("accept-queue")),
            (failed(ErrorKind::Unanswered), 0.5, false, LOSSY, "network", Some("loss")),
            (failed(ErrorKind::Closed), 0.5, false, LOSSY, "target-limited", Some("target")),
            (failed(ErrorKind::Unreachable), 0.5, false, &[], "network", Some("loss")),
            (behind, 0.95, true, &[], "client-limited", Some("cpu")),
            (behind, 0.5, true, &[], "target-limited", Some("connections")),
            (behind, 0.5, false, &[], "target-limited", Some("target")),
            (Verdict::NothingMeasured, 0.5, false, &[], "nothing-measured", None),
            (Verdict::SlowConnects { slow: 20, of: 20 }, 0.5, false, &[], "client-limited", Some("connect")),
            (
                Verdict::ClientLimited { by: ErrorKind::ClientFiles, failed: 1 },
                0.5,
                false,
                LOSSY,
                "client-limited",
                Some("files"),
            ),
            (
                Verdict::ClientLimited { by: ErrorKind::ClientPorts, failed: 1 },
                0.5,
                false,
                LOSSY,
                "client-limited",
                Some("ports"),
            ),
        ]
    }

    #[test]
    fn a_run_is_limited_by_what_the_evidence_says() {
        for (verdict, busy, few, counts, kind, limiter) in of_answers().into_iter().chain(of_failures()) {
            let at = Circumstances { busy: Some(busy), few_connections: few, kernel: kernel(counts) };
            let judged = Judgement::of(verdict, &at);
            assert_eq!(
                (judged.kind.name(), judged.limiter.map(Limiter::name)),
                (kind, limiter),
                "{verdict:?} {counts:?}"
            );
            let shown =
                matches!(judged.limiter, Some(Limiter::AcceptQueue)) || counts == LOSSY && judged.kind == Kind::Network;
            assert_eq!(
                !judged.evidence.is_empty(),
                shown || counts.len() == 1 && judged.kind == Kind::Network,
                "{judged:?}"
            );
        }
    }

    #[test]
    fn counters_that_were_not_read_prove_nothing() {
        let at = Circumstances::default();
        let judged = Judgement::of(Verdict::TargetFailed { by: ErrorKind::Timeout, failed: 1 }, &at);
        assert_eq!(
            (judged.kind, judged.limiter, judged.evidence.len()),
            (Kind::TargetLimited, Some(Limiter::Target), 0)
        );
    }
}
