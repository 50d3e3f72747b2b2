//! What was measured since the beginning, in bounded memory: when it is full, neighbours become one.

use stats::Coarse;
use std::collections::VecDeque;
use std::time::Duration;
use stress_core::Snapshot;

/// Points before each two become one.
const POINTS_MAX: usize = 480;
/// Snapshots that are of late: about two seconds.
const LATE: usize = 4;

/// A stretch of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    /// Its end, in seconds since the start.
    pub(super) t_s: f64,
    pub(super) ok_per_s: f64,
    pub(super) failed_per_s: f64,
    /// Latency in microseconds; `None` where nothing was complete.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Point {
    fn of(at: &Snapshot) -> Option<Self> {
        Some(Self {
            t_s: at.elapsed.as_secs_f64(),
            ok_per_s: at.per_s_now?,
            failed_per_s: at.failed_per_s_now?,
            p50: at.lately.quantile_us(0.5),
            p99: at.lately.quantile_us(0.99),
        })
    }

    /// Two stretches of one length as one: rates in the mean, latency as the slower one has it, so that no peak is lost.
    fn joined(one: Self, other: Self) -> Self {
        let slower = |one: Option<f64>, other: Option<f64>| one.into_iter().chain(other).reduce(f64::max);
        Self {
            t_s: other.t_s,
            ok_per_s: f64::midpoint(one.ok_per_s, other.ok_per_s),
            failed_per_s: f64::midpoint(one.failed_per_s, other.failed_per_s),
            p50: slower(one.p50, other.p50),
            p99: slower(one.p99, other.p99),
        }
    }
}

/// See the module's head.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    points: Vec<Point>,
    /// Snapshots that become one point, as a power of two.
    each: u32,
    /// Those that are not yet enough for one.
    open: Option<(Point, u32)>,
    late: VecDeque<Coarse>,
    measured: Duration,
}

impl History {
    pub(super) fn add(&mut self, at: &Snapshot) {
        // What the warm-up was like is in no figure.
        if at.is_warming || at.elapsed <= self.measured {
            return;
        }
        self.measured = at.elapsed;
        if self.late.len() == LATE {
            self.late.pop_front();
        }
        self.late.push_back(at.lately.clone());
        if let Some(point) = Point::of(at) {
            self.add_point(point);
        }
    }

    fn add_point(&mut self, point: Point) {
        let (open, count) = match self.open.take() {
            None => (point, 1),
            Some((open, count)) => (Point::joined(open, point), count + 1),
        };
        if count < 1 << self.each {
            self.open = Some((open, count));
            return;
        }
        self.points.push(open);
        if self.points.len() >= POINTS_MAX {
            self.points = self.points.chunks(2).map(|two| Point::joined(two[0], two[two.len() - 1])).collect();
            self.each += 1;
        }
    }

    /// From the start to the last one.
    pub(super) fn points(&self) -> &[Point] {
        &self.points
    }

    /// Latency of the last seconds.
    pub(super) fn of_late(&self) -> Coarse {
        let mut all = Coarse::default();
        self.late.iter().for_each(|one| all.merge(one));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(half_seconds: u64, us: u64) -> Snapshot {
        let mut lately = Coarse::default();
        lately.record(Duration::from_micros(us));
        Snapshot {
            elapsed: Duration::from_millis(500 * half_seconds),
            per_s_now: Some(half_seconds as f64),
            failed_per_s_now: Some(1.0),
            lately,
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_long_run_costs_resolution_not_memory_and_loses_no_peak() {
        let mut history = History::default();
        (1..=10_000).for_each(|n| history.add(&at(n, if n == 3000 { 50_000 } else { 100 })));
        let points = history.points();
        assert!((POINTS_MAX / 3..POINTS_MAX).contains(&points.len()), "{}", points.len());
        assert!(points.iter().is_sorted_by(|one, other| one.t_s < other.t_s));
        assert!(points.iter().any(|point| point.p99.is_some_and(|us| us >= 50_000.0)));
        assert!(points.iter().all(|point| point.failed_per_s == 1.0));
        let last = points[points.len() - 1];
        assert!(last.t_s > 4900.0 && (last.ok_per_s - last.t_s * 2.0).abs() < 64.0, "{last:?}");
    }

    #[test]
    fn only_what_is_measured_is_kept_and_late_is_late() {
        let mut history = History::default();
        history.add(&Snapshot { is_warming: true, ..at(1, 9) });
        history.add(&at(0, 9));
        assert!(history.points().is_empty() && history.of_late().count() == 0);
        (1..=9).for_each(|n| history.add(&at(n, 100 * n)));
        assert_eq!((history.of_late().count(), history.of_late().max_us()), (LATE as u64, Some(900.0)));
        history.add(&at(9, 1));
        assert_eq!(history.points().len(), 9, "a moment that was told is not told again");
    }
}
