//! Choices of HAProxy, nginx, Envoy and Caddy, and what they are here: one of our choices, or what to write.

/// Pairs of theirs and ours.
pub(in super::super) type Words = &'static [(&'static str, &'static str)];

const NO_H2: &str = "HTTP/2 is not spoken: \"https\" is HTTP/1.1 over TLS, \"tcp\" passes through whatever comes";
const TLS_OR_TCP: &str = "write \"https\", or \"tcp\" where TLS is passed through to the servers";
const BY_SOURCE: &str = "write `balance = \"hash\"` and `hash = \"source\"`";
const BY_URI: &str = "write `balance = \"hash\"` and `hash = \"uri\"`";
const BY_PATH: &str = "write `balance = \"hash\"` and `hash = \"path\"`";
const BY_HEADER: &str = "write `balance = \"hash\"` and `hash = \"header:NAME\"`";
const BY_HASH: &str = "write `balance = \"hash\"` and what by, such as `hash = \"source\"`";
const BACKUPS: &str = "write `backup = true` at servers that are to be asked only where no other is well";
const TOO_OLD: &str = "TLS 1.0 and 1.1 are not spoken (RFC 8996): write \"1.2\"";
const TLS_1_2: &str = "write \"1.2\"";
const TLS_1_3: &str = "write \"1.3\"";
const OF_CLIENT: &str = "write \"client\"";
const OF_ROUTE: &str = "write \"route\"";
const SOURCE: &str = "write \"source\"";
const URI: &str = "write \"uri\"";
const NAME_FIELD: &str = "name the field: \"header:X-User\"";
const V1_OR_V2: &str = "write \"v1\" or \"v2\"";
const HANDSHAKE: &str = "write \"tcp\": with `[backend_set.tls]` the handshake is part of it";

const BY_SET: &str = "names are looked up by themselves; `resolve` of [[backend_set]] says how often";
const TAKEN_OUT: &str = "leave the entry out; or write `weight = 0` to drain it; `quintet ctl disable` takes a server out while the balancer runs";
const OF_SET: &str = "it stands in [[backend_set]], for all servers of the set";
const BY_ADDRESS: &str = "a server is called by its address";
const TLS: &str = "write a section [backend_set.tls]: it is for all servers of the set";

/// Of an entry of `servers`: words of other programs that are no keys of ours anywhere.
pub(in super::super) const SERVER: Words = &[
    ("down", TAKEN_OUT),
    ("disabled", TAKEN_OUT),
    ("drain", TAKEN_OUT),
    ("enabled", "an entry that is there is asked: leave this out"),
    ("name", BY_ADDRESS),
    ("id", BY_ADDRESS),
    ("port", "the port stands behind the address: \"10.0.0.7:80\""),
    ("ssl", TLS),
    ("tls", TLS),
    ("sni", "write `server_name` in [backend_set.tls]"),
    ("resolver", BY_SET),
    ("resolvers", BY_SET),
    ("resolve", BY_SET),
    ("check", "write a section [backend_set.health] with `path = \"/health\"`: it checks all servers of the set"),
    ("slow_start", OF_SET),
    ("slowstart", "write `slow_start` in [[backend_set]]: it is for all servers of the set"),
    ("proxy_protocol", OF_SET),
    ("cookie", "write `sticky = { cookie = \"QSRV\" }` in [[backend_set]]: each server gets its word by itself"),
    ("priority", "write `backup = true` at those that are to be asked only where no other is well"),
];

pub(super) const PROXY_PROTOCOL: Words = &[("on", V1_OR_V2), ("true", V1_OR_V2)];

pub(super) const REUSE: Words = &[("aggressive", "always"), ("on", "safe"), ("off", "never")];

pub(super) const CHECK: Words =
    &[("tls", HANDSHAKE), ("ssl", HANDSHAKE), ("https", "write \"http\": with `[backend_set.tls]` it is over TLS")];

pub(super) const PROTOCOL: Words = &[
    ("tls", TLS_OR_TCP),
    ("ssl", TLS_OR_TCP),
    ("h2", NO_H2),
    ("http2", NO_H2),
    ("h3", "HTTP/3 is not spoken: \"https\" is HTTP/1.1 over TLS"),
    ("udp", "only TCP is carried: \"http\", \"https\" or \"tcp\""),
    ("grpc", "HTTP/2 is not spoken: \"tcp\" passes it through"),
    ("ws", "write \"http\": a WebSocket is an upgrade of it"),
    ("wss", "write \"https\": a WebSocket is an upgrade of it"),
    ("http1", "http"),
    ("stream", "tcp"),
];

pub(super) const BALANCE: Words = &[
    ("leastconn", "least-connections"),
    ("least_conn", "least-connections"),
    ("least_request", "least-connections"),
    ("least_requests", "least-connections"),
    ("roundrobin", "round-robin"),
    ("static-rr", "round-robin"),
    ("wrr", "round-robin"),
    ("rr", "round-robin"),
    ("weighted_round_robin", "round-robin"),
    ("random_choose", "random"),
    ("p2c", "random"),
    ("power-of-two", "random"),
    ("peak_ewma", "least-time"),
    ("ewma", "least-time"),
    ("fastest", "least-time"),
    ("source", BY_SOURCE),
    ("ip_hash", BY_SOURCE),
    ("client_ip_hash", BY_SOURCE),
    ("iphash", BY_SOURCE),
    ("uri", BY_URI),
    ("uri_hash", BY_URI),
    ("path", BY_PATH),
    ("hdr", BY_HEADER),
    ("header", BY_HEADER),
    (
        "url_param",
        "no choice goes by a parameter alone: `balance = \"hash\"` and `hash = \"uri\"` go by the whole target",
    ),
    (
        "cookie",
        "to stay with one server: `sticky = { cookie = \"QSRV\" }`; by a cookie of the servers: `balance = \"hash\"` and `hash = \"cookie:NAME\"`",
    ),
    ("sticky", "whatever `balance` is: `sticky = { cookie = \"QSRV\" }`"),
    ("ring_hash", BY_HASH),
    ("maglev", BY_HASH),
    ("consistent", BY_HASH),
    ("first", BACKUPS),
    ("failover", BACKUPS),
];

pub(super) const HASH: Words = &[
    ("ip", SOURCE),
    ("src", SOURCE),
    ("client", SOURCE),
    ("remote_addr", SOURCE),
    ("$remote_addr", SOURCE),
    ("address", SOURCE),
    ("url", URI),
    ("request_uri", URI),
    ("$request_uri", URI),
    ("cookie", "name the cookie: \"cookie:session\""),
    ("header", NAME_FIELD),
    ("hdr", NAME_FIELD),
];

pub(super) const VERSIONS: Words = &[
    ("TLSv1.2", TLS_1_2),
    ("TLS1.2", TLS_1_2),
    ("tls12", TLS_1_2),
    ("tls1_2", TLS_1_2),
    ("TLSv1.3", TLS_1_3),
    ("TLS1.3", TLS_1_3),
    ("tls13", TLS_1_3),
    ("tls1_3", TLS_1_3),
    ("1.1", TOO_OLD),
    ("1.0", TOO_OLD),
    ("TLSv1.1", TOO_OLD),
    ("TLSv1", TOO_OLD),
    ("TLSv1.0", TOO_OLD),
    ("SSLv3", TOO_OLD),
];

pub(super) const CLIENT_CERTIFICATE: Words =
    &[("on", "required"), ("require", "required"), ("optional_no_ca", "optional"), ("off", "none")];

pub(super) const COMPRESSION: Words = &[
    ("brotli", "write \"br\""),
    ("deflate", "nobody agrees on what that is: write \"gzip\""),
    ("gz", "write \"gzip\""),
    ("zst", "write \"zstd\""),
];

pub(super) const RATE_BY: Words = &[
    ("ip", OF_CLIENT),
    ("source", OF_CLIENT),
    ("src", OF_CLIENT),
    ("remote_addr", OF_CLIENT),
    ("address", OF_CLIENT),
    ("client_ip", OF_CLIENT),
    ("all", OF_ROUTE),
    ("global", OF_ROUTE),
    ("total", OF_ROUTE),
    ("listener", OF_ROUTE),
    ("header", "name the field: \"header:X-Api-Key\""),
    ("cookie", "there are: \"client\", \"route\" (all requests together), \"header:NAME\"; no cookie"),
];

pub(super) const CLIENT_CLOSE: Words = &[
    ("server-first", "this side is the balancer: write \"balancer-first\""),
    ("server", "this side is the balancer: write \"balancer-first\""),
    ("balancer", "balancer-first"),
    ("fin", "balancer-first"),
    ("client", "client-first"),
    ("rst", "reset-when-safe"),
    ("reset", "reset-when-safe"),
];

pub(super) const SERVER_CLOSE: Words =
    &[("rst", "reset-when-safe"), ("reset", "reset-when-safe"), ("balancer-first", "fin")];

pub(super) const LOG_FORMAT: Words = &[
    ("apache", "write \"common\" or \"combined\""),
    ("nginx", "combined"),
    ("clf", "common"),
    ("httplog", "write \"json\", \"combined\" or \"common\""),
];
