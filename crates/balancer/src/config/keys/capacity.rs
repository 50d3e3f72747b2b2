//! Of `[backend_set.limits]`: how much the servers of a set take at once.

use super::super::capacity as bounds;
use config_file::{Key, Kind};

pub(super) const CONNECTIONS_MAX: Key = Key::new(
    "connections_max",
    Kind::Number { min: 1, max: bounds::CONNECTIONS_MAX },
    "connections to each server, over all workers, idle ones and tunnels included. Where \
     all servers have as many, requests wait in one line, those that came first before the others; an idle connection makes \
     room for them",
).known_as(&["maxconn", "max_conns", "max_connections"])
.or_words("as many as there are requests")
.example("200");

pub(super) const QUEUE_MAX: Key = Key::new(
    "queue_max",
    Kind::Number { min: 0, max: bounds::QUEUE_MAX },
    "requests of the set that may wait for a place, over all workers; one more gets a 503 that says so",
)
.known_as(&["maxqueue", "max_queue", "max_pending_requests"])
.or_words("1000, with `connections_max`")
.example("1000");

pub(super) const QUEUE_TIMEOUT: Key =
    Key::new("queue_timeout", Kind::Time, "how long one waits before it gets a 503 that says so")
        .known_as(&["timeout_queue", "queue"])
        .or_words("`\"5s\"`, with `connections_max`")
        .example("\"5s\"");

pub(super) const REQUESTS_MAX: Key = Key::new(
    "requests_max",
    Kind::Number { min: 1, max: bounds::REQUESTS_MAX },
    "requests and joined connections of the set that are under way at once, over all workers, those that wait for a place \
     included. One more gets a 503 at once that says which set it is, a connection of a tcp listener \
     a reset; counted (`servers.set_full`). How it goes together with the health of servers: [below](#sets-that-fail)",
).known_as(&["max_requests"])
.or_words("as many as there are")
.example("2000");
