//! A soak of ten seconds, by the program that the tests are run with: what `cargo xtask soak` does for minutes.

use super::{chore, program, run};
use std::process::Command;

/// Of a soak among the tests.
const MINUTES_DEFAULT: &str = "0.17";
/// Widens it.
const MINUTES_VARIABLE: &str = "QUINTET_SOAK_MINUTES";

#[test]
fn nothing_leaks_and_everything_adds_up() {
    let Some(program) = program() else { return };
    let alone = Command::new("unshare").args(["--map-root-user", "--net", "true"]).output();
    if !alone.is_ok_and(|alone| alone.status.success()) {
        return testkit::skip("no network of its own can be had (user namespaces)");
    }
    let minutes = std::env::var(MINUTES_VARIABLE).unwrap_or_else(|_| MINUTES_DEFAULT.to_owned());
    let mut soak = chore(&["soak", &minutes, "--clients", "4", "--binary"]);
    soak.arg(&program);
    let (output, said) = run(soak);
    assert!(output.status.success(), "{said}");
    let found =
        |word: &str| said.split([',', ';']).any(|part| part.contains(word) && !part.trim_start().starts_with("0 "));
    assert!(found("reloads") && found("hand-overs") && found("requests answered"), "{said}");
}
