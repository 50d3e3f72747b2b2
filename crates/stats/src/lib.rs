//! Numbers about a run: latency recorders that merge, a time series of bounded length, rates.
//!
//! Pure: no clock; every time is handed in.

pub mod recorder;
pub mod series;

pub use recorder::{Percentiles, Recorder};
pub use series::Series;

use core::time::Duration;

/// Events per second, or `None` over no time at all: a rate nobody measured is not zero.
pub fn per_second(count: u64, over: Duration) -> Option<f64> {
    (!over.is_zero()).then(|| count as f64 / over.as_secs_f64())
}
