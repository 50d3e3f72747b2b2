//! What is done to requests and responses on their way: keys that several tables share.

use super::super::compression::{BYTES_MIN_MAX, CODINGS, TYPES_MAX};
use super::super::fields::RULES_MAX;
use super::super::rate::BURST_MAX;
use super::super::treatment::{self, NETWORKS_MAX};
use super::words;
use config_file::{Key, Kind, Table};

const NAME: Kind = Kind::Text("name of a field");
const NETWORK: Kind = Kind::Text("network, or address");

pub(super) const REQUEST_HEADERS: Key = Key::new(
    "request_headers",
    Kind::Table(&HEADERS),
    "fields of requests, as servers shall see them; see [below](#fields-that-are-set-added-removed)",
)
.known_as(&["proxy_set_header", "header_up", "set_header", "headers_up"])
.example("{ set = { X-Real-IP = \"{client}\" }, remove = [\"X-Debug\"] }");

pub(super) const RESPONSE_HEADERS: Key = Key::new(
    "response_headers",
    Kind::Table(&HEADERS),
    "fields of responses, as clients shall see them; those of a listener or a route are also in this balancer's own answers",
).known_as(&["add_header", "header_down", "proxy_hide_header", "headers"])
.example("{ set = { Strict-Transport-Security = \"max-age=31536000\" }, remove = [\"Server\"] }");

pub(super) const ALLOW: Key = Key::new(
    "allow",
    Kind::list(&NETWORK, NETWORKS_MAX),
    "only these may ask, anybody else is refused: at a listener its connection is closed as soon as it comes in, behind a \
     trusted proxy and at a route the answer is a 403. A route's lists add to those of its listener: both must let in",
).known_as(&["whitelist", "allowlist", "allow_from"])
.example("[\"10.0.0.0/8\", \"192.0.2.7\"]");

pub(super) const DENY: Key =
    Key::new("deny", Kind::list(&NETWORK, NETWORKS_MAX), "these are refused in the same way, whatever `allow` says")
        .known_as(&["blacklist", "denylist", "block"])
        .example("[\"203.0.113.0/24\"]");

pub(super) const BODY_BYTES_MAX: Key = Key::new(
    "body_bytes_max",
    Kind::Number { min: 0, max: treatment::BODY_BYTES_MAX },
    "bytes of a request's body; more gets a 413, at once where its length is told. A route's stands in place of its listener's",
).known_as(&["client_max_body_size", "max_body_size", "max_body"])
.or_words("any")
.example("1048576");

pub(super) const RATE_LIMIT: Key = Key::new(
    "rate_limit",
    Kind::Table(&RATE),
    "how often somebody may ask, over all workers; more often gets a 429 with `Retry-After`. A route's adds to its listener's",
).known_as(&["limit_req", "ratelimit", "rate_limits"])
.example("{ rate = \"100/s\", burst = 200 }");

pub(super) const AUTH: Key = Key::new(
    "auth",
    Kind::Table(&BASIC_AUTH),
    "who asks has to say who he is (`Authorization: Basic`), or gets a 401; whoever the route's answer comes from. A route's stands \
     in place of its listener's; `allow` and `deny` come before",
).known_as(&["basic_auth", "auth_basic", "http_auth", "basicauth"])
.example("{ users_file = \"htpasswd\" }");

pub(super) const COMPRESSION: Key = Key::new(
    "compression",
    Kind::List { of: &Kind::Names(&CODINGS), min: 0, max: CODINGS.len() },
    "responses are compressed for clients that take it (`Accept-Encoding`), by the first of these that a client likes best: see \
     [below](#what-is-compressed). A route's stands in place of its listener's",
).words(words::COMPRESSION).known_as(&["gzip", "encode", "brotli", "zstd", "compress"])
.or_words("nothing is compressed")
.example("[\"zstd\", \"br\", \"gzip\"]");

pub(super) const COMPRESSION_TYPES: Key = Key::new(
    "compression_types",
    Kind::list(&Kind::Text("`\"type/subtype\"`, `\"type/*\"`, `\"+suffix\"`"), TYPES_MAX),
    "media types that are compressed",
)
.known_as(&["gzip_types", "compression_type"])
.or_words("with `compression`: text, JSON, JavaScript, XML, SVG, WebAssembly and a few more")
.example("[\"text/*\", \"application/json\"]");

pub(super) const COMPRESSION_BYTES_MIN: Key = Key::new(
    "compression_bytes_min",
    Kind::Number { min: 0, max: BYTES_MIN_MAX },
    "bodies that are told to be shorter are passed on as they are",
)
.known_as(&["gzip_min_length", "minimum_length"])
.or_words("1024, with `compression`")
.example("2048");

static BASIC_AUTH: Table = Table {
    name: "auth",
    heading: "`auth`",
    keys: &[
        Key::new(
            "users",
            Kind::Pairs("hash of a password"),
            "names, and the hashes of their passwords as `htpasswd` and `openssl passwd` make them: `$2y$`, `$6$`, `$5$`, `$apr1$`",
        ).known_as(&["user", "userlist", "accounts"])
        .secret()
        .example("{ alice = \"$2y$05$zT8dcYTlqYzzyZkUk0fbYeDZAfvaOYEIjPCy6NyrEOTqVVGYMlFHq\" }"),
        Key::new("users_file", Kind::Text("path"), "the same, line by line, in a file that `htpasswd` makes; it is read again with the configuration")
            .known_as(&["auth_basic_user_file", "htpasswd"])
            .example("\"htpasswd\""),
        Key::new("realm", Kind::Text("text"), "what clients show when they ask for a password")
            .or_words("`\"restricted\"`")
            .example("\"Members\""),
        Key::new(
            "pass",
            Kind::Switch,
            "servers see the `Authorization` that came; else it ends here. Who it is, they may be told by a rule: \
             `request_headers = { set = { X-Remote-User = \"{user}\" } }`",
        )
        .or_words("`false`")
        .example("true"),
        Key::new("required", Kind::Switch, "false: nobody is asked at this route, whatever its listener says").or_words("`true`")
            .example("false"),
    ],
};

static RATE: Table = Table {
    name: "rate_limit",
    heading: "`rate_limit`",
    keys: &[
        Key::new("rate", Kind::Text("requests per `s`, `m` or `h`"), "how often in the long run")
            .known_as(&["requests", "average", "limit", "events"])
            .required("\"100/s\""),
        Key::new("burst", Kind::Number { min: 1, max: BURST_MAX }, "how many at once").or_words("those of a second"),
        Key::new(
            "by",
            Kind::Text("`\"client\"`, `\"route\"`, `\"header:NAME\"`"),
            "whose requests are counted together: those of one address (of IPv6 one /64), all, or those with the same value \
             of a field; who sends no such field is counted by address",
        ).words(words::RATE_BY).known_as(&["key", "zone"])
        .or("\"client\""),
        Key::new(
            "zone",
            Kind::Text("name"),
            "limits of one zone count together, of whichever routes and listeners they are: then they say the same. None: each \
             listener and each route counts by itself",
        )
        .example("\"logins\""),
        Key::new("dry_run", Kind::Switch, "nobody is refused; `limits.rate_would_refuse` counts who would be")
            .or("false"),
    ],
};

static HEADERS: Table = Table {
    name: "headers",
    heading: "`request_headers`, `response_headers`",
    keys: &[
        Key::new(
            "set",
            Kind::Pairs("value, with variables in braces"),
            "there is one field of this name, with this value, whatever came",
        )
        .known_as(&["replace"]),
        Key::new("add", Kind::Pairs("value, with variables in braces"), "there is another field of this name"),
        Key::new("remove", Kind::List { of: &NAME, min: 0, max: RULES_MAX }, "no field of this name is passed on")
            .known_as(&["delete", "del", "hide"])
            .example("[\"X-Powered-By\"]"),
    ],
};
