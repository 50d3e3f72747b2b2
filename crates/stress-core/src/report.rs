//! What a run found, ready to be printed or written as JSON.

mod summary;

use crate::by_hand::ByHand;
use crate::by_request::RequestSummary;
use crate::client::Led;
use crate::error_kind::ErrorKind;
use crate::forecast::{Compared, Forecast, Seen};
use crate::judgement::{BUSY_MIN, Circumstances, Judgement};
use crate::kernel::KernelCounts;
use crate::moment::Moment;
use crate::plan::{ClosePolicy, Plan, PortMode};
use crate::step::Oddity;
use crate::tally::{Tally, TlsTally};
use crate::threshold::{Figures, Judged, Threshold};
use crate::verdict::{PortsHeldBy, Verdict};
use core::time::Duration;
use http1::Dialect;
use named::Named;
use ports::{Address, ClosedFirst, ClosingTally, Fault};
use serde::Serialize;
use stats::recorder::Bar;
use stats::{Percentiles, Recorder, Timeline, per_second};
pub use summary::PlanSummary;
pub(crate) use summary::seconds;

/// A shorter run says little of it: it is busy beginning.
const BUSY_RUN_MIN: Duration = Duration::from_secs(1);

/// Bars of the latency histogram.
const BARS: usize = 10;

/// A finished run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The plan as it was understood.
    pub plan: PlanSummary,
    /// From the start until the last request was completed or failed; at least as long as was planned, unless the number of
    /// requests was reached before.
    pub duration: Duration,
    /// After that: how long answers to requests in flight were waited for.
    pub drained: Duration,
    /// Stopped before its end (Ctrl-C).
    pub stopped: bool,
    /// Requests by their end.
    pub requests: Requests,
    /// Latency of complete responses, in microseconds, from when the request was due; `None` without any.
    pub latency_us: Option<Percentiles>,
    /// The same from when the request was made: what a tester tells that does not know when requests were due. In an open loop
    /// only, elsewhere both are one.
    pub uncorrected_us: Option<Percentiles>,
    /// Requests that were due and were not made, in an open loop.
    pub not_sent: u64,
    /// Latency as bars.
    pub latency_bars: Vec<Bar>,
    /// Where the time of requests goes.
    pub parts: Parts,
    /// What somebody changed while it went on.
    pub by_hand: ByHand,
    /// What was seen of TLS, where connections are secured.
    pub tls: Option<TlsReport>,
    /// What it took of this host.
    pub tester: TesterLoad,
    /// What the kernel counted meanwhile, for all programs of this host.
    pub kernel: KernelCounts,
    /// Connections.
    pub connections: Connections,
    /// Failures by kind, those that happened, in the order of [`ErrorKind::ALL`].
    pub errors: Vec<(ErrorKind, u64)>,
    /// Statuses that were not expected, as they were met first.
    pub unexpected: Vec<(u16, u64)>,
    /// What answers and proxies made of its requests.
    pub led: Led,
    /// Failures that came with an errno.
    pub faults: Vec<(Fault, u64)>,
    /// The first HTTP error met.
    pub http_error: Option<http1::Error>,
    /// Status codes of complete responses, in order.
    pub statuses: Vec<(u16, u64)>,
    /// Of each of several requests, in their order; empty where there is one.
    pub by_request: Vec<RequestSummary>,
    /// Odd events that failed no request, those that happened.
    pub oddities: Vec<(Oddity, u64)>,
    /// Responses in older dialects, those that were met.
    pub dialects: Vec<(Dialect, u64)>,
    /// Who closed first.
    pub closed_first: ClosingTally,
    /// What the run cost in ports.
    pub ports: PortsUsed,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// Bytes that came in, heads and framing included.
    pub received_bytes: u64,
    /// What figures are made of, for who draws more of it.
    pub raw: Raw,
    /// Where and when it ran.
    pub host: Host,
    /// Was it the target that was measured?
    pub verdict: Verdict,
    /// What limited the run.
    pub judgement: Judgement,
    /// Was kept what the run had to keep?
    pub thresholds: Vec<Judged>,
    /// Findings in words, for people.
    pub notes: Vec<String>,
    /// What was said before the start, and whether it was so.
    pub forecast: Option<(Forecast, Compared)>,
    /// What to try, least invasive first.
    pub advice: Vec<&'static str>,
}

/// What a run took of this host.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TesterLoad {
    /// The busiest thread of the tester: share of its time in which it ran or waited for a CPU, where that is known.
    pub busy: Option<f64>,
    /// CPU time of the tester's threads as a share of the time, in per cent of one core; `None` when no time passed.
    pub cpu_percent: Option<f64>,
}

/// What was seen of TLS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsReport {
    /// Time of handshakes, in microseconds, from when the connection stood; `None` without any.
    pub handshake_us: Option<Percentiles>,
    /// Handshakes that went well.
    pub handshakes: u64,
    /// Of those, the ones that took up an earlier session.
    pub resumed: u64,
    /// Version and cipher suite of the first.
    pub suite: Option<(&'static str, &'static str)>,
    /// What was held against the target, the first of it.
    pub reasons: Vec<(String, u64)>,
}

/// Where the time of requests goes, each in microseconds; `None` where there was none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// How long the resolver took before the run, once.
    pub looked_up: Option<Duration>,
    /// From connect() until established.
    pub connect_us: Option<Percentiles>,
    /// CPU time of connect(2) itself, where it was measured.
    pub connect_cost_us: Option<Percentiles>,
    /// From when a request was made, on a new connection from when that was ready (secured, where it is), until the first byte
    /// of its answer; percentiles within 3 %.
    pub first_byte_us: Option<Percentiles>,
}

impl Parts {
    fn of(looked_up: Option<Duration>, tally: &Tally) -> Self {
        Self {
            looked_up,
            connect_us: tally.connect_time.percentiles(),
            connect_cost_us: tally.connect_cost.percentiles(),
            first_byte_us: tally.first_byte.percentiles(),
        }
    }
}

/// Requests by their end. Serialises to `requests` of `stress --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Requests {
    /// Complete responses, whatever their status.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Complete responses per second; `None` when no time passed.
    pub per_s: Option<f64>,
}

/// Connections of a run. Serialises to `connections` of `stress --json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Connections {
    /// Connects tried.
    pub tried: u64,
    /// Connections established.
    pub opened: u64,
    /// Connections established per second; `None` when no time passed.
    pub per_s: Option<f64>,
    /// Looked at for TCP timestamps.
    pub timestamps_asked: u64,
    /// Of those, connections that had negotiated them.
    pub timestamps_seen: u64,
    /// Sockets that were used again, in place of a new one for a connection.
    pub sockets_reused: u64,
}

/// What a run cost in ports.
#[derive(Clone, Debug, PartialEq)]
pub struct PortsUsed {
    /// Ends that left TIME_WAIT here, per 1,000 complete responses; `None` without any response.
    pub consumed_per_1000_requests: Option<f64>,
    /// Our 4-tuples in TIME_WAIT right after the run.
    pub time_wait_ours: TimeWaitOurs,
    /// Ports of our own choice that the kernel refused.
    pub refused: u64,
}

/// TIME_WAIT entries of a run's own 4-tuples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeWaitOurs {
    /// Counted in the kernel's socket table.
    Counted(u64),
    /// It could not be counted, and why.
    Unknown(String),
}

/// What the figures of a run are made of.
#[derive(Clone, Debug)]
pub struct Raw {
    /// All latencies, from when requests were due.
    pub latency: Recorder,
    /// What happened when.
    pub timeline: Timeline<Moment>,
}

/// Where and when a run was made. Serialises to `host` of `stress --json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Its kernel's release.
    pub kernel: String,
    /// Cores this process may use.
    pub cpus: usize,
    /// When the run began: seconds since 1970.
    pub started_unix_s: u64,
}

/// What the shell knows beside plan and counts.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// The addresses that were connected to, in turn; at least one.
    pub targets: Vec<Address>,
    /// Threads used.
    pub threads: u32,
    /// Stopped before its end.
    pub stopped: bool,
    /// Our 4-tuples in TIME_WAIT right after the run.
    pub time_wait_ours: TimeWaitOurs,
    /// What was foretold.
    pub forecast: Option<Forecast>,
    /// What was said before the start.
    pub warnings: Vec<String>,
    /// The busiest thread's share of its time in which it ran or waited for a CPU.
    pub busy: Option<f64>,
    /// CPU time of all threads.
    pub cpu: Duration,
    /// What the kernel counted meanwhile.
    pub kernel: KernelCounts,
    /// Where and when it runs.
    pub host: Host,
    /// Connections that the source ports pay for at a time, where that is known.
    pub port_tuples: Option<u64>,
    /// Of those, the ones that were taken right after the run, whoever's.
    pub ports_taken: Option<u64>,
    /// How long the resolver took; `None` where there was no name to be looked up.
    pub looked_up: Option<Duration>,
    /// What somebody changed while it went on.
    pub by_hand: ByHand,
}

impl Report {
    /// Draws up the report of a run.
    pub fn new(plan: &Plan, facts: RunFacts, tally: &Tally) -> Self {
        let said = conclude(plan, &facts, tally);
        Self::drawn_up(plan, facts, tally, said)
    }

    fn drawn_up(plan: &Plan, facts: RunFacts, tally: &Tally, said: Conclusion) -> Self {
        Self {
            plan: PlanSummary::new(plan, &facts.targets, facts.threads),
            duration: tally.elapsed,
            drained: tally.drained,
            stopped: facts.stopped,
            requests: Requests { ok: tally.ok, failed: tally.failed(), per_s: per_second(tally.ok, tally.elapsed) },
            latency_us: tally.latency.percentiles(),
            uncorrected_us: tally.service.percentiles(),
            not_sent: tally.not_sent,
            latency_bars: tally.latency.bars(BARS),
            parts: Parts::of(facts.looked_up, tally),
            tls: tally.tls.as_deref().map(tls_report),
            tester: TesterLoad { busy: facts.busy, cpu_percent: percent(facts.cpu, tally.elapsed + tally.drained) },
            kernel: facts.kernel,
            connections: connections(tally, tally.elapsed),
            errors: nonzero(|kind| tally.errors(kind)),
            unexpected: tally.unexpected().to_vec(),
            led: Led::of(plan, tally),
            faults: tally.faults().to_vec(),
            http_error: tally.http_error,
            statuses: tally.statuses().collect(),
            by_request: tally.by_request.told(&plan.script),
            oddities: nonzero(|what| tally.oddities(what)),
            dialects: dialects(tally),
            closed_first: tally.closed,
            ports: ports_used(plan, tally, facts.time_wait_ours),
            body_bytes: tally.body_bytes,
            received_bytes: tally.received_bytes,
            raw: Raw { latency: tally.latency.clone(), timeline: tally.timeline.clone() },
            host: facts.host,
            thresholds: said.thresholds,
            by_hand: facts.by_hand,
            verdict: said.verdict,
            notes: said.notes,
            forecast: said.forecast,
            advice: said.advice,
            judgement: said.judgement,
        }
    }

    /// As hoped: every threshold was kept, and every request got its response. Who says how many may fail, or not be sent,
    /// has said what is hoped for; what this host lacks is never.
    pub fn is_good(&self) -> bool {
        self.is_as_allowed() && self.thresholds.iter().all(|one| one.kept)
    }

    /// No more requests failed, or were not sent, than may.
    pub fn is_as_allowed(&self) -> bool {
        let speak = |of: fn(&Threshold) -> bool| self.thresholds.iter().any(|one| of(&one.threshold));
        match self.verdict {
            Verdict::TargetFailed { .. } => speak(Threshold::is_of_errors),
            Verdict::BehindRate { .. } | Verdict::Late { .. } => speak(Threshold::is_of_rate),
            verdict => verdict.is_good(),
        }
    }
}

/// What a run says in words.
struct Conclusion {
    verdict: Verdict,
    judgement: Judgement,
    thresholds: Vec<Judged>,
    forecast: Option<(Forecast, Compared)>,
    notes: Vec<String>,
    advice: Vec<&'static str>,
}

fn conclude(plan: &Plan, facts: &RunFacts, tally: &Tally) -> Conclusion {
    let verdict = Verdict::of(tally);
    let held_by = PortsHeldBy::of(plan.connections, facts.port_tuples, facts.ports_taken);
    let busy = facts.busy.filter(|_| tally.elapsed >= BUSY_RUN_MIN);
    let figures = Figures::of(tally, plan.pace).turned(facts.by_hand.is_any());
    let thresholds = plan.thresholds.iter().map(|one| one.judge(figures)).collect();
    let needed = connections_needed(tally, figures, plan);
    let at = Circumstances { busy, few_connections: needed.is_some(), kernel: facts.kernel };
    let judgement = Judgement::of(verdict, &at);
    let forecast = facts.forecast.clone().map(|forecast| {
        let compared = Compared::of(&forecast, &Seen::of(tally));
        (forecast, compared)
    });
    let mut notes = facts.warnings.clone();
    notes.extend(warm_up(plan, tally));
    notes.extend(facts.by_hand.words());
    notes.extend(forecast.iter().filter_map(|(_, compared)| compared.words()));
    notes.extend(findings(plan, tally));
    notes.extend(slow_cause(verdict, held_by));
    notes.extend(needed);
    notes.extend(judgement.evidence.iter().cloned());
    // Where the verdict names what this host lacks, more threads are no cure.
    notes.extend(busy.filter(|_| !verdict.is_client_limited()).and_then(saturated));
    let advice = [verdict.advice(plan.close, plan.ports, held_by), judgement.cures.clone()].concat();
    Conclusion { verdict, judgement, thresholds, forecast, notes, advice }
}

fn percent(cpu: Duration, of: Duration) -> Option<f64> {
    (!of.is_zero()).then(|| cpu.as_secs_f64() / of.as_secs_f64() * 100.0)
}

fn ports_used(plan: &Plan, tally: &Tally, time_wait_ours: TimeWaitOurs) -> PortsUsed {
    let time_waits = if plan.reach.unix_socket.is_some() { 0 } else { tally.closed.time_waits_here() };
    PortsUsed {
        consumed_per_1000_requests: per_1000(time_waits, tally.ok),
        time_wait_ours,
        refused: tally.ports_refused,
    }
}

/// What is in no figure.
fn warm_up(plan: &Plan, tally: &Tally) -> Option<String> {
    let (time, requests) = (plan.load.warm_up, units::counted(tally.warm_up, "request"));
    (!time.is_zero())
        .then(|| format!("before that {} s of warm-up: {requests}, which no figure counts", time.as_secs_f64()))
}

fn tls_report(tally: &TlsTally) -> TlsReport {
    TlsReport {
        handshake_us: tally.time.percentiles(),
        handshakes: tally.time.count(),
        resumed: tally.resumed,
        suite: tally.suite,
        reasons: tally.reasons().to_vec(),
    }
}

fn connections(tally: &Tally, over: Duration) -> Connections {
    Connections {
        tried: tally.connects_tried,
        opened: tally.connects_opened,
        per_s: per_second(tally.connects_opened, over),
        timestamps_asked: tally.timestamps_asked,
        timestamps_seen: tally.timestamps_seen,
        sockets_reused: tally.sockets_reused,
    }
}

fn nonzero<K: Named>(count: impl Fn(K) -> u64) -> Vec<(K, u64)> {
    K::ALL.iter().copied().map(|kind| (kind, count(kind))).filter(|(_, count)| *count > 0).collect()
}

fn dialects(tally: &Tally) -> Vec<(Dialect, u64)> {
    let counted = Dialect::ALL.into_iter().map(|dialect| (dialect, tally.dialects(dialect)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn per_1000(ports: u64, requests: u64) -> Option<f64> {
    (requests > 0).then(|| ports as f64 * 1000.0 / requests as f64)
}

/// Why connect(2) was slow, where it was.
fn slow_cause(verdict: Verdict, held_by: PortsHeldBy) -> Option<String> {
    let cause = match held_by {
        PortsHeldBy::Nobody => {
            "it is not for want of ports that connect() is slow: a firewall's rules or a security module may cost every one,              or this machine is slow"
        }
        _ => "most ports towards the target are taken: the kernel searches long for a free one",
    };
    matches!(verdict, Verdict::SlowConnects { .. }).then(|| cause.to_owned())
}

/// By Little's law, where a rate was not kept: what this many connections carry, and how many that rate takes.
fn connections_needed(tally: &Tally, figures: Figures<'_>, plan: &Plan) -> Option<String> {
    let per_s = figures.asked_per_s?;
    let mean_s = tally.service.percentiles().filter(|_| tally.not_sent > 0 || tally.is_behind())?.mean / 1e6;
    let (carried, needed) = (f64::from(plan.connections) / mean_s, (per_s * mean_s).ceil());
    (needed > f64::from(plan.connections)).then(|| {
        format!(
            "at {:.3} ms from request to response {} carry {carried:.0}/s; {:.0}/s take {needed:.0}",
            mean_s * 1e3,
            units::counted(plan.connections.into(), "connection"),
            per_s,
        )
    })
}

/// A closed loop is only as fast as the one who asks.
fn saturated(busy: f64) -> Option<String> {
    (busy >= BUSY_MIN).then(|| {
        format!(
            "this tester itself was at its limit: its busiest thread had work {:.0} % of the time, so the target may do \
             more; use more cores (--threads), or several testers",
            busy.min(1.0) * 100.0
        )
    })
}

/// What a person should know beyond the numbers.
fn findings(plan: &Plan, tally: &Tally) -> Vec<String> {
    let mut notes = Vec::new();
    let closed_there = tally.closed.count(ClosedFirst::PeerFin) + tally.closed.count(ClosedFirst::RstReceived);
    if plan.close == ClosePolicy::Keep && tally.ok >= 100 && closed_there * 2 > tally.ok {
        notes.push("keep-alive is inert: the target closes after (nearly) every response".to_owned());
    }
    if plan.close == ClosePolicy::Keep && !plan.method.is_idempotent() && tally.errors(ErrorKind::Closed) > 0 {
        notes.push(format!(
            "where the target closes a kept connection, a {} is not sent again, because it may have been done: --close wait \
             has one connection for each",
            plan.method_name
        ));
    }
    if plan.ports == PortMode::Own && tally.timestamps_asked > 0 && tally.timestamps_seen == 0 {
        notes.push(
            "the target negotiates no TCP timestamps: ports in TIME_WAIT cannot be re-used before 60 s".to_owned(),
        );
    }
    notes
}
