//! Who has the least to do for its weight. Among several of them, as among those that have nothing to do, it is a turn by
//! weight; or it is the better one of two that chance names by weight.

use super::turn::{Seat, Turn};
use seed::Rng;

/// What somebody has to do, for its weight.
#[derive(Clone, Copy)]
pub(super) struct Share {
    /// What is under way: nothing is nothing, whatever the weight.
    pub(super) load: u128,
    pub(super) weight: u64,
}

impl Share {
    fn is_less_than(self, other: Self) -> bool {
        self.load * u128::from(other.weight) < other.load * u128::from(self.weight)
    }
}

/// The server with the least `load` for its weight, of those that weigh something.
pub(super) fn least(turn: &mut Turn, weigh: impl Fn(usize, Seat) -> u64, load: impl Fn(usize) -> u64) -> Option<usize> {
    least_share(turn, weigh, |index, weight| Share { load: load(index).into(), weight })
}

/// The server with the least share, whatever that is made of. Loads change while others work: where none is left of those
/// that were best, the first of them it is.
pub(super) fn least_share(
    turn: &mut Turn,
    weigh: impl Fn(usize, Seat) -> u64,
    share: impl Fn(usize, u64) -> Share,
) -> Option<usize> {
    let mut best: Option<(usize, Share)> = None;
    for (index, weight) in turn.weighed(&weigh) {
        let share = share(index, weight);
        if best.is_none_or(|(_, least)| share.is_less_than(least)) {
            best = Some((index, share));
        }
    }
    let (first, least) = best?;
    let weigh_the_best = |index, seat| match weigh(index, seat) {
        0 => 0,
        weight if least.is_less_than(share(index, weight)) => 0,
        weight => weight,
    };
    turn.next(weigh_the_best).or(Some(first))
}

/// The one of two with less `load` for its weight; the first where both have the same, so that shares follow the weights.
/// Chance names both, by weight: many balancers that see the same loads a
/// moment late do not all run to the same server (M. Mitzenmacher, The power of two choices in randomized load balancing).
pub(super) fn less_of_two(
    turn: &Turn,
    rng: &mut Rng,
    weigh: impl Fn(usize, Seat) -> u64,
    load: impl Fn(usize) -> u64,
) -> Option<usize> {
    let first = draw(turn, rng, &weigh)?;
    let Some(second) = draw(turn, rng, |index, seat| if index == first.0 { 0 } else { weigh(index, seat) }) else {
        return Some(first.0);
    };
    let share = |(index, weight)| Share { load: load(index).into(), weight };
    Some(if share(second).is_less_than(share(first)) { second.0 } else { first.0 })
}

/// One of those that weigh something, by weight.
fn draw(turn: &Turn, rng: &mut Rng, weigh: impl Fn(usize, Seat) -> u64) -> Option<(usize, u64)> {
    let total: u64 = turn.weighed(&weigh).map(|(_, weight)| weight).sum();
    let mut ticket = if total == 0 { return None } else { rng.range(0, total) };
    for (index, weight) in turn.weighed(&weigh) {
        if ticket < weight {
            return Some((index, weight));
        }
        ticket -= weight;
    }
    // Somebody weighs less than a moment ago.
    turn.weighed(&weigh).next()
}
