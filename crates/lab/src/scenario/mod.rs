//! The model's scenarios on the running kernel: its sockets are the host under test, we are its peer,
//! with raw packets over a cable.
//!
//! ```text
//!   host's namespace: sockets --- kernel --- port ======== port --- packet socket: the peer
//! ```
//! The kernel of the peer's namespace has no address, so that nobody answers but us.

mod catalogue;
mod host;
mod play;
mod wire;

pub use catalogue::{Outlook, outlook};
pub use play::{Failed, play};
