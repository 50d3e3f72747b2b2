//! What is done to requests and responses on their way: keys that several tables share.

use super::super::fields::RULES_MAX;
use super::super::treatment::NETWORKS_MAX;
use config_file::{Key, Kind, Table};

const NAME: Kind = Kind::Text("name of a field");
const NETWORK: Kind = Kind::Text("network, or address");

pub(super) const REQUEST_HEADERS: Key = Key::new(
    "request_headers",
    Kind::Table(&HEADERS),
    "fields of requests, as servers shall see them; see [below](#fields-that-are-set-added-removed)",
)
.example("{ set = { X-Real-IP = \"{client}\" }, remove = [\"X-Debug\"] }");

pub(super) const RESPONSE_HEADERS: Key = Key::new(
    "response_headers",
    Kind::Table(&HEADERS),
    "fields of responses, as clients shall see them; those of a listener or a route are also in this balancer's own answers",
)
.example("{ set = { Strict-Transport-Security = \"max-age=31536000\" }, remove = [\"Server\"] }");

pub(super) const ALLOW: Key = Key::new(
    "allow",
    Kind::list(&NETWORK, NETWORKS_MAX),
    "only these may ask, anybody else is refused: at a listener its connection is closed as soon as it comes in, behind a \
     trusted proxy and at a route the answer is a 403. A route's lists add to those of its listener: both must let in",
)
.example("[\"10.0.0.0/8\", \"192.0.2.7\"]");

pub(super) const DENY: Key =
    Key::new("deny", Kind::list(&NETWORK, NETWORKS_MAX), "these are refused in the same way, whatever `allow` says")
        .example("[\"203.0.113.0/24\"]");

static HEADERS: Table = Table {
    name: "headers",
    heading: "`request_headers`, `response_headers`",
    keys: &[
        Key::new(
            "set",
            Kind::Pairs("value, with variables in braces"),
            "there is one field of this name, with this value, whatever came",
        ),
        Key::new("add", Kind::Pairs("value, with variables in braces"), "there is another field of this name"),
        Key::new("remove", Kind::List { of: &NAME, min: 0, max: RULES_MAX }, "no field of this name is passed on")
            .example("[\"X-Powered-By\"]"),
    ],
};
