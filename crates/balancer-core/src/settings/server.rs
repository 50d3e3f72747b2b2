//! One server of a backend set.

use ports::Address;
use std::net::SocketAddr;
use std::sync::Arc;

/// Servers of one backend set.
pub const SERVERS_MAX: usize = 10_000;
/// Largest weight of a server: beyond it the turn among servers would take too long to be fair.
pub const WEIGHT_MAX: u32 = 1000;

/// One server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSettings {
    /// Address and port, or a socket file.
    pub address: Address,
    /// Share of the requests; 0: it takes nothing new.
    pub weight: u32,
    /// It is asked only where no other server is well.
    pub backup: bool,
    /// An operator has taken it out: nobody asks it, and nobody checks it.
    pub disabled: bool,
    /// The host it was found under, where it was named.
    pub host: Option<Arc<str>>,
    /// The number of how it is spoken to over TLS, as its owner says.
    pub tls_profile: Option<u32>,
}

impl ServerSettings {
    /// A server like any other.
    pub fn new(address: impl Into<Address>) -> Self {
        Self { address: address.into(), weight: 1, backup: false, disabled: false, host: None, tls_profile: None }
    }

    /// Another one like this, which was found under the name of a host.
    pub(crate) fn at(&self, address: SocketAddr, host: &Arc<str>) -> Self {
        Self { address: address.into(), host: Some(Arc::clone(host)), ..self.clone() }
    }
}
