//! The balancer's decisions: which server, which connection, try again or not, who closes and why,
//! what a client is told. No sockets, no clock, no threads; `now` is a [`core::time::Duration`].

pub mod access;
pub mod announcement;
pub mod auth;
pub mod budget;
mod cause;
pub mod checks;
pub mod client_address;
pub mod compression;
pub mod connects;
pub mod cost;
pub mod counters;
pub mod crowd;
pub mod downstream;
pub mod events;
pub mod exchange;
pub mod failure;
pub mod farewell;

pub mod files;
pub mod guests;
pub mod health;
pub mod hello;
pub mod idle;
pub mod inert;
mod kept;
pub mod line;
pub mod names;
pub mod network;
pub mod overrides;
pub mod pace;
pub mod policy;
pub mod proxy_header;
pub mod rate;
pub mod reach;
pub mod ready;
pub mod reason;
pub mod refusal;
pub mod relay;
pub mod retry;
pub mod router;
pub mod select;
pub mod settings;
mod stall;
pub mod statuses;
pub mod supply;
pub mod times;
pub mod tls;
pub mod treatment;
pub mod vain;

pub use announcement::{Announcement, announcement};
pub use auth::{AuthRule, BasicAuth, Remembered, Sought};
pub use cause::Cause;
pub use client_address::{Origin, client_address};
pub use compression::{Compression, MediaType, Recode};
pub use connects::ConnectTimes;
pub use counters::{Counter, Counters, Dimension, Report, RouteTally};
pub use downstream::Downstream;
pub use exchange::Exchange;
pub use failure::{Failure, FailureKind};
pub use farewell::{DrainTimes, DrainedListeners, LAST_WORDS, ListenerOrder, ListenerStage};
pub use guests::Guests;
pub use health::{Health, HealthRules, SetStanding, Standing, Verdict};
pub use idle::IdleConnections;
pub use inert::{InertPool, inert_pools};
pub use line::Line;
pub use network::{NetworkError, Networks, parse_network};
pub use overrides::{OrderError, Override, Overrides, ServerOrder};
pub use pace::PaceRules;
pub use policy::{ClientClose, Reuse, ServerClose, Timestamps, Trust};
pub use proxy_header::{HeaderBytes, ProxyHeader};
pub use rate::{Buckets, Rate, Taken};
pub use reach::{Shortfall, shortfalls};
pub use ready::Ready;
pub use reason::{CloseReason, Side};
pub use refusal::{Refusal, Refusals, Refused, Why};
pub use relay::Relay;
pub use retry::RetryReason;
pub use router::{Action, Decision, RouteRules, Router};
pub use select::{
    Ask, Balance, Choice, Field, HashBy, Latency, Maglev, Mark, Pick, SameSite, Selection, SelectionRules, Sticky,
};
pub use settings::{
    BackendSetSettings, Bind, Capacity, ClientTimeouts, ForwardedPolicy, ListenerLimits, ListenerSettings,
    PoolSettings, PortChoice, PortSettings, Protocol, RequestIds, RequestRules, ResponseLimits, ResponseReading,
    SERVERS_MAX, ServerSettings, ServerTimeouts, Settings, SourcesHere, Twins, WEIGHT_MAX, WayField,
};
pub use supply::PortSupply;
pub use times::{Histogram, ServerTimes, Timed, TimedOf, Times};
pub use tls::{CertificateFiles, ClientCertificate, ListenerTls, ServerTls, TlsVersion};
pub use treatment::{Access, HeaderRules, LimitName, RateBy, RateLimit, Treatment};
pub use vain::{Vain, hosts_without_certificate, unused_sets};
