//! What `quintet serve` is measured with.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

/// The smallest configuration.
pub(crate) fn plain(at: SocketAddr, origin: SocketAddr) -> String {
    listener(at) + &backend_set(origin)
}

/// The same as it is operated: 100 routes, checks, an access log in a file, and an admin listener at a socket file.
pub(crate) fn in_operation(at: SocketAddr, origin: SocketAddr, log: &Path, admin: &Path) -> String {
    let global =
        format!("[global]\naccess_log = \"{}\"\n\n[admin]\nbind = \"unix:{}\"\n\n", log.display(), admin.display());
    global + &listener(at) + &routes() + &backend_set(origin) + CHECKS
}

/// The same with 100 routes, checks, limits that are not reached, and rules about fields of requests and responses.
pub(crate) fn with_features(at: SocketAddr, origin: SocketAddr) -> String {
    listener(at)
        + "body_bytes_max = 1048576\nrate_limit = { rate = \"1000000/s\" }\n\n[listener.limits]\nconnections_max = 10000\n\n\
           [listener.request_headers]\nset = { X-Tenant = \"one\" }\nremove = [\"X-Debug\"]\n\n\
           [listener.response_headers]\nset = { Strict-Transport-Security = \"max-age=31536000\" }\n\
           remove = [\"X-Powered-By\"]\n"
        + &routes()
        + &backend_set(origin)
        + CHECKS
        + "\n[backend_set.limits]\nconnections_max = 200\n"
}

const CHECKS: &str = "\n[backend_set.health]\ncheck = \"tcp\"\ninterval = \"60s\"\n";

fn listener(at: SocketAddr) -> String {
    format!(
        "[[listener]]\nname = \"web\"\nbind = \"{at}\"\nprotocol = \"http\"\nbackends = \"app\"\nclose = \
         \"balancer-first\"\n"
    )
}

fn backend_set(origin: SocketAddr) -> String {
    format!("\n[[backend_set]]\nname = \"app\"\nservers = [\"{origin}\"]\n")
}

/// By host, by a host with a wildcard, by prefix, by path and method; one of them is asked for.
fn routes() -> String {
    let mut text = String::new();
    for number in 0..100 {
        let asks = match number % 4 {
            0 => format!("host = \"host-{number}.example.net\""),
            1 => format!("host = \"*.zone-{number}.example.net\""),
            2 if number == 50 => "path_prefix = \"/bytes/\"".to_owned(),
            2 => format!("path_prefix = \"/shop-{number}/\""),
            _ => format!("path = \"/page-{number}\"\nmethod = [\"GET\", \"HEAD\"]"),
        };
        let _fits = write!(text, "\n[[listener.route]]\nname = \"r{number}\"\n{asks}\nbackends = \"app\"\n");
    }
    text
}
