//! A recorder of durations that is small: 3 % precise, its ends and its mean exact, less than 3 KiB.

use crate::{Coarse, Percentiles};
use core::time::Duration;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    coarse: Coarse,
    sum_ns: u128,
    min_ns: u64,
}

impl Default for Brief {
    fn default() -> Self {
        Self { coarse: Coarse::default(), sum_ns: 0, min_ns: u64::MAX }
    }
}

impl Brief {
    /// Records one duration.
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.coarse.record(duration);
        self.sum_ns += u128::from(ns);
        self.min_ns = self.min_ns.min(ns);
    }

    /// Adds what `other` recorded.
    pub fn merge(&mut self, other: &Self) {
        self.coarse.merge(&other.coarse);
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
    }

    /// Number of durations recorded.
    pub fn count(&self) -> u64 {
        self.coarse.count()
    }

    /// The digest, or `None` when nothing was recorded. Percentiles and deviation are within 3 %.
    pub fn percentiles(&self) -> Option<Percentiles> {
        let (count, min) = (self.count() as f64, self.min_ns as f64 / 1000.0);
        let mean = self.sum_ns as f64 / count / 1000.0;
        let at = |share| self.coarse.quantile_us(share).map(|us| us.max(min));
        Some(Percentiles {
            min,
            mean,
            deviation: self.deviation(mean),
            p50: at(0.5)?,
            p75: at(0.75)?,
            p90: at(0.9)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
            p999: at(0.999)?,
            max: self.coarse.max_us()?,
        })
    }

    /// By the upper ends of buckets, which all are as much too far.
    fn deviation(&self, mean_us: f64) -> f64 {
        let max = self.coarse.max_us().unwrap_or(0.0);
        let squares = self.coarse.buckets().map(|(us, count)| ((us as f64).min(max) - mean_us).powi(2) * count as f64);
        (squares.sum::<f64>() / self.count().max(1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_ends_and_its_mean_are_exact_and_the_rest_is_near() {
        let (mut one, mut other) = (Brief::default(), Brief::default());
        (1..=10_000).for_each(|us| if us % 2 == 0 { &mut one } else { &mut other }.record(Duration::from_micros(us)));
        one.merge(&other);
        let digest = one.percentiles().expect("recorded");
        assert_eq!((one.count(), digest.min, digest.mean, digest.max), (10_000, 1.0, 5000.5, 10_000.0));
        for (seen, expect) in [(digest.p50, 5000.0), (digest.p99, 9900.0), (digest.deviation, 2886.75)] {
            assert!((seen / expect - 1.0).abs() < 0.04, "{seen} for {expect}");
        }
    }

    #[test]
    fn nothing_is_no_number_and_one_is_all_of_them() {
        assert_eq!(Brief::default().percentiles(), None);
        let mut one = Brief::default();
        one.record(Duration::from_nanos(12_345_678));
        let digest = one.percentiles().expect("recorded");
        assert_eq!([digest.min, digest.mean, digest.p50, digest.p999, digest.max], [12_345.678; 5]);
        assert!(digest.deviation < 1.0, "{digest:?}");
        assert!(size_of::<Brief>() < 3 * 1024);
    }
}
