//! Who has the least to do for its weight; among several of them it is a turn.

use super::turn::Turn;

/// The server with the least `load` for its weight, of those that weigh something. Loads change while others work: where
/// none is left of those that were best, the first of them it is.
pub(super) fn least(turn: &mut Turn, weigh: impl Fn(usize, u64) -> u64, load: impl Fn(usize) -> u64) -> Option<usize> {
    let mut best: Option<(usize, Share)> = None;
    for (index, weight) in turn.weights().filter(|(_, weight)| *weight > 0) {
        let share = Share { load: load(index), weight: weigh(index, weight) };
        if share.weight > 0 && best.is_none_or(|(_, least)| share.is_less_than(least)) {
            best = Some((index, share));
        }
    }
    let (first, least) = best?;
    let weigh_the_best = |index, weight| {
        let share = Share { load: load(index), weight: weigh(index, weight) };
        if share.weight > 0 && !least.is_less_than(share) { share.weight } else { 0 }
    };
    turn.next(weigh_the_best).or(Some(first))
}

/// What somebody has to do, for its weight.
#[derive(Clone, Copy)]
struct Share {
    load: u64,
    weight: u64,
}

impl Share {
    fn is_less_than(self, other: Self) -> bool {
        u128::from(self.load) * u128::from(other.weight) < u128::from(other.load) * u128::from(self.weight)
    }
}
