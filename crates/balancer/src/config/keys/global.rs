//! `[global]`: the process.

use super::super::access_log::SAMPLE_MAX;
use super::super::resolvers::RESOLVERS_MAX;
use super::super::{BUFFERS_MAX, WORKERS_MAX};
use super::words;
use crate::access::{LogFormat, SyslogForm};
use balancer_core::events::EventForm;
use config_file::{Key, Kind, Table};

pub(super) static GLOBAL: Table = Table {
    name: "global",
    heading: "[global]",
    keys: &[
        Key::new(
            "workers",
            Kind::Number { min: 1, max: WORKERS_MAX },
            "threads, each with its own event loop, share of ports and pools; a reload changes their number",
        ).known_as(&["nbthread", "nbproc", "worker_processes", "threads"])
        .or_words("one per core"),
        Key::new(
            "buffers_max",
            Kind::Number { min: 64, max: BUFFERS_MAX },
            "buffers of 17 KiB per worker; when all are in use, reading waits",
        )
        .or("16384"),
        Key::new("pin", Kind::Switch, "each worker to a core of its own")
            .known_as(&["cpu_map", "worker_cpu_affinity"])
            .or("false"),
        Key::new(
            "drain",
            Kind::TimeOrOff,
            "for requests in flight after SIGTERM or SIGQUIT; what is unanswered then gets a 503. `\"off\"`: as long as \
             they take",
        ).known_as(&["hard_stop_after", "grace", "shutdown_timeout", "worker_shutdown_timeout", "grace_period"])
        .or("\"30s\""),
        Key::new(
            "drain_grace",
            Kind::Time,
            "how long listeners go on accepting before that, answering with `Connection: close`",
        )
        .or_words("no time")
        .example("\"5s\""),
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
        ).known_as(&["uid"])
        .or_words("who started it")
        .example("\"quintet\""),
        Key::new("group", Kind::Text("name or number"), "its only group; needs `user`").known_as(&["gid"])
            .or_words("the group that the user is in")
            .example("\"quintet\""),
        Key::new(
            "resolvers",
            Kind::list(&Kind::Text("address, with or without a port"), RESOLVERS_MAX),
            "who is asked for names of servers, in place of those of `/etc/resolv.conf`; port 53 where none is written. \
             `/etc/hosts` stands above both",
        ).known_as(&["resolver", "dns", "nameservers"])
        .or_words("those of the system")
        .example("[\"10.0.0.2\", \"127.0.0.1:5353\"]"),
        Key::new(
            "access_log",
            Kind::Text("`stdout`, `syslog`, or the path of a file"),
            "where each request is told in a line once it is over: a file is appended to, made with mode 640, and opened \
             again after SIGUSR1. `syslog` is the log daemon at `/dev/log`, `syslog:192.0.2.9:514` one over UDP, \
             `syslog:/path` one at a socket file. `off`: nowhere",
        ).known_as(&["log", "logs"])
        .or("\"off\"")
        .example("\"/var/log/quintet/access.log\""),
        Key::new(
            "access_log_format",
            Kind::choice::<LogFormat>(),
            "how such a line looks: an object of JSON, or as Apache writes it",
        ).words(words::LOG_FORMAT).known_as(&["log_format"])
        .or_words("`\"json\"`, where there is such a log"),
        Key::new(
            "access_log_sample",
            Kind::Number { min: 1, max: SAMPLE_MAX },
            "one request in so many is told, by chance; those that fail are told always",
        )
        .or_words("1, where there is such a log"),
        Key::new(
            "access_log_syslog",
            Kind::choice::<SyslogForm>(),
            "how messages for a log daemon begin; facility local0, those that failed as warnings",
        )
        .or_words("`\"rfc3164\"`, with `syslog`"),
        Key::new(
            "event_log_format",
            Kind::choice::<EventForm>(),
            "how it is told what happens (start, reload, health, limits, requests that failed): a line for people, or an \
             object of JSON, on standard error. Where journald reads that, each line has its level",
        )
        .or("\"text\""),
    ],
};
