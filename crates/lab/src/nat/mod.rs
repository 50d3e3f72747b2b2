//! The guide's NAT failures: two clients behind one gateway, whose second one gets a 5-tuple that the
//! balancer still keeps in TIME_WAIT.
//!
//! The gateway is ours ([`crate::gateway`]): it gives ports out in turn and forgets a finished connection at once,
//! so that every connection of the second client meets a TIME_WAIT of the first. What happened is read
//! from the gateway's journal; what should have happened is the model's decision on the very same segments.

pub mod catalogue;
mod pairs;
mod place;
mod play;
mod predict;
mod record;
pub(crate) mod recycle;
pub mod scene;
pub mod verdict;

pub use play::{Played, play};
