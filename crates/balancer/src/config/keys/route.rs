//! `[[listener.route]]`: which requests, and what is done with them.

use super::super::condition::TEXTS_MAX;
use super::treatment;
use config_file::{Key, Kind, Table};

const HOSTS: Kind = Kind::OneOf(&[HOST, Kind::List { of: &HOST, min: 1, max: TEXTS_MAX }]);
const HOST: Kind = Kind::Text("host, or `*.` and what is above it");
const PATHS: Kind = Kind::OneOf(&[PATH, Kind::List { of: &PATH, min: 1, max: TEXTS_MAX }]);
const PATH: Kind = Kind::Text("path");
const PATTERNS: Kind = Kind::OneOf(&[PATTERN, Kind::List { of: &PATTERN, min: 1, max: TEXTS_MAX }]);
const PATTERN: Kind = Kind::Text("pattern of the regex crate");
const METHODS: Kind = Kind::OneOf(&[METHOD, Kind::List { of: &METHOD, min: 1, max: TEXTS_MAX }]);
const METHOD: Kind = Kind::Text("method");
const WANTED: Kind = Kind::PairsOrLists("a value, a list of values, `true` (it is there) or `false` (it is not)");

pub(super) static ROUTE: Table = Table {
    name: "listener.route",
    heading: "[[listener.route]]",
    keys: &[
        Key::new("name", Kind::Text("name"), "in reports").or_words("what the route asks").example("\"api\""),
        Key::new("host", HOSTS, "one of these: `\"example.org\"`, `\"*.example.org\"` for whatever is below it; without port. At a tcp listener: the name that a TLS client asks for (SNI), and all that a route can ask")
            .known_as(&["server_name", "hosts", "hostname", "sni"])
            .or_words("any")
            .example("[\"example.org\", \"*.example.org\"]"),
        Key::new("path", PATHS, "this path and no other").known_as(&["paths", "uri"]).or_words("any").example("\"/health\""),
        Key::new(
            "path_prefix",
            PATHS,
            "`\"/api\"`: this path and whatever is below it (`/api/x`, not `/apix`); `\"/api/\"`: only what is below it",
        ).known_as(&["prefix", "path_beg", "location"])
        .or_words("any")
        .example("\"/api/\""),
        Key::new("path_regex", PATTERNS, "paths in which this is found")
            .known_as(&["regex", "path_regexp", "path_reg"])
            .or_words("any")
            .example("\"^/v[0-9]+/\""),
        Key::new("method", METHODS, "one of these").known_as(&["methods"]).or_words("any").example("[\"POST\", \"PUT\"]"),
        Key::new("header", WANTED, "each of these fields, with such a value: all of it, and in this case (names of fields are the same in any case)")
            .or_words("any")
            .example("{ X-Beta = true }"),
        Key::new("query", WANTED, "each of these parameters of the query, decoded, name and value in this case")
            .known_as(&["url_param", "args"])
            .or_words("any")
            .example("{ version = [\"2\", \"3\"] }"),
        Key::new("backends", Kind::Text("name of a `[[backend_set]]`"), "requests go there")
            .known_as(&["backend", "use_backend", "proxy_pass", "upstream", "reverse_proxy", "backend_set"])
            .example("\"api\""),
        Key::new(
            "redirect",
            Kind::OneOf(&[Kind::Text("address or path, with variables"), Kind::Table(&REDIRECT)]),
            "they are sent elsewhere, with a 302",
        ).known_as(&["redir"])
        .example("\"https://{host}{path}\""),
        Key::new("respond", Kind::Table(&RESPOND), "they are answered here")
            .known_as(&["return", "response", "static_response"])
            .example("{ status = 404, text = \"gone\" }"),
        Key::new("strip_prefix", Kind::Switch, "the prefix that fits is taken away before the path is passed on")
            .known_as(&["uri_strip_prefix", "stripprefix", "handle_path"])
            .or("false"),
        Key::new("replace_prefix", PATH, "it is replaced by this").example("\"/v2\""),
        Key::new("rewrite", Kind::Table(&REWRITE), "what is found in the path is replaced")
            .example("{ regex = \"^/v[0-9]+/(.*)$\", to = \"/{1}\" }"),
        Key::new("timeouts", Kind::Table(&TIMEOUTS), "those that are not the listener's and the set's"),
        ERRORS,
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
    ],
};

pub(super) const ERRORS: Key = Key::new(
    "errors",
    Kind::PairsOfTables(&ERROR_PAGE),
    "pages in the place of the one line of text that failures of the balancer's own have (502, 503, 504 and the like), by \
     status; a route has those of its listener, and its own before them",
).known_as(&["error_page", "error_pages", "errorfile", "handle_errors"])
.example("{ 503 = { file = \"sorry.html\" } }");

/// `redirect = { .. }`.
pub(in super::super) static REDIRECT: Table = Table {
    name: "listener.route.redirect",
    heading: "`redirect`",
    keys: &[
        Key::new(
            "to",
            Kind::Text("address or path, with variables"),
            "the query is kept, unless this has `?`, `#`, `{query}` or `{uri}`; `{1}` is what the first group of the one \
             `path_regex` has found",
        ).known_as(&["location", "url", "target"])
        .required("\"https://{host}{path}\""),
        Key::new("status", Kind::Number { min: 301, max: 308 }, "301, 302, 307 or 308")
            .known_as(&["code"])
            .or_words("`302`")
            .example("308"),
    ],
};

static RESPOND: Table = Table {
    name: "listener.route.respond",
    heading: "`respond`",
    keys: &[
        Key::new("status", Kind::Number { min: 200, max: 599 }, "its status").known_as(&["code"]).required("404"),
        Key::new("text", Kind::Text("text"), "its body, up to 64 KiB")
            .known_as(&["body", "content", "string"])
            .example("\"gone\""),
        Key::new(
            "file",
            Kind::Text("file"),
            "its body, read when the configuration is, from the folder in which that stands",
        ),
        Key::new("content_type", Kind::Text("media type"), "of the body")
            .or_words("plain text, or by the file's name")
            .example("\"text/html; charset=utf-8\""),
    ],
};

static REWRITE: Table = Table {
    name: "listener.route.rewrite",
    heading: "`rewrite`",
    keys: &[
        Key::new(
            "regex",
            PATTERN,
            "what is looked for, in the path as it is passed on; where it is not found nothing changes",
        ).known_as(&["from", "pattern", "match"])
        .required("\"^/v[0-9]+/(.*)$\""),
        Key::new(
            "to",
            Kind::Text("text with variables"),
            "what comes in its place; `{1}` is what the first group has found. Where dot segments come of it the answer is a 400",
        )
        .required("\"/{1}\""),
    ],
};

/// A page of `errors`.
pub(in super::super) static ERROR_PAGE: Table = Table {
    name: "listener.errors",
    heading: "`errors`",
    keys: &[
        Key::new("text", Kind::Text("text"), "what it says, up to 64 KiB").example("\"back soon\""),
        Key::new("file", Kind::Text("file"), "the same from a file"),
        Key::new("content_type", Kind::Text("media type"), "of it")
            .or_words("plain text, or by the file's name")
            .example("\"text/html; charset=utf-8\""),
    ],
};

static TIMEOUTS: Table = Table {
    name: "listener.route.timeouts",
    heading: "[listener.route.timeouts]",
    keys: &[
        Key::new("body", Kind::TimeOrOff, "as of the listener").or_words("the listener's").example("\"30s\""),
        Key::new("request", Kind::TimeOrOff, "as of the listener").or_words("the listener's").example("\"5m\""),
        Key::new("tunnel", Kind::TimeOrOff, "as of the listener").or_words("the listener's").example("\"1h\""),
        Key::new("connect", Kind::Time, "as of the set").or_words("the set's").example("\"5s\""),
        Key::new("response", Kind::TimeOrOff, "as of the set").or_words("the set's").example("\"2m\""),
        Key::new("response_body", Kind::TimeOrOff, "`body` of the set").or_words("the set's").example("\"5m\""),
    ],
};
