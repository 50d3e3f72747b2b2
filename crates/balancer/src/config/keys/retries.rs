//! Of a `[[backend_set]]`: when a request is sent again.

use super::super::retries::RETRIES_MAX;
use super::super::statuses::STATUSES_MAX;
use balancer_core::statuses::Statuses;
use config_file::{Key, Kind};

const STATUS: Kind = Kind::OneOf(&[
    Kind::Number { min: *Statuses::ALL.start() as usize, max: *Statuses::ALL.end() as usize },
    Kind::Text("such as \"500-599\""),
]);

pub(super) const MAX: Key = Key::new(
    "retries_max",
    Kind::Number { min: 0, max: RETRIES_MAX },
    "further attempts after the first: where nothing was sent, or the method may be repeated and nothing was passed on. \
     Without this key they are 2, and where nobody takes connections, up to 8 spaced ones, 50 ms to 1 s apart and within the \
     connect time-out: a server may only be starting anew. Where the key is written, it bounds those, too; 0: nobody waits \
     for a server that is away for a moment",
)
.known_as(&["retries", "max_retries", "proxy_next_upstream_tries"])
.or_words("2, and more at refused connections")
.example("2");

pub(super) const ON: Key = Key::new(
    "retry_on",
    Kind::List { of: &STATUS, min: 1, max: STATUSES_MAX },
    "statuses of a server that another one is asked for, under the same conditions, where another one is well; where none \
     is, the client gets the answer as it is. What such an answer says of its server is what it says when it is passed on \
     (`server_errors` of `[backend_set.health]`)",
).known_as(&["proxy_next_upstream"])
.example("[502, 503, 504]");

pub(super) const BUDGET: Key = Key::new(
    "retry_budget",
    Kind::Text("share"),
    "how many requests may be sent again of those of the last 10 s, all workers together, and 10 each second whatever came; \
     `\"off\"`: all. What a server cannot have worked on costs nothing: a connection that was refused, a kept one that was \
     closed before the request came. Where the budget is spent a request fails as it would without retries, and a status of \
     `retry_on` is passed on (`servers.retry_budget_spent`)",
)
.or("\"20%\"");
