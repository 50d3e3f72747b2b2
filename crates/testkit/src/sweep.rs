//! Many seeds, one property. A failure names its seed and the command that replays just that one.
//!
//! `QUINTET_SEEDS=N` widens every sweep to N seeds, `QUINTET_SEED=S` runs seed S alone.

use std::fmt::Display;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Environment variable that sets the number of seeds of every sweep.
pub(crate) const SEEDS_VARIABLE: &str = "QUINTET_SEEDS";
/// Environment variable that replays one seed.
pub const SEED_VARIABLE: &str = "QUINTET_SEED";

/// Where a sweep lives, so that a failure can print the command that replays it.
#[derive(Clone, Copy, Debug)]
pub struct Replay {
    /// Package, as in `cargo test -p PACKAGE`.
    pub package: &'static str,
    /// Which of its tests: `"--lib"`, or `"--test simulation"`.
    pub target: &'static str,
    /// Name of the test function.
    pub test: &'static str,
}

impl Replay {
    /// The command that runs seed `seed` of this test alone.
    pub fn command(&self, seed: u64) -> String {
        let Self { package, target, test } = self;
        format!("{SEED_VARIABLE}={seed} cargo test -p {package} {target} {test}")
    }
}

/// The seeds to run: `0..count_default`, unless the environment says otherwise.
///
/// # Panics
/// When a variable is set to something that is not a number.
pub(crate) fn seeds(count_default: u64) -> Range<u64> {
    choose(count_default, variable(SEED_VARIABLE), variable(SEEDS_VARIABLE))
}

/// Runs `property` for every seed. The first seed for which it panics or returns an error ends the
/// sweep, with the command that replays it.
///
/// # Panics
/// When the property does not hold for a seed.
pub fn sweep<E: Display>(replay: Replay, count_default: u64, property: impl FnMut(u64) -> Result<(), E>) {
    sweep_over(replay, seeds(count_default), property);
}

fn sweep_over<E: Display>(replay: Replay, seeds: Range<u64>, mut property: impl FnMut(u64) -> Result<(), E>) {
    for seed in seeds {
        match catch_unwind(AssertUnwindSafe(|| property(seed))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                panic!("seed {seed}: {error}\nreplay with: {}", replay.command(seed))
            }
            Err(payload) => {
                eprintln!("seed {seed} panicked\nreplay with: {}", replay.command(seed));
                resume_unwind(payload);
            }
        }
    }
}

fn choose(count_default: u64, one: Option<u64>, count: Option<u64>) -> Range<u64> {
    match one {
        Some(seed) => seed..seed + 1,
        None => 0..count.unwrap_or(count_default),
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => panic!("{name}={text} is not a number; set it to one, or unset it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Replay = Replay { package: "testkit", target: "--lib", test: "a_failure_names_its_seed" };

    fn failure_of(property: impl FnMut(u64) -> Result<(), String>) -> String {
        let result = catch_unwind(AssertUnwindSafe(|| sweep_over(HERE, 0..9, property)));
        let payload = result.expect_err("the property fails for one seed");
        payload.downcast_ref::<String>().cloned().unwrap_or_default()
    }

    #[test]
    fn a_failure_names_its_seed() {
        let says = failure_of(|seed| if seed == 5 { Err("odd".into()) } else { Ok(()) });
        assert!(says.contains("seed 5: odd"), "{says}");
        assert!(says.contains("QUINTET_SEED=5 cargo test -p testkit --lib a_failure_names_its_seed"));
    }

    #[test]
    fn a_panic_passes_through() {
        let says = failure_of(|seed| if seed == 2 { panic!("boom at {seed}") } else { Ok(()) });
        assert_eq!(says, "boom at 2");
    }

    #[test]
    fn the_environment_widens_or_narrows() {
        assert_eq!(choose(10, None, None), 0..10);
        assert_eq!(choose(10, None, Some(500)), 0..500);
        assert_eq!(choose(10, Some(17), Some(500)), 17..18);
    }
}
