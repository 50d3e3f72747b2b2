//! What makes requests due: a place that is free, or the clock.

use crate::by_hand::Scale;
use crate::course::Course;
use core::num::NonZeroU64;
use core::time::Duration;
use named::named;
use seed::Rng;

/// Requests per second that can be asked for.
pub const PER_S_MAX: u64 = 10_000_000;

/// What makes a request due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// A closed loop: a place that is free.
    #[default]
    Closed,
    /// An open loop: the clock, whether or not a place is free.
    Open(Rate, Spread),
}

impl Pace {
    /// Of an open loop its rate, and how requests lie in time.
    pub(crate) fn rate(self) -> Option<(Rate, Spread)> {
        match self {
            Self::Open(rate, spread) => Some((rate, spread)),
            Self::Closed => None,
        }
    }
}

/// So many requests in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: NonZeroU64,
    period: Duration,
}

named! {
    /// How requests of an open loop lie in time.
    #[derive(Default)]
    pub enum Spread {
        /// One after the other, in equal steps.
        #[default]
        Constant = "constant",
        /// By chance, as those of many people who know nothing of each other do (a Poisson process).
        Poisson = "poisson",
    }
}

impl Rate {
    /// `None` where that is nothing, or more than [`PER_S_MAX`].
    pub fn new(requests: u64, period: Duration) -> Option<Self> {
        let most = period.as_nanos().saturating_mul(u128::from(PER_S_MAX)) / 1_000_000_000;
        let requests = NonZeroU64::new(requests).filter(|requests| u128::from(requests.get()) <= most)?;
        Some(Self { requests, period })
    }

    /// Requests in a second.
    pub fn per_s(&self) -> f64 {
        self.requests.get() as f64 / self.period.as_secs_f64()
    }

    /// From the first request until the one of this number (from 0) is due.
    pub(crate) fn after(&self, number: u64) -> Duration {
        nanos(u128::from(number) * self.period.as_nanos() / u128::from(self.requests.get()))
    }

    /// Requests that are due within `time`, begun ones not counted.
    pub fn within(&self, time: Duration) -> u64 {
        let due = time.as_nanos().saturating_mul(u128::from(self.requests.get())) / self.period.as_nanos();
        u64::try_from(due).unwrap_or(u64::MAX)
    }
}

/// One of so many threads that divide an open loop among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which, from 0.
    pub index: u32,
    /// Of so many; at least one.
    pub of: u32,
}

impl Part {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// This thread's share of a number.
    pub fn share(self, all: u64) -> u64 {
        let (at, of, all) = (u128::from(self.index), u128::from(self.of.max(1)), u128::from(all));
        (all * (at + 1) / of - all * at / of) as u64
    }
}

/// When the requests of one thread are due, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    course: Course,
    part: Part,
    begun_at: Duration,
    /// Steps so far.
    count: u64,
    next: Option<Duration>,
    /// Where chance decides.
    chance: Option<Chance>,
    /// So many times as many as the course has.
    scale: Scale,
    /// Since somebody changed that, where steps are even.
    turned: Option<Turned>,
}

/// Where a clock goes on from that was turned by hand, in requests of the course.
#[derive(Clone, Copy, Debug)]
struct Turned {
    /// The request that was next then: it stays when it was.
    from: f64,
    /// Steps since.
    steps: u64,
    /// So much more before the first, so that threads stay in turn.
    shift: f64,
}

/// A Poisson process over requests: even steps of the course become steps of chance.
#[derive(Clone, Debug)]
struct Chance {
    rng: Rng,
    /// How far along the course it is, in requests.
    at: f64,
}

impl Clock {
    pub(crate) fn new(course: Course, spread: Spread, part: Part, begun_at: Duration) -> Self {
        let rng = || Rng::new(u64::from(part.index) + 1);
        let chance = (spread == Spread::Poisson).then(|| Chance { rng: rng(), at: 0.0 });
        let (scale, turned) = (Scale::PLANNED, None);
        let mut clock = Self { course, part, begun_at, count: 0, next: None, chance, scale, turned };
        clock.next = clock.due();
        clock
    }

    /// When the next one is due; `None` where there are no more.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.next
    }

    /// On to the one after that.
    pub(crate) fn advance(&mut self) {
        self.count += 1;
        self.turned.iter_mut().for_each(|turned| turned.steps += 1);
        self.next = self.due();
    }

    /// From here on so many times as many as the course has. The one that is next stays when it was.
    pub(crate) fn turn(&mut self, scale: Scale) {
        let (index, of) = (f64::from(self.part.index), f64::from(self.part.of));
        let from = match self.turned {
            None => self.count as f64 * of + index,
            Some(turned) => turned.at(self.scale, of),
        };
        let shift = (index / scale.times() - from).rem_euclid(of / scale.times());
        (self.scale, self.turned) = (scale, Some(Turned { from, steps: 0, shift }));
    }

    /// Threads take turns.
    fn due(&mut self) -> Option<Duration> {
        let of = f64::from(self.part.of);
        let since = match (&mut self.chance, self.turned) {
            (None, None) => {
                // Each is reckoned from the beginning: no rounding adds up.
                let number = self.count * u64::from(self.part.of) + u64::from(self.part.index);
                self.course.nth(number)
            }
            (None, Some(turned)) => self.course.when(turned.at(self.scale, of)),
            (Some(chance), _) => {
                // A share of a Poisson process is one, too. 1 - unit() is never 0.
                chance.at += -(1.0 - chance.rng.unit()).ln() * of / self.scale.times();
                self.course.when(chance.at)
            }
        };
        Some(self.begun_at + since?)
    }
}

impl Turned {
    /// The request that is next.
    fn at(self, scale: Scale, of: f64) -> f64 {
        match self.steps {
            0 => self.from,
            steps => self.from + self.shift + steps as f64 * of / scale.times(),
        }
    }
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_s(requests: u64) -> Rate {
        Rate::new(requests, Duration::from_secs(1)).expect("a rate")
    }

    fn dues(rate: Rate, spread: Spread, part: Part, count: usize) -> Vec<Duration> {
        let mut clock = Clock::new(Course::Even(rate), spread, part, Duration::ZERO);
        let next = || {
            let due = clock.next().expect("it has no end");
            clock.advance();
            due
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    #[test]
    fn a_rate_is_something_and_not_everything() {
        assert_eq!(Rate::new(0, Duration::from_secs(1)), None);
        assert_eq!(Rate::new(1, Duration::ZERO), None);
        assert!(Rate::new(PER_S_MAX, Duration::from_secs(1)).is_some());
        assert_eq!(Rate::new(PER_S_MAX + 1, Duration::from_secs(1)), None);
        assert_eq!(Rate::new(30, Duration::from_secs(60)).map(|rate| rate.per_s()), Some(0.5));
        assert_eq!(per_s(3).within(Duration::from_millis(1500)), 4);
    }

    #[test]
    fn equal_steps_lose_nothing_to_rounding_however_many() {
        let third = dues(per_s(3), Spread::Constant, Part::WHOLE, 3_001);
        assert_eq!(third[..4].iter().map(Duration::as_micros).collect::<Vec<_>>(), [0, 333_333, 666_666, 1_000_000]);
        assert_eq!(third[3_000], Duration::from_secs(1000));
    }

    #[test]
    fn threads_take_turns_and_are_the_whole_together() {
        let rate = per_s(1000);
        let mut all: Vec<_> =
            (0..3).flat_map(|index| dues(rate, Spread::Constant, Part { index, of: 3 }, 100)).collect();
        all.sort();
        assert_eq!(all, dues(rate, Spread::Constant, Part::WHOLE, 300));
        let shares = (0..3).map(|index| Part { index, of: 3 }.share(100));
        assert_eq!(shares.collect::<Vec<_>>(), [33, 33, 34]);
    }

    fn turned(times: f64) -> Scale {
        Scale::new(times).expect("a scale")
    }

    /// Times of all requests before `end_ms`, in ms, of so many threads that are turned at these times.
    fn turned_dues(spread: Spread, threads: u32, turns: &[(u64, f64)], end_ms: u64) -> Vec<f64> {
        let mut all = Vec::new();
        for index in 0..threads {
            let mut clock = Clock::new(Course::Even(per_s(100)), spread, Part { index, of: threads }, Duration::ZERO);
            for (until_ms, then) in turns.iter().map(|(at, times)| (*at, Some(*times))).chain([(end_ms, None)]) {
                while let Some(due) = clock.next().filter(|due| *due < Duration::from_millis(until_ms)) {
                    all.push(due.as_secs_f64() * 1e3);
                    clock.advance();
                }
                then.into_iter().for_each(|times| clock.turn(turned(times)));
            }
        }
        all.sort_by(f64::total_cmp);
        all
    }

    #[test]
    fn a_rate_that_is_turned_goes_on_from_the_request_that_was_next() {
        let dues = turned_dues(Spread::Constant, 1, &[(35, 2.0), (58, 0.5)], 111);
        assert_eq!(dues, [0.0, 10.0, 20.0, 30.0, 40.0, 45.0, 50.0, 55.0, 60.0, 80.0, 100.0]);
    }

    #[test]
    fn threads_stay_in_turn_whatever_the_rate_is_turned_to() {
        for (threads, times) in [(3, 2.0), (3, 0.5), (4, 10.0), (4, 0.1), (5, 1.1), (2, 1.0)] {
            let dues = turned_dues(Spread::Constant, threads, &[(1003, times)], 9000);
            let step = 10.0 / times;
            // Once each has had its first step of the new kind.
            let later: Vec<f64> = dues.into_iter().filter(|due| *due > 1003.0 + 20.0 * step.max(10.0)).collect();
            for pair in later.windows(2) {
                assert!((pair[1] - pair[0] - step).abs() < step * 0.01, "{threads} x {times}: {pair:?}");
            }
        }
    }

    #[test]
    fn chance_goes_by_the_rate_it_is_turned_to() {
        let dues = turned_dues(Spread::Poisson, 2, &[(100_000, 3.0)], 200_000);
        let before = dues.iter().filter(|due| **due < 100_000.0).count() as f64;
        let after = dues.len() as f64 - before;
        assert!((before / 10_000.0 - 1.0).abs() < 0.05 && (after / 30_000.0 - 1.0).abs() < 0.05, "{before}, {after}");
    }

    #[test]
    fn phases_that_are_turned_keep_their_times() {
        let phase = |lasts, per_s| crate::course::Phase::even(Duration::from_secs(lasts), per_s);
        let course = Course::phases(&[phase(1, 10.0), phase(1, 20.0)]).expect("a course");
        let mut clock = Clock::new(course, Spread::Constant, Part::WHOLE, Duration::ZERO);
        clock.turn(turned(2.0));
        let mut counts = [0; 3];
        while let Some(due) = clock.next() {
            counts[due.as_secs() as usize] += 1;
            clock.advance();
        }
        assert_eq!(counts, [20, 40, 0]);
    }

    /// Gaps of a Poisson process: their mean is the step, and so is their deviation.
    #[test]
    fn chance_keeps_the_rate_and_spreads_as_it_should() {
        for part in [Part::WHOLE, Part { index: 1, of: 2 }] {
            let dues = dues(per_s(1000), Spread::Poisson, part, 100_001);
            let gaps: Vec<f64> = dues.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64() * 1e3).collect();
            let expect = f64::from(part.of);
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            assert!((mean / expect - 1.0).abs() < 0.02, "{part:?}: mean {mean}");
            assert!((variance.sqrt() / expect - 1.0).abs() < 0.02, "{part:?}: deviation {}", variance.sqrt());
        }
    }
}
