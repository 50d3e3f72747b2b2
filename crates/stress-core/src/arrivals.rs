//! When requests are due, and when there are no more: asked by every place that is free to make one.
//!
//! A place says that it is free and is told when its request was due; latency counts from there. In a closed loop that is
//! now, because the free place is what makes the request due. Where requests become due by the clock (an open loop, a
//! ramp, a search for the highest rate) it lies in the past when places were late: then they are another [`Pace`], with a
//! bounded number of requests that are due and wait for a place.

use core::time::Duration;

/// What makes a request due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// A closed loop: a place that is free.
    #[default]
    Closed,
}

/// The requests of one thread, as they become due.
#[derive(Clone, Copy, Debug)]
pub struct Arrivals {
    pace: Pace,
    /// Requests still to be made; `None`: until time is up.
    left: Option<u64>,
    /// No request is due from here on.
    until: Option<Duration>,
}

impl Arrivals {
    /// `requests` in all, or without end.
    pub fn new(pace: Pace, requests: Option<u64>) -> Self {
        Self { pace, left: requests, until: None }
    }

    /// The same, but none from `until` on.
    pub fn ending_at(self, until: Option<Duration>) -> Self {
        Self { until, ..self }
    }

    /// A place is free: when the request it is to make was due. `None`: there are no more.
    pub fn take(&mut self, now: Duration) -> Option<Duration> {
        if self.is_over(now) {
            return None;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        match self.pace {
            Pace::Closed => Some(now),
        }
    }

    /// Were all requests made that there are so far?
    pub fn are_out(&self) -> bool {
        self.left == Some(0)
    }

    /// There are so many more.
    pub fn add(&mut self, requests: u64) {
        self.left = self.left.map(|left| left + requests);
    }

    /// Is no request due any more?
    fn is_over(&self, now: Duration) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| now >= until)
    }

    /// When requests end by time, where they do.
    pub fn until(&self) -> Option<Duration> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// What places that become free at `free` (in ms) are told.
    #[track_caller]
    fn check(requests: Option<u64>, until: Option<u64>, free: &[u64], due: &[Option<u64>]) {
        let mut arrivals = Arrivals::new(Pace::Closed, requests).ending_at(until.map(ms));
        let told: Vec<_> = free.iter().map(|at| arrivals.take(ms(*at))).collect();
        assert_eq!(told, due.iter().map(|due| due.map(ms)).collect::<Vec<_>>(), "{requests:?} until {until:?}");
    }

    #[test]
    fn in_a_closed_loop_a_free_place_makes_a_request_due() {
        check(None, None, &[0, 0, 7, 7_000_000], &[Some(0), Some(0), Some(7), Some(7_000_000)]);
        check(Some(2), None, &[0, 5, 6, 7], &[Some(0), Some(5), None, None]);
        check(None, Some(10), &[0, 9, 10, 11], &[Some(0), Some(9), None, None]);
        check(Some(2), Some(10), &[0, 10, 11], &[Some(0), None, None]);
        check(Some(0), None, &[0], &[None]);
        check(None, Some(0), &[0], &[None]);
    }

    #[test]
    fn requests_can_be_added_as_they_are_wanted() {
        let mut arrivals = Arrivals::new(Pace::Closed, Some(0)).ending_at(Some(ms(10)));
        assert!(arrivals.are_out() && arrivals.take(ms(1)).is_none());
        arrivals.add(1);
        assert_eq!((arrivals.are_out(), arrivals.take(ms(2))), (false, Some(ms(2))));
        assert!(arrivals.are_out() && arrivals.take(ms(3)).is_none());
        let mut endless = Arrivals::new(Pace::Closed, None);
        endless.add(1);
        assert!(!endless.are_out());
    }
}
