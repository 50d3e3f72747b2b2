//! The same server for the same key, within bounds: one that has a quarter more to do than its share of all that is under
//! way is passed over (Mirrokni, Thorup, Zadimoghaddam, Consistent hashing with bounded loads, 2016).
//!
//! A few requests are no load: where little is under way at all, the share of a server is less than one client asks for at
//! once, and a browser with six connections would have its session at two servers.

use super::key::mix;
use super::least::least;
use super::maglev::Maglev;
use super::turn::{Seat, Turn};
use std::sync::Arc;

/// Looks into the table before the one with the least to do takes the request.
const LOOKS_MAX: u64 = 64;

/// With fewer requests under way nobody is passed over, whatever its share: more than a browser asks for at once.
const EASY: u64 = 8;

/// The table, and where its servers have their places.
#[derive(Clone, Debug, Default)]
pub(super) struct Keyed {
    table: Option<Arc<Maglev>>,
    places: Vec<usize>,
}

impl Keyed {
    pub(super) fn new(table: Arc<Maglev>, places: Vec<usize>) -> Self {
        Self { table: Some(table), places }
    }

    /// `load`: without the request that is to be placed.
    pub(super) fn pick(
        &self,
        key: u64,
        turn: &mut Turn,
        weigh: impl Fn(usize, Seat) -> u64,
        load: impl Fn(usize) -> u64,
    ) -> Option<usize> {
        let (mut all, mut weights) = (1, 0);
        for (index, weight) in turn.weighed(&weigh) {
            (all, weights) = (all + load(index), weights + weight);
        }
        // load <= ceil(5/4 * all * weight / weights), in whole numbers, or next to nothing.
        let fits = |index, weight: u64| {
            let most = (u128::from(all) * u128::from(weight) * 5).div_ceil(u128::from(weights.max(1)) * 4);
            u128::from(load(index)) < most.max(EASY.into())
        };
        for look in 0..LOOKS_MAX {
            let Some(index) = self.at(mix(key, look)) else { break };
            let weight = turn.weight(index, &weigh);
            if weight > 0 && fits(index, weight) {
                return Some(index);
            }
        }
        least(turn, weigh, load)
    }

    fn at(&self, key: u64) -> Option<usize> {
        let server = self.table.as_ref()?.server(key)?;
        self.places.get(server).copied()
    }
}
