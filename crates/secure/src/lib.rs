//! TLS as a layer: an application around an application, over any reactor. rustls decides the handshakes, records are sealed
//! and opened here, where they lie.
//!
//! ```text
//!            balancer, tester, origin               App<View<'_, R>>: what they know is the face
//!      ^ completions, opened      | operations
//!  Secure: handshake.rs, then inbound.rs | outbound.rs       App<R>
//!      ^ completions, sealed      v operations
//!            epoll, simulator, another layer        R: Reactor
//! ```
//! Files by job: `profile`, `certificate`, `tickets` and `facts` are what an owner of a configuration makes once; `record`,
//! `keys` and `handshake` are bytes only; `inbound` and `outbound` are the two directions of one connection; `conn` is the
//! connection and the table of all; `below` handles what comes up from below, `view` what comes down from the application;
//! `closing` ends connections, `layered` is the application around the application.
//!
//! rustls is let go as soon as it has agreed on keys ([`rustls::kernel`], made for kernels that do the records): its own
//! interface copies every payload twice and allocates for it, and keeps a connection's tables for life. What it must go on
//! doing (new keys, tickets) it does.
//!
//! What a layer has to do, because tests found it to matter:
//! - A connection's end reaches the application before its name can be used again (`Secure::deliver`).
//! - An end of data without the FIN is not told at once: who closes on it would close at the same time as the peer and
//!   pay TIME_WAIT for having waited ([`FIN_WAIT_MAX`]).
//! - A peer that has ended its side, FIN included, and was told nothing since, gets a bare FIN: its kernel would answer a
//!   close-notify with a reset. So whoever has sent his own close-notify takes a bare FIN for the peer's end.
//! - All whole records of a buffer are opened before the first is handed up: after that the bytes are shared.
//! - What a server of TLS 1.3 has to say after a handshake (tickets) waits for the first of the application's bytes: one
//!   segment and one system call less.

mod below;
pub mod certificate;
mod closing;
mod conn;
mod dialogue;
mod facts;
mod failure;
mod handshake;
mod inbound;
mod keys;
mod layered;
mod outbound;
#[cfg(test)]
mod pair;
mod plain;
pub mod profile;
mod record;
mod tickets;
mod unverified;
mod view;

pub use certificate::{Certificate, CertificateError, Certificates, Chain, Key};
pub use conn::Settings;
pub use dialogue::Dialogue;
pub use facts::Facts;
pub use failure::Hints;
pub use handshake::HANDSHAKE_BYTES_MAX;
pub use layered::Secure;
pub use profile::{
    ClientCertificate, ClientProfile, ClientRules, Profile, ProfileError, Profiles, ServerProfile, ServerRules, Version,
};
pub use tickets::{TicketKey, Tickets};
pub use view::View;

use ports::Fault;
use std::time::Duration;

/// A handshake that takes longer has failed.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Whoever says nothing for so long within a handshake is not waited for when a listener closes.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// Handshakes that may be under way at one worker's listeners; the oldest goes for a new one.
pub(crate) const HANDSHAKES_MAX: usize = 4096;
/// How long the FIN may take behind a close-notify before the end is told without it: they left in one segment.
pub const FIN_WAIT_MAX: Duration = Duration::from_secs(1);
/// How long our last bytes may take to leave, once nobody above knows the connection.
const LEAVE_MAX: Duration = Duration::from_secs(2);
/// What is read and dropped of a peer that was turned away, so that it can read why.
const DROPPED_BYTES_MAX: usize = 64 * 1024;
/// How soon a shortage of buffers is looked at again.
const SHORTAGE_RETRY: Duration = Duration::from_millis(5);

const EPROTO: i32 = 71;
const EBADMSG: i32 = 74;
const EKEYEXPIRED: i32 = 127;

/// The stream ended without a close-notify: what came is perhaps not all.
pub fn truncated() -> Fault {
    Fault::from_errno(EPROTO)
}

/// A record is not what the peer sealed, or breaks the protocol.
pub fn damaged() -> Fault {
    Fault::from_errno(EBADMSG)
}

/// The key of a connection of TLS 1.2 has sealed as much as one may, and there is no other.
pub(crate) fn spent_key() -> Fault {
    Fault::from_errno(EKEYEXPIRED)
}
