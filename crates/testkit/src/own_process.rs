//! A harness for tests that want a process of their own: private namespaces are made by a process with one thread, and
//! the usual harness has many. Such a test target says `harness = false`, and its `main` calls [`run`].
//!
//! Every test is the test program started again with `--inside NAME`.

use crate::skip;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Mutex;
use sys::netns;
use sys::nft::{NftError, SynTimestampsOff};

/// How a test's process ends when the test was skipped.
const SKIPPED: u8 = 77;
/// Tests at a time: each has its own namespace, and most of them wait.
const TOGETHER: usize = 4;

/// Runs the tests whose names contain the first argument (all without one), each in a process of its own, some at a time, the
/// first ones first; inside that process, hands the test to `inside`. Cargo's `--list` lists nothing.
pub fn run<T: Copy>(tests: &[(&'static str, T)], inside: impl FnOnce(&'static str, T) -> ExitCode) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--inside") => {
            let (name, test) = tests.iter().find(|(known, _)| *known == arguments[1]).expect("a known test");
            skip::only_test(name);
            let code = inside(name, *test);
            if code == ExitCode::SUCCESS && skip::count() > 0 { ExitCode::from(SKIPPED) } else { code }
        }
        Some("--list") => ExitCode::SUCCESS,
        filter => run_all(tests, filter.filter(|word| !word.starts_with('-')).unwrap_or("")),
    }
}

fn run_all<T>(tests: &[(&'static str, T)], filter: &str) -> ExitCode {
    let names = tests.iter().map(|(name, _)| *name).filter(|name| name.contains(filter));
    let (queue, outcomes) = (Mutex::new(names.collect::<VecDeque<_>>()), Mutex::new(Vec::new()));
    let runner = || {
        while let Some(name) = taken(&queue) {
            let status = again(&["--inside", name]).args(rest()).status().expect("this program starts");
            println!("test {name} ... {}", word(status));
            outcomes.lock().expect("nobody panics").push(word(status));
        }
    };
    std::thread::scope(|scope| (0..TOGETHER).for_each(|_| drop(scope.spawn(runner))));
    let count = |outcome| outcomes.lock().expect("nobody panics").iter().filter(|one| **one == outcome).count();
    if count("skipped") > 0 {
        print!("{}", skip::total(count("skipped")));
    }
    ExitCode::from(u8::from(count("FAILED") > 0))
}

fn taken<'n>(queue: &Mutex<VecDeque<&'n str>>) -> Option<&'n str> {
    queue.lock().expect("nobody panics").pop_front()
}

/// Arguments behind the first, which selects tests: for the tests themselves, in whose processes they stand behind the name.
pub fn rest() -> impl Iterator<Item = String> {
    let inside = usize::from(is_started_with("--inside"));
    std::env::args().skip(2 + inside).filter(|word| !word.starts_with('-'))
}

fn word(status: ExitStatus) -> &'static str {
    match status.code() {
        Some(0) => "ok",
        Some(code) if code == i32::from(SKIPPED) => "skipped",
        _ => "FAILED",
    }
}

/// This program, to be started again with other arguments.
pub fn again(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("/proc is mounted"));
    command.args(arguments);
    command
}

/// Was this program started with this first argument?
pub fn is_started_with(argument: &str) -> bool {
    std::env::args().nth(1).is_some_and(|first| first == argument)
}

/// Runs `test` in a private network namespace; where none is to be had, the test is skipped.
pub fn in_private(test: impl FnOnce()) -> ExitCode {
    if skip::require(netns::enter_private()).is_some() {
        test();
    }
    ExitCode::SUCCESS
}

/// Runs `test` where the kernel can do what it tries with nf_tables; where it cannot, the test is skipped.
pub fn with_nf_tables(test: impl FnOnce()) {
    match SynTimestampsOff::install(SocketAddr::from(([127, 0, 0, 1], 1))) {
        Err(why @ (NftError::NoNfTables { .. } | NftError::KernelTooOld { .. })) => skip::skip(why),
        installed => {
            drop(installed.expect("a namespace of our own permits it"));
            test();
        }
    }
}
