//! A small recorder of durations, to have one for each second of a run: 3 % precise, less than 3 KiB.

use core::time::Duration;

/// Buckets of an octave; below as many microseconds each has its own.
const PER_OCTAVE: u64 = 32;
/// From here on durations are not told apart: 67 s.
const US_MAX: u64 = (1 << 26) - 1;
/// So many buckets reach there.
const BUCKETS: usize = index(US_MAX) + 1;

/// Durations by buckets whose width is 3 % of what they hold; the largest is exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coarse {
    buckets: [u32; BUCKETS],
    count: u64,
    max_ns: u64,
}

impl Default for Coarse {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], count: 0, max_ns: 0 }
    }
}

impl Coarse {
    /// Records one duration.
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = &mut self.buckets[index(ns / 1000)];
        *bucket = bucket.saturating_add(1);
        self.count += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what `other` recorded.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(mine, theirs)| *mine = mine.saturating_add(theirs));
        self.count += other.count;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Number of durations recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest, in microseconds; `None` when nothing was recorded.
    pub fn max_us(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max_ns as f64 / 1000.0)
    }

    /// What `share` (0.0 to 1.0) of all do not exceed, in microseconds, at most 3 % too much.
    pub fn quantile_us(&self, share: f64) -> Option<f64> {
        let rank = ((share * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.buckets.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        Some(bucket.map_or(f64::MAX, |bucket| upper_us(bucket) as f64).min(self.max_us()?))
    }

    /// Buckets that hold any: the first microsecond beyond, and how many.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> {
        let all = self.buckets.iter().enumerate().filter(|(_, count)| **count > 0);
        all.map(|(bucket, count)| (upper_us(bucket), u64::from(*count)))
    }
}

/// Which bucket holds so many microseconds.
const fn index(us: u64) -> usize {
    let us = if us > US_MAX { US_MAX } else { us };
    if us < PER_OCTAVE {
        return us as usize;
    }
    let shift = us.ilog2() - PER_OCTAVE.ilog2();
    (PER_OCTAVE * shift as u64 + (us >> shift)) as usize
}

/// The first microsecond beyond a bucket.
fn upper_us(bucket: usize) -> u64 {
    let next = bucket as u64 + 1;
    let octave = (next / PER_OCTAVE).max(1) - 1;
    (next - octave * PER_OCTAVE) << octave
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let ends: Vec<u64> = (0..BUCKETS).map(upper_us).collect();
        assert!(ends.windows(2).all(|pair| pair[0] < pair[1]), "{ends:?}");
        for us in (0..100_000).chain([US_MAX - 1, US_MAX]) {
            let bucket = index(us);
            assert!(us < ends[bucket] && (bucket == 0 || us >= ends[bucket - 1]), "{us} in {bucket}");
        }
        assert!(size_of::<Coarse>() < 3 * 1024, "{}", size_of::<Coarse>());
    }

    #[test]
    fn quantiles_are_three_per_cent_precise() {
        let mut coarse = Coarse::default();
        (1..=100_000).for_each(|us| coarse.record(Duration::from_micros(us)));
        for (share, expect) in [(0.5, 50_000.0), (0.9, 90_000.0), (0.99, 99_000.0)] {
            let seen = coarse.quantile_us(share).expect("recorded");
            assert!(seen >= expect && seen <= expect * 1.033, "{share}: {seen}");
        }
        assert_eq!(
            (coarse.count(), coarse.max_us(), coarse.quantile_us(1.0)),
            (100_000, Some(100_000.0), Some(100_000.0))
        );
        assert_eq!(coarse.buckets().map(|(_, count)| count).sum::<u64>(), 100_000);
    }

    #[test]
    fn nothing_is_no_number_and_an_hour_is_its_own_maximum() {
        let mut coarse = Coarse::default();
        assert_eq!((coarse.max_us(), coarse.quantile_us(0.5)), (None, None));
        coarse.record(Duration::from_secs(3600));
        assert_eq!((coarse.max_us(), coarse.quantile_us(0.5)), (Some(3.6e9), Some(67_108_864.0)));
        let mut both = Coarse::default();
        both.merge(&coarse);
        both.merge(&coarse);
        assert_eq!((both.count(), both.max_us()), (2, Some(3.6e9)));
    }
}
