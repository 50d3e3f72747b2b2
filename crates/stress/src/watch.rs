//! A run in progress, looked at twice a second: how far its threads are, what this host and its kernel say.

use crate::StopFlag;
use crate::live::Live;
use crate::orders::{Counts, Order, Told};
use reactor::{Answer, NoAnswer, Running};
use stats::Coarse;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use stress_core::{Asked, ErrorKind, KernelCounts, Plan, Snapshot, Tally};

/// How often progress is reported.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// How long a tester may take to say how far it is.
const ANSWER_PATIENCE: Duration = Duration::from_millis(100);

/// Threads that run testers, and where their tallies come from, in the order they end.
pub(crate) struct Testers {
    pub(crate) threads: Vec<Running<Order, ()>>,
    pub(crate) ended: Receiver<Ended>,
}

/// What a tester leaves.
pub(crate) struct Ended {
    /// Which.
    pub(crate) at: usize,
    pub(crate) tally: Tally,
    /// Share of its time in which it ran or waited for a CPU.
    pub(crate) busy: Option<f64>,
    /// CPU time it used.
    pub(crate) cpu: Duration,
}

/// What all of them left.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) tally: Tally,
    /// Of the busiest.
    pub(crate) busy: Option<f64>,
    pub(crate) cpu: Duration,
    /// What the kernel counted meanwhile.
    pub(crate) kernel: KernelCounts,
}

/// A tester, as far as it has told.
#[derive(Default)]
struct Seen {
    counts: Counts,
    statuses: Vec<(u16, u64)>,
    errors: Vec<(ErrorKind, u64)>,
    /// It was asked and has not answered yet: what it will tell is told only once.
    asked: Option<Answer<Box<Told>>>,
}

/// See the module's head.
pub(crate) struct Watch<'a> {
    plan: &'a Plan,
    stop: &'a StopFlag,
    started: Instant,
    testers: Testers,
    /// Of each tester.
    seen: Vec<Seen>,
    /// Latency since the last snapshot, and in all.
    lately: Coarse,
    latency: Coarse,
    /// All of them, at the last snapshot.
    before: Counts,
    last: Snapshot,
    live: Live,
    /// CPU time of this process, and when that was.
    cpu: (Duration, Instant),
}

impl<'a> Watch<'a> {
    pub(crate) fn new(plan: &'a Plan, started: Instant, testers: Testers, live: Live, stop: &'a StopFlag) -> Self {
        let seen = testers.threads.iter().map(|_| Seen::default()).collect();
        Self {
            plan,
            stop,
            started,
            testers,
            seen,
            lately: Coarse::default(),
            latency: Coarse::default(),
            before: Counts::default(),
            last: Snapshot::default(),
            live,
            cpu: (sys::thread::process_cpu_time(), Instant::now()),
        }
    }

    /// Reports progress until every tester has ended; merges what they counted, and says how busy the busiest was.
    pub(crate) fn until_done(mut self, mut progress: impl FnMut(&Snapshot)) -> Done {
        let (mut done, mut left) = (Done::default(), self.seen.len());
        while left > 0 {
            match self.testers.ended.recv_timeout(PROGRESS_EVERY) {
                Ok(Ended { at, mut tally, busy, cpu }) => {
                    done.busy = done.busy.into_iter().chain(busy).reduce(f64::max);
                    done.cpu += cpu;
                    self.take(at, Told::of(&mut tally));
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

    /// Asks every tester how far it is. Of one that has ended, or is too busy to say, the last word counts; it is asked
    /// again only once it has answered.
    fn ask(&mut self) {
        for (seen, tester) in self.seen.iter_mut().zip(&self.testers.threads) {
            if seen.asked.is_none() {
                seen.asked = tester.outbox().ask(Order::Report).ok();
            }
        }
        let answers: Vec<_> = self.seen.iter_mut().map(|seen| seen.asked.take()).collect();
        for (at, answer) in answers.into_iter().enumerate() {
            match answer.as_ref().map(|answer| answer.wait(ANSWER_PATIENCE)) {
                Some(Ok(told)) => self.take(at, *told),
                Some(Err(NoAnswer::Late)) => self.seen[at].asked = answer,
                Some(Err(_)) | None => {}
            }
        }
    }

    fn take(&mut self, at: usize, told: Told) {
        let seen = &mut self.seen[at];
        (seen.counts, seen.statuses, seen.errors) = (told.counts, told.statuses, told.errors);
        self.lately.merge(&told.lately);
        self.latency.merge(&told.lately);
    }

    /// In per cent of one core since the last look.
    fn cpu_percent(&mut self) -> Option<f64> {
        let (cpu, now) = (sys::thread::process_cpu_time(), Instant::now());
        let (before, then) = std::mem::replace(&mut self.cpu, (cpu, now));
        let over = now.saturating_duration_since(then).as_secs_f64();
        (over > 0.0).then(|| cpu.saturating_sub(before).as_secs_f64() / over * 100.0)
    }

    fn snapshot(&mut self) -> Snapshot {
        let mut counts = Counts::default();
        self.seen.iter().for_each(|of_one| counts.add(&of_one.counts));
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
            failed_per_s_now: per_s(counts.failed, before.failed),
            ports: self.live.ports(kept_per_s),
            connect_us: (connects > 0).then(|| connects_cpu.as_secs_f64() * 1e6 / connects as f64),
            kernel: self.live.kernel(),
            planned: Asked::of(self.plan),
            scale: self.stop.scale_now(),
            lately: std::mem::take(&mut self.lately),
            latency: self.latency.clone(),
            statuses: summed(self.seen.iter().map(|seen| &seen.statuses[..])),
            errors: summed(self.seen.iter().map(|seen| &seen.errors[..])),
            cpu_percent: self.cpu_percent(),
        }
    }
}

/// Counts of all testers, in the order of their keys.
fn summed<'a, K: Copy + PartialEq + Ord + 'a>(counts: impl Iterator<Item = &'a [(K, u64)]>) -> Vec<(K, u64)> {
    let mut all = std::collections::BTreeMap::new();
    counts.flatten().for_each(|(key, count)| *all.entry(*key).or_insert(0) += count);
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_are_added_up_in_order() {
        let (one, other) = ([(200, 3), (503, 1)], [(200, 4), (404, 2)]);
        assert_eq!(summed([&one[..], &other[..]].into_iter()), [(200, 7), (404, 2), (503, 1)]);
    }
}
