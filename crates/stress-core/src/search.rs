//! The highest rate that keeps what a run has to keep: in steps that double it until one does not, then by halves between the
//! last that did and the first that did not.

use crate::pace::{PER_S_MAX, Rate};
use crate::threshold::Threshold;
use core::time::Duration;
use named::named;

/// Steps of one search.
pub const STEPS_MAX: u32 = 40;
/// A rate is found to this share of it: finer than runs of seconds can tell apart.
const PRECISION: f64 = 0.05;

/// What a step has to keep where nobody says anything of it.
const ERRORS: &str = "errors<0.1%";
/// Without it the highest rate would be the highest that can be asked for.
const RATE: &str = "rate>=99%";

/// What each step has to keep: what was asked for, and that the rate was reached; where nothing is said of errors, hardly any.
pub fn thresholds(given: &[Threshold]) -> Vec<Threshold> {
    let speaks = |of: fn(&Threshold) -> bool| given.iter().any(of);
    let own = [(RATE, speaks(Threshold::is_of_rate)), (ERRORS, speaks(Threshold::is_of_errors))];
    let own = own.into_iter().filter(|(_, is_said)| !is_said).filter_map(|(text, _)| Threshold::parse(text).ok());
    given.iter().cloned().chain(own).collect()
}

named! {
    /// Why a search is over.
    pub enum Ended {
        /// The rate is found as precisely as it can be.
        Found = "found",
        /// Even the highest rate that can be asked for is kept.
        Highest = "highest",
        /// Not even one request a second is kept.
        None = "none",
        /// So many steps were made.
        Steps = "steps",
    }
}

/// A search in progress.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    next_per_s: f64,
    /// The highest rate that was kept, and the lowest that was not.
    kept: Option<f64>,
    missed: Option<f64>,
    steps: u32,
    steps_max: u32,
}

impl Search {
    /// From `first` on, in so many steps at most.
    pub fn new(first: Rate, steps_max: u32) -> Self {
        Self { next_per_s: first.per_s(), kept: None, missed: None, steps: 0, steps_max: steps_max.min(STEPS_MAX) }
    }

    /// The rate of the next step; an error says why there is none.
    pub fn next(&self) -> Result<Rate, Ended> {
        let is_found = |(kept, missed): (f64, f64)| missed <= kept * (1.0 + PRECISION) || missed - kept <= 1.0;
        match (self.kept, self.missed) {
            (Some(kept), _) if kept >= PER_S_MAX as f64 => Err(Ended::Highest),
            (_, Some(missed)) if missed <= 1.0 => Err(Ended::None),
            (kept, missed) if kept.zip(missed).is_some_and(is_found) => Err(Ended::Found),
            _ if self.steps >= self.steps_max => Err(Ended::Steps),
            _ => rate(self.next_per_s).ok_or(Ended::None),
        }
    }

    /// A step of this rate was made: was everything kept?
    pub fn handle_step(&mut self, rate: Rate, is_kept: bool) {
        let per_s = rate.per_s();
        self.steps += 1;
        if is_kept {
            self.kept = Some(self.kept.map_or(per_s, |kept| kept.max(per_s)));
        } else {
            self.missed = Some(self.missed.map_or(per_s, |missed| missed.min(per_s)));
        }
        self.next_per_s = match (self.kept, self.missed) {
            (Some(kept), Some(missed)) => (kept + missed) / 2.0,
            (Some(kept), None) => (kept * 2.0).min(PER_S_MAX as f64),
            (None, Some(missed)) => (missed / 2.0).max(1.0),
            (None, None) => self.next_per_s,
        };
    }

    /// The highest rate that was kept.
    pub fn answer(&self) -> Option<Rate> {
        self.kept.and_then(rate)
    }
}

/// Whole requests in a second from 10 on, else in a hundred seconds.
fn rate(per_s: f64) -> Option<Rate> {
    match per_s {
        few if few < 10.0 => Rate::new((few * 100.0).round() as u64, Duration::from_secs(100)),
        many => Rate::new(many.round() as u64, Duration::from_secs(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates tried, and the answer, of a target that keeps up to `limit` a second.
    fn search(first: u64, limit: f64, steps_max: u32) -> (Vec<u64>, Ended, Option<u64>) {
        let mut search = Search::new(Rate::new(first, Duration::from_secs(1)).expect("a rate"), steps_max);
        let mut tried = Vec::new();
        loop {
            match search.next() {
                Ok(rate) => {
                    tried.push(rate.per_s() as u64);
                    search.handle_step(rate, rate.per_s() <= limit);
                }
                Err(ended) => return (tried, ended, search.answer().map(|rate| rate.per_s() as u64)),
            }
        }
    }

    #[test]
    fn rates_double_and_are_then_halved_between() {
        assert_eq!(search(100, 700.0, 40), (vec![100, 200, 400, 800, 600, 700, 750, 725], Ended::Found, Some(700)));
        assert_eq!(search(1000, 300.0, 40), (vec![1000, 500, 250, 375, 313, 282, 298, 306], Ended::Found, Some(298)));
        assert_eq!(search(100, 700.0, 3), (vec![100, 200, 400], Ended::Steps, Some(400)));
        assert_eq!(search(4, 0.0, 40), (vec![4, 2, 1], Ended::None, None));
        let (tried, ended, answer) = search(1_000_000, f64::MAX, 40);
        assert_eq!((tried.len(), ended, answer), (5, Ended::Highest, Some(PER_S_MAX)));
    }

    /// Whatever the target keeps: the answer is kept, it is not far below, and steps are bounded.
    #[test]
    fn any_limit_is_found() {
        for seed in 0..500 {
            let mut rng = seed::Rng::new(seed);
            let limit = 10f64.powf(rng.unit() * 6.5);
            let (tried, ended, answer) = search(rng.range(1, 100_000), limit, STEPS_MAX);
            let Some(answer) = answer.filter(|_| ended == Ended::Found) else {
                assert!(!(3.0..=5e6).contains(&limit), "seed {seed}: {limit}: {ended}");
                continue;
            };
            let answer = answer as f64;
            assert!(answer <= limit && answer + 2.0 >= limit / 1.06, "seed {seed}: {answer} of {limit}: {tried:?}");
            assert!(tried.len() < 30, "seed {seed}: {tried:?}");
        }
    }

    #[test]
    fn what_is_said_of_errors_and_rate_stands() {
        let texts = |given: &[&str]| {
            let given: Vec<Threshold> = given.iter().map(|text| Threshold::parse(text).expect("one")).collect();
            thresholds(&given).iter().map(|one| one.text().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(texts(&["p99<50ms"]), ["p99<50ms", "rate>=99%", "errors<0.1%"]);
        assert_eq!(texts(&["errors<1%", "rate>=90%"]), ["errors<1%", "rate>=90%"]);
    }
}
