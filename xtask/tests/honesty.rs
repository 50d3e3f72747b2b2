//! Our tester in every scene of known behaviour: what it tells is what happened.

use std::path::Path;
use std::process::Command;

#[test]
fn our_tester_tells_the_truth() {
    let program = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("quintet");
    let missing = || format!("{} was not built: cargo build", program.display());
    let Some(()) = testkit::require(program.is_file().then_some(()).ok_or_else(missing)) else { return };
    let output = Command::new(env!("CARGO_BIN_EXE_xtask"))
        .args(["honesty", "--tool", "quintet", "--jobs", "8", "--lenient", "--binary"])
        .arg(&program)
        .output()
        .expect("the chores run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if said.contains("namespace") && !output.status.success() && !said.contains("right") {
        return testkit::skip(said.trim());
    }
    assert!(output.status.success(), "{said}");
    let right = said.lines().filter(|line| line.contains(" quintet right")).count();
    assert!(right >= 40, "{right} scenes: {said}");
}
