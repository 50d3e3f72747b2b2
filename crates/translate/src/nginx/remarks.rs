//! Directives that nothing is made of, and why.

use super::tree::Directive;
use crate::notes::{Notes, Weight};

/// What is translated, or a block around it.
const TRANSLATED: &[&str] = &[
    "add_header",
    "client_max_body_size",
    "gzip",
    "gzip_min_length",
    "gzip_types",
    "allow",
    "auth_basic",
    "auth_jwt",
    "auth_request",
    "auth_basic_user_file",
    "client_body_timeout",
    "client_header_timeout",
    "default_type",
    "deny",
    "events",
    "hash",
    "http",
    "if",
    "internal",
    "ip_hash",
    "keepalive",
    "keepalive_requests",
    "keepalive_timeout",
    "large_client_header_buffers",
    "least_conn",
    "least_time",
    "limit_conn",
    "limit_conn_zone",
    "limit_req",
    "limit_req_zone",
    "listen",
    "location",
    "proxy_bind",
    "proxy_connect_timeout",
    "proxy_hide_header",
    "proxy_next_upstream",
    "proxy_next_upstream_tries",
    "proxy_pass",
    "proxy_protocol",
    "proxy_read_timeout",
    "proxy_set_header",
    "proxy_ssl",
    "proxy_ssl_certificate",
    "proxy_ssl_certificate_key",
    "proxy_ssl_name",
    "proxy_ssl_server_name",
    "proxy_ssl_trusted_certificate",
    "proxy_ssl_verify",
    "proxy_timeout",
    "random",
    "return",
    "rewrite",
    "send_timeout",
    "server",
    "server_name",
    "set_real_ip_from",
    "ssl",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_client_certificate",
    "ssl_preread",
    "ssl_protocols",
    "ssl_verify_client",
    "stream",
    "stub_status",
    "upstream",
    "worker_processes",
];

const OPERATION: &str = "how the process runs is said where it is started (such as systemd)";
const LOG: &str = "requests are told by `access_log` of [global], once for all listeners";
const FILES: &str = "no files are served from disk";
const BUFFERS: &str = "buffers are bounded by `buffers_max` of [global]";
const TLS: &str = "versions and ciphers are those of TLS 1.2 and 1.3 that are thought safe";
const CACHE: &str = "nothing is cached";
const ALREADY: &str = "it is so without being said";

/// What the others are, the longest beginning first.
const REMARKS: &[(&str, Weight, &str)] = &[
    ("access_log", Weight::Missing, LOG),
    ("aio", Weight::Detail, FILES),
    ("alias", Weight::Missing, FILES),
    ("auth_delay", Weight::Detail, "whoever guesses is slowed down by a `rate_limit`"),
    ("auth_request_set", Weight::Missing, "nobody else is asked who may come in: see `auth`"),
    ("autoindex", Weight::Missing, FILES),
    ("client_body_buffer_size", Weight::Detail, BUFFERS),
    ("client_header_buffer_size", Weight::Detail, BUFFERS),
    ("daemon", Weight::Detail, OPERATION),
    ("directio", Weight::Detail, FILES),
    ("error_log", Weight::Detail, "messages go to standard error"),
    ("error_page", Weight::Missing, "pages for failures are texts or files of `errors`"),
    ("expires", Weight::Missing, "write Cache-Control as a field of responses"),
    ("gzip_", Weight::Detail, "compression has settings of its own"),
    ("http2", Weight::Detail, "clients are offered HTTP/1.1 only"),
    ("include", Weight::Missing, "the file is not read: translate it by itself"),
    ("index", Weight::Missing, FILES),
    ("limit_conn_", Weight::Detail, "see `connections_per_client_max` of a listener"),
    ("limit_req_", Weight::Detail, "see `rate_limit`"),
    ("lingering_", Weight::Detail, ALREADY),
    ("load_module", Weight::Missing, "there are no modules"),
    ("log_format", Weight::Missing, LOG),
    ("log_not_found", Weight::Detail, LOG),
    ("map_hash", Weight::Detail, ALREADY),
    ("multi_accept", Weight::Detail, ALREADY),
    ("open_file_cache", Weight::Detail, FILES),
    ("pid", Weight::Detail, OPERATION),
    ("port_in_redirect", Weight::Detail, "redirects name what the rule says"),
    ("proxy_buffer", Weight::Detail, BUFFERS),
    ("proxy_busy_buffers_size", Weight::Detail, BUFFERS),
    ("proxy_cache", Weight::Missing, CACHE),
    ("proxy_cache_bypass", Weight::Detail, CACHE),
    ("proxy_http_version", Weight::Detail, "HTTP/1.1 is spoken to servers"),
    ("proxy_ignore_headers", Weight::Detail, CACHE),
    ("proxy_max_temp_file_size", Weight::Detail, BUFFERS),
    ("proxy_next_upstream_", Weight::Detail, "see `retries_max` of a set"),
    ("proxy_no_cache", Weight::Detail, CACHE),
    ("proxy_pass_header", Weight::Detail, ALREADY),
    ("proxy_pass_request_", Weight::Detail, ALREADY),
    ("proxy_redirect", Weight::Detail, "Location is passed on as the server says it"),
    ("proxy_request_buffering", Weight::Detail, "bodies are passed on as they come"),
    ("proxy_send_timeout", Weight::Detail, "`response` of a set bounds this gap, too"),
    ("proxy_socket_keepalive", Weight::Detail, ALREADY),
    ("proxy_ssl_", Weight::Detail, TLS),
    ("real_ip_header", Weight::Detail, "X-Forwarded-For and the PROXY protocol of trusted proxies are believed"),
    ("real_ip_recursive", Weight::Detail, ALREADY),
    ("reset_timedout_connection", Weight::Detail, "see `close` of a listener"),
    ("resolver", Weight::Detail, "names are asked as the system does"),
    ("root", Weight::Missing, FILES),
    ("satisfy", Weight::Missing, "`allow` and `auth` both have to let in"),
    ("sendfile", Weight::Detail, FILES),
    ("server_names_hash", Weight::Detail, ALREADY),
    ("server_tokens", Weight::Detail, "this balancer names no version"),
    ("ssl_", Weight::Detail, TLS),
    ("ssl_crl", Weight::Missing, "revocation lists are not read"),
    ("tcp_nodelay", Weight::Detail, ALREADY),
    ("tcp_nopush", Weight::Detail, ALREADY),
    ("try_files", Weight::Missing, "no files are served from disk: everything goes where it ends"),
    ("types", Weight::Detail, FILES),
    ("types_hash", Weight::Detail, FILES),
    ("underscores_in_headers", Weight::Missing, "see `underscore_twins` of a listener"),
    ("use", Weight::Detail, ALREADY),
    ("user", Weight::Detail, OPERATION),
    ("variables_hash", Weight::Detail, ALREADY),
    ("worker_connections", Weight::Detail, "see `connections_max` of a listener"),
    ("worker_", Weight::Detail, OPERATION),
    ("zone", Weight::Detail, "all workers share what they know"),
];

/// Is this a directive of nginx's, as far as one is known here?
pub(super) fn is_known(name: &str) -> bool {
    TRANSLATED.contains(&name) || REMARKS.iter().any(|(begin, _, _)| name == *begin)
}

/// Notes on everything that nothing was made of.
pub(crate) fn remark(directives: &[Directive], notes: &mut Notes) {
    for one in directives {
        remark_one(one, notes);
        if !["map", "types", "geo", "split_clients", "if"].contains(&one.name.as_str()) {
            remark(one.inner(), notes);
        }
    }
}

fn remark_one(one: &Directive, notes: &mut Notes) {
    let name = one.name.as_str();
    if TRANSLATED.contains(&name) && !(name == "return" && one.arg(0) == "444")
        || super::location::FOREIGN.contains(&name)
    {
        return;
    }
    match name {
        "include" if one.arg(0).ends_with("mime.types") => return notes.detail(one.line, one.text(), FILES),
        "map" if one.arg(0) == "$http_upgrade" => {
            return notes.detail(one.line, one.text(), "upgrades are passed on by themselves");
        }
        "map" if one.arg(0) == "$ssl_preread_server_name" => return,
        "return" if one.arg(0) == "444" => {
            return notes.detail(one.line, one.text(), "every request is answered: with a 403");
        }
        "satisfy" if one.arg(0) == "all" => return notes.detail(one.line, one.text(), ALREADY),
        "access_log" | "proxy_cache" if one.arg(0) == "off" => return notes.detail(one.line, one.text(), ALREADY),
        _ => {}
    }
    let remark = REMARKS.iter().filter(|(begin, _, _)| name.starts_with(begin)).max_by_key(|(begin, _, _)| begin.len());
    match remark {
        Some((_, Weight::Missing, why)) => notes.missing(one.line, one.text(), *why),
        Some((_, Weight::Detail, why)) => notes.detail(one.line, one.text(), *why),
        None => notes.missing(one.line, one.text(), "no counterpart"),
    }
}
