//! `--find-max`: runs at one rate after the other, until the highest is found that keeps the thresholds.

use crate::failure::{Outcome, Result};
use crate::output::{Output, Progress};
use crate::values;
use anyhow::ensure;
use ports::Address;
use present::stress::{Searched, is_kept, step};
use std::time::{Duration, Instant};
use stress::StopFlag;
use stress_core::report::PlanSummary;
use stress_core::search::{STEPS_MAX, Search, thresholds};
use stress_core::{Pace, PlanDraft, Rate, Report, TimeWaitOurs};
use sys::sock_diag::SockDiag;

/// A step without `-z`.
const STEP: Duration = Duration::from_secs(5);
/// A search begins with this many a second.
const FIRST_PER_S: u64 = 100;
/// Connections of a step that may be in TIME_WAIT when the next one begins: fewer take no port that it needs.
const TIME_WAITS_MAX: u64 = 1000;
/// TIME_WAIT lasts 60 s, and ends up to 2 s late; the server's are not ours to wait for.
const TIME_WAIT_MAX: Duration = Duration::from_secs(65);
/// How often they are counted.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Flags of the search.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct SearchArgs {
    /// Find the highest rate that keeps --threshold, 'rate>=99%' and 'errors<0.1%': steps of -z [default: 5s] each, from --rate
    /// [default: 100] on twice as fast until one is not kept, then in between.
    #[arg(long, conflicts_with_all = ["requests", "ramp", "steps", "spike", "replay_pace", "preflight_only"])]
    pub(super) find_max: bool,
    /// Steps of --find-max, at most.
    #[arg(long, value_name = "N", requires = "find_max", value_parser = values::at_least_one)]
    max_steps: Option<u32>,
    /// Time for --find-max: a step that has begun is ended [default: 10m].
    #[arg(long, value_name = "TIME", requires = "find_max", value_parser = values::duration)]
    max_time: Option<Duration>,
}

impl SearchArgs {
    /// A search is a run at a rate, and a plan of it has no course of rates.
    pub(super) fn begins(&self, draft: PlanDraft) -> anyhow::Result<PlanDraft> {
        ensure!(
            !self.find_max || (draft.load.course.is_none() && draft.load.crowd.is_none()),
            "--find-max goes through rates of its own: leave the phases of --plan out"
        );
        let pace = match draft.pace {
            Pace::Closed if self.find_max => Pace::Open(first(), draft.load.spread),
            pace => pace,
        };
        let duration = draft.duration.or(self.find_max.then_some(STEP));
        let thresholds = if self.find_max { thresholds(&draft.thresholds) } else { draft.thresholds };
        let requests = if self.find_max { None } else { draft.requests };
        Ok(PlanDraft { pace, duration, thresholds, requests, ..draft })
    }

    /// Makes its steps, and shows what they found.
    pub(super) fn run(&self, draft: &PlanDraft, stop: &StopFlag, output: &mut Output) -> Result {
        let until = Instant::now() + self.max_time.unwrap_or(Duration::from_secs(600));
        let from = if let Pace::Open(rate, _) = draft.pace { rate } else { first() };
        let mut search = Search::new(from, self.max_steps.unwrap_or(STEPS_MAX));
        let mut steps = Vec::new();
        let ended = loop {
            match search.next() {
                Err(ended) => break Some(ended),
                Ok(_) if stop.is_stopped() || Instant::now() >= until => break None,
                Ok(rate) => {
                    let (report, targets) = one(draft, rate, stop, steps.is_empty().then_some(&*output))?;
                    if report.stopped {
                        break None;
                    }
                    search.handle_step(rate, is_kept(&report));
                    output.say(step(rate, &report))?;
                    if search.next().is_ok() {
                        wait_out(&report, &targets, stop, output)?;
                    }
                    steps.push((rate, report));
                }
            }
        };
        output.show(&Searched { steps, answer: search.answer(), ended })?;
        Ok(if search.answer().is_some() { Outcome::AsHoped } else { Outcome::Bad })
    }
}

fn first() -> Rate {
    Rate::new(FIRST_PER_S, Duration::from_secs(1)).expect("it is a rate")
}

/// One step; the plan of the first is told.
fn one(
    draft: &PlanDraft,
    rate: Rate,
    stop: &StopFlag,
    tell: Option<&Output>,
) -> anyhow::Result<(Report, Vec<Address>)> {
    let plan = PlanDraft { pace: Pace::Open(rate, draft.load.spread), ..draft.clone() }.check()?;
    let ready = stress::prepare(&plan)?;
    super::check_somebody_listens(&plan.url, &ready.targets)?;
    if let Some(output) = tell {
        output.say(present::stress::plan(&PlanSummary::new(&ready.plan, &ready.targets, ready.threads)))?;
    }
    let (targets, mut progress) = (ready.targets.clone(), Progress::new());
    let report = stress::run_prepared(ready, stop, |snapshot| progress.show(&present::stress::progress(snapshot)));
    progress.clear();
    Ok((report?, targets))
}

/// Where a step has spent ports, the next would find them taken.
fn wait_out(report: &Report, targets: &[Address], stop: &StopFlag, output: &Output) -> anyhow::Result<()> {
    let TimeWaitOurs::Counted(ours) = report.ports.time_wait_ours else { return Ok(()) };
    if ours <= TIME_WAITS_MAX {
        return Ok(());
    }
    output.say(format!(
        "{} of ours in TIME_WAIT: the next step waits for their ports, up to 65 s",
        units::counted(ours, "connection")
    ))?;
    let until = Instant::now() + TIME_WAIT_MAX;
    while !stop.is_stopped()
        && Instant::now() < until
        && in_time_wait(targets).is_some_and(|count| count > TIME_WAITS_MAX)
    {
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// `None`: it cannot be counted.
fn in_time_wait(targets: &[Address]) -> Option<u64> {
    let mut diag = SockDiag::open().ok()?;
    targets.iter().filter_map(Address::ip).map(|target| diag.time_wait_towards(target).ok()).sum()
}
