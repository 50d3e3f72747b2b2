//! Counts while a simulation runs, and cuts them into points of a bounded series.

use super::output::{Cause, ConnectTimes, Point, Syns};
use core::time::Duration;

/// Points of a series.
pub const POINTS_MAX: u64 = 600;

/// Running totals.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) connects: u64,
    pub(super) syns: Syns,
    pub(super) times: ConnectTimes,
    pub(super) causes: [u64; Cause::ALL.len()],
    pub(super) taken_over: u64,
    pub(super) events: u64,
    pub(super) series: Vec<Point>,
    cut: Cut,
    every_s: u64,
}

/// Totals at the last point.
#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    connects: u64,
    syns: Syns,
}

impl Tally {
    /// For a run of `duration`.
    pub(super) fn new(duration: Duration) -> Self {
        Self { every_s: duration.as_secs().div_ceil(POINTS_MAX).max(1), ..Self::default() }
    }

    pub(super) fn blame(&mut self, cause: Cause) {
        self.causes[cause as usize] += 1;
    }

    /// When the next point is due.
    pub(super) fn next_point(&self) -> Duration {
        Duration::from_secs((self.series.len() as u64 + 1) * self.every_s)
    }

    /// Adds a point; `scene` holds what is not counted here.
    pub(super) fn add_point(&mut self, scene: Point) {
        let (now, before) = (self.syns, self.cut.syns);
        self.series.push(Point {
            at_s: (self.series.len() as u64 + 1) * self.every_s,
            connects: self.connects - self.cut.connects,
            failed: now.failed - before.failed,
            dropped_silently: now.dropped_silently - before.dropped_silently,
            challenged: now.challenged - before.challenged,
            ..scene
        });
        self.cut = Cut { connects: self.connects, syns: now };
    }
}
