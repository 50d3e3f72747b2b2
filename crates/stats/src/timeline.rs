//! What happened when, over a run of any length, in bounded memory: when all entries are taken, neighbours are joined and
//! each stands for twice the time.

use core::time::Duration;

/// Entries before the resolution is halved.
const ENTRIES_MAX: usize = 512;

/// What an entry of a [`Timeline`] can be.
pub trait Join: Default + Clone {
    /// Adds what `other` holds.
    fn join(&mut self, other: &Self);
}

/// Entries over time. It starts with one per second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline<T> {
    /// Seconds of an entry, as a power of two.
    shift: u32,
    entries: Vec<T>,
}

impl<T: Join> Default for Timeline<T> {
    fn default() -> Self {
        // All of it at once: nothing is allocated while a run goes on, and what is not reached is never touched.
        Self { shift: 0, entries: Vec::with_capacity(ENTRIES_MAX) }
    }
}

impl<T: Join> Timeline<T> {
    /// The entry of this time since the start.
    pub fn at(&mut self, at: Duration) -> &mut T {
        while at.as_secs() >> self.shift >= ENTRIES_MAX as u64 {
            self.halve();
        }
        let entry = (at.as_secs() >> self.shift) as usize;
        if entry >= self.entries.len() {
            self.entries.resize_with(entry + 1, T::default);
        }
        &mut self.entries[entry]
    }

    /// Entries from the start on.
    pub fn entries(&self) -> &[T] {
        &self.entries
    }

    /// Seconds that one entry stands for.
    pub fn seconds_each(&self) -> u64 {
        1 << self.shift
    }

    /// Adds another one that started at the same time.
    pub fn merge(&mut self, other: &Self) {
        while self.shift < other.shift {
            self.halve();
        }
        for (entry, what) in other.entries.iter().enumerate() {
            self.at(Duration::from_secs((entry as u64) << other.shift)).join(what);
        }
    }

    fn halve(&mut self) {
        for entry in 0..self.entries.len().div_ceil(2) {
            self.entries.swap(entry, entry * 2);
            if entry * 2 + 1 < self.entries.len() {
                let (to, from) = self.entries.split_at_mut(entry * 2 + 1);
                to[entry].join(&from[0]);
            }
        }
        self.entries.truncate(self.entries.len().div_ceil(2));
        self.shift += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Join for u64 {
        fn join(&mut self, other: &Self) {
            *self += other;
        }
    }

    fn timeline(events: &[(u64, u64)]) -> Timeline<u64> {
        let mut timeline = Timeline::default();
        events.iter().for_each(|(second, count)| *timeline.at(Duration::from_secs(*second)) += count);
        timeline
    }

    #[test]
    fn each_second_has_its_entry() {
        assert_eq!(timeline(&[(0, 2), (2, 1), (2, 4)]).entries(), [2, 0, 5]);
    }

    #[test]
    fn a_long_run_costs_resolution_not_memory() {
        let day = timeline(&(0..86_400).map(|second| (second, 1)).collect::<Vec<_>>());
        assert!(day.entries().len() <= ENTRIES_MAX && day.entries.capacity() == ENTRIES_MAX);
        assert_eq!((day.seconds_each(), day.entries()[0], day.entries()[336]), (256, 256, 256));
        assert_eq!(day.entries().iter().sum::<u64>(), 86_400);
    }

    #[test]
    fn those_of_unequal_resolution_merge() {
        let (short, long) = (timeline(&[(0, 1), (3, 1)]), timeline(&[(0, 10), (750, 10)]));
        let (mut one, mut other) = (short.clone(), long.clone());
        one.merge(&long);
        other.merge(&short);
        assert_eq!(one, other);
        assert_eq!((one.entries()[0], one.entries()[1], one.entries()[375]), (11, 1, 10));
    }
}
