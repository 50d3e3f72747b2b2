//! Every key of the configuration, declared once: type and bounds, default, meaning, example. The reader is held against
//! these tables whenever it runs with debug assertions; the documentation, `quintet serve --keys` and the JSON Schema are
//! written from them. A new key is a row here and a line where it is read; `QUINTET_BLESS=1 cargo test -p balancer --test
//! keys` then writes its row into `docs/configuration.md`.

mod admin;
mod backend_set;
mod capacity;
mod global;
mod health;
mod listener;
mod retries;
mod route;
mod selection;
mod servers;
mod tls;
mod treatment;
mod words;

pub(super) use backend_set::BACKEND_SET;
use config_file::{Key, Kind, Table};
pub(super) use listener::BIND;
pub(super) use route::{ERROR_PAGE, REDIRECT};
pub(super) use servers::SERVER;
pub(super) use tls::CERTIFICATE;
pub(super) use words::SERVER as SERVER_WORDS;

/// The file.
pub static TOP: Table = Table {
    name: "file",
    heading: "the configuration",
    keys: &[
        Key::new("global", Kind::Table(&global::GLOBAL), "the process")
            .known_as(&["globals", "general", "process", "settings"]),
        Key::new(
            "listener",
            Kind::Tables { of: &listener::LISTENER, max: super::SECTIONS_MAX },
            "where clients come in",
        )
        .known_as(&["frontend", "listen", "http", "https", "server", "entrypoints", "listeners"])
        .required("[{ name = \"web\", bind = \"127.0.0.1:8080\", backends = \"app\" }]"),
        Key::new(
            "backend_set",
            Kind::Tables { of: &backend_set::BACKEND_SET, max: super::SECTIONS_MAX },
            "where requests go",
        )
        .known_as(&["backend", "backends", "upstream", "upstreams", "cluster", "clusters", "pool"])
        .or_words("none: every request is answered here")
        .example("[{ name = \"app\", servers = [\"127.0.0.1:9001\"] }]"),
        Key::new("admin", Kind::Table(&admin::ADMIN), "the running balancer, asked and told what to do")
            .known_as(&["stats", "api", "metrics", "dashboard"])
            .or_words("nowhere")
            .example("{ bind = \"127.0.0.1:9080\" }"),
    ],
};
