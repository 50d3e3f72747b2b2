//! What stays of a handshake: the keys that come next, and messages that come behind it (RFC 8446 section 4.6).

use crate::record::{Damage, Protection};
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ConnectionTrafficSecrets, Error, ProtocolVersion};

const HELLO_REQUEST: u8 = 0;
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;
/// A message that comes in several records: tickets are the only ones that may be long, and none is that long.
const FRAGMENT_BYTES_MAX: usize = 32 * 1024;
const MESSAGE_HEADER_BYTES: usize = 4;

/// The message by which a side says that it goes over to its next key (RFC 8446 section 4.6.3), and does not ask the other
/// to do so.
pub(crate) const KEY_UPDATE_MESSAGE: [u8; 5] = [KEY_UPDATE, 0, 0, 1, 0];

/// See the module's head.
pub(crate) struct Keys {
    side: Side,
    /// The beginning of a message whose rest is still to come.
    fragment: Vec<u8>,
}

enum Side {
    Server(KernelConnection<ServerConnectionData>),
    Client(KernelConnection<ClientConnectionData>),
}

/// What the peer has done to its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Renewed {
    /// It goes on with the next one.
    pub(crate) theirs: bool,
    /// It asks us to do so, too.
    pub(crate) ours: bool,
}

impl Keys {
    pub(crate) fn of_server(connection: KernelConnection<ServerConnectionData>) -> Self {
        Self { side: Side::Server(connection), fragment: Vec::new() }
    }

    pub(crate) fn of_client(connection: KernelConnection<ClientConnectionData>) -> Self {
        Self { side: Side::Client(connection), fragment: Vec::new() }
    }

    fn version(&self) -> ProtocolVersion {
        match &self.side {
            Side::Server(connection) => connection.protocol_version(),
            Side::Client(connection) => connection.protocol_version(),
        }
    }

    /// The next key of what we send.
    pub(crate) fn next_of_ours(&mut self) -> Option<Protection> {
        let next = match &mut self.side {
            Side::Server(connection) => connection.update_tx_secret(),
            Side::Client(connection) => connection.update_tx_secret(),
        };
        self.protection(next)
    }

    /// The next key of what the peer sends.
    pub(crate) fn next_of_theirs(&mut self) -> Option<Protection> {
        let next = match &mut self.side {
            Side::Server(connection) => connection.update_rx_secret(),
            Side::Client(connection) => connection.update_rx_secret(),
        };
        self.protection(next)
    }

    fn protection(&self, next: Result<(u64, ConnectionTrafficSecrets), Error>) -> Option<Protection> {
        let (sequence, secrets) = next.ok()?;
        Protection::new(self.version(), sequence, &secrets)
    }

    /// Takes in the payload of a handshake record.
    pub(crate) fn handle_messages(&mut self, payload: &[u8]) -> Result<Renewed, Damage> {
        if payload.is_empty() {
            return Err(Damage::Unexpected);
        }
        let mut bytes = std::mem::take(&mut self.fragment);
        bytes.extend_from_slice(payload);
        let (renewed, taken) = self.handle_whole(&bytes)?;
        if bytes.len() - taken > FRAGMENT_BYTES_MAX {
            return Err(Damage::Overflow);
        }
        self.fragment = bytes.split_off(taken);
        Ok(renewed)
    }

    /// Has a message begun whose rest is still to come?
    pub(crate) fn awaits_rest(&self) -> bool {
        !self.fragment.is_empty()
    }

    /// Takes in every whole message; says how many bytes these were.
    fn handle_whole(&mut self, bytes: &[u8]) -> Result<(Renewed, usize), Damage> {
        let (mut renewed, mut taken) = (Renewed::default(), 0);
        while let Some((kind, body)) = message(&bytes[taken..]) {
            // Whatever is behind a new key must be sealed with it.
            if renewed.theirs {
                return Err(Damage::Unexpected);
            }
            taken += MESSAGE_HEADER_BYTES + body.len();
            renewed = self.handle_message(kind, body)?;
        }
        if renewed.theirs && taken < bytes.len() {
            return Err(Damage::Unexpected);
        }
        Ok((renewed, taken))
    }

    fn handle_message(&mut self, kind: u8, body: &[u8]) -> Result<Renewed, Damage> {
        let is_13 = self.version() == ProtocolVersion::TLSv1_3;
        match (&mut self.side, kind, body) {
            (_, KEY_UPDATE, [asked @ (0 | 1)]) if is_13 => Ok(Renewed { theirs: true, ours: *asked == 1 }),
            (_, KEY_UPDATE, _) if is_13 => Err(Damage::Decode),
            (Side::Client(connection), NEW_SESSION_TICKET, ticket) if is_13 => {
                connection.handle_new_session_ticket(ticket).map_err(|_| Damage::Decode)?;
                Ok(Renewed::default())
            }
            // A server of TLS 1.2 that wants to begin anew may be left without an answer (RFC 5246 section 7.4.1.1).
            (Side::Client(_), HELLO_REQUEST, []) if !is_13 => Ok(Renewed::default()),
            _ => Err(Damage::Unexpected),
        }
    }
}

/// The whole message at the start of `bytes`, if there is one.
fn message(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let ([kind, a, b, c], rest) = bytes.split_first_chunk()?;
    let len = u32::from_be_bytes([0, *a, *b, *c]) as usize;
    Some((*kind, rest.get(..len)?))
}
