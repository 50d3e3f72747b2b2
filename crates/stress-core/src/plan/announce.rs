//! The header of the PROXY protocol that connections to the target begin with, and whom it names: as a proxy in front of the
//! target would.

use core::net::IpAddr;
use named::named;
use ports::set::SOURCES_MAX;
use serde::Serialize;

named! {
    /// Which header.
    pub enum ProxyProtocol {
        /// A line of text.
        V1 = "v1",
        /// In binary.
        V2 = "v2",
    }
}

/// As given by a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnounceDraft {
    /// Which header; `None`: there is none.
    pub version: Option<ProxyProtocol>,
    /// Clients that it names, in turn; empty: the address that a connection starts from.
    pub clients: Vec<IpAddr>,
}

/// Checked. Serialises to `plan.proxy_protocol` of `stress --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announce {
    /// Which header.
    pub version: ProxyProtocol,
    /// Clients that it names, in turn; empty: the address that a connection starts from.
    pub clients: Vec<IpAddr>,
}

/// What cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnnounceMistake {
    /// Clients, and nothing that names them.
    #[error("--proxy-clients are named by a header: write --proxy-protocol v1 or v2, too")]
    Alone,
    /// More than there may be.
    #[error("--proxy-clients: {0} addresses, at most {SOURCES_MAX} are supported")]
    TooMany(usize),
}

impl AnnounceDraft {
    /// # Errors
    /// Something that cannot be meant.
    pub(super) fn check(self) -> Result<Option<Announce>, AnnounceMistake> {
        match self.version {
            None if self.clients.is_empty() => Ok(None),
            None => Err(AnnounceMistake::Alone),
            Some(_) if self.clients.len() > SOURCES_MAX => Err(AnnounceMistake::TooMany(self.clients.len())),
            Some(version) => Ok(Some(Announce { version, clients: self.clients })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_named_by_a_header() {
        let check = |version, clients: usize| {
            let clients = vec![IpAddr::from([10, 0, 0, 1]); clients];
            AnnounceDraft { version, clients }.check().map(|announce| announce.map(|one| one.clients.len()))
        };
        assert_eq!(check(None, 0), Ok(None));
        assert_eq!(check(Some(ProxyProtocol::V2), 3), Ok(Some(3)));
        assert_eq!(check(None, 1), Err(AnnounceMistake::Alone));
        assert_eq!(check(Some(ProxyProtocol::V1), SOURCES_MAX + 1), Err(AnnounceMistake::TooMany(SOURCES_MAX + 1)));
    }
}
