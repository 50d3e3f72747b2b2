//! Which request is next.

use super::{Order, Script};
use seed::Rng;

/// The choices of one thread. The same seed and the same thread: the same choices.
#[derive(Clone, Debug)]
pub struct Picker {
    rng: Rng,
    /// Of each request the sum of the weights up to it; empty where there is nothing to weigh.
    sums: Vec<u64>,
    /// Requests that take turns.
    turns: u64,
}

impl Picker {
    /// For the thread of this number.
    pub fn new(script: &Script, thread: u32) -> Self {
        let by_weight = script.is_choice() && script.order() == Order::ByWeight;
        let mut sum = 0;
        let weights = script.requests().iter().filter(|_| by_weight).map(|request| u64::from(request.weight()));
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self { rng: script.chance(thread), sums: sums.collect(), turns: script.requests().len() as u64 }
    }

    /// The next one's place. `turn` counts the requests of all threads that take turns; it is asked only where they do.
    pub fn next(&mut self, turn: impl FnOnce() -> u64) -> usize {
        match self.sums.last() {
            _ if self.turns == 1 => 0,
            Some(sum) => {
                let drawn = self.rng.range(0, *sum);
                self.sums.partition_point(|up_to| *up_to <= drawn)
            }
            None => (turn() % self.turns) as usize,
        }
    }
}
