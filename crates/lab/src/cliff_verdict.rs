//! From the two curves of the port cliff to a verdict.

use crate::outcome::{Series, Verdict};
use crate::verdict::Judgement;

/// Below this share of ports in TIME_WAIT the range counts as free, in per cent.
const FREE_PERCENT_MAX: f64 = 40.0;
/// From this share on it counts as scarce: past one half the kernel has to try the other parity too.
const SCARCE_PERCENT_MIN: f64 = 60.0;
/// The kernel's choice must slow down at least so many times.
const CLIFF_MIN: f64 = 3.0;
/// Own ports must not slow down more than so many times.
const FLAT_MAX: f64 = 2.0;

/// What is expected, in figures.
pub(crate) fn expected_text() -> String {
    format!(
        "median connect() of the least disturbed batch with more than {SCARCE_PERCENT_MIN:.0} % of the ports in TIME_WAIT against less than \
         {FREE_PERCENT_MAX:.0} %: kernel's choice >= {CLIFF_MIN:.0} times, own ports <= {FLAT_MAX:.0} times, \
         no own port fails"
    )
}

/// A machine too busy to fill the range within the 60 s that TIME_WAIT lasts shows no cliff: some of the `connected` ports
/// were no longer `waiting` at the end.
pub(crate) fn too_slow(connected: u64, waiting: u64) -> Option<Judgement> {
    let why = format!(
        "of {connected} ports only {waiting} were still in TIME_WAIT when the last was used: this machine is too busy"
    );
    (waiting < connected).then_some(Judgement { verdict: Verdict::CannotRun, why })
}

/// Judges the curves; `own_failed` counts failures with own ports.
pub fn judge(kernel: &[Series], own: &[Series], own_failed: u64) -> Judgement {
    let (Some(kernel), Some(own)) = (slow_down(kernel), slow_down(own)) else {
        let why = "a curve has no point on one side of the cliff".to_owned();
        return Judgement { verdict: Verdict::CannotRun, why };
    };
    let seen = format!("kernel's choice {kernel:.1} times, own ports {own:.1} times, {own_failed} failed");
    if kernel >= CLIFF_MIN && own <= FLAT_MAX && own_failed == 0 {
        return Judgement { verdict: Verdict::Holds, why: seen };
    }
    Judgement { verdict: Verdict::Differs, why: format!("expected {}; seen {seen}", expected_text()) }
}

/// How many times slower the scarce side is.
fn slow_down(series: &[Series]) -> Option<f64> {
    let free = least_disturbed(series, |share| share < FREE_PERCENT_MAX)?;
    let scarce = least_disturbed(series, |share| share > SCARCE_PERCENT_MIN)?;
    Some(scarce / free.max(f64::MIN_POSITIVE))
}

/// The shortest batch median: other work on this machine only ever adds to it.
fn least_disturbed(series: &[Series], wanted: impl Fn(f64) -> bool) -> Option<f64> {
    let points = series.iter().flat_map(|one| &one.points).filter(|point| wanted(point.time_wait_percent));
    points.map(|point| point.connect_us_median).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Point;

    fn series(free_us: f64, scarce_us: f64) -> [Series; 1] {
        let point = |(time_wait_percent, connect_us_median)| Point { time_wait_percent, connect_us_median };
        let points = [(0.0, free_us), (30.0, free_us), (50.0, 7.0), (70.0, scarce_us), (100.0, scarce_us)];
        [Series { name: "test", points: points.map(point).to_vec() }]
    }

    fn check(kernel: (f64, f64), own: (f64, f64), failed: u64, expect: Verdict) {
        let judgement = judge(&series(kernel.0, kernel.1), &series(own.0, own.1), failed);
        assert_eq!(judgement.verdict, expect, "{kernel:?} {own:?} {failed}: {}", judgement.why);
    }

    #[test]
    fn a_cliff_and_a_plain_hold() {
        check((20.0, 400.0), (22.0, 24.0), 0, Verdict::Holds);
        check((20.0, 50.0), (22.0, 24.0), 0, Verdict::Differs);
        check((20.0, 400.0), (22.0, 60.0), 0, Verdict::Differs);
        check((20.0, 400.0), (22.0, 24.0), 1, Verdict::Differs);
    }

    #[test]
    fn time_waits_that_ended_prove_nothing() {
        assert_eq!(too_slow(3984, 3984), None);
        let judgement = too_slow(3984, 3219).expect("too slow");
        assert_eq!(judgement.verdict, Verdict::CannotRun);
        assert!(judgement.why.contains("3219"), "{}", judgement.why);
    }

    #[test]
    fn a_half_curve_proves_nothing() {
        let mut half = series(20.0, 400.0);
        half[0].points.truncate(2);
        let judgement = judge(&half, &series(20.0, 20.0), 0);
        assert_eq!(judgement.verdict, Verdict::CannotRun);
    }
}
