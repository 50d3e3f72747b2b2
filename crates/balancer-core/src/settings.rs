//! What the balancer is told to do: checked, so that it cannot be wrong.

use crate::budget::RetryBudget;
use crate::checks::CheckRules;
use crate::health::HealthRules;
use crate::network::Networks;
use crate::pace::PaceRules;
use crate::policy::{ClientClose, Reuse, ServerClose, Timestamps};
use crate::proxy_header::ProxyHeader;
use crate::router::Router;
use crate::select::SelectionRules;
use crate::statuses::Statuses;
use crate::tls::{ListenerTls, ServerTls};
use crate::treatment::{HeaderRules, Treatment};
use http::forward::{Forwarded, Tells};
use http::{Limits, Reading};
use named::named;
use ports::Address;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Everything a core needs to know. Listeners name backend sets by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where clients come in.
    pub listeners: Vec<ListenerSettings>,
    /// Where requests go.
    pub backend_sets: Vec<BackendSetSettings>,
}

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
        }
    }
}

impl ListenerSettings {
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

named! {
    /// What becomes of what requests say about their way (`forwarded = "..."` of a listener): `X-Forwarded-For`, `-Proto`,
    /// `-Host`, `-Port`, `X-Real-IP`, `Forwarded`.
    #[derive(Default)]
    pub enum ForwardedPolicy {
        /// Nothing of it is passed on: servers read what this balancer knows.
        #[default]
        Replace = "replace",
        /// Lists are continued, whoever sends them; the others are not passed on.
        Append = "append",
        /// All of it stands where the sender is of a trusted network, lists continued; nothing of it elsewhere.
        Trust = "trust",
    }
}

named! {
    /// What becomes of fields that CGI takes for those a balancer overwrites (`underscore_twins = "..."` of a listener).
    #[derive(Default)]
    pub enum Twins {
        /// They are not passed on.
        #[default]
        Drop = "drop",
        /// They are.
        Keep = "keep",
    }
}

named! {
    /// Fields about the way of a request that this balancer writes (`forwarded_fields = [...]` of a listener).
    pub enum WayField {
        /// `X-Forwarded-For`.
        For = "X-Forwarded-For",
        /// `X-Forwarded-Proto`.
        Proto = "X-Forwarded-Proto",
        /// `X-Forwarded-Host`.
        Host = "X-Forwarded-Host",
        /// `X-Forwarded-Port`.
        Port = "X-Forwarded-Port",
        /// `X-Real-IP`.
        RealIp = "X-Real-IP",
        /// `Forwarded`.
        Forwarded = "Forwarded",
    }
}

impl WayField {
    /// What is told where exactly these fields are.
    pub fn tells(fields: &[Self]) -> Tells {
        let has = |field| fields.contains(&field);
        Tells {
            forwarded_for: has(Self::For),
            proto: has(Self::Proto),
            host: has(Self::Host),
            port: has(Self::Port),
            real_ip: has(Self::RealIp),
            forwarded: has(Self::Forwarded),
        }
    }
}

named! {
    /// Where `X-Request-Id` comes from (`request_id = "..."` of a listener).
    #[derive(Default)]
    pub enum RequestIds {
        /// Whatever came is passed on, like any field.
        #[default]
        Pass = "pass",
        /// Each request gets one made here.
        Make = "make",
        /// That of a trusted proxy stands; any other request gets one made here.
        Keep = "keep",
    }
}

/// What becomes of what requests say about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestRules {
    /// About their way.
    pub forwarded: ForwardedPolicy,
    /// Proxies whose fields are believed: who the client is, and whatever [`ForwardedPolicy::Trust`] lets stand.
    pub trusted: Networks,
    /// Proxies whose header of the PROXY protocol is believed. That is no word about fields: whoever speaks through such a
    /// proxy writes those himself.
    pub announcers: Networks,
    /// What is told of their way.
    pub tells: Tells,
    /// Where their ids come from.
    pub ids: RequestIds,
    /// In names that look like others.
    pub twins: Twins,
}

impl RequestRules {
    /// What becomes of it when it comes from `peer`.
    pub fn forwarded_by(&self, peer: IpAddr) -> Forwarded {
        match self.forwarded {
            ForwardedPolicy::Append => Forwarded::Append,
            ForwardedPolicy::Trust if self.trusted.contains(peer) => Forwarded::Trust,
            ForwardedPolicy::Replace | ForwardedPolicy::Trust => Forwarded::Replace,
        }
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

/// One `[[backend_set]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendSetSettings {
    /// Its name in reports.
    pub name: String,
    /// At least one, but for sets whose names lead nowhere yet.
    pub servers: Vec<ServerSettings>,
    /// By what one of them is chosen.
    pub selection: SelectionRules,
    /// Idle connections.
    pub pool: PoolSettings,
    /// Our side of the connections.
    pub ports: PortSettings,
    /// Patience.
    pub timeouts: ServerTimeouts,
    /// When a server is set aside.
    pub health: HealthRules,
    /// How servers are checked, where they are.
    pub check: Option<CheckRules>,
    /// Further attempts after the first; 0 also means that nobody waits for a server that is away for a moment.
    pub retries_max: u32,
    /// Statuses of a server that another one is asked for, where one is well and the request may be sent again.
    pub retry_on: Statuses,
    /// How many requests may be sent again; `None`: all that may be otherwise.
    pub retry_budget: Option<RetryBudget>,
    /// How responses are read.
    pub responses: ResponseReading,
    /// Bounds of responses.
    pub limits: ResponseLimits,
    /// How much at once.
    pub capacity: Capacity,
    /// Requests say in `Via` that they came through this balancer.
    pub via: bool,
    /// Connections to its servers begin with this. Each is then one client's: none is used for another's requests.
    pub proxy_protocol: Option<ProxyHeader>,
    /// Fields of requests to its servers, and of their responses.
    pub headers: HeaderRules,
    /// How connections to its servers are secured.
    pub tls: Option<ServerTls>,
    /// The number of what was made of that, as its owner says.
    pub tls_profile: Option<u32>,
}

named! {
    /// How responses are read (`responses = "..."` of a backend set).
    #[derive(Default)]
    pub enum ResponseReading {
        /// Older dialects are understood where only one reading is left; what is passed on is to the letter.
        #[default]
        Lenient = "lenient",
        /// What departs from the letter of the RFCs is refused.
        Strict = "strict",
    }
}

/// Bounds of responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseLimits {
    /// Bytes of a response head.
    pub head_bytes_max: usize,
    /// Header fields of a response.
    pub headers_max: usize,
}

impl Default for ResponseLimits {
    fn default() -> Self {
        Self { head_bytes_max: 32 * 1024, headers_max: 128 }
    }
}

impl BackendSetSettings {
    /// A set with the defaults.
    pub fn new(name: &str, servers: Vec<ServerSettings>) -> Self {
        Self {
            name: name.to_owned(),
            servers,
            selection: SelectionRules::default(),
            pool: PoolSettings::default(),
            ports: PortSettings::default(),
            timeouts: ServerTimeouts::default(),
            health: HealthRules::default(),
            check: None,
            retries_max: 2,
            retry_on: Statuses::default(),
            retry_budget: Some(RetryBudget::default()),
            responses: ResponseReading::default(),
            limits: ResponseLimits::default(),
            capacity: Capacity::default(),
            via: true,
            proxy_protocol: None,
            headers: HeaderRules::default(),
            tls: None,
            tls_profile: None,
        }
    }

    /// How a response is read; `after_interim`: behind another one to the same request.
    #[inline]
    pub fn reading(&self, after_interim: bool) -> Limits {
        let reading = match (self.responses, after_interim) {
            (ResponseReading::Strict, _) => Reading::Strict,
            (ResponseReading::Lenient, false) => Reading::Lenient,
            (ResponseReading::Lenient, true) => Reading::LenientAfterInterim,
        };
        let ResponseLimits { head_bytes_max, headers_max } = self.limits;
        Limits { head_bytes_max, headers_max, reading, ..Limits::default() }
    }
}

/// How much the servers of a set take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Connections to each server, over all workers; `None`: as many as there are requests.
    pub connections_max: Option<u32>,
    /// Requests that may wait for one, over all workers.
    pub queue_max: usize,
    /// How long one waits.
    pub queue_timeout: Duration,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { connections_max: None, queue_max: 1000, queue_timeout: Duration::from_secs(5) }
    }
}

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
    /// The host it was found under, where it was named.
    pub host: Option<Arc<str>>,
    /// The number of how it is spoken to over TLS, as its owner says.
    pub tls_profile: Option<u32>,
}

impl ServerSettings {
    /// A server like any other.
    pub fn new(address: impl Into<Address>) -> Self {
        Self { address: address.into(), weight: 1, backup: false, host: None, tls_profile: None }
    }

    /// Another one like this, which was found under the name of a host.
    pub(crate) fn at(&self, address: SocketAddr, host: &Arc<str>) -> Self {
        Self { address: address.into(), host: Some(Arc::clone(host)), ..self.clone() }
    }
}

/// Connections kept for re-use, per server and worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Idle connections kept; 0 closes after every response.
    pub idle_max: usize,
    /// How long one may idle.
    pub idle_timeout: Duration,
    /// How one is retired.
    pub close: ServerClose,
    /// Which requests may travel on one.
    pub reuse: Reuse,
}

impl PoolSettings {
    /// Idle connections that may be kept.
    pub fn room(&self) -> usize {
        if self.reuse == Reuse::Never { 0 } else { self.idle_max }
    }
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            idle_max: 256,
            idle_timeout: Duration::from_secs(50),
            close: ServerClose::default(),
            reuse: Reuse::default(),
        }
    }
}

named! {
    /// Who chooses the local port towards servers.
    #[derive(Default)]
    pub enum PortChoice {
        /// The kernel, in `connect()`.
        #[default]
        Kernel = "kernel",
        /// Our allocator: oldest port first, explicit bind + SO_REUSEADDR.
        Own = "own",
    }
}

/// Our side of the connections to servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSettings {
    /// Who chooses.
    pub choice: PortChoice,
    /// Source addresses, used in turn; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// Ports, inclusive; `None`: the kernel chooses from `ip_local_port_range`, our allocator from outside of it.
    pub range: Option<(u16, u16)>,
    /// Networks of which only [`ports::SAMPLE`] addresses are among the sources.
    pub sampled: Vec<String>,
    /// Sources may be addresses that no interface has, of a prefix that is routed here. It is found out at start.
    pub routed: bool,
}

/// How long servers may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerTimeouts {
    /// For the handshake.
    pub connect: Duration,
    /// For some more of the request to be taken, and from its end to the head of the response.
    pub response: Duration,
    /// For some more of the response's body to come. A stream of events is silent for that long at most.
    pub body: Duration,
}

impl ServerTimeouts {
    /// May a server, and with it its client, be silent for ever? Then only the kernel can tell that one is no more.
    pub fn is_endless(&self) -> bool {
        [self.response, self.body].contains(&units::OFF)
    }
}

impl Default for ServerTimeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), response: Duration::from_secs(30), body: Duration::from_secs(300) }
    }
}
