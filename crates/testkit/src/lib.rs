//! What tests of several crates need: a sweep over seeds whose failures say how to replay them, tests in processes of
//! their own, tests that are skipped loudly, waits that a busy machine does not turn red, temporary folders, certificates,
//! and other people's programs.
//!
//! For tests only: no crate depends on it except under `[dev-dependencies]`. The generator itself is the crate `seed`.

pub mod address;
pub mod authority;
pub mod folder;
pub mod own_process;
pub mod peers;
pub mod program;
pub mod skip;
pub mod sweep;
pub mod wait;

pub use address::{free_address, own_loopback};
pub use authority::{Authority, KeyKind, Signed};
pub use folder::Folder;
pub use program::{Server, curl, run, run_well};
pub use skip::{installed, require, skip};
pub use sweep::{Replay, sweep};
pub use wait::{PATIENCE, eventually, when_quick};
