//! What a listener with `protocol = "tcp"` cannot have: it sees bytes, and no requests.

use config_file::{Mistake, Section};

/// Keys of `[[listener]]` that are about requests.
pub(super) const LISTENER: [&str; 14] = [
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
    "route",
    "trusted_proxies",
    "underscore_twins",
];
/// Keys of `[listener.limits]`.
pub(super) const LIMITS: [&str; 3] = ["head_bytes_max", "headers_max", "requests_per_connection_max"];
/// Keys of `[listener.timeouts]`.
pub(super) const TIMEOUTS: [&str; 3] = ["idle", "head", "request"];

/// Refuses those of `keys` that stand in a section of a tcp listener.
pub(super) fn refuse(keys: &[&str], section: &Section<'_, '_>, mistakes: &mut Vec<Mistake>) {
    for (key, place) in keys.iter().filter_map(|key| Some((key, section.place_of(key)?))) {
        let title = format!("`{key}` has no meaning on a tcp listener");
        let help = "leave it out, or write `protocol = \"http\"`: with \"tcp\" bytes are passed on untouched";
        mistakes.push(Mistake::new(place, title, "this is about requests").help(help));
    }
}
