//! Of `[[backend_set]]`: who its servers are.

use super::selection;
use balancer_core::names::{AtStart, Families};
use config_file::{Key, Kind, Table};

pub(super) const RESOLVE: Key = Key::new(
    "resolve",
    Kind::Time,
    "longest time between two looks at a name; its records may ask for the next one earlier, a second after the last at the \
     earliest (or after this time, where that is less)",
)
.or("\"30s\"");

pub(super) const RESOLVE_AT_START: Key = Key::new(
    "resolve_at_start",
    Kind::choice::<AtStart>(),
    "what becomes of a start at which a name leads nowhere. `\"required\"`: nothing starts; `\"optional\"`: the balancer \
     starts without those servers and goes on looking, and requests to a set of nobody get a 503",
)
.or("\"required\"");

pub(super) const RESOLVE_FAMILIES: Key = Key::new(
    "resolve_families",
    Kind::choice::<Families>(),
    "which addresses of a name are servers: those of its A records, those of its AAAA records, or both",
)
.or("\"both\"");

/// An entry of `servers`.
pub(in super::super) static SERVER: Table = Table {
    name: "backend_set.servers",
    heading: "an entry of `servers`",
    keys: &[
        Key::new(
            "address",
            Kind::Text("address or name, and port, or `unix:` and a path"),
            "where it listens; this or `srv`",
        )
        .known_as(&["host", "url", "addr", "server", "target"])
        .example("\"127.0.0.1:9001\""),
        Key::new(
            "srv",
            Kind::Text("name of a service"),
            "in place of `address`: the targets of its SRV records, with their ports and weights; those of the lowest \
             priority are asked, all others are backups",
        )
        .known_as(&["service"])
        .example("\"_http._tcp.app.internal\""),
        selection::WEIGHT,
        selection::BACKUP,
    ],
};
