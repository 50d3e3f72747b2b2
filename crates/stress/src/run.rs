//! A whole run: threads, progress, the report.

use crate::live::Live;
use crate::orders::Order;
use crate::preflight::{Preflight, ips, preflight};
use crate::stand::{Security, Stand};
use crate::tester::{Share, Tester};
use crate::watch::{Done, Ended, Testers, Watch};
use crate::{RequestPool, Requests, StopFlag, StressError, Turns, resolve, time_wait};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Place, SpawnError, Starting, spawn};
use secure::ClientProfile;
use std::sync::mpsc::{Sender, channel};
use std::time::{Instant, SystemTime};
use stress_core::by_hand::{Change, TIMES_MAX};
use stress_core::plan::TlsSessions;
use stress_core::report::{Host, RunFacts};
use stress_core::{Asked, ByHand, Pace, Part, Plan, Report, Snapshot};

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
    let Done { tally, busy, cpu, kernel } = Watch::new(plan, started, testers, live, stop).until_done(progress);
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
        looked_up: ready.looked_up,
        by_hand: by_hand(plan, started, stop),
    };
    Ok(Report::new(plan, facts, &tally))
}

/// What somebody changed while it went on.
fn by_hand(plan: &Plan, started: Instant, stop: &StopFlag) -> ByHand {
    let (turned, begun) = (stop.turned(), started + plan.load.warm_up);
    let Some(asked) = Asked::of(plan) else { return ByHand::default() };
    let change =
        |(at, scale): &(Instant, _)| Change { at: at.saturating_duration_since(begun), asked: asked.scaled(*scale) };
    ByHand::new(turned.changes.iter().map(change).collect(), turned.more)
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
    // Somebody may ask for more of them by hand.
    let connections_max = each * share.connections as usize * TIMES_MAX as usize + 1;
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
