//! When requests are due, and when there are no more: asked by every place that is free to make one.
//!
//! A place says that it is free and is told when its request was due; latency counts from there. In a closed loop that is
//! now, because the free place is what makes the request due. In an open loop the clock does ([`Pace`](crate::Pace)): requests that are
//! due while no place is free wait in a queue, so that what they wait is part of their latency (what others leave out is
//! known as coordinated omission). The queue is bounded: what it has no room for is not sent, and counted.

use crate::by_hand::Scale;
use crate::course::Course;
use crate::pace::{Clock, Part, Spread};
use core::time::Duration;
use std::collections::VecDeque;

/// Requests of one thread that are due and wait for a place.
pub const WAITING_MAX: usize = 65_536;

/// What a place that is free is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// To make a request, which was due then.
    At(Duration),
    /// To wait: the next one is due then.
    Later(Duration),
    /// There are no more.
    Never,
}

/// The requests of one thread, as they become due.
#[derive(Clone, Debug)]
pub struct Arrivals {
    /// Requests that are still to become due; `None`: until time is up.
    left: Option<u64>,
    /// No request is due from here on.
    until: Option<Duration>,
    /// Of an open loop.
    clock: Option<Clock>,
    waiting: VecDeque<Duration>,
    not_sent: u64,
}

impl Arrivals {
    /// `requests` in all, or without end; from `begun_at` on, where the clock says when they are due.
    pub fn new(clock: Option<(Course, Spread)>, part: Part, requests: Option<u64>, begun_at: Duration) -> Self {
        let clock = clock.map(|(course, spread)| Clock::new(course, spread, part, begun_at));
        Self { left: requests, until: None, clock, waiting: VecDeque::new(), not_sent: 0 }
    }

    /// The same, but none from `until` on.
    pub fn ending_at(self, until: Option<Duration>) -> Self {
        Self { until, ..self }
    }

    /// A place is free.
    pub fn take(&mut self, now: Duration) -> Due {
        if self.clock.is_some() {
            return self.take_by_clock(now);
        }
        if self.left == Some(0) || self.until.is_some_and(|until| now >= until) {
            return Due::Never;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        Due::At(now)
    }

    fn take_by_clock(&mut self, now: Duration) -> Due {
        self.catch_up(now);
        // Where time says when it is over, it is not before: the rate is told over all of it.
        let ends = self.until.filter(|until| self.left != Some(0) && now < *until);
        match (self.waiting.pop_front(), self.poll_due().or(ends)) {
            (Some(due), _) => Due::At(due),
            (None, Some(next)) => Due::Later(next),
            (None, None) => Due::Never,
        }
    }

    /// Requests that have become due meanwhile join those that wait.
    fn catch_up(&mut self, now: Duration) {
        while let Some(due) = self.poll_due().filter(|due| *due <= now) {
            match self.waiting.len() < WAITING_MAX {
                true => self.waiting.push_back(due),
                false => self.not_sent += 1,
            }
            if let Some(left) = &mut self.left {
                *left -= 1;
            }
            self.clock.iter_mut().for_each(Clock::advance);
        }
    }

    /// From here on so many times as many as was planned, where the clock says when they are due. What was due by `now` is.
    pub fn turn(&mut self, scale: Scale, now: Duration) {
        self.catch_up(now);
        self.clock.iter_mut().for_each(|clock| clock.turn(scale));
    }

    /// When the clock makes the next request due; `None` where it makes none.
    pub fn poll_due(&self) -> Option<Duration> {
        let next = self.clock.as_ref().filter(|_| self.left != Some(0))?.next()?;
        self.until.is_none_or(|until| next < until).then_some(next)
    }

    /// Nothing is made any more: what became due until `now` and waits is not sent.
    pub fn end(&mut self, now: Duration) {
        self.catch_up(now);
        self.not_sent += self.waiting.len() as u64;
        self.waiting.clear();
        self.left = Some(0);
    }

    /// Requests that were due and were not made.
    pub fn not_sent(&self) -> u64 {
        self.not_sent
    }

    /// Were all requests made that there are so far?
    pub fn are_out(&self) -> bool {
        self.left == Some(0) && self.waiting.is_empty()
    }

    /// There are so many more.
    pub fn add(&mut self, requests: u64) {
        self.left = self.left.map(|left| left + requests);
    }

    /// When requests end by time, where they do.
    pub fn until(&self) -> Option<Duration> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Rate;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn closed(requests: Option<u64>, until: Option<u64>) -> Arrivals {
        Arrivals::new(None, Part::WHOLE, requests, Duration::ZERO).ending_at(until.map(ms))
    }

    /// One request each 10 ms, from 5 ms on.
    fn open(requests: Option<u64>, until: Option<u64>) -> Arrivals {
        let course = Course::Even(Rate::new(100, ms(1000)).expect("a rate"));
        Arrivals::new(Some((course, Spread::Constant)), Part::WHOLE, requests, ms(5)).ending_at(until.map(ms))
    }

    /// What places that become free at these times (in ms) are told.
    #[track_caller]
    fn check(mut arrivals: Arrivals, told: &[(u64, Due)]) {
        let all: Vec<_> = told.iter().map(|(at, _)| (*at, arrivals.take(ms(*at)))).collect();
        assert_eq!(all, told);
    }

    fn at(due: u64) -> Due {
        Due::At(ms(due))
    }

    fn later(due: u64) -> Due {
        Due::Later(ms(due))
    }

    #[test]
    fn in_a_closed_loop_a_free_place_makes_a_request_due() {
        check(closed(None, None), &[(0, at(0)), (0, at(0)), (7, at(7)), (7_000_000, at(7_000_000))]);
        check(closed(Some(2), None), &[(0, at(0)), (5, at(5)), (6, Due::Never), (7, Due::Never)]);
        check(closed(None, Some(10)), &[(0, at(0)), (9, at(9)), (10, Due::Never), (11, Due::Never)]);
        check(closed(Some(2), Some(10)), &[(0, at(0)), (10, Due::Never), (11, Due::Never)]);
        check(closed(Some(0), None), &[(0, Due::Never)]);
        check(closed(None, Some(0)), &[(0, Due::Never)]);
    }

    #[test]
    fn in_an_open_loop_the_clock_does_and_a_late_place_is_told_how_late_it_is() {
        check(
            open(None, None),
            &[(0, later(5)), (5, at(5)), (5, later(15)), (31, at(15)), (31, at(25)), (31, later(35))],
        );
        check(open(Some(2), None), &[(90, at(5)), (90, at(15)), (90, Due::Never)]);
        check(open(None, Some(25)), &[(20, at(5)), (20, at(15)), (20, later(25)), (25, Due::Never), (30, Due::Never)]);
        // What was due before the end may still be made.
        check(open(None, Some(26)), &[(30, at(5)), (30, at(15)), (30, at(25)), (30, Due::Never)]);
        check(open(Some(0), None), &[(90, Due::Never)]);
    }

    #[test]
    fn what_was_due_before_a_turn_stays_due_and_what_is_next_stays_next() {
        let mut arrivals = open(Some(5), None);
        arrivals.turn(Scale::new(2.0).expect("a scale"), ms(17));
        check(
            arrivals,
            &[
                (17, at(5)),
                (17, at(15)),
                (17, later(25)),
                (25, at(25)),
                (25, later(30)),
                (99, at(30)),
                (99, at(35)),
                (99, Due::Never),
            ],
        );
        let mut by_place = closed(Some(1), None);
        by_place.turn(Scale::new(2.0).expect("a scale"), ms(17));
        check(by_place, &[(17, at(17)), (17, Due::Never)]);
    }

    #[test]
    fn what_waits_at_the_end_or_finds_no_room_is_not_sent_and_counted() {
        let mut arrivals = open(None, Some(105));
        assert_eq!((arrivals.take(ms(20)), arrivals.not_sent()), (at(5), 0));
        arrivals.end(ms(200));
        assert_eq!((arrivals.not_sent(), arrivals.take(ms(200))), (9, Due::Never));
        let mut stopped = open(Some(1000), None);
        stopped.end(ms(20));
        assert_eq!((stopped.not_sent(), stopped.are_out()), (2, true), "only what was due by then");
        let mut late = open(None, None);
        let room = WAITING_MAX as u64;
        assert_eq!(late.take(ms(5 + 10 * (room + 2))), at(5));
        assert_eq!((late.not_sent(), late.waiting.len()), (3, WAITING_MAX - 1));
        late.end(ms(5 + 10 * (room + 2)));
        assert_eq!(late.not_sent(), room + 2, "all but the one that was made");
    }

    #[test]
    fn requests_can_be_added_as_they_are_wanted() {
        let mut arrivals = closed(Some(0), Some(10));
        assert!(arrivals.are_out() && arrivals.take(ms(1)) == Due::Never);
        arrivals.add(1);
        assert_eq!((arrivals.are_out(), arrivals.take(ms(2))), (false, at(2)));
        assert!(arrivals.are_out() && arrivals.take(ms(3)) == Due::Never);
        let mut endless = closed(None, None);
        endless.add(1);
        assert!(!endless.are_out());
    }
}
