//! What happened in each second of a run.

use ports::allocator::TIME_WAIT;
use stats::{Coarse, Join, Timeline};

/// A second of a run, or several of a long one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Requests that failed; one that nobody answered until the end is in no second.
    pub failed: u64,
    /// Latency of the responses that were complete then, from when they were due.
    pub latency: Coarse,
    /// Connections established.
    pub opened: u64,
    /// Connects whose CPU time was measured.
    pub connects: u64,
    /// Their CPU time, in nanoseconds.
    pub connect_ns: u64,
    /// Ends that left TIME_WAIT here.
    pub time_waits: u64,
}

/// A point of the series that a report shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    /// When it begins, in seconds since the start.
    pub t_s: u64,
    /// Complete responses.
    pub ok: u64,
    /// Failed requests.
    pub failed: u64,
    /// Median latency, in microseconds, within 3 %.
    pub p50: Option<f64>,
    /// 99th percentile, likewise.
    pub p99: Option<f64>,
    /// Largest, exactly.
    pub max: Option<f64>,
    /// Ends that had left TIME_WAIT here within the 60 s before: as many ports as the run keeps from others, unless it took
    /// them over itself.
    pub time_wait: u64,
    /// Mean CPU time of connect(2), in microseconds.
    pub connect_us: Option<f64>,
    /// Connections established.
    pub opened: u64,
}

impl Moment {
    /// Complete responses.
    pub fn ok(&self) -> u64 {
        self.latency.count()
    }
}

impl Join for Moment {
    fn join(&mut self, other: &Self) {
        self.latency.merge(&other.latency);
        self.failed += other.failed;
        self.opened += other.opened;
        self.connects += other.connects;
        self.connect_ns += other.connect_ns;
        self.time_waits += other.time_waits;
    }
}

/// The series of a run, a point for each entry.
pub fn series(timeline: &Timeline<Moment>) -> Vec<SeriesPoint> {
    let (each, entries) = (timeline.seconds_each(), timeline.entries());
    let lives = (TIME_WAIT.as_secs() / each).max(1) as usize;
    let point = |(at, moment): (usize, &Moment)| {
        let since = (at + 1).saturating_sub(lives);
        SeriesPoint {
            t_s: at as u64 * each,
            ok: moment.ok(),
            failed: moment.failed,
            p50: moment.latency.quantile_us(0.5),
            p99: moment.latency.quantile_us(0.99),
            max: moment.latency.max_us(),
            time_wait: entries[since..=at].iter().map(|moment| moment.time_waits).sum(),
            connect_us: (moment.connects > 0).then(|| moment.connect_ns as f64 / moment.connects as f64 / 1e3),
            opened: moment.opened,
        }
    };
    entries.iter().enumerate().map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn time_wait_lasts_a_minute() {
        let mut timeline = Timeline::<Moment>::default();
        (0..100).for_each(|s| timeline.at(Duration::from_secs(s)).time_waits = 1);
        let waits: Vec<u64> = series(&timeline).iter().map(|point| point.time_wait).collect();
        assert_eq!((waits[0], waits[58], waits[59], waits[60], waits[99]), (1, 59, 60, 60, 60));
    }

    #[test]
    fn a_point_says_what_happened_in_its_second() {
        let mut timeline = Timeline::<Moment>::default();
        let moment = timeline.at(Duration::from_secs(1));
        (moment.failed, moment.connects, moment.connect_ns, moment.opened) = (3, 2, 30_000, 2);
        (1..=10).for_each(|us| moment.latency.record(Duration::from_micros(us)));
        let points = series(&timeline);
        assert_eq!((points[0].ok, points[0].p50, points[0].connect_us), (0, None, None));
        let point = points[1];
        assert_eq!((point.t_s, point.ok, point.failed, point.opened), (1, 10, 3, 2));
        assert_eq!((point.max, point.connect_us), (Some(10.0), Some(15.0)));
    }
}
