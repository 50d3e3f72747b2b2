//! Our tester in every scene of known behaviour: what it tells is what happened.

use super::{chore, program, run};

#[test]
fn our_tester_tells_the_truth() {
    let Some(program) = program() else { return };
    let mut honesty = chore(&["honesty", "--tool", "quintet", "--jobs", "8", "--lenient", "--binary"]);
    honesty.arg(&program);
    let (output, said) = run(honesty);
    if said.contains("namespace") && !output.status.success() && !said.contains("right") {
        return testkit::skip(said.trim());
    }
    assert!(output.status.success(), "{said}");
    let right = said.lines().filter(|line| line.contains(" quintet right")).count();
    assert!(right >= 40, "{right} scenes: {said}");
}
