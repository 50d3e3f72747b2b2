//! Counts instructions with valgrind's callgrind: this very program, run under it with one case.

use anyhow::{Context, bail};
use std::path::Path;
use std::process::Command;

/// Rounds of the shorter run; the longer one has twice as many. What both have in common (the start of the program, what
/// a case prepares) cancels out.
const ROUNDS: u32 = 2000;

/// Instructions of one round, rounded.
pub(super) fn count(case: &str) -> anyhow::Result<u64> {
    let (short, long) = (total(case, ROUNDS)?, total(case, 2 * ROUNDS)?);
    let rounds = u64::from(ROUNDS);
    Ok((long.saturating_sub(short) + rounds / 2) / rounds)
}

/// `valgrind-3.19.0`; `None` where there is none.
pub(super) fn version() -> Option<String> {
    let output = Command::new("valgrind").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A program under callgrind, its arguments to be added.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
    command
}

/// Instructions of a whole run.
fn total(case: &str, rounds: u32) -> anyhow::Result<u64> {
    let program = std::env::current_exe().context("finding this program")?;
    let output = command(&program).args(["instructions", "--case", case, "--rounds", &rounds.to_string()]).output();
    let output = output.context("starting valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{case} under valgrind: {said}");
    }
    collected(&said).with_context(|| format!("callgrind tells no count: {said}"))
}

/// The number of `==17== Collected : 123456`.
pub(super) fn collected(said: &str) -> Option<u64> {
    let (_, after) = said.split_once("Collected :")?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found() {
        assert_eq!(collected("==1== Events    : Ir\n==1== Collected : 11569872\n==1== \n"), Some(11_569_872));
        assert_eq!(collected("==1== nothing"), None);
    }
}
