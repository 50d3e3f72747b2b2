//! What a listener with `protocol = "tcp"` cannot have: it sees bytes, and no requests.

use balancer_core::router::HostPattern;
use config_file::{Mistake, Section};
use std::ops::Range;

/// Keys of `[[listener]]` that are about requests.
pub(super) const LISTENER: [&str; 13] = [
    "auth",
    "body_bytes_max",
    "compression",
    "compression_bytes_min",
    "compression_types",
    "errors",
    "forwarded",
    "forwarded_fields",
    "rate_limit",
    "request_headers",
    "request_id",
    "response_headers",
    "underscore_twins",
];
/// Keys of `[listener.limits]`.
pub(super) const LIMITS: [&str; 6] = [
    "head_bytes_max",
    "headers_max",
    "rate_grace",
    "request_rate_min",
    "requests_per_connection_max",
    "response_rate_min",
];
/// Keys of `[listener.timeouts]`.
pub(super) const TIMEOUTS: [&str; 2] = ["idle", "request"];
/// That of `[listener.timeouts]` which has a meaning where there are routes, or proxies that announce clients: for what is
/// said first.
const HEAD_TIMEOUT: &str = "head";
/// Keys of `[[listener.route]]` that are about requests.
const ROUTE: [&str; 20] = [
    "auth",
    "body_bytes_max",
    "compression",
    "compression_bytes_min",
    "compression_types",
    "errors",
    "header",
    "method",
    "path",
    "path_prefix",
    "path_regex",
    "query",
    "rate_limit",
    "redirect",
    "replace_prefix",
    "request_headers",
    "respond",
    "response_headers",
    "rewrite",
    "strip_prefix",
];
/// Keys of `[listener.route.timeouts]` that are about requests.
pub(super) const ROUTE_TIMEOUTS: [&str; 3] = ["request", "response", "response_body"];

/// Refuses that where nothing is said first that is waited for.
pub(super) fn refuse_head(section: &Section<'_, '_>, mistakes: &mut Vec<Mistake>) {
    let Some(place) = section.place_of(HEAD_TIMEOUT) else { return };
    let title = format!("`{HEAD_TIMEOUT}` has no meaning on a tcp listener that waits for no first word");
    let help = "leave it out: it bounds how long a client may take to ask for a name, where there are routes, or to send the \
                header of the PROXY protocol; silence later on is bounded by `tunnel`";
    mistakes.push(Mistake::new(place, title, "neither routes nor `proxy_protocol` at this listener").help(help));
}

/// Refuses those of `keys` that stand in a section of a tcp listener.
pub(super) fn refuse(keys: &[&str], section: &Section<'_, '_>, mistakes: &mut Vec<Mistake>) {
    for (key, place) in keys.iter().filter_map(|key| Some((key, section.place_of(key)?))) {
        let title = format!("`{key}` has no meaning on a tcp listener");
        let help = "leave it out, or write `protocol = \"http\"`: with \"tcp\" bytes are passed on untouched";
        mistakes.push(Mistake::new(place, title, "this is about requests").help(help));
    }
}

/// What a route of a tcp listener cannot have: of what clients say only the name is seen that a TLS client asks for.
pub(super) fn check_route(section: &Section<'_, '_>, mistakes: &mut Vec<Mistake>) {
    for (key, place) in ROUTE.iter().filter_map(|key| Some((key, section.place_of(key)?))) {
        let title = format!("`{key}` has no meaning on a route of a tcp listener");
        let help = "only the name that TLS clients ask for is seen there (`host`): leave this out, or end TLS here with \
                    `protocol = \"https\"`";
        mistakes.push(Mistake::new(place, title, "this is about requests").help(help));
    }
    if section.place_of("host").is_none() {
        let title = "a route of a tcp listener goes by `host`";
        let help = "add `host = \"example.org\"`: the name that TLS clients ask for; connections that fit no route go to \
                    the listener's `backends`";
        mistakes.push(Mistake::new(section.span(), title, "in this section").help(help));
    }
}

/// No client asks for an address by name (RFC 6066 section 3).
pub(super) fn check_hosts(hosts: &[HostPattern], place: Option<Range<usize>>, mistakes: &mut Vec<Mistake>) {
    let address = |host: &&HostPattern| {
        let text = host.to_string();
        text.starts_with('[') || text.parse::<std::net::Ipv4Addr>().is_ok()
    };
    if let (Some(host), Some(place)) = (hosts.iter().find(address), place) {
        let title = format!("TLS clients never ask for an address by name: {host}");
        let help = "connections to addresses carry no name: they go to the listener's `backends`";
        mistakes.push(Mistake::new(place, title, "never reached").help(help));
    }
}
