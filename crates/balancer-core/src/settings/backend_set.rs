//! Backend sets: which servers, by what one is chosen, how much at once, how long each may take.

use super::{PoolSettings, PortSettings, ServerSettings};
use crate::budget::RetryBudget;
use crate::checks::CheckRules;
use crate::health::HealthRules;
use crate::proxy_header::ProxyHeader;
use crate::select::SelectionRules;
use crate::statuses::Statuses;
use crate::tls::ServerTls;
use crate::treatment::HeaderRules;
use http::{Limits, Reading};
use named::named;
use std::time::Duration;

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
    /// Where nobody takes connections, requests wait through a restart with more attempts than `retries_max`; each has sent
    /// nothing.
    pub waits_for_restart: bool,
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
            waits_for_restart: true,
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
    /// Requests and joined connections of the set that are under way at once, over all workers, those that wait included;
    /// `None`: as many as there are.
    pub requests_max: Option<u32>,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { connections_max: None, queue_max: 1000, queue_timeout: Duration::from_secs(5), requests_max: None }
    }
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
