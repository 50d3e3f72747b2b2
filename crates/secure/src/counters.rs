//! What a layer counts.

use crate::failure::HandshakeFailure;

/// One for each way a handshake can fail.
pub type Failures = [u64; HandshakeFailure::ALL.len()];

/// What a layer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handshakes of clients that ended well, resumed ones included.
    pub accepted: u64,
    /// Those that took up an earlier session.
    pub accepted_resumed: u64,
    /// Handshakes with servers that ended well, resumed ones included.
    pub connected: u64,
    /// Those that took up an earlier session.
    pub connected_resumed: u64,
    /// Handshakes of clients that failed, by their reasons.
    pub accept_failures: Failures,
    /// Handshakes with servers that failed, by their reasons.
    pub connect_failures: Failures,
    /// Closes of the application that sent a close-notify of their own.
    pub left: u64,
    /// Streams that ended without a close-notify; not those that were reset.
    pub truncated: u64,
    /// Streams with a record that the peer cannot have sealed, or that breaks the protocol.
    pub damaged: u64,
}

impl Counters {
    /// Handshakes of clients that failed for one reason.
    pub fn refused(&self, why: HandshakeFailure) -> u64 {
        self.accept_failures[why as usize]
    }

    /// Handshakes that failed.
    pub fn failed(&self) -> u64 {
        self.accept_failures.iter().chain(&self.connect_failures).sum()
    }
}
