//! The house keeps its order: what `cargo xtask deps` and `cargo xtask shape` check, checked with every run of the tests.

use std::process::Command;

/// Runs a chore at the root of the workspace; it must have nothing to complain of.
fn check(chore: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .arg(chore)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("the chores run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo xtask {chore}:\n{said}");
}

#[test]
fn dependencies_point_down() {
    check("deps");
}

#[test]
fn the_sources_keep_their_shape() {
    check("shape");
}
