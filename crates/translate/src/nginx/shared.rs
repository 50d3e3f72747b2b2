//! What all servers at one listener have in common, with us: it is said by the default server, and of others it is told.

use super::scope::Scope;
use super::server::Server;
use super::tree::Directive;
use crate::notes::Notes;

/// What holds for a whole listener, of HTTP and of TLS. What nginx itself takes from the default server is not among it.
const SHARED: [&str; 4] = ["keepalive_timeout", "keepalive_requests", "limit_conn", "set_real_ip_from"];
const SHARED_BY_TLS: [&str; 3] = ["ssl_client_certificate", "ssl_verify_client", "ssl_protocols"];

/// Notes on what `server`, or a location in it, says otherwise than the default server of its listener.
pub(super) fn remark(server: &Server<'_>, default: &Server<'_>, tls: bool, notes: &mut Notes) {
    let names = SHARED.iter().chain(SHARED_BY_TLS.iter().filter(|_| tls));
    for name in names {
        let why =
            format!("`{name}` holds for a whole listener: that of its default server, line {}", default.block.line);
        let said = arguments(&server.scope, name);
        if said != arguments(&default.scope, name) {
            let (line, what) = match said.is_empty() {
                true => (server.block.line, format!("server without {name}")),
                false => server.scope.get(name).map(|one| (one.line, one.text())).unwrap_or_default(),
            };
            notes.missing(line, what, &why);
        }
        remark_locations(server.block, name, &why, notes);
    }
}

fn remark_locations(block: &Directive, name: &str, why: &str, notes: &mut Notes) {
    for location in block.inner().iter().filter(|one| one.name == "location") {
        let own = location.inner().iter().filter(|one| one.name == name);
        own.for_each(|one| notes.missing(one.line, one.text(), why));
        remark_locations(location, name, why, notes);
    }
}

fn arguments<'t>(scope: &Scope<'t>, name: &str) -> Vec<&'t [String]> {
    scope.all(name).iter().map(|one| one.args.as_slice()).collect()
}

/// What its places say of the way of requests that they pass on: which continue the list that came, and which begin another.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) continue_it: bool,
    /// Lines.
    pub(super) begin_anew: Vec<usize>,
}

/// Of one server.
pub(super) fn lists(server: &Server<'_>) -> Lists {
    let mut lists = Lists::default();
    in_scope(server.block, &server.scope, &mut lists);
    lists
}

/// `X-Forwarded-For` as nginx continues a list.
pub(super) const CONTINUED: [&str; 3] =
    ["$proxy_add_x_forwarded_for", "$http_x_forwarded_for, $remote_addr", "$http_x_forwarded_for,$remote_addr"];

/// Of a block that passes on, and of those in it.
fn in_scope(block: &Directive, scope: &Scope<'_>, lists: &mut Lists) {
    if block.inner().iter().any(|one| one.name == "proxy_pass") {
        let is_it = |one: &&Directive| one.arg(0).eq_ignore_ascii_case("x-forwarded-for");
        match scope.all("proxy_set_header").into_iter().find(is_it) {
            Some(one) if CONTINUED.contains(&one.arg(1)) => lists.continue_it = true,
            Some(one) => lists.begin_anew.push(one.line),
            None => {}
        }
    }
    for location in block.inner().iter().filter(|one| one.name == "location") {
        in_scope(location, &scope.within(location.inner()), lists);
    }
}
