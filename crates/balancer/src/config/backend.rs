//! `[[backend_set]]`: where requests go.

use super::capacity;
use super::fields::read_headers;
use super::files::Folder;
use super::health::{self, Health};
use super::listener::{HEAD_BYTES_MAX, HEAD_BYTES_MIN};
use super::retries::{self, Retries};
use super::servers::{self, Servers};
use super::{selection, tls};
use balancer_core::names::Member;
use balancer_core::{
    Capacity, HeaderRules, PoolSettings, PortChoice, PortSettings, ProxyHeader, ResponseLimits, ResponseReading, Reuse,
    SelectionRules, ServerSettings, ServerTimeouts, ServerTls, SourcesHere,
};
use config_file::{Mistake, Placed, Section, Value, value, wrong_type};
use ports::{expand_sources, is_sampled};
use std::net::IpAddr;
use std::ops::Range;

pub(super) const WEIGHT_MAX: usize = balancer_core::WEIGHT_MAX as usize;
pub(super) const IDLE_MAX: usize = 100_000;
pub(super) const FAILURES_MAX: usize = 255;
/// Why this time-out has to end.
const CONNECT_OFF: &str = "a server that is away would be waited for as long as the kernel likes: such as \"10s\"";
pub(super) const SOURCES_MAX: usize = ports::set::SOURCES_MAX;

/// A backend set with the places other sections may point at.
pub(super) struct BackendSet<'a> {
    pub(super) name: Option<Placed<&'a str>>,
    pub(super) servers: Vec<Placed<ServerSettings>>,
    /// Those that are looked up.
    pub(super) names: Vec<Member>,
    pub(super) selection: SelectionRules,
    pub(super) pool: PoolSettings,
    pub(super) ports: PortSettings,
    pub(super) timeouts: ServerTimeouts,
    pub(super) health: Health,
    pub(super) retries: Retries,
    pub(super) responses: ResponseReading,
    pub(super) limits: ResponseLimits,
    pub(super) capacity: Capacity,
    pub(super) via: bool,
    pub(super) proxy_protocol: Option<ProxyHeader>,
    pub(super) headers: HeaderRules,
    pub(super) tls: Option<ServerTls>,
}

pub(super) fn read<'a>(
    mut section: Section<'a, '_>,
    folder: &Folder<'_>,
    mistakes: &mut Vec<Mistake>,
) -> BackendSet<'a> {
    let name = section.text("name", "\"app\"", mistakes);
    let rules = servers::read_rules(&mut section, mistakes);
    let list = section.need("servers", "[\"127.0.0.1:9001\"]", mistakes);
    let Servers { fixed: servers, names } = list.map(|list| servers::read(list, rules, mistakes)).unwrap_or_default();
    let base = balancer_core::BackendSetSettings::new("", Vec::new());
    let limits = section.table("limits", mistakes);
    let (limits, capacity) = limits.map(|limits| read_limits(limits, mistakes)).unwrap_or_default();
    let set = BackendSet {
        name,
        selection: selection::read(&mut section, mistakes),
        ports: read_ports(&mut section, &servers, mistakes),
        pool: section.table("pool", mistakes).map(|pool| read_pool(pool, mistakes)).unwrap_or(base.pool),
        timeouts: section
            .table("timeouts", mistakes)
            .map(|times| read_timeouts(times, mistakes))
            .unwrap_or(base.timeouts),
        health: section.table("health", mistakes).map(|rules| health::read(rules, mistakes)).unwrap_or_default(),
        retries: retries::read(&mut section, mistakes),
        responses: section.named("responses", mistakes).unwrap_or_default(),
        limits,
        capacity,
        via: section.choice("via", &[("on", true), ("off", false)], mistakes).unwrap_or(base.via),
        proxy_protocol: None,
        headers: read_headers(&mut section, mistakes),
        tls: tls::read_server(&mut section, folder, mistakes),
        servers,
        names,
    };
    let set = announced(set, &mut section, mistakes);
    section.finish(mistakes);
    set
}

/// A connection that begins with a client's address is that client's: it is not kept for another.
fn announced<'a>(
    mut set: BackendSet<'a>,
    section: &mut Section<'_, '_>,
    mistakes: &mut Vec<Mistake>,
) -> BackendSet<'a> {
    set.proxy_protocol = section.named("proxy_protocol", mistakes);
    let Some(place) = section.place_of("proxy_protocol").filter(|_| set.proxy_protocol.is_some()) else { return set };
    set.pool.reuse = Reuse::Never;
    let conflict = |key: &str, title: &str, help: &str| {
        let other = section.place_of(key)?;
        Some(Mistake::new(place.clone(), title, "with this").other(other, "and this").help(help))
    };
    mistakes.extend(conflict(
        "pool",
        "a connection that begins with one client's address is nobody else's: there is no pool",
        "leave the pool out: each request has a connection of its own, which closes with its answer",
    ));
    set
}

fn read_limits(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> (ResponseLimits, Capacity) {
    let base = ResponseLimits::default();
    let bytes = section.number("head_bytes_max", HEAD_BYTES_MIN, HEAD_BYTES_MAX, mistakes);
    let limits = ResponseLimits {
        head_bytes_max: bytes.unwrap_or(base.head_bytes_max),
        headers_max: section.number("headers_max", 1, http::HEADERS_CAP, mistakes).unwrap_or(base.headers_max),
    };
    let capacity = capacity::read(&mut section, mistakes);
    section.finish(mistakes);
    (limits, capacity)
}

fn read_ports(
    section: &mut Section<'_, '_>,
    servers: &[Placed<ServerSettings>],
    mistakes: &mut Vec<Mistake>,
) -> PortSettings {
    let choice = section.named::<PortChoice>("ports", mistakes).unwrap_or_default();
    let (sources, sampled) =
        section.take("sources").map(|list| read_sources(list, servers, mistakes)).unwrap_or_default();
    let range = section.take("port_range").and_then(|range| read_range(range, mistakes));
    PortSettings { choice, sources, range, sampled, here: SourcesHere::default() }
}

/// Addresses, ranges and networks as addresses; and the networks of which that are only some.
fn read_sources(
    list: &Value<'_>,
    servers: &[Placed<ServerSettings>],
    mistakes: &mut Vec<Mistake>,
) -> (Vec<IpAddr>, Vec<String>) {
    let Some(array) = list.get_ref().as_array() else {
        let example = "such as `sources = [\"10.0.0.2\", \"10.0.1.0/28\"]`";
        mistakes.push(wrong_type(list, "an array of IP addresses").help(example));
        return Default::default();
    };
    let (mut sources, mut sampled): (Vec<IpAddr>, Vec<String>) = Default::default();
    for value in array.iter().take(SOURCES_MAX + 1) {
        let Some(text) = value::text(value, mistakes) else { continue };
        match expand_sources(text) {
            Err(error) => mistakes.push(Mistake::new(value.span(), error.to_string(), "here")),
            Ok(all) => {
                if let Some(mistake) = misfit(text, &all, value, &sources, servers) {
                    mistakes.push(mistake);
                    continue;
                }
                sources.extend(all);
                sampled.extend(is_sampled(text).then(|| text.to_owned()));
            }
        }
    }
    if sources.len() > SOURCES_MAX {
        let title = format!("{} sources: there may be {SOURCES_MAX}", sources.len());
        mistakes.push(Mistake::new(list.span(), title, "too many"));
        return Default::default();
    }
    (sources, sampled)
}

/// Why what one text stands for cannot be among the sources.
fn misfit(
    text: &str,
    all: &[IpAddr],
    value: &Value<'_>,
    sources: &[IpAddr],
    servers: &[Placed<ServerSettings>],
) -> Option<Mistake> {
    let is_ipv4 = all.first()?.is_ipv4();
    let is_stranger =
        |server: &&Placed<ServerSettings>| server.value.address.ip().is_some_and(|ip| ip.is_ipv4() != is_ipv4);
    if let Some(server) = servers.iter().find(is_stranger) {
        let title = format!("source {text} cannot reach server {}: another address family", server.value.address);
        let mistake = Mistake::new(value.span(), title, "this family").other(server.span.clone(), "that family");
        return Some(mistake.help("put servers of the other family into a set of their own"));
    }
    let known = all.iter().find(|source| sources.contains(source))?;
    Some(Mistake::new(value.span(), format!("source {known} is named twice"), "again here"))
}

fn read_range(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<(u16, u16)> {
    let help = "the first and the last port, such as `port_range = [20000, 29999]`";
    let Some(array) = value.get_ref().as_array() else {
        mistakes.push(wrong_type(value, "an array of two ports").help(help));
        return None;
    };
    let [low, high] = &**array else {
        let title = format!("a port range of {} numbers: there must be two", array.len());
        mistakes.push(Mistake::new(value.span(), title, "here").help(help));
        return None;
    };
    let port = |value: &Value<'_>, mistakes: &mut Vec<Mistake>| {
        value::number("port_range", value, 1, u16::MAX.into(), mistakes).map(|port| port as u16)
    };
    let (low, high) = (port(low, mistakes)?, port(high, mistakes)?);
    if low > high {
        let span: Range<usize> = value.span();
        mistakes.push(Mistake::new(span, "this port range ends before it begins", "no port in it").help(help));
        return None;
    }
    Some((low, high))
}

fn read_pool(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> PoolSettings {
    let base = PoolSettings::default();
    let pool = PoolSettings {
        idle_max: section.number("idle_max", 0, IDLE_MAX, mistakes).unwrap_or(base.idle_max),
        idle_timeout: section.duration("idle_timeout", mistakes).unwrap_or(base.idle_timeout),
        close: section.named("close", mistakes).unwrap_or(base.close),
        reuse: section.named("reuse", mistakes).unwrap_or(base.reuse),
    };
    section.finish(mistakes);
    pool
}

fn read_timeouts(mut section: Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> ServerTimeouts {
    let base = ServerTimeouts::default();
    let timeouts = ServerTimeouts {
        connect: section.duration_never_off("connect", CONNECT_OFF, mistakes).unwrap_or(base.connect),
        response: section.duration_or_off("response", mistakes).unwrap_or(base.response),
        body: section.duration_or_off("body", mistakes).unwrap_or(base.body),
    };
    section.finish(mistakes);
    timeouts
}
