//! What tests of several crates need: a sweep over seeds whose failures say how to replay them, tests in processes of
//! their own, and tests that are skipped loudly.
//!
//! For tests only: no crate depends on it except under `[dev-dependencies]`. The generator itself is the crate `seed`.

pub mod own_process;
pub mod skip;
pub mod sweep;

pub use skip::{installed, require, skip};
pub use sweep::{Replay, seeds, sweep};
