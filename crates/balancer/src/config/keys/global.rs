//! `[global]`: the process.

use super::super::resolvers::RESOLVERS_MAX;
use super::super::{BUFFERS_MAX, WORKERS_MAX};
use config_file::{Key, Kind, Table};

pub(super) static GLOBAL: Table = Table {
    name: "global",
    heading: "[global]",
    keys: &[
        Key::new(
            "workers",
            Kind::Number { min: 1, max: WORKERS_MAX },
            "threads, each with its own event loop, share of ports and pools",
        )
        .or_words("one per core"),
        Key::new(
            "buffers_max",
            Kind::Number { min: 64, max: BUFFERS_MAX },
            "buffers of 17 KiB per worker; when all are in use, reading waits",
        )
        .or("16384"),
        Key::new("pin", Kind::Switch, "each worker to a core of its own").or("false"),
        Key::new(
            "drain",
            Kind::TimeOrOff,
            "for requests in flight after SIGTERM or SIGQUIT; what is unanswered then gets a 503. `\"off\"`: as long as \
             they take",
        )
        .or("\"30s\""),
        Key::new(
            "drain_grace",
            Kind::Time,
            "how long listeners go on accepting before that, answering with `Connection: close`",
        ),
        Key::new(
            "watch",
            Kind::TimeOrOff,
            "how often this file is looked at: another one in its place, or other text in it, is taken up as by SIGHUP once it \
             was the same at two looks. Symbolic links are followed. Not more often than every 100 ms",
        )
        .or("\"off\""),
        Key::new(
            "user",
            Kind::Text("name or number"),
            "who the process is once everything is bound and read, for good and without any capability; only root can \
             become another one. Files that a reload reads must then be readable, and addresses free, for that user",
        )
        .or_words("who started it")
        .example("\"quintet\""),
        Key::new("group", Kind::Text("name or number"), "its only group; needs `user`")
            .or_words("the group that the user is in")
            .example("\"quintet\""),
        Key::new(
            "resolvers",
            Kind::list(&Kind::Text("address, with or without a port"), RESOLVERS_MAX),
            "who is asked for names of servers, in place of those of `/etc/resolv.conf`; port 53 where none is written. \
             `/etc/hosts` stands above both",
        )
        .or_words("those of the system")
        .example("[\"10.0.0.2\", \"127.0.0.1:5353\"]"),
    ],
};
