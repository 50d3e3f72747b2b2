//! The chores, as the tests run them. Beside each other: most of them wait.

mod dist;
mod honesty;
mod house;
mod soak;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The program that the tests are run with; where it was not built, the calling test is skipped.
#[track_caller]
fn program() -> Option<PathBuf> {
    let program = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("quintet");
    let missing = || format!("{} was not built: cargo build", program.display());
    testkit::require(if program.is_file() { Ok(program.clone()) } else { Err(missing()) })
}

/// A chore at the root of the workspace.
fn chore(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command
}

/// Runs it to its end: how it went, and all that it said.
fn run(mut chore: Command) -> (Output, String) {
    let output = chore.output().expect("the chores run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output, said)
}
