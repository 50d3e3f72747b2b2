//! `[[backend_set]]`: where requests go.

use super::super::backend::{IDLE_MAX, SOURCES_MAX};
use super::super::listener::{HEAD_BYTES_MAX, HEAD_BYTES_MIN};
use super::treatment;
use super::{capacity, health, retries, selection, servers, words};
use balancer_core::{PortChoice, ProxyHeader, ResponseReading, Reuse, SERVERS_MAX, ServerClose};
use config_file::{Key, Kind, Table};

/// A server by its address alone, or with more to say.
const SERVER_KINDS: Kind =
    Kind::OneOf(&[Kind::Text("address or name, and port, or `unix:` and a path"), Kind::Table(&servers::SERVER)]);
const PORT: Kind = Kind::Number { min: 1, max: u16::MAX as usize };

pub(in super::super) static BACKEND_SET: Table = Table {
    name: "backend_set",
    heading: "[[backend_set]]",
    keys: &[
        Key::new("name", Kind::Text("name"), "in reports, messages, and `backends` of listeners").required("\"app\""),
        Key::new(
            "servers",
            Kind::list(&SERVER_KINDS, SERVERS_MAX),
            "who answers. Every address of a name is a server, see [below](#servers-by-name); `\"10.0.0.7:8080-8083\"` is \
             four of them",
        ).known_as(&["server", "upstreams", "endpoints", "members", "nodes", "hosts", "targets", "addresses"])
        .required("[\"10.0.0.1:80\", \"app.internal:80\", { address = \"10.0.0.2:80\", weight = 2 }]"),
        servers::RESOLVE,
        servers::RESOLVE_AT_START,
        servers::RESOLVE_FAMILIES,
        selection::BALANCE,
        selection::HASH,
        selection::SLOW_START,
        selection::STICKY,
        Key::new(
            "ports",
            Kind::choice::<PortChoice>(),
            "who chooses local ports: `\"own\"` takes the port that rested longest, and takes over TIME_WAIT where \
             timestamps allow it",
        ).known_as(&["port_mode"])
        .or("\"kernel\""),
        Key::new(
            "sources",
            Kind::List { of: &Kind::Text("address, range or network"), min: 0, max: SOURCES_MAX },
            "source addresses of this host, used in turn, 1024 at most; `[]`: the kernel's choice. Of an IPv6 network with \
             more than that 256 are used, spread over all of it. A network need not be on an interface where it is routed \
             here: `ip -6 route add local fd00:1::/64 dev lo`",
        ).known_as(&["source", "proxy_bind", "source_addresses"])
        .or("[]")
        .example("[\"10.0.0.2\", \"10.0.1.1-10.0.1.9\", \"10.0.2.0/28\"]"),
        Key::new(
            "port_range",
            Kind::List { of: &PORT, min: 2, max: 2 },
            "first and last local port; without it the kernel chooses from `ip_local_port_range`, and own ports come from \
             outside of it",
        ).known_as(&["local_ports"])
        .or_words("the kernel's, or own ones outside of them")
        .example("[20000, 29999]"),
        retries::MAX,
        retries::ON,
        retries::BUDGET,
        Key::new(
            "responses",
            Kind::choice::<ResponseReading>(),
            "`\"lenient\"` reads the dialects of older servers where only one reading is left: an empty line behind a 1xx, \
             lines that end in LF alone or are folded, white space before a colon or behind a chunk size, equal lengths, a \
             length beside chunks (the chunks count, the connection is not used again), chunks in HTTP/1.0, HTTP/1.2. What \
             is passed on is to the letter. `\"strict\"` refuses all that with a 502",
        )
        .or("\"lenient\""),
        Key::new(
            "via",
            Kind::Names(&["on", "off"]),
            "requests say in `Via` that they came through here, which is how a circle is found (508) where a server leads \
             back. `\"off\"`: they do not; nginx as a server compresses only then",
        )
        .or("\"on\""),
        Key::new(
            "proxy_protocol",
            Kind::choice::<ProxyHeader>(),
            "connections to servers begin with the header of the PROXY protocol, which tells them the client's address: \
             `\"v1\"` in text, `\"v2\"` in binary. Each is then one client's, and closes with its answer: there is no pool. \
             Servers have to expect it (`accept-proxy`, `listen ... proxy_protocol`); with `tls` it goes before that",
        ).words(words::PROXY_PROTOCOL).known_as(&["send_proxy", "send_proxy_v2"])
        .or_words("connections begin with the request")
        .example("\"v2\""),
        treatment::REQUEST_HEADERS,
        treatment::RESPONSE_HEADERS,
        Key::new("limits", Kind::Table(&LIMITS), "bounds of responses, and of how much at once")
            .example("{ connections_max = 200 }"),
        Key::new("tls", Kind::Table(&super::tls::SERVER_TLS), "servers are spoken to over TLS")
            .example("{ ca = \"ca.pem\" }")
            .known_as(&["ssl"]),
        Key::new("pool", Kind::Table(&POOL), "connections kept for re-use")
            .example("{ idle_max = 64 }")
            .known_as(&["keepalive", "http_reuse", "keep_alive", "connection_pool"]),
        Key::new("timeouts", Kind::Table(&TIMEOUTS), "how long servers may take")
            .example("{ response = \"30s\" }")
            .known_as(&["timeout"]),
        Key::new("health", Kind::Table(&health::HEALTH), "when a server is set aside")
            .example("{ path = \"/health\" }")
            .known_as(&["check", "checks", "health_check", "health_checks", "healthcheck", "option_httpchk"]),
    ],
};

static LIMITS: Table = Table {
    name: "backend_set.limits",
    heading: "[backend_set.limits]",
    keys: &[
        Key::new(
            "head_bytes_max",
            Kind::Number { min: HEAD_BYTES_MIN, max: HEAD_BYTES_MAX },
            "bytes of a response head; more is answered with a 502 that says so",
        )
        .or("32768"),
        Key::new("headers_max", Kind::Number { min: 1, max: http::HEADERS_CAP }, "fields of a response").or("128"),
        capacity::CONNECTIONS_MAX,
        capacity::QUEUE_MAX,
        capacity::QUEUE_TIMEOUT,
        capacity::REQUESTS_MAX,
    ],
};

static POOL: Table = Table {
    name: "backend_set.pool",
    heading: "[backend_set.pool]",
    keys: &[
        Key::new(
            "idle_max",
            Kind::Number { min: 0, max: IDLE_MAX },
            "connections kept per server and worker; 0 closes after every response",
        ).known_as(&["pool_max_conn", "max_idle", "size", "keepalive_idle_conns_per_host"])
        .or("256"),
        Key::new(
            "idle_timeout",
            Kind::Time,
            "how long one may idle; retired earlier where the server was seen to close earlier",
        ).known_as(&["pool_purge_delay", "keepalive_timeout"])
        .or("\"50s\""),
        Key::new(
            "close",
            Kind::choice::<ServerClose>(),
            "how one is retired: `\"fin\"`; `\"reset-when-safe\"`, which leaves no TIME_WAIT but shows as an error in some \
             servers' logs; `\"auto\"`: the first while ports are plentiful, the second when half of them are in use",
        ).words(words::SERVER_CLOSE)
        .or("\"auto\""),
        Key::new(
            "reuse",
            Kind::choice::<Reuse>(),
            "`\"safe\"`: a client's first request that may not be repeated (POST) takes only a connection whose last answer \
             was no error and that idled for less than half of what the server allows; `\"always\"`; `\"never\"`",
        ).words(words::REUSE)
        .or("\"safe\""),
    ],
};

static TIMEOUTS: Table = Table {
    name: "backend_set.timeouts",
    heading: "[backend_set.timeouts]",
    keys: &[
        Key::new(
            "connect",
            Kind::Time,
            "for the handshake, and for all pauses between attempts where nobody takes connections",
        )
        .known_as(&["proxy_connect_timeout", "dial", "dial_timeout", "connect_timeout"])
        .or("\"5s\""),
        Key::new(
            "response",
            Kind::TimeOrOff,
            "gap: for the request to be taken, and then for the head of the response",
        )
        .known_as(&["server", "read", "proxy_read_timeout", "response_header", "response_header_timeout"])
        .or("\"30s\""),
        Key::new(
            "body",
            Kind::TimeOrOff,
            "gap: for some more of the response's body; a stream of events may be silent for so long",
        )
        .or("\"5m\""),
    ],
};
