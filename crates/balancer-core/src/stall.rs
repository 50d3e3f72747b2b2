//! Sends that do not end: how often they are looked at, and what is seen of their readers.

use core::time::Duration;

/// A send is looked at this often within its time-out. The kernel tells of room only when a third of its buffer is free,
/// which a slow reader of a large one reaches after minutes (`sk_stream_write_space`).
pub(crate) const LOOKS: u32 = 4;

/// The time between two looks.
pub(crate) fn next_look(patience: Duration) -> Duration {
    if patience == units::OFF { patience } else { patience / LOOKS }
}
