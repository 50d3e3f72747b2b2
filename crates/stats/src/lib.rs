//! Numbers about a run: latency recorders that merge, what happened when in bounded memory, rates, what is more than noise.
//!
//! Pure: no clock; every time is handed in.

pub mod brief;
pub mod coarse;
mod hdr_log;
pub mod rank;
pub mod recorder;
pub mod timeline;

pub use brief::Brief;
pub use coarse::Coarse;
pub use recorder::{Percentiles, Recorder};
pub use timeline::{Join, Timeline};

use core::time::Duration;

/// Events per second, or `None` over no time at all: a rate nobody measured is not zero.
pub fn per_second(count: u64, over: Duration) -> Option<f64> {
    (!over.is_zero()).then(|| count as f64 / over.as_secs_f64())
}
