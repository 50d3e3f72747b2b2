//! A running balancer as those see it who only look: nothing here waits for a change of the configuration that is under
//! way. [`Handle`](crate::Handle) makes another one with each change.

use crate::boards::Boards;
use crate::crew::Crew;
use crate::errors::Warning;
use crate::own_ports;
use crate::spending::PortWatch;
use crate::tls::InUse;
use balancer_core::{Counters, ListenerSettings, Protocol, Report, ServerSettings, Settings};
use ports::{Address, PortList};
use reactor::ProfileId;
use secure::{ClientProfile, Profiles};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// One place where a listener listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listens {
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it is; the port that was chosen where the configuration left that open.
    pub address: Address,
}

impl fmt::Display for Listens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.protocol, self.address) {
            (_, Address::Unix(_)) => self.address.fmt(f),
            (Protocol::Tcp, address) => write!(f, "tcp://{address}"),
            (protocol, address) => write!(f, "{}://{address}/", protocol.name()),
        }
    }
}

/// See the module's head. Clones are the same look.
#[derive(Clone)]
pub struct Glance {
    pub(crate) crew: Arc<Crew>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) boards: Boards,
    pub(crate) addresses: Arc<[SocketAddr]>,
    /// What the workers divide among them.
    pub(crate) own_ports: Option<PortList>,
    pub(crate) warnings: Arc<[Warning]>,
    pub(crate) profiles: Profiles,
    pub(crate) certificates: Arc<[InUse]>,
}

impl Glance {
    /// Where the listeners listen, in the order of the settings; socket files excepted.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Everywhere the listeners listen.
    pub fn places(&self) -> impl Iterator<Item = Listens> {
        let listens = |listener: &ListenerSettings| {
            let protocol = listener.protocol;
            listener.addresses().map(move |address| Listens { protocol, address }).collect::<Vec<_>>()
        };
        self.settings.listeners.iter().flat_map(listens)
    }

    /// Looks at the ports towards servers, from now on.
    pub fn port_watch(&self) -> PortWatch {
        PortWatch::new(own_ports::supply(self.own_ports.as_ref()))
    }

    /// By which it works.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings)
    }

    /// What is known of the servers.
    pub fn boards(&self) -> Boards {
        self.boards.clone()
    }

    /// The certificates that are gone by, by path.
    pub fn certificates(&self) -> &[InUse] {
        &self.certificates
    }

    /// How connections to a server are secured; `None`: not at all, or it is no server of now.
    pub fn client_profile(&self, server: &ServerSettings) -> Option<ClientProfile> {
        self.profiles.client(ProfileId(server.tls_profile?))
    }

    /// What was asked for and is not so: to be shown once.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// What was counted, by what it was counted for; not older than this call (or than the last answer of a worker that
    /// does not answer within a second).
    pub fn report(&self) -> Report {
        let mut report = self.crew.report();
        report.rest.access_log_unwritten += self.boards.log().unwritten();
        report
    }

    /// The sum of [`Glance::report`].
    pub fn counters(&self) -> Counters {
        self.report().total()
    }

    /// Ends all workers now, whatever was said of it before: who has no answer is told so, everything else is cut.
    pub fn cut(&self) {
        self.crew.cut();
    }

    /// Data-path threads, those aside that leave.
    pub fn workers(&self) -> usize {
        self.crew.len()
    }

    /// Workers that do not answer within `patience`, those that have ended included.
    pub fn silent_workers(&self, patience: Duration) -> usize {
        self.crew.silent(patience)
    }
}
