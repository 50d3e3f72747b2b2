//! A whole run: threads, progress, the report.

use crate::live::Live;
use crate::orders::{Counts, Order};
use crate::preflight::{Preflight, ips, preflight};
use crate::stand::{Security, Stand};
use crate::tester::{Share, Tester};
use crate::{RequestPool, Requests, StopFlag, StressError, Turns, resolve, time_wait};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Place, Running, SpawnError, Starting, spawn};
use secure::ClientProfile;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant, SystemTime};
use stress_core::plan::TlsSessions;
use stress_core::report::{Host, RunFacts};
use stress_core::{KernelCounts, Pace, Part, Plan, Report, Snapshot, Tally};

/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// How long a tester may take to say how far it is.
const ANSWER_PATIENCE: Duration = Duration::from_millis(100);

/// Does what `plan` says and reports: [`prepare`], then [`run_prepared`].
///
/// # Errors
/// What makes a run impossible from the start. Failures of requests are in the report.
pub fn run(plan: &Plan, stop: &StopFlag, progress: impl FnMut(&Snapshot)) -> Result<Report, StressError> {
    run_prepared(prepare(plan)?, stop, progress)
}

/// Resolves the target and looks at the host, so that plan, forecast and warnings can be shown before the start.
///
/// # Errors
/// What makes a run impossible from the start.
pub fn prepare(plan: &Plan) -> Result<Preflight, StressError> {
    preflight(plan, &resolve(plan)?)
}

/// The run itself. Blocks; `progress` is called about twice a second. Raising `stop` ends the run early,
/// with a report of what was done.
///
/// # Errors
/// No event loop or no thread to run on.
pub fn run_prepared(ready: Preflight, stop: &StopFlag, progress: impl FnMut(&Snapshot)) -> Result<Report, StressError> {
    let started = Instant::now();
    let plan = &ready.plan;
    let testers = start_testers(plan, &ready)?;
    testers.threads.iter().for_each(|tester| stop.tell(tester.outbox().clone()));
    let host = host();
    let ips = ips(&ready.targets);
    let live = Live::new(&ips, &ready.forecast, started);
    let Done { tally, busy, cpu, kernel } = Watch::new(plan, started, testers, live).until_done(progress);
    let left = time_wait::count(&ips, started);
    let facts = RunFacts {
        targets: ready.targets.clone(),
        threads: ready.threads,
        stopped: stop.is_stopped(),
        time_wait_ours: left.ours,
        ports_taken: left.taken,
        port_tuples: ready.forecast.tuples,
        forecast: Some(ready.forecast),
        warnings: ready.warnings,
        busy,
        cpu,
        kernel,
        host,
    };
    Ok(Report::new(plan, facts, &tally))
}

/// Where and when this run is made.
fn host() -> Host {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Host {
        name: sys::host::name(),
        kernel: sys::host::kernel(),
        cpus: sys::thread::cores(),
        started_unix_s: since.map_or(0, |since| since.as_secs()),
    }
}

/// Threads that run testers, and where their tallies come from, in the order they end.
struct Testers {
    threads: Vec<Running<Order, ()>>,
    ended: Receiver<Ended>,
}

/// What a tester leaves.
struct Ended {
    /// Which.
    at: usize,
    tally: Tally,
    /// Share of its time in which it ran or waited for a CPU.
    busy: Option<f64>,
    /// CPU time it used.
    cpu: Duration,
}

/// What all of them left.
#[derive(Default)]
struct Done {
    tally: Tally,
    /// Of the busiest.
    busy: Option<f64>,
    cpu: Duration,
    /// What the kernel counted meanwhile.
    kernel: KernelCounts,
}

fn start_testers(plan: &Plan, ready: &Preflight) -> Result<Testers, StressError> {
    let (sender, ended) = channel();
    let shares = shares(plan, ready)?.into_iter().enumerate();
    let starting =
        shares.map(|(at, share)| start_tester(plan.clone(), share, security(plan, ready), at, sender.clone()));
    // All of them before the first is waited for: they shall begin together.
    let starting: Vec<_> = starting.collect::<Result<_, SpawnError>>()?;
    let threads = starting.into_iter().map(|one| one.wait().map(|(running, ())| running));
    Ok(Testers { threads: threads.collect::<Result<_, SpawnError>>()?, ended })
}

/// How a thread secures its connections: with sessions of its own, or none.
fn security(plan: &Plan, ready: &Preflight) -> Security {
    let tls = plan.tls.as_ref().or(plan.tls_elsewhere.as_ref());
    let remembers = tls.is_some_and(|tls| tls.sessions == TlsSessions::Resume);
    let own = |profile: &Option<ClientProfile>| profile.as_ref().map(|profile| profile.with_own_sessions(remembers));
    Security { target: own(&ready.security), elsewhere: own(&ready.security_elsewhere) }
}

fn start_tester(
    plan: Plan,
    share: Share,
    security: Security,
    at: usize,
    sender: Sender<Ended>,
) -> Result<Starting<Order, (), ()>, SpawnError> {
    let each = if plan.follow.is_some() { 2 } else { 1 };
    let connections_max = each * share.connections as usize + 1;
    let reactor = EpollConfig {
        connections_max,
        times_connects: true,
        reuses_sockets: plan.recycle,
        greets_late: true,
        ..EpollConfig::default()
    };
    let start = move |orders, io: &mut EpollReactor| {
        if matches!(plan.pace, Pace::Open(..)) {
            sys::thread::be_punctual();
        }
        let tunnel = plan.reach.tunnel_head(&plan.url);
        let mut tester = Stand::new(Tester::new(&plan, share, orders), security, tunnel);
        tester.start(io)?;
        Ok((tester, ()))
    };
    let begun = Instant::now();
    let end = move |tester: Stand, io: &EpollReactor| {
        // The thread is this run's own: what it ever did was for it.
        let busy = sys::thread::own_run_and_wait().map(|busy| busy.as_secs_f64() / begun.elapsed().as_secs_f64());
        // The receiver is gone only when the run was given up.
        let cpu = sys::thread::own_cpu_time();
        let mut tally = tester.into_tally();
        tally.sockets_reused = io.sockets_reused();
        let _given_up = sender.send(Ended { at, tally, busy, cpu });
    };
    spawn(Place { name: format!("stress-{at}"), core: None, reactor }, start, end)
}

/// Divides connections and ports among threads. Requests are whose connection is free.
fn shares(plan: &Plan, ready: &Preflight) -> Result<Vec<Share>, StressError> {
    let pool = plan.requests.map(|requests| RequestPool::new(requests, plan.connections));
    let turns = Turns::new(&plan.script);
    let share = |index: u32| {
        let part = Part { index, of: ready.threads };
        let mut targets = ready.targets.clone();
        // Each thread begins with another one.
        targets.rotate_left(index as usize % ready.targets.len());
        Ok(Share {
            targets,
            connections: part.share(plan.connections.into()) as u32,
            requests: Requests::of(plan, pool.as_ref(), part),
            turns: turns.clone(),
            part,
            sources: ready.sources.share(index, ready.threads)?,
            routed: ready.routed,
            starts_from: ready.starts_from.clone(),
        })
    };
    (0..ready.threads).map(share).collect()
}

struct Watch<'a> {
    plan: &'a Plan,
    started: Instant,
    testers: Testers,
    /// Of each tester, as far as is known.
    counts: Vec<Counts>,
    /// All of them, at the last snapshot.
    before: Counts,
    last: Snapshot,
    live: Live,
}

impl<'a> Watch<'a> {
    fn new(plan: &'a Plan, started: Instant, testers: Testers, live: Live) -> Self {
        let counts = vec![Counts::default(); testers.threads.len()];
        Self { plan, started, testers, counts, before: Counts::default(), last: Snapshot::default(), live }
    }

    /// Reports progress until every tester has ended; merges what they counted, and says how busy the busiest was.
    fn until_done(mut self, mut progress: impl FnMut(&Snapshot)) -> Done {
        let (mut done, mut left) = (Done::default(), self.counts.len());
        while left > 0 {
            match self.testers.ended.recv_timeout(PROGRESS_EVERY) {
                Ok(Ended { at, tally, busy, cpu }) => {
                    done.busy = done.busy.into_iter().chain(busy).reduce(f64::max);
                    done.cpu += cpu;
                    self.counts[at] = Counts::of(&tally);
                    done.tally.merge(&tally);
                    left -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.ask();
                    self.last = self.snapshot();
                    progress(&self.last);
                }
                // One of them panicked.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        done.kernel = self.live.kernel();
        self.testers.threads.into_iter().for_each(Running::join);
        done
    }

    /// Asks every tester how far it is. Of one that has ended, or is too busy to say, the last word counts.
    fn ask(&mut self) {
        let answers: Vec<_> = self.testers.threads.iter().map(|one| one.outbox().ask(Order::Report)).collect();
        for (counts, answer) in self.counts.iter_mut().zip(answers) {
            if let Ok(Ok(now)) = answer.map(|answer| answer.wait(ANSWER_PATIENCE)) {
                *counts = now;
            }
        }
    }

    fn snapshot(&mut self) -> Snapshot {
        let mut counts = Counts::default();
        self.counts.iter().for_each(|of_one| counts.add(of_one));
        let (since_start, warm_up) = (self.started.elapsed(), self.plan.load.warm_up);
        let elapsed = since_start.saturating_sub(warm_up);
        let over = elapsed.saturating_sub(self.last.elapsed);
        let before = std::mem::replace(&mut self.before, counts);
        let per_s = |now: u64, then: u64| stats::per_second(now.saturating_sub(then), over);
        let connects = counts.connects.saturating_sub(before.connects);
        let connects_cpu = counts.connects_cpu.saturating_sub(before.connects_cpu);
        let kept_per_s = per_s(counts.time_waits, before.time_waits).unwrap_or(0.0);
        Snapshot {
            elapsed,
            is_warming: since_start < warm_up,
            duration: self.plan.duration,
            requests: self.plan.requests,
            ok: counts.ok,
            failed: counts.failed,
            failed_here: counts.failed_here,
            opened: counts.opened,
            time_waits: counts.time_waits,
            waiting: counts.waiting,
            per_s_now: per_s(counts.ok, before.ok),
            ports: self.live.ports(kept_per_s),
            connect_us: (connects > 0).then(|| connects_cpu.as_secs_f64() * 1e6 / connects as f64),
            kernel: self.live.kernel(),
        }
    }
}
