//! The plan of a report: as it was run, in words and numbers.

use crate::course::Phase;
use crate::crowd::CrowdPhase;
use crate::pace::Spread;
use crate::plan::{Announce, ClosePolicy, Expect, Plan, PortMode, Tls, Wire};
use crate::script::Order;
use core::time::Duration;
use ports::Address;
use serde::{Serialize, Serializer};

/// The plan in words and numbers. Serialises to `plan` of `stress --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanSummary {
    /// Target.
    pub url: String,
    /// The address that was connected to; the first of several.
    #[serde(serialize_with = "shown")]
    pub target: Address,
    /// Request method.
    pub method: String,
    /// Request body, in bytes.
    pub body_bytes: usize,
    /// Different requests; of one alone `url` and `method` tell all.
    #[serde(skip)]
    pub different: usize,
    /// Which of several is next.
    #[serde(skip)]
    pub order: Order,
    /// Connections kept busy.
    pub connections: u32,
    /// Threads.
    pub threads: u32,
    /// Number of requests, where it was limited.
    pub requests: Option<u64>,
    /// Duration, where it was limited.
    #[serde(rename = "duration_s", serialize_with = "seconds_if_any")]
    pub duration: Option<Duration>,
    /// Time-out of a request.
    #[serde(rename = "timeout_s", serialize_with = "seconds")]
    pub timeout: Duration,
    /// Who ends a connection.
    pub close: ClosePolicy,
    /// Who chooses source ports.
    pub ports: PortMode,
    /// Why, where that was left open.
    pub ports_why: Option<String>,
    /// Source addresses; empty: the kernel's choice.
    pub sources: Vec<core::net::IpAddr>,
    /// Source ports that were asked for, lowest and highest.
    pub port_range: Option<(u16, u16)>,
    /// The proxy that is asked.
    pub proxy: Option<String>,
    /// What responses have to be like.
    pub expect: Expect,
    /// How many requests a connection carries, and in which version.
    #[serde(flatten)]
    pub wire: Wire,
    /// How connections are secured.
    pub tls: Option<Tls>,
    /// Every address that was connected to, in turn.
    #[serde(serialize_with = "all_shown")]
    pub targets: Vec<Address>,
    /// Requests per second that were asked for, in an open loop.
    pub rate_per_s: Option<f64>,
    /// How they lie in time, in an open loop.
    pub spread: Option<Spread>,
    /// How long a warm-up was before that.
    #[serde(rename = "warm_up_s", serialize_with = "seconds")]
    pub warm_up: Duration,
    /// Phases of the rate, where it is not the same all the time: then `rate_per_s` is its mean.
    pub phases: Vec<Phase>,
    /// Each request at its time, as it was recorded.
    pub is_replay: bool,
    /// Phases of the number of connections, where it is not the same all the time: `connections` is the most.
    pub connection_phases: Vec<CrowdPhase>,
    /// The proxy is asked for a tunnel.
    pub proxy_tunnel: bool,
    /// The header of the PROXY protocol that connections begin with.
    pub proxy_protocol: Option<Announce>,
    /// Redirects that are followed for one request, where they are.
    pub follow: Option<u32>,
    /// Each connection's place keeps cookies.
    pub cookie_jar: bool,
    /// Requests that may be in flight on a connection at a time, where they are several.
    pub pipeline: Option<u32>,
    /// Sockets of connections that are over are used again.
    pub recycle: bool,
}

impl PlanSummary {
    /// Do connections go to a socket file? There are no ports, and no TIME_WAIT.
    pub fn is_of_a_file(&self) -> bool {
        self.target.path().is_some()
    }

    /// Of `plan`, as it is run.
    pub fn new(plan: &Plan, targets: &[Address], threads: u32) -> Self {
        let rate = plan.pace.rate();
        Self {
            url: url(plan),
            target: targets[0],
            targets: targets.to_vec(),
            method: plan.method_name.clone(),
            body_bytes: plan.body.len(),
            phases: plan.load.phases().to_vec(),
            is_replay: plan.ends_by_clock(),
            connection_phases: plan.load.crowd_phases().to_vec(),
            warm_up: plan.load.warm_up,
            different: plan.script.requests().len(),
            order: plan.script.order(),
            connections: plan.connections,
            threads,
            requests: plan.requests,
            rate_per_s: rate.map(|(rate, _)| rate.per_s()),
            spread: rate.map(|(_, spread)| spread),
            duration: plan.duration,
            timeout: plan.timeout,
            close: plan.close,
            ports: plan.ports,
            ports_why: plan.ports_why.clone(),
            sources: plan.sources.clone(),
            proxy: plan.reach.proxy.as_ref().map(ToString::to_string),
            follow: plan.follow,
            proxy_protocol: plan.announce.clone(),
            cookie_jar: plan.cookies.is_some(),
            proxy_tunnel: plan.reach.tunnels,
            expect: plan.expect.clone(),
            wire: plan.wire,
            pipeline: plan.wire.pipeline,
            tls: plan.tls.clone(),
            port_range: plan.port_range.map(|range| (range.low(), range.high())),
            recycle: plan.recycle,
        }
    }
}

/// Seconds, with their fraction.
pub(crate) fn seconds<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

fn seconds_if_any<S: Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

fn shown<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(address)
}

fn all_shown<S: Serializer>(all: &[Address], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(all.iter().map(ToString::to_string))
}

/// As it was given, variables included.
fn url(plan: &Plan) -> String {
    let url = plan.url.to_string();
    let host = url.strip_suffix(plan.url.path()).unwrap_or(&url);
    format!("{host}{}", plan.target)
}
