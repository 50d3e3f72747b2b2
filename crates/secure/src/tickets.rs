//! Session tickets: what a client needs to come back without a full handshake, sealed with keys that all workers share and
//! that change by themselves.

use crate::profile::ProfileError;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;
use std::sync::Arc;

/// Makes and reads tickets. Clones share their keys, which rotate every six hours and are good for twice as long (the
/// rotation is rustls's own). They exist in this process only: whoever comes back after a restart shakes hands in full.
#[derive(Clone)]
pub struct Tickets(Arc<dyn ProducesTickets>);

impl Tickets {
    /// With new keys.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn new() -> Result<Self, ProfileError> {
        Ticketer::new().map(Self).map_err(ProfileError::new)
    }

    /// None at all: every handshake is a full one.
    pub fn off() -> Self {
        Self(Arc::new(Off))
    }

    pub(crate) fn producer(&self) -> Arc<dyn ProducesTickets> {
        Arc::clone(&self.0)
    }
}

#[derive(Debug)]
struct Off;

impl ProducesTickets for Off {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}
