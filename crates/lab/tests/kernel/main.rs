//! The lab on the running kernel.
//!
//! Without the usual harness: private namespaces without root want a process with one thread, so every test is this program
//! started again. Several run at a time: they wait more than they work, the scenarios for a whole minute.

mod experiments;
mod gateway;
mod neighbours;
mod scenarios;

use std::process::ExitCode;
use testkit::own_process;

type Test = (&'static str, fn() -> ExitCode);

fn main() -> ExitCode {
    // Whoever takes longest begins first.
    let tests = [("scenarios", scenarios::scenarios as fn() -> ExitCode)];
    let others = [&experiments::TESTS[..], &gateway::TESTS, &neighbours::TESTS].concat();
    own_process::run(&[&tests[..], &others].concat(), |_, test| test())
}
