//! One connection to a server outside of any reactor, for those who ask a server now and then (health checks): bytes in,
//! bytes out, no socket.

use crate::failure::{self, Hints};
use crate::profile::{ClientProfile, ProfileError};
use rustls::ClientConnection;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// A client's side of TLS.
#[derive(Debug)]
pub struct Dialogue(ClientConnection);

impl Dialogue {
    /// With the server that `profile` names, or that has this address.
    ///
    /// # Errors
    /// The profile cannot be used for it.
    pub fn new(profile: &ClientProfile, server: Option<IpAddr>) -> Result<Self, ProfileError> {
        // Who is reached by a socket file is of this host.
        let name = profile.name(server.unwrap_or(Ipv4Addr::LOCALHOST.into()));
        ClientConnection::new(Arc::clone(&profile.config), name).map(Self).map_err(ProfileError::new)
    }

    /// Says `plain` once the handshake allows it.
    pub fn say(&mut self, plain: &[u8]) {
        // It is kept until it can be sealed; a check's request is far below the bound of that.
        let _taken = self.0.writer().write_all(plain);
    }

    /// What is to be sent now.
    pub fn take_sealed(&mut self) -> Vec<u8> {
        let mut sealed = Vec::new();
        while self.0.wants_write() {
            if self.0.write_tls(&mut sealed).is_err() {
                break;
            }
        }
        sealed
    }

    /// What came, opened.
    ///
    /// # Errors
    /// The server is not who it should be, or breaks the protocol.
    pub fn handle_sealed(&mut self, mut sealed: &[u8]) -> Result<Vec<u8>, String> {
        let mut opened = Vec::new();
        while !sealed.is_empty() {
            self.0.read_tls(&mut sealed).map_err(|error| error.to_string())?;
            self.0.process_new_packets().map_err(|error| failure::in_words(&error, &Hints::default()))?;
            match self.0.reader().read_to_end(&mut opened) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.to_string()),
                _ => {}
            }
        }
        Ok(opened)
    }

    /// Is it agreed on keys yet?
    pub fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }
}
