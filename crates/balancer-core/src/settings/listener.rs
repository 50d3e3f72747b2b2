//! Listeners: where clients come in, what they speak, how much of it and how long it may take.

use super::RequestRules;
use crate::farewell::ListenerStage;
use crate::pace::PaceRules;
use crate::policy::{ClientClose, Timestamps};
use crate::router::Router;
use crate::tls::ListenerTls;
use crate::treatment::Treatment;
use named::named;
use ports::Address;
use std::time::Duration;

/// One `[[listener]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerSettings {
    /// Its name in reports.
    pub name: String,
    /// Where clients come in: at least one place.
    pub binds: Vec<Bind>,
    /// What its clients speak.
    pub protocol: Protocol,
    /// How they are secured; there where they speak https.
    pub tls: Option<ListenerTls>,
    /// The number of what was made of that, as its owner says.
    pub tls_profile: Option<u32>,
    /// The proxies it trusts say first whom they speak for, and nobody else gets in.
    pub proxy_protocol: bool,
    /// Where its requests, or connections, go.
    pub router: Router,
    /// Who closes.
    pub close: ClientClose,
    /// TCP timestamps.
    pub timestamps: Timestamps,
    /// Bounds.
    pub limits: ListenerLimits,
    /// Patience.
    pub timeouts: ClientTimeouts,
    /// What becomes of what requests say about themselves.
    pub requests: RequestRules,
    /// What is done to requests and responses.
    pub treatment: Treatment,
    /// How far an operator's drain of it is: said while it runs, not configured.
    pub stage: ListenerStage,
}

impl ListenerSettings {
    /// A listener with the defaults, everything of which goes to one backend set.
    pub fn new(name: &str, bind: impl Into<Bind>, backend_set: usize) -> Self {
        Self {
            name: name.to_owned(),
            binds: vec![bind.into()],
            protocol: Protocol::default(),
            tls: None,
            tls_profile: None,
            proxy_protocol: false,
            router: Router::everything_to(backend_set),
            close: ClientClose::default(),
            timestamps: Timestamps::default(),
            limits: ListenerLimits::default(),
            timeouts: ClientTimeouts::default(),
            requests: RequestRules::default(),
            treatment: Treatment::default(),
            stage: ListenerStage::default(),
        }
    }

    /// The places where clients come in.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        self.binds.iter().map(|bind| bind.address)
    }

    /// The first place: by this a listener is told from others of its name.
    pub fn first_address(&self) -> Address {
        self.binds.first().expect("a listener binds something").address
    }
}

/// One place where clients of a listener come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bind {
    /// Address and port, or a socket file.
    pub address: Address,
    /// Permissions of the file, such as 0o660; `None`: as the process makes its files.
    pub mode: Option<u32>,
    /// Whose the file is, by number.
    pub user: Option<u32>,
    /// Its group, by number.
    pub group: Option<u32>,
}

impl<A: Into<Address>> From<A> for Bind {
    fn from(address: A) -> Self {
        Self { address: address.into(), mode: None, user: None, group: None }
    }
}

named! {
    /// What clients speak (`protocol = "..."` of a listener).
    #[derive(Default)]
    pub enum Protocol {
        /// HTTP/1: requests are understood, and go their ways one by one.
        #[default]
        Http = "http",
        /// The same over TLS.
        Https = "https",
        /// Anything: a connection is joined with a server's, and bytes go both ways untouched.
        Tcp = "tcp",
    }
}

/// Bounds of one listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Client connections, all workers together. At the limit the client that has been idle for longest goes for a new one;
    /// where none is idle new ones wait in the accept queue. Fewer where RLIMIT_NOFILE would not leave a file for the server
    /// of each. Workers that take in a client at the same moment may exceed it by one each, until another one has made
    /// room.
    pub connections_max: usize,
    /// Connections of one client, all workers together: of one address, or of one /64 of IPv6. `None`: as many as it likes.
    /// Trusted proxies, who speak for others, and clients of socket files are not counted.
    pub connections_per_client_max: Option<u32>,
    /// Bytes of a request head.
    pub head_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// Requests served on one connection before it is closed.
    pub requests_per_connection_max: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections_max: 100_000,
            connections_per_client_max: None,
            head_bytes_max: 32 * 1024,
            headers_max: 128,
            requests_per_connection_max: 1_000_000,
        }
    }
}

/// How long clients may take. What makes progress is never cut off but by `request` and `pace`; [`units::OFF`] is a time that never
/// comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientTimeouts {
    /// From the end of one request to the first byte of the next.
    pub idle: Duration,
    /// From the first byte of a head to its last.
    pub head: Duration,
    /// For some more of a body to come, or some more of a response to be taken.
    pub body: Duration,
    /// For a whole request, first byte to last of the response, whatever progress it makes.
    pub request: Duration,
    /// For something to be said on an upgraded connection or one of a tcp listener, by either side. Once one side has said
    /// all, `body` counts.
    pub tunnel: Duration,
    /// For the client's FIN, after ours or in its stead.
    pub close: Duration,
    /// How fast it has to be, so that progress counts.
    pub pace: PaceRules,
}

impl ClientTimeouts {
    /// May a client be silent for ever? Then only the kernel can tell that it is no more.
    pub fn is_endless(&self) -> bool {
        [self.idle, self.body].contains(&units::OFF)
    }
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(60),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            request: units::OFF,
            // As peers advise for WebSocket; a shorter one cuts off what is only silent.
            tunnel: Duration::from_secs(3600),
            close: Duration::from_secs(5),
            pace: PaceRules::NONE,
        }
    }
}
