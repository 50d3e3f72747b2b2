//! `[admin]`: the running balancer, asked and told what to do.

use super::listener::{BIND, PLACE};
use balancer_core::Ready;
use config_file::{Key, Kind, Table};

pub(super) static ADMIN: Table = Table {
    name: "admin",
    heading: "[admin]",
    keys: &[
        Key::new(
            "bind",
            Kind::OneOf(&[PLACE, Kind::Table(&BIND)]),
            "where metrics, health and state are asked. Whoever connects to a socket file (mode 600 where none is \
             written) may change things; over TCP that takes the token",
        ).known_as(&["listen", "address", "port"])
        .required("\"127.0.0.1:9080\""),
        Key::new(
            "token_file",
            Kind::Text("path"),
            "a file with the token that clients show (`Authorization: Bearer ...`) who change things over TCP, or come from \
             another host. Required where other hosts can connect",
        ).known_as(&["token", "password", "secret", "auth"])
        .or_words("nobody is asked for one")
        .example("\"admin.token\""),
        Key::new(
            "ready",
            Kind::choice::<Ready>(),
            "when `/readyz` says that clients may be sent: as long as they are accepted, or if besides a server is up of any \
             set, or one of every set. Never while it drains",
        )
        .or("\"accepting\""),
    ],
};
