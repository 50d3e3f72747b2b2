//! Waiting in tests: for what happens, never for a time; and what only a quick run can show.

use std::time::{Duration, Instant};

/// Nothing on this machine takes so long unless it hangs, however busy it is.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Runs until one must have been quick.
const RUNS_MAX: u32 = 100;

/// Waits until it is so.
///
/// # Panics
/// When it is not so within [`PATIENCE`].
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never came true: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What `run` shows when it takes less than `limit`: it says how long that part took which has to be quick. On a busy
/// machine it is run again, because a slow run shows something else.
///
/// # Panics
/// When no run of a hundred is quick.
#[track_caller]
pub fn when_quick<T>(limit: Duration, mut run: impl FnMut() -> (T, Duration)) -> T {
    let quick = (0..RUNS_MAX).map(|_| run()).find(|(_, took)| *took < limit);
    quick.unwrap_or_else(|| panic!("none of {RUNS_MAX} runs took less than {limit:?}: this machine is too busy")).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_true_is_waited_for() {
        let mut looks = 0;
        eventually("the third look", || {
            looks += 1;
            looks == 3
        });
    }

    #[test]
    fn the_first_quick_run_counts() {
        let mut times = [30, 20, 9, 1].map(Duration::from_millis).into_iter();
        let limit = Duration::from_millis(10);
        assert_eq!(when_quick(limit, || (times.len(), times.next().expect("another run"))), 2);
    }

    #[test]
    #[should_panic(expected = "too busy")]
    fn a_machine_that_is_never_quick_is_named() {
        when_quick(Duration::ZERO, || ((), Duration::ZERO));
    }
}
