//! A harness for tests that want a process of their own: private namespaces are made by a process with one thread, and
//! the usual harness has many. Such a test target says `harness = false`, and its `main` calls [`run`].
//!
//! Every test is the test program started again with `--inside NAME`.

use crate::netns;
use std::process::{Command, ExitCode};

/// Runs the tests whose names contain the first argument (all without one), each in a process of its own; inside that
/// process, hands the test to `inside`. Cargo's `--list` lists nothing.
pub fn run<T: Copy>(tests: &[(&'static str, T)], inside: impl FnOnce(&'static str, T) -> ExitCode) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("--inside") => {
            let (name, test) = tests.iter().find(|(known, _)| *known == arguments[1]).expect("a known test");
            inside(name, *test)
        }
        Some("--list") => ExitCode::SUCCESS,
        filter => run_all(tests, filter.filter(|word| !word.starts_with('-')).unwrap_or("")),
    }
}

fn run_all<T>(tests: &[(&'static str, T)], filter: &str) -> ExitCode {
    let mut failed = false;
    for (name, _) in tests.iter().filter(|(name, _)| name.contains(filter)) {
        let status = again(&["--inside", name]).status().expect("this program starts");
        println!("test {name} ... {}", if status.success() { "ok" } else { "FAILED" });
        failed |= !status.success();
    }
    ExitCode::from(u8::from(failed))
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

/// Runs `test` in a private network namespace; where none is to be had, says why the test is skipped.
pub fn in_private(name: &str, test: impl FnOnce()) -> ExitCode {
    match netns::enter_private() {
        Ok(_) => test(),
        Err(why) => println!("skipped {name}: {why}"),
    }
    ExitCode::SUCCESS
}
