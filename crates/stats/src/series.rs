//! Counts per second over a run of any length, in bounded memory: when the series is full, neighbours
//! are added together and each entry stands for twice the time.

use core::time::Duration;

/// Entries before the resolution is halved.
pub(crate) const ENTRIES_MAX: usize = 1024;

/// Counts over time. It starts with one entry per second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    seconds_per_entry: u64,
    counts: Vec<u64>,
}

impl Default for Series {
    fn default() -> Self {
        // All of it at once: nothing is allocated while a run goes on.
        Self { seconds_per_entry: 1, counts: Vec::with_capacity(ENTRIES_MAX) }
    }
}

impl Series {
    /// Adds `count` events at `at` (time since the start).
    pub fn add(&mut self, at: Duration, count: u64) {
        while at.as_secs() / self.seconds_per_entry >= ENTRIES_MAX as u64 {
            self.halve();
        }
        let entry = (at.as_secs() / self.seconds_per_entry) as usize;
        if entry >= self.counts.len() {
            self.counts.resize(entry + 1, 0);
        }
        self.counts[entry] += count;
    }

    /// Events per entry, from the start on.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Adds another series that started at the same time.
    pub fn merge(&mut self, other: &Self) {
        while self.seconds_per_entry < other.seconds_per_entry {
            self.halve();
        }
        for (entry, count) in other.counts.iter().enumerate() {
            self.add(Duration::from_secs(entry as u64 * other.seconds_per_entry), *count);
        }
    }

    fn halve(&mut self) {
        for entry in 0..self.counts.len().div_ceil(2) {
            self.counts[entry] = self.counts[entry * 2..].iter().take(2).sum();
        }
        self.counts.truncate(self.counts.len().div_ceil(2));
        self.seconds_per_entry *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(events: &[(u64, u64)]) -> Series {
        let mut series = Series::default();
        events.iter().for_each(|(second, count)| series.add(Duration::from_secs(*second), *count));
        series
    }

    #[test]
    fn each_second_has_its_entry() {
        assert_eq!(series(&[(0, 2), (2, 1), (2, 4)]).counts(), [2, 0, 5]);
    }

    #[test]
    fn a_long_run_costs_resolution_not_memory() {
        let day = series(&(0..86_400).map(|second| (second, 1)).collect::<Vec<_>>());
        assert!(day.counts().len() <= ENTRIES_MAX);
        assert_eq!(day.seconds_per_entry, 128);
        assert_eq!(day.counts().iter().sum::<u64>(), 86_400);
        assert_eq!(day.counts()[0], 128);
    }

    #[test]
    fn series_of_unequal_resolution_merge() {
        let (short, long) = (series(&[(0, 1), (3, 1)]), series(&[(0, 10), (1500, 10)]));
        let (mut one, mut other) = (short.clone(), long.clone());
        one.merge(&long);
        other.merge(&short);
        assert_eq!(one, other);
        assert_eq!((one.counts()[0], one.counts()[1], one.counts()[750]), (11, 1, 10));
    }
}
