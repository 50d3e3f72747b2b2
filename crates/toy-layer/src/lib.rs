//! A toy of what TLS does, as a layer: proof that applications stand on a layer unchanged, and a pattern to build the
//! real one by. For tests only; it keeps no secret.
//!
//! ```text
//!            balancer, tester, origin               App<View<'_, R>>: what they know is the face
//!      ^ completions, opened      | operations
//!  Layered: handshake.rs, then inbound.rs | outbound.rs       App<R>
//!      ^ completions, sealed      v operations
//!            epoll, simulator, another layer        R: Reactor
//! ```
//! Files by job: `record` and `handshake` are bytes only; `inbound` and `outbound` are the two directions of one
//! connection; `conn` is the connection and the table of all; `below` handles what comes up from below, `view` what
//! comes down from the application; `closing` ends connections, `layered` is the application around the application.
//! `tape` is a second layer: it only listens, above or below the first.
//!
//! What a real layer has to copy, because tests found it to matter:
//! - A connection's end must reach the application before its name can be used again: whatever is told above is
//!   handled before anything else happens (`Layered::deliver`).
//! - An end of data without the FIN is not told at once: who closes on it would close at the same time as the peer and
//!   pay TIME_WAIT for having waited ([`FIN_WAIT_MAX`]).
//! - A peer that has ended its side, FIN included, and was told nothing since, gets a bare FIN: it has most likely closed
//!   for good. Its kernel would answer a close-notify with a reset, which ends the TIME_WAIT that somebody took upon
//!   himself. So whoever has sent his own close-notify takes a bare FIN for the peer's end.
//! - All whole records of a buffer are opened before the first is handed up: after that the bytes are shared.

mod below;
mod closing;
mod conn;
pub mod handshake;
mod inbound;
mod layered;
mod outbound;
pub mod record;
pub mod tape;
mod view;

pub use conn::{Counters, Settings};
pub use layered::Layered;
pub use view::View;

use ports::Fault;
use std::time::Duration;

/// A handshake that takes longer has failed.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long the FIN may take behind a close-notify before the end is told without it: they left in one segment.
pub const FIN_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long our close-notify may take to leave, once the application has closed.
pub(crate) const LEAVE_MAX: Duration = Duration::from_secs(5);
/// How soon a shortage of buffers is looked at again.
const SHORTAGE_RETRY: Duration = Duration::from_millis(5);

const EPROTO: i32 = 71;
const EBADMSG: i32 = 74;

/// The stream ended without a close-notify: what came is perhaps not all.
pub fn truncated() -> Fault {
    Fault::from_errno(EPROTO)
}

/// A record is not what the peer sealed.
pub fn damaged() -> Fault {
    Fault::from_errno(EBADMSG)
}
