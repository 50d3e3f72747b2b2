//! The live view of a run: snapshots and keys in, frames and wishes out. It knows no terminal and no clock, and nothing of
//! the run depends on it.
//!
//! ```text
//! state.rs    what is shown, and what keys make of it
//! history.rs  what was measured since the beginning, in bounded memory
//! draw.rs     what stands where, by the room there is
//! charts.rs   rate and latency over time
//! panels.rs   figures: percentiles, answers, ports
//! paint.rs    colours, where they are welcome
//! ```

mod charts;
mod draw;
mod history;
mod paint;
mod panels;
mod state;

pub use draw::draw;
pub use state::{Key, LiveView, Wish};
