//! What every randomised test needs: a seeded generator and a sweep over seeds whose failures say
//! how to replay them.
//!
//! Pure: no clock, no sockets. Nothing here draws from the operating system's randomness, so the same
//! seed gives the same run on every machine.

pub mod rng;
pub mod sweep;

pub use rng::Rng;
pub use sweep::{Replay, seeds, sweep};
