//! The header of the PROXY protocol as a layer: an application around an application, over any reactor. Who comes in at a
//! listener has to say first whom he speaks for; the application hears of the connection after that, as of that client's.
//!
//! ```text
//!            balancer, or TLS                       App<View<'_, R>>: Accepted { peer: the client }
//!      ^ what is behind the header | operations
//!  Announced: below.rs                              App<R>
//!      ^ completions               v operations
//!            epoll, simulator                       R: Reactor
//! ```
//! Below TLS, because the header comes in front of the first byte of that. The bytes are understood by
//! [`mod@balancer_core::announcement`].
//!
//! - Only proxies are asked: whoever else connects is closed at once, by a reset. He could say anything, and behind him nobody
//!   would know that no proxy stands in front.
//! - A proxy that leaves without a byte, as checks do, is no failure.
//! - A connection that has been silent for longer than [`FIRST_WORD_MAX`] no longer keeps a listener open that is to close.

mod below;
mod layer;
mod layered;
mod view;

pub use layered::Announced;
pub use view::View;

use std::time::Duration;

/// Those turned away that are remembered until somebody asks, and bytes of each.
pub(crate) const TURNED_AWAY_MAX: usize = 16;
pub(crate) const FIRST_BYTES_MAX: usize = 64;
/// Connections of one worker that may not have said yet whose they are, where files allow.
pub const STRANGERS_MAX: usize = 4096;
/// How long a listener that is to close waits for the header of somebody who is there.
pub const FIRST_WORD_MAX: Duration = Duration::from_secs(1);
