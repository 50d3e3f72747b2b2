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
    "ssl_reject_handshake",
    "ssl_session_tickets",
    "ssl_verify_client",
    "stream",
    "stub_status",
    "upstream",
    "worker_cpu_affinity",
    "worker_processes",
    "worker_shutdown_timeout",
    "access_log",
    "error_page",
    "expires",
    "resolver",
    "user",
];

const FOREGROUND: &str =
    "it stays in the foreground: whoever starts it keeps it (`quintet serve --install-unit` prints a unit for systemd)";
const FIELDS: &str = "a line of the access log has fields of its own (`access_log_format`): see docs/access-log.md";
const TUNED: &str = "nothing of the kind need be tuned";
const INSIDE: &str = "nothing is rewritten within bodies";
const OTHERS: &str = "only HTTP is spoken to servers";
const VARIABLES: &str = "there are no variables but those of docs/configuration.md: say what follows from it by routes";
const FILES: &str = "no files are served from disk";
const BUFFERS: &str = "buffers are bounded by `buffers_max` of [global]";
const TLS: &str = "versions and ciphers are those of TLS 1.2 and 1.3 that are thought safe";
const CACHE: &str = "nothing is cached";
const ALREADY: &str = "it is so without being said";

/// What the others are, the longest beginning first.
const REMARKS: &[(&str, Weight, &str)] = &[
    ("aio", Weight::Detail, FILES),
    ("alias", Weight::Missing, FILES),
    ("auth_delay", Weight::Detail, "whoever guesses is slowed down by a `rate_limit`"),
    ("auth_request_set", Weight::Missing, "nobody else is asked who may come in: see `auth`"),
    ("autoindex", Weight::Missing, FILES),
    ("client_body_buffer_size", Weight::Detail, BUFFERS),
    ("client_header_buffer_size", Weight::Detail, BUFFERS),
    ("directio", Weight::Detail, FILES),
    ("gzip_", Weight::Detail, "compression has settings of its own"),
    ("http2", Weight::Detail, "clients are offered HTTP/1.1 only"),
    ("include", Weight::Missing, "the file is not read: translate it by itself"),
    ("index", Weight::Missing, FILES),
    ("limit_conn_", Weight::Detail, "see `connections_per_client_max` of a listener"),
    ("limit_req_", Weight::Detail, "see `rate_limit`"),
    ("lingering_", Weight::Detail, ALREADY),
    ("load_module", Weight::Missing, "there are no modules"),
    ("map_hash", Weight::Detail, ALREADY),
    ("multi_accept", Weight::Detail, ALREADY),
    ("open_file_cache", Weight::Detail, FILES),
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
    ("root", Weight::Missing, FILES),
    ("satisfy", Weight::Missing, "`allow` and `auth` both have to let in"),
    ("sendfile", Weight::Detail, FILES),
    ("server_names_hash", Weight::Detail, ALREADY),
    ("server_tokens", Weight::Detail, "this balancer names no version"),
    ("ssl_", Weight::Detail, TLS),
    ("tcp_nodelay", Weight::Detail, ALREADY),
    ("tcp_nopush", Weight::Detail, ALREADY),
    ("try_files", Weight::Missing, "no files are served from disk: everything goes where it ends"),
    ("types", Weight::Detail, FILES),
    ("types_hash", Weight::Detail, FILES),
    ("underscores_in_headers", Weight::Missing, "see `underscore_twins` of a listener"),
    ("use", Weight::Detail, ALREADY),
    ("variables_hash", Weight::Detail, ALREADY),
    ("daemon", Weight::Detail, FOREGROUND),
    ("pid", Weight::Detail, FOREGROUND),
    ("master_process", Weight::Detail, FOREGROUND),
    ("worker_", Weight::Detail, TUNED),
    ("worker_rlimit_nofile", Weight::Detail, "the limit of open files is raised as far as it may be"),
    ("worker_connections", Weight::Detail, "see `connections_max` of a listener"),
    ("resolver_timeout", Weight::Detail, "a look-up ends after 10 s"),
    ("log_format", Weight::Detail, FIELDS),
    ("log_not_found", Weight::Detail, FIELDS),
    ("open_log_file_cache", Weight::Detail, TUNED),
    ("log_subrequest", Weight::Detail, FIELDS),
    ("error_log", Weight::Detail, "what happens goes to standard error (`event_log_format`)"),
    ("add_trailer", Weight::Missing, "fields are added in front of a body, not behind it"),
    ("absolute_redirect", Weight::Detail, "redirects name what the rule says"),
    ("client_body_in_", Weight::Detail, BUFFERS),
    ("client_body_temp_path", Weight::Detail, BUFFERS),
    ("connection_pool_size", Weight::Detail, TUNED),
    ("request_pool_size", Weight::Detail, TUNED),
    ("output_buffers", Weight::Detail, TUNED),
    ("postpone_output", Weight::Detail, TUNED),
    ("accept_mutex", Weight::Detail, TUNED),
    ("env", Weight::Detail, TUNED),
    ("pcre_jit", Weight::Detail, TUNED),
    ("thread_pool", Weight::Detail, TUNED),
    ("timer_resolution", Weight::Detail, TUNED),
    ("debug_connection", Weight::Detail, TUNED),
    ("charset", Weight::Missing, "the type of a body is as its server says it"),
    ("etag", Weight::Detail, FILES),
    ("if_modified_since", Weight::Detail, FILES),
    ("max_ranges", Weight::Detail, "ranges are answered by servers"),
    ("brotli", Weight::Missing, "write `compression = [\"br\", \"gzip\"]` at the listener"),
    ("geo", Weight::Missing, "routes ask for addresses by `allow` and `deny` alone"),
    ("geoip", Weight::Missing, "nobody is asked where an address is"),
    ("split_clients", Weight::Missing, "servers have weights within a set: see `weight`"),
    ("map", Weight::Missing, VARIABLES),
    ("set", Weight::Missing, VARIABLES),
    ("mirror", Weight::Missing, "a request goes to one server"),
    ("sub_filter", Weight::Missing, INSIDE),
    ("addition", Weight::Missing, INSIDE),
    ("add_before_body", Weight::Missing, INSIDE),
    ("add_after_body", Weight::Missing, INSIDE),
    ("ssi", Weight::Missing, INSIDE),
    ("image_filter", Weight::Missing, INSIDE),
    ("xslt_", Weight::Missing, INSIDE),
    ("perl", Weight::Missing, "no scripts are run"),
    ("js_", Weight::Missing, "no scripts are run"),
    ("lua_", Weight::Missing, "no scripts are run"),
    ("content_by_lua", Weight::Missing, "no scripts are run"),
    ("access_by_lua", Weight::Missing, "no scripts are run"),
    ("fastcgi_", Weight::Detail, OTHERS),
    ("uwsgi_", Weight::Detail, OTHERS),
    ("scgi_", Weight::Detail, OTHERS),
    ("grpc_", Weight::Detail, OTHERS),
    ("memcached_", Weight::Detail, OTHERS),
    ("ignore_invalid_headers", Weight::Detail, "what two readers could understand differently is refused"),
    ("merge_slashes", Weight::Detail, "routes are matched with slashes merged; what is passed on is as it came"),
    ("msie_", Weight::Detail, ALREADY),
    ("chunked_transfer_encoding", Weight::Detail, ALREADY),
    ("keepalive_disable", Weight::Detail, ALREADY),
    ("keepalive_time", Weight::Detail, "see `requests_per_connection_max`"),
    (
        "limit_rate",
        Weight::Missing,
        "nobody is slowed down: see `response_rate_min` for the slow, `rate_limit` for the many",
    ),
    ("limit_except", Weight::Missing, "write a route with `method`"),
    ("proxy_cookie_", Weight::Missing, "cookies are passed on as servers set them"),
    (
        "proxy_intercept_errors",
        Weight::Missing,
        "answers of servers are passed on: `errors` are pages for failures of the balancer's own",
    ),
    ("proxy_limit_rate", Weight::Missing, "nobody is slowed down: reading waits for writing"),
    ("proxy_method", Weight::Missing, "a request is passed on with its own method"),
    ("proxy_set_body", Weight::Missing, "bodies are passed on as they come"),
    ("proxy_store", Weight::Missing, CACHE),
    ("proxy_temp", Weight::Detail, BUFFERS),
    ("proxy_headers_hash", Weight::Detail, ALREADY),
    ("proxy_force_ranges", Weight::Detail, "ranges are answered by servers"),
    ("proxy_upload_rate", Weight::Missing, "nobody is slowed down: reading waits for writing"),
    ("proxy_download_rate", Weight::Missing, "nobody is slowed down: reading waits for writing"),
    ("proxy_responses", Weight::Missing, "UDP is not passed on"),
    ("proxy_requests", Weight::Missing, "UDP is not passed on"),
    ("proxy_half_close", Weight::Detail, "a half that is closed leaves the other open"),
    ("preread_", Weight::Detail, "`timeouts.head` bounds the wait for a ClientHello, 16 KiB its length"),
    ("random_index", Weight::Missing, FILES),
    ("dav_", Weight::Missing, FILES),
    ("mp4", Weight::Missing, FILES),
    ("flv", Weight::Missing, FILES),
    ("gzip_static", Weight::Missing, FILES),
    ("gunzip", Weight::Missing, "bodies are passed on as their servers encode them"),
    ("recursive_error_pages", Weight::Detail, ALREADY),
    ("send_lowat", Weight::Detail, TUNED),
    ("subrequest_output_buffer_size", Weight::Detail, TUNED),
    ("secure_link", Weight::Missing, "links are not checked: see `auth` and `allow`"),
    ("referer_hash", Weight::Detail, ALREADY),
    ("valid_referers", Weight::Missing, "routes ask for whole values of fields: see `header` of a route"),
    ("ssl_crl", Weight::Missing, "revocation lists are not read"),
    ("ssl_stapling", Weight::Detail, "answers of OCSP are not sent: few clients ask any more"),
    ("ssl_early_data", Weight::Detail, "no early data is taken"),
    ("ssl_password_file", Weight::Missing, "a key has no passphrase here"),
    ("status_zone", Weight::Detail, "listeners and sets have counters of their own: see `[admin]`"),
    ("api", Weight::Missing, "see `[admin]`"),
    ("health_check", Weight::Missing, "see `[backend_set.health]`"),
    ("check", Weight::Missing, "see `[backend_set.health]`"),
    (
        "sticky",
        Weight::Missing,
        "only a cookie of the balancer's own keeps a client with its server: see `[backend_set.sticky]`",
    ),
    ("ntlm", Weight::Missing, "connections to servers are no client's own: NTLM needs `protocol = \"tcp\"`"),
    ("queue", Weight::Detail, "see `queue_max` and `queue_timeout` of a set's limits"),
    ("state", Weight::Detail, ALREADY),
    ("userid", Weight::Missing, "see `request_id`, and `[backend_set.sticky]`"),
    ("variables_", Weight::Detail, ALREADY),
    ("uninitialized_variable_warn", Weight::Detail, ALREADY),
    ("rewrite_log", Weight::Detail, FIELDS),
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
        "proxy_cache" | "mirror" | "charset" | "sub_filter_once" if one.arg(0) == "off" => {
            return notes.detail(one.line, one.text(), ALREADY);
        }
        _ => {}
    }
    let remark = REMARKS.iter().filter(|(begin, _, _)| name.starts_with(begin)).max_by_key(|(begin, _, _)| begin.len());
    match remark {
        Some((_, Weight::Missing, why)) => notes.missing(one.line, one.text(), *why),
        Some((_, Weight::Detail, why)) => notes.detail(one.line, one.text(), *why),
        None => {
            notes.missing(one.line, one.text(), "this is not known here: see docs/configuration.md for what there is")
        }
    }
}
