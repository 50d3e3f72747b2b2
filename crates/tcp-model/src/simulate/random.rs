//! The simulation's randomness: a counter through a mixing function, so that one seed gives one run everywhere.

use crate::decide::clock::mix;

/// Seeded numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(mix(seed))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    /// Below `end`, which is not 0. The bias is below 2^-32 for the sizes used here.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

/// A map with a quick hash: its keys are small numbers of our own, not an attacker's.
pub(super) type FastMap<V> = std::collections::HashMap<u64, V, core::hash::BuildHasherDefault<MixHasher>>;

/// Mixes one number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MixHasher(u64);

impl core::hash::Hasher for MixHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = mix(self.0 ^ u64::from(*byte)));
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(value);
    }
}
