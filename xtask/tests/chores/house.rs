//! The house keeps its order: what `cargo xtask deps` and `cargo xtask shape` check, checked with every run of the tests.

use super::{chore, run};

/// It must have nothing to complain of.
fn check(name: &str) {
    let (output, said) = run(chore(&[name]));
    assert!(output.status.success(), "cargo xtask {name}:\n{said}");
}

#[test]
fn dependencies_point_down() {
    check("deps");
}

#[test]
fn the_sources_keep_their_shape() {
    check("shape");
}
