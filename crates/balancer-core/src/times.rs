//! How long things take, counted in fixed buckets: recording costs two additions, and what workers have counted adds up.

use core::time::Duration;
use named::named;
use std::collections::HashMap;

/// The first bucket ends at 2^7 us, each next one at twice as much: the last at 2^26 us, 67 s.
const FIRST: u32 = 7;
/// Buckets with an end.
const BUCKETS: usize = 20;

/// How often something took how long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS + 1],
    sum_us: u64,
}

impl Histogram {
    /// Something took so long.
    #[inline]
    pub fn record(&mut self, took: Duration) {
        let us = took.as_secs() * 1_000_000 + u64::from(took.subsec_micros());
        // The least power of two that is not smaller.
        let power = u64::BITS - us.saturating_sub(1).leading_zeros();
        self.counts[(power.saturating_sub(FIRST) as usize).min(BUCKETS)] += 1;
        self.sum_us += us;
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.sum_us += other.sum_us;
    }

    /// Each bucket: where it ends, in seconds, and how many fell in it but in none before; the last has no end.
    pub fn buckets(&self) -> [(f64, u64); BUCKETS + 1] {
        std::array::from_fn(|at| {
            let end = if at == BUCKETS { f64::INFINITY } else { (1_u64 << (FIRST as usize + at)) as f64 / 1e6 };
            (end, self.counts[at])
        })
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in seconds.
    pub fn sum_s(&self) -> f64 {
        self.sum_us as f64 / 1e6
    }
}

/// What is timed of the servers of one set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerTimes {
    /// From a request on its way to the head of the response.
    pub first_byte: Histogram,
    /// Handshakes.
    pub connect: Histogram,
}

named! {
    /// What is timed.
    pub enum Timed {
        /// Requests, from their head to their end: by listener and route.
        Request = "request",
        /// Servers, from a request on its way to the head of the response: by set and server.
        FirstByte = "first_byte",
        /// Handshakes with servers: by set.
        Connect = "connect",
    }
}

/// What was timed, by what it was timed for: of a request its listener and route (empty: there are none), of first bytes the
/// set and the server (empty: those that left it), of handshakes the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times(Vec<(TimedOf, Histogram)>);

/// Of whom something was timed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimedOf {
    /// What.
    pub what: Timed,
    /// The name of the listener, or of the set.
    pub name: String,
    /// That of the route, or of the server.
    pub route: String,
}

impl Times {
    /// Adds what one of them took.
    pub fn push(&mut self, what: Timed, name: &str, route: &str, histogram: &Histogram) {
        let of = TimedOf { what, name: name.to_owned(), route: route.to_owned() };
        self.0.push((of, *histogram));
    }

    /// Adds another worker's: what has the same names is one.
    pub fn merge(&mut self, other: Self) {
        let mut places: HashMap<TimedOf, usize> =
            self.0.iter().enumerate().map(|(at, (of, _))| (of.clone(), at)).collect();
        for (of, histogram) in other.0 {
            match places.get(&of) {
                Some(at) => self.0[*at].1.merge(&histogram),
                None => {
                    places.insert(of.clone(), self.0.len());
                    self.0.push((of, histogram));
                }
            }
        }
    }

    /// Forgets those that `keep` does not name.
    pub fn retain(&mut self, keep: impl Fn(&TimedOf) -> bool) {
        self.0.retain(|(of, _)| keep(of));
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(TimedOf, Histogram)> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_falls_in_the_bucket_that_ends_at_it_or_above() {
        let check = |us: u64, bucket: usize| {
            let mut one = Histogram::default();
            one.record(Duration::from_micros(us));
            assert_eq!(one.counts.iter().position(|count| *count == 1), Some(bucket), "{us} us");
            let (end, _) = one.buckets()[bucket];
            assert!(
                us as f64 / 1e6 <= end && (bucket == 0 || one.buckets()[bucket - 1].0 < us as f64 / 1e6),
                "{us} us"
            );
        };
        for (us, bucket) in [(0, 0), (1, 0), (128, 0), (129, 1), (256, 1), (257, 2), (1_000_000, 13)] {
            check(us, bucket);
        }
        check(1 << 26, 19);
        check((1 << 26) + 1, 20);
        check(u64::from(u32::MAX), 20);
        let mut rest = Histogram::default();
        rest.record(Duration::from_nanos(999));
        assert_eq!((rest.count(), rest.sum_s()), (1, 0.0));
    }

    #[test]
    fn workers_add_up_by_name() {
        let of = |ms: u64| {
            let mut histogram = Histogram::default();
            histogram.record(Duration::from_millis(ms));
            let mut times = Times::default();
            times.push(Timed::Request, "web", "api", &histogram);
            times.push(Timed::Connect, "app", "", &histogram);
            times
        };
        let mut sum = of(1);
        sum.merge(of(5));
        let all: Vec<_> = sum.iter().map(|(of, histogram)| (of.what, histogram.count(), histogram.sum_s())).collect();
        assert_eq!(all, [(Timed::Request, 2, 0.006), (Timed::Connect, 2, 0.006)]);
    }
}
