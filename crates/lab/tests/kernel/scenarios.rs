//! The model's scenarios on the running kernel. A kernel that disagrees fails the test and shows what was
//! expected and what was seen.
//!
//! A word behind the test's name selects scenarios by a part of theirs. Those that take longer than [`LIMIT`] run only with
//! `QUINTET_LONG=1`.

use lab::scenario::{Failed, Outlook, outlook, play};
use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use sys::{netns, sysctl};
use tcp_model::Version;
use tcp_model::scenario::{Scenario, catalogue};
use testkit::{own_process, require, skip};

/// A scenario that takes longer is left out of an ordinary run.
const LIMIT: Duration = Duration::from_secs(66);
/// With `QUINTET_LONG=1`.
const LIMIT_LONG: Duration = Duration::from_secs(600);
/// Scenarios at the same time: they wait more than they work.
const WORKERS: usize = 12;

/// All of them, or those that are asked for.
pub(crate) fn scenarios() -> ExitCode {
    let filter = own_process::rest().next().unwrap_or_default();
    let release = sysctl::read("kernel.osrelease").expect("/proc is mounted");
    let version: Version = match release.parse() {
        Ok(version) => version,
        Err(why) => {
            skip(format!("the model does not know {release}: {why}"));
            return ExitCode::SUCCESS;
        }
    };
    if require(netns::enter_private()).is_none() {
        return ExitCode::SUCCESS;
    }
    if !a_wrong_expectation_is_noticed(version) {
        return ExitCode::FAILURE;
    }
    let scenarios = catalogue().expect("every file is right");
    let wanted = |scenario: &Scenario| filter.starts_with("--") || scenario.name.contains(&filter);
    run_all(scenarios.into_iter().filter(wanted).collect(), version)
}

/// A test that cannot fail proves nothing: no kernel answers a SYN with FIN.
fn a_wrong_expectation_is_noticed(version: Version) -> bool {
    let text = "purpose wrong\nrole server\nkernels all\nsource none\npeer syn seq 7\nexpect fin-ack ack 9\n";
    let scenario = Scenario::parse("wrong.scn", text).expect("it can be read");
    let noticed = match play(&scenario, version) {
        Err(Failed::Disagrees(found)) => found.line == 6 && found.to_string().contains("it is syn-ack, not fin-ack"),
        other => {
            println!("{other:?}");
            false
        }
    };
    println!("a wrong expectation is noticed ... {}", if noticed { "ok" } else { "FAILED" });
    noticed
}

fn run_all(scenarios: Vec<Scenario>, version: Version) -> ExitCode {
    let limit = if std::env::var_os("QUINTET_LONG").is_some() { LIMIT_LONG } else { LIMIT };
    let (mut runs, mut left_out) = (Vec::new(), 0);
    for scenario in scenarios {
        match outlook(&scenario, version, limit) {
            Outlook::Runs => runs.push(scenario),
            Outlook::Not(why) => {
                left_out += 1;
                println!("scenario {} ... not run: {why}", scenario.name);
            }
        }
    }
    // The longest first, so that none is left over at the end.
    runs.sort_by_key(|scenario| std::cmp::Reverse(scenario.longest()));
    let (count, start) = (runs.len(), Instant::now());
    let failed = run_in_parallel(runs, version);
    println!(
        "scenarios on Linux {version}: {} agree, {failed} do not, {left_out} not run, in {:.1} s",
        count - failed,
        start.elapsed().as_secs_f64()
    );
    ExitCode::from(u8::from(failed > 0))
}

fn run_in_parallel(runs: Vec<Scenario>, version: Version) -> usize {
    let (queue, failed) = (Mutex::new(VecDeque::from(runs)), Mutex::new(0));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(scenario) = take(&queue) {
                    if !agrees(&scenario, version) {
                        *failed.lock().expect("no panic") += 1;
                    }
                }
            });
        }
    });
    failed.into_inner().expect("no panic")
}

fn take(queue: &Mutex<VecDeque<Scenario>>) -> Option<Scenario> {
    queue.lock().expect("no panic").pop_front()
}

/// Something that cannot be had here is said and is no failure of the kernel's.
fn agrees(scenario: &Scenario, version: Version) -> bool {
    match play(scenario, version) {
        Ok(_) => {
            println!("scenario {} ... ok", scenario.name);
            true
        }
        Err(Failed::CannotRun(why)) => {
            println!("scenario {} ... FAILED: cannot run here: {why}", scenario.name);
            false
        }
        Err(Failed::Disagrees(disagreement)) => {
            println!("scenario {} ... FAILED\n{disagreement}", scenario.name);
            false
        }
    }
}
