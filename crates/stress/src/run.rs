//! A whole run: threads, progress, the report.

use crate::live::{Counts, Live, PUBLISH_EVERY};
use crate::preflight::{Preflight, preflight};
use crate::tester::{Share, Tester};
use crate::{StopFlag, StressError, resolve, time_wait};
use reactor::epoll::{EpollConfig, EpollReactor};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use stress_core::report::RunFacts;
use stress_core::{Plan, Report, Snapshot, Tally};

/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

type Ended = Result<Tally, StressError>;

/// Does what `plan` says and reports: [`prepare`], then [`run_prepared`].
///
/// # Errors
/// What makes a run impossible from the start. Failures of requests are in the report.
pub fn run(plan: &Plan, stop: &StopFlag, progress: impl FnMut(&Snapshot)) -> Result<Report, StressError> {
    run_prepared(plan, prepare(plan)?, stop, progress)
}

/// Resolves the target and looks at the host, so that plan and warnings can be shown before the start.
///
/// # Errors
/// What makes a run impossible from the start.
pub fn prepare(plan: &Plan) -> Result<Preflight, StressError> {
    preflight(plan, resolve(plan)?)
}

/// The run itself. Blocks; `progress` is called about twice a second. Raising `stop` ends the run early,
/// with a report of what was done.
///
/// # Errors
/// No event loop or no thread to run on.
pub fn run_prepared(
    plan: &Plan,
    ready: Preflight,
    stop: &StopFlag,
    progress: impl FnMut(&Snapshot),
) -> Result<Report, StressError> {
    let started = Instant::now();
    let threads = start_threads(plan, &ready, stop)?;
    let tally = Watch { plan, stop, started, threads }.until_done(progress)?;
    let facts = RunFacts {
        target: ready.target,
        threads: ready.threads,
        stopped: stop.is_stopped(),
        time_wait_ours: time_wait::count_ours(ready.target, started),
        warnings: ready.warnings,
    };
    Ok(Report::new(plan, facts, &tally))
}

struct Threads {
    handles: Vec<JoinHandle<()>>,
    lives: Vec<Arc<Live>>,
    ended: Receiver<Ended>,
}

fn start_threads(plan: &Plan, ready: &Preflight, stop: &StopFlag) -> Result<Threads, StressError> {
    let shares = shares(plan, ready)?;
    let (sender, ended) = channel();
    let mut threads = Threads { handles: Vec::new(), lives: Vec::new(), ended };
    for share in shares {
        let live = Arc::new(Live::default());
        let (plan, flag, sender) = (plan.clone(), stop.clone(), sender.clone());
        let tester_live = Arc::clone(&live);
        let job = move || {
            // The receiver is gone only when the run was given up.
            let _given_up = sender.send(run_share(&plan, share, flag, tester_live));
        };
        match std::thread::Builder::new().name("stress".into()).spawn(job) {
            Ok(handle) => threads.handles.push(handle),
            Err(error) => {
                stop.stop();
                return Err(StressError::Thread(error));
            }
        }
        threads.lives.push(live);
    }
    Ok(threads)
}

fn run_share(plan: &Plan, share: Share, stop: StopFlag, live: Arc<Live>) -> Ended {
    let config = EpollConfig { connections_max: share.connections as usize + 1, ..EpollConfig::default() };
    let mut io = EpollReactor::new(config).map_err(StressError::Reactor)?;
    let mut tester = Tester::new(plan, share, stop, live);
    reactor::face::run(&mut tester, &mut io).map_err(StressError::Reactor)?;
    Ok(tester.into_tally())
}

/// Divides connections, requests and ports among threads.
fn shares(plan: &Plan, ready: &Preflight) -> Result<Vec<Share>, StressError> {
    let threads = u64::from(ready.threads);
    let part = |all: u64, at: u64| all * (at + 1) / threads - all * at / threads;
    let share = |at: u64| {
        Ok(Share {
            target: ready.target,
            connections: part(u64::from(plan.connections), at) as u32,
            requests: plan.requests.map(|all| part_of_many(all, at, threads)),
            sources: ready.sources.share(at as u32, ready.threads)?,
        })
    };
    (0..threads).map(share).collect()
}

/// As `part` above, without overflow for numbers beyond 2^54.
fn part_of_many(all: u64, at: u64, parts: u64) -> u64 {
    all / parts + u64::from(at < all % parts)
}

struct Watch<'a> {
    plan: &'a Plan,
    stop: &'a StopFlag,
    started: Instant,
    threads: Threads,
}

impl Watch<'_> {
    /// Reports progress until every thread has ended; merges what they counted.
    fn until_done(self, mut progress: impl FnMut(&Snapshot)) -> Result<Tally, StressError> {
        let (mut all, mut failure) = (Tally::default(), None);
        let (mut left, mut last) = (self.threads.handles.len(), Snapshot::default());
        while left > 0 {
            match self.threads.ended.recv_timeout(PROGRESS_EVERY) {
                Ok(Ok(tally)) => {
                    all.merge(&tally);
                    left -= 1;
                }
                Ok(Err(error)) => {
                    // Without one thread the run is not what was asked for.
                    self.stop.stop();
                    failure.get_or_insert(error);
                    left -= 1;
                }
                Err(RecvTimeoutError::Timeout) => {
                    last = self.snapshot(&last);
                    progress(&last);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        for handle in self.threads.handles {
            if let Err(panic) = handle.join() {
                std::panic::resume_unwind(panic);
            }
        }
        failure.map_or(Ok(all), Err)
    }

    fn snapshot(&self, before: &Snapshot) -> Snapshot {
        let mut counts = Counts::default();
        self.threads.lives.iter().for_each(|live| live.add_to(&mut counts));
        let elapsed = self.started.elapsed();
        let over = elapsed.saturating_sub(before.elapsed);
        let done = counts.ok.saturating_sub(before.ok);
        Snapshot {
            elapsed,
            duration: self.plan.duration,
            requests: self.plan.requests,
            ok: counts.ok,
            failed: counts.failed,
            failed_here: counts.failed_here,
            opened: counts.opened,
            time_waits: counts.time_waits,
            per_s_now: stats::per_second(done, over.max(PUBLISH_EVERY)),
        }
    }
}
