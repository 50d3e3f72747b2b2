//! Of `[backend_set.limits]`: how much the servers of a set take at once.

use balancer_core::Capacity;
use config_file::{Mistake, Section};

/// Connections to one server.
pub(super) const CONNECTIONS_MAX: usize = 1 << 20;
/// Requests that wait for one.
pub(super) const QUEUE_MAX: usize = 100_000;
/// Requests of a set that are under way.
pub(super) const REQUESTS_MAX: usize = 1 << 24;
/// Why this time-out has to end.
const QUEUE_OFF: &str = "requests would wait for ever while servers hang: such as \"30s\"";

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Capacity {
    let base = Capacity::default();
    let is_bounded = section.place_of("connections_max").is_some();
    let connections_max = section.number("connections_max", 1, CONNECTIONS_MAX, mistakes).map(|max| max as u32);
    let requests_max = section.number("requests_max", 1, REQUESTS_MAX, mistakes).map(|max| max as u32);
    let mut alone = |key: &'static str| {
        let value = section.take(key).filter(|_| !is_bounded);
        if let Some(value) = value {
            let title = format!("`{key}` has no meaning without `connections_max`");
            mistakes.push(Mistake::new(value.span(), title, "nobody waits").help("such as `connections_max = 200`"));
        }
        value.is_some()
    };
    if alone("queue_max") | alone("queue_timeout") {
        return Capacity { requests_max, ..base };
    }
    Capacity {
        connections_max,
        queue_max: section.number("queue_max", 0, QUEUE_MAX, mistakes).unwrap_or(base.queue_max),
        queue_timeout: section.duration_never_off("queue_timeout", QUEUE_OFF, mistakes).unwrap_or(base.queue_timeout),
        requests_max,
    }
}
