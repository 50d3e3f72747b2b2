//! `[[listener]]`: where clients come in.

use super::super::bind::BINDS_MAX;
use super::super::listener::{CONNECTIONS_MAX, HEAD_BYTES_MAX, HEAD_BYTES_MIN};
use super::super::pace::RATE_MAX;
use super::super::route::ROUTES_MAX;
use super::super::treatment::NETWORKS_MAX;
use super::{route, treatment, words};
use balancer_core::{ClientClose, ForwardedPolicy, Protocol, RequestIds, Timestamps, Twins, WayField};
use config_file::{Key, Kind, Table};

pub(super) static LISTENER: Table = Table {
    name: "listener",
    heading: "[[listener]]",
    keys: &[
        Key::new("name", Kind::Text("name"), "in reports and messages").required("\"web\""),
        Key::new(
            "bind",
            Kind::OneOf(&[PLACE, Kind::Table(&BIND), Kind::list(&BIND_KINDS, BINDS_MAX)]),
            "where, or a list of that. Port 0 is the kernel's choice, `\"*:443\"` every address of this host; \
             `\"unix:/run/q.sock\"` makes a socket file, which goes with the listener",
        ).known_as(&["listen", "address", "addr", "port"])
        .required("\"127.0.0.1:8080\""),
        Key::new("backends", Kind::Text("name of a `[[backend_set]]`"), "where requests, or connections, go; with routes: those that fit none")
            .known_as(&["backend", "default_backend", "use_backend", "proxy_pass", "upstream", "reverse_proxy", "backend_set"])
            .or_words("required without routes; with them: those that fit none get a 404, and connections are reset")
            .example("\"app\""),
        Key::new(
            "protocol",
            Kind::choice::<Protocol>(),
            "`\"http\"`: HTTP/1.0 and HTTP/1.1; `\"https\"`: the same over TLS; `\"tcp\"`: each connection is joined with a server's, and bytes go both ways \
             untouched; with routes, by the name that its client asks for",
        ).words(words::PROTOCOL).known_as(&["mode"])
        .or("\"http\""),
        Key::new(
            "close",
            Kind::choice::<ClientClose>(),
            "who closes a connection that is not kept: `\"balancer-first\"` keeps TIME_WAIT here, `\"client-first\"` leaves \
             it with the client, `\"reset-when-safe\"` leaves none. A client that reads to the end of the connection \
             (HTTP/1.0, a body without a length, a client that sent FIN) gets a FIN at once",
        ).words(words::CLIENT_CLOSE)
        .or("\"balancer-first\""),
        Key::new(
            "timestamps",
            Kind::choice::<Timestamps>(),
            "`\"off\"`: TCP timestamps are never negotiated, and nothing starts where that cannot be had; \
             `\"off-if-possible\"`: a warning instead",
        )
        .or("\"on\""),
        Key::new(
            "forwarded",
            Kind::choice::<ForwardedPolicy>(),
            "what becomes of what a request says about its way: see [below](#who-may-say-where-a-request-comes-from)",
        ).known_as(&["forwardfor", "x_forwarded_for"])
        .or_words("`\"replace\"`; with `trusted_proxies`, and without `proxy_protocol`: `\"trust\"`")
        .example("\"append\""),
        Key::new(
            "trusted_proxies",
            Kind::list(&Kind::Text("network, or address"), NETWORKS_MAX),
            "who is in front and believed: a request's client is then the right-most address of `X-Forwarded-For` that is not \
             one of these, for everything that asks for it",
        ).known_as(&["set_real_ip_from", "trusted_ips", "real_ip_from"])
        .example("[\"10.0.0.0/8\", \"192.0.2.7\"]"),
        Key::new(
            "proxy_protocol",
            Kind::Switch,
            "`true`: each connection begins with the header of the PROXY protocol, version 1 or 2, in front of TLS; who comes \
             from none of `trusted_proxies` is refused. What requests say of their way is believed only with `forwarded = \"trust\"` \
             then. See [below](#who-may-say-where-a-request-comes-from)",
        ).known_as(&["accept_proxy"])
        .or("false"),
        Key::new(
            "forwarded_fields",
            Kind::List { of: &Kind::choice::<WayField>(), min: 0, max: WayField::ALL.len() },
            "what this balancer writes about the way of a request",
        )
        .or("[\"X-Forwarded-For\", \"X-Forwarded-Proto\"]"),
        Key::new(
            "request_id",
            Kind::choice::<RequestIds>(),
            "`X-Request-Id`: `\"make\"` writes a new one into each request, 32 hexadecimal digits, in place of what came; \
             `\"keep\"` lets that of a trusted proxy stand. A rule hands it to the client: \
             `response_headers = { set = { X-Request-Id = \"{request_id}\" } }`",
        ).known_as(&["unique_id_header", "unique_id"])
        .or("\"pass\""),
        treatment::ALLOW,
        treatment::DENY,
        treatment::AUTH,
        treatment::BODY_BYTES_MAX,
        treatment::RATE_LIMIT,
        treatment::COMPRESSION,
        treatment::COMPRESSION_TYPES,
        treatment::COMPRESSION_BYTES_MIN,
        treatment::REQUEST_HEADERS,
        treatment::RESPONSE_HEADERS,
        Key::new(
            "underscore_twins",
            Kind::choice::<Twins>(),
            "fields such as `X_Forwarded_For` or `Content_Length`, which CGI, WSGI and PHP take for those that are \
             overwritten; `\"keep\"` passes them on",
        )
        .or("\"drop\""),
        Key::new("tls", Kind::Table(&super::tls::LISTENER_TLS), "certificates and rules, with `protocol = \"https\"`")
            .example("{ certificate = \"site.pem\", key = \"site.key\" }")
            .known_as(&["ssl"]),
        route::ERRORS,
        Key::new("route", Kind::Tables { of: &route::ROUTE, max: ROUTES_MAX }, "requests that go another way")
            .known_as(&["routes", "location", "locations", "rules", "acl", "handle"]),
        Key::new("limits", Kind::Table(&LIMITS), "bounds").example("{ connections_max = 10000 }"),
        Key::new("timeouts", Kind::Table(&TIMEOUTS), "how long clients may take")
            .example("{ idle = \"60s\" }")
            .known_as(&["timeout"]),
    ],
};

pub(super) const PLACE: Kind = Kind::Text("address and port, or `unix:` and a path");
static BIND_KINDS: Kind = Kind::OneOf(&[PLACE, Kind::Table(&BIND)]);

/// A place with more to say of it.
pub(in super::super) static BIND: Table = Table {
    name: "listener.bind",
    heading: "an entry of `bind`",
    keys: &[
        Key::new("address", PLACE, "where").required("\"unix:/run/q.sock\""),
        Key::new("mode", Kind::Text("permissions in octal"), "of the socket file: who may write to it may connect")
            .or_words("as the process makes its files")
            .example("\"660\""),
        Key::new("user", Kind::Text("name or number"), "whose the socket file is")
            .or_words("the process's")
            .example("\"www-data\""),
        Key::new("group", Kind::Text("name or number"), "its group").or_words("the process's").example("\"www-data\""),
    ],
};

static LIMITS: Table = Table {
    name: "listener.limits",
    heading: "[listener.limits]",
    keys: &[
        Key::new(
            "connections_max",
            Kind::Number { min: 1, max: CONNECTIONS_MAX },
            "client connections, all workers together; at the limit the client that has been idle for longest (200 ms at \
             least) is closed for a new one, and where none is idle new ones wait. Fewer where RLIMIT_NOFILE leaves no two \
             files for each: see [open files](#open-files)",
        ).known_as(&["maxconn", "max_connections", "worker_connections"])
        .or("100000"),
        Key::new(
            "connections_per_client_max",
            Kind::Number { min: 1, max: CONNECTIONS_MAX },
            "connections of one client (an address; of IPv6 a /64), all workers together; one more is reset as soon as it \
             comes in, before any handshake of TLS, which leaves no TIME_WAIT on either side. Not counted: \
             `trusted_proxies`, who speak for others, and clients of a socket file, who have no address",
        ).known_as(&["limit_conn"])
        .or_words("any number")
        .example("100"),
        Key::new(
            "head_bytes_max",
            Kind::Number { min: HEAD_BYTES_MIN, max: HEAD_BYTES_MAX },
            "bytes of a request head; more gets a 431, or a 414 where the target alone is longer. A head over 17 KiB counts \
             as two buffers or more",
        ).known_as(&["large_client_header_buffers", "max_header_size", "max_header_bytes"])
        .or("32768"),
        Key::new("headers_max", Kind::Number { min: 1, max: http::HEADERS_CAP }, "fields of a request").or("128"),
        Key::new(
            "requests_per_connection_max",
            Kind::Number { min: 1, max: u32::MAX as usize },
            "after that many the connection is closed",
        ).known_as(&["keepalive_requests"])
        .or("1000000"),
        Key::new(
            "request_rate_min",
            Kind::Number { min: 1, max: RATE_MAX },
            "bytes per second at which a request's body has to come, while nobody but the client is waited for; more slowly gets a \
             408 (`body_too_slow`). For heads there is the time-out `head`, which is one in all",
        )
        .or_words("any")
        .example("500"),
        Key::new(
            "response_rate_min",
            Kind::Number { min: 1, max: RATE_MAX },
            "bytes per second at which a response has to be taken, as they are acknowledged; whoever reads more slowly is cut off \
             (`slow_reader`)",
        )
        .or_words("any")
        .example("500"),
        Key::new(
            "rate_grace",
            Kind::Time,
            "so far behind these rates a client may be: that long it may pause after it has kept up, and no longer",
        )
        .or_words("`\"20s\"`, with a rate")
        .example("\"10s\""),
    ],
};

static TIMEOUTS: Table = Table {
    name: "listener.timeouts",
    heading: "[listener.timeouts]",
    keys: &[
        Key::new("idle", Kind::TimeOrOff, "from the end of one request to the first byte of the next")
            .known_as(&["keepalive", "keepalive_timeout", "keep_alive", "http_keep_alive"])
            .or("\"60s\""),
        Key::new(
            "head",
            Kind::Time,
            "from the first byte of a head to its last; at a tcp listener with routes: for the first byte of its client, and from \
             there to the name it asks for",
        ).known_as(&["http_request", "client_header", "client_header_timeout", "read_header"])
        .or("\"10s\""),
        Key::new(
            "body",
            Kind::TimeOrOff,
            "gap: for some more of a request's body to come, or of a response to be taken",
        ).known_as(&["client", "client_body", "client_body_timeout", "read_body"])
        .or("\"30s\""),
        Key::new("request", Kind::TimeOrOff, "for a whole request, whatever progress it makes").or("\"off\""),
        Key::new(
            "tunnel",
            Kind::TimeOrOff,
            "gap: silence of both sides on an upgraded connection (WebSocket) or one of a tcp listener, for `body` at most once \
             one of them has sent FIN; who takes some of what was sent is not silent, however slow",
        )
        .or("\"1h\""),
        Key::new("close", Kind::Time, "for the client's FIN, after ours or in its stead").or("\"5s\""),
    ],
};
