//! A mergeable recorder of durations with three significant digits.

use core::time::Duration;
use hdrhistogram::Histogram;

/// Longest duration kept apart; longer ones count as this (one hour).
pub(crate) const RECORDED_NS_MAX: u64 = 3_600_000_000_000;

const SIGNIFICANT_DIGITS: u8 = 3;

/// Durations, recorded in O(1) and without allocation. Kept in nanoseconds.
#[derive(Clone, Debug)]
pub struct Recorder {
    histogram: Histogram<u64>,
    sum_ns: u128,
    /// Exactly, unlike what the histogram keeps.
    min_ns: u64,
    max_ns: u64,
}

/// The usual digest of a [`Recorder`], in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// Smallest.
    pub min: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Median.
    pub p50: f64,
    /// 75th percentile.
    pub p75: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
    /// Largest.
    pub max: f64,
}

/// One bar of a histogram: how many durations lie in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bar {
    /// Upper end, in microseconds.
    pub up_to_us: f64,
    /// Durations above the previous bar's end and up to this one's.
    pub count: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl Recorder {
    /// Nothing recorded.
    pub fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, RECORDED_NS_MAX, SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that hdrhistogram accepts");
        Self { histogram, sum_ns: 0, min_ns: u64::MAX, max_ns: 0 }
    }

    /// Records one duration.
    pub fn record(&mut self, duration: Duration) {
        let ns = duration.as_nanos().min(u128::from(RECORDED_NS_MAX)) as u64;
        self.histogram.saturating_record(ns);
        self.sum_ns += u128::from(ns);
        (self.min_ns, self.max_ns) = (self.min_ns.min(ns), self.max_ns.max(ns));
    }

    /// Number of durations recorded.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Adds what `other` recorded.
    pub fn merge(&mut self, other: &Self) {
        self.histogram += &other.histogram;
        self.sum_ns += other.sum_ns;
        (self.min_ns, self.max_ns) = (self.min_ns.min(other.min_ns), self.max_ns.max(other.max_ns));
    }

    /// The duration that `share` (0.0 to 1.0) of all do not exceed; `None` when nothing was recorded.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        (self.count() > 0).then(|| Duration::from_nanos(self.at(share)))
    }

    /// The digest, or `None` when nothing was recorded.
    pub fn percentiles(&self) -> Option<Percentiles> {
        if self.count() == 0 {
            return None;
        }
        let us = |share| self.at(share) as f64 / 1000.0;
        Some(Percentiles {
            min: self.min_ns as f64 / 1000.0,
            mean: self.sum_ns as f64 / self.count() as f64 / 1000.0,
            deviation: self.histogram.stdev() / 1000.0,
            p50: us(0.5),
            p75: us(0.75),
            p90: us(0.9),
            p95: us(0.95),
            p99: us(0.99),
            p999: us(0.999),
            max: self.max_ns as f64 / 1000.0,
        })
    }

    /// `count` bars from the smallest to the largest duration, each so many times as long as the one before: the few that are
    /// far beyond all others take no room from these. None when nothing was recorded; one where all are the same.
    pub fn bars(&self, count: usize) -> Vec<Bar> {
        if self.count() == 0 || count == 0 {
            return Vec::new();
        }
        let (min, max) = (self.min_ns.max(1), self.max_ns.max(1));
        // All the same: there is nothing to tell apart.
        let count = if min == max { 1 } else { count };
        let ratio = max as f64 / min as f64;
        let part = |bar: usize| (min as f64 * ratio.powf((bar + 1) as f64 / count as f64)) as u64;
        let end = |bar: usize| if bar + 1 < count { part(bar) } else { max };
        let mut bars: Vec<Bar> = (0..count).map(|bar| Bar { up_to_us: end(bar) as f64 / 1000.0, count: 0 }).collect();
        let mut at = 0;
        for value in self.histogram.iter_recorded() {
            while at + 1 < count && value.value_iterated_to() > self.histogram.highest_equivalent(end(at)) {
                at += 1;
            }
            bars[at].count += value.count_since_last_iteration();
        }
        bars
    }

    /// What it is kept in.
    pub(crate) fn histogram(&self) -> &Histogram<u64> {
        &self.histogram
    }

    /// Of the values that hdrhistogram counts as equal it names the highest, which may exceed the largest seen.
    fn at(&self, share: f64) -> u64 {
        self.histogram.value_at_quantile(share).clamp(self.min_ns, self.max_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(us: impl IntoIterator<Item = u64>) -> Recorder {
        let mut recorder = Recorder::new();
        us.into_iter().for_each(|us| recorder.record(Duration::from_micros(us)));
        recorder
    }

    #[track_caller]
    fn check_near(seen: f64, expect: f64) {
        assert!((seen - expect).abs() <= expect * 0.001, "{seen} is not within 0.1 % of {expect}");
    }

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let digest = recorder(1..=10_000).percentiles().unwrap();
        check_near(digest.min, 1.0);
        check_near(digest.mean, 5000.5);
        check_near(digest.deviation, 2886.75);
        check_near(digest.p50, 5000.0);
        check_near(digest.p90, 9000.0);
        check_near(digest.p99, 9900.0);
        check_near(digest.p999, 9990.0);
        check_near(digest.max, 10_000.0);
    }

    #[test]
    fn nothing_recorded_is_no_number() {
        let empty = Recorder::new();
        assert_eq!((empty.percentiles(), empty.quantile(0.5), empty.bars(5)), (None, None, vec![]));
    }

    #[test]
    fn merging_equals_recording_together() {
        let (mut odd, even) = (recorder((1..1000).step_by(2)), recorder((2..1000).step_by(2)));
        odd.merge(&even);
        assert_eq!(odd.percentiles(), recorder(1..1000).percentiles());
        assert_eq!(odd.bars(7), recorder(1..1000).bars(7));
    }

    #[test]
    fn the_extremes_are_kept() {
        let mut recorder = recorder([0]);
        recorder.record(Duration::from_secs(1 << 30));
        let digest = recorder.percentiles().unwrap();
        assert_eq!(recorder.count(), 2);
        check_near(digest.max, RECORDED_NS_MAX as f64 / 1000.0);
    }

    #[test]
    fn the_ends_are_exact() {
        for us in [20, 12_345, 7_654_321] {
            let digest = recorder([us, us + 1]).percentiles().unwrap();
            assert_eq!((digest.min, digest.max), (us as f64, (us + 1) as f64));
            assert!(digest.p50 >= digest.min && digest.p999 <= digest.max, "{digest:?}");
        }
    }

    #[test]
    fn one_outlier_does_not_flatten_the_bars() {
        let bars = recorder((100..1100).chain([10_000_000])).bars(10);
        let counts: Vec<u64> = bars.iter().map(|bar| bar.count).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>(), bars[9].up_to_us), (10, 1001, 10_000_000.0));
        // Five powers of ten in ten bars: each is so many times as long as the one before.
        assert!((bars[0].up_to_us - 316.2).abs() < 0.1 && (bars[3].up_to_us - 10_000.0).abs() < 1.0, "{bars:?}");
        assert!((99..=100).contains(&counts[2]) && counts[9] == 1, "{counts:?}");
    }

    #[test]
    fn bars_hold_every_duration() {
        for us in [vec![5], vec![5, 5, 5], vec![1, 1_000_000], (1..=100).collect()] {
            let all = us.len() as u64;
            let bars = recorder(us).bars(10);
            assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), all);
            assert_eq!(bars.len(), if bars[0].count == all { 1 } else { 10 });
        }
    }
}
