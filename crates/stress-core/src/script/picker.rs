//! Which request is next.

use super::{Order, Script};
use seed::Rng;
use std::sync::Arc;

/// The choices of one thread. The same seed and the same thread: the same choices.
#[derive(Clone, Debug)]
pub struct Picker {
    rng: Rng,
    /// Of each request the sum of the weights up to it; empty where there is nothing to weigh.
    sums: Vec<u64>,
    /// Where scenarios begin; a request of its own is one.
    starts: Arc<[u32]>,
}

impl Picker {
    /// For the thread of this number.
    pub fn new(script: &Script, thread: u32) -> Self {
        let starts = Arc::clone(script.starts());
        let by_weight = starts.len() > 1 && script.order() == Order::ByWeight;
        let mut sum = 0;
        let first = |start: &u32| script.requests()[*start as usize].weight();
        let weights = starts.iter().filter(|_| by_weight).map(first);
        let sums = weights.map(|weight| {
            sum += u64::from(weight);
            sum
        });
        Self { rng: script.chance(thread), sums: sums.collect(), starts }
    }

    /// The next one's place. `turn` counts the requests of all threads that take turns; it is asked only where they do.
    pub fn next(&mut self, turn: impl FnOnce() -> u64) -> usize {
        let scenario = match self.sums.last() {
            _ if self.starts.len() == 1 => 0,
            Some(sum) => {
                let drawn = self.rng.range(0, *sum);
                self.sums.partition_point(|up_to| *up_to <= drawn)
            }
            None => (turn() % self.starts.len() as u64) as usize,
        };
        self.starts[scenario] as usize
    }
}
