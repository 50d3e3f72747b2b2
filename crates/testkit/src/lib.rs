//! What every randomised test needs: a sweep over seeds whose failures say how to replay them.
//!
//! For tests only: no crate depends on it except under `[dev-dependencies]`. The generator itself is the crate `seed`.

pub mod sweep;

pub use sweep::{Replay, seeds, sweep};
