//! `upstream` and what `proxy_pass` names, as sets.

use super::scope::Scope;
use super::target::{Target, address};
use super::tree::Directive;
use crate::address::is_server;
use crate::document::{Table, Value};
use crate::notes::Notes;
use crate::time;

/// Sets as they are needed.
#[derive(Debug, Default)]
pub(crate) struct Sets<'t> {
    upstreams: Vec<&'t Directive>,
    pub(crate) made: Vec<Table>,
}

impl<'t> Sets<'t> {
    /// What `upstreams` may name; `made` is there already.
    pub(crate) fn new(upstreams: Vec<&'t Directive>, made: Vec<Table>) -> Self {
        Self { upstreams, made }
    }

    /// The name of the set for a target, with what holds at the place that names it.
    pub(crate) fn for_target(&mut self, target: &Target, line: usize, scope: &Scope<'_>, notes: &mut Notes) -> String {
        let mut set = self.plain(&target.host, target.tls, line, notes);
        times(scope, &mut set, notes);
        if target.tls {
            tls(target, scope, &mut set);
        }
        habits(scope, &mut set, notes);
        self.keep(set)
    }

    /// Is it a server, or the name of an upstream with one?
    pub(crate) fn has_server(&self, host: &str, tls: bool) -> bool {
        match self.upstreams.iter().find(|upstream| upstream.arg(0) == host) {
            Some(upstream) => !servers(upstream, tls, &mut Notes::default()).is_empty(),
            None => is_server(&address(host, tls)),
        }
    }

    /// The same for a stream.
    pub(crate) fn for_stream(&mut self, host: &str, line: usize, scope: &Scope<'_>, notes: &mut Notes) -> String {
        let mut set = self.plain(host, false, line, notes);
        put_time(scope, "proxy_connect_timeout", &["timeouts.connect"], &mut set, notes);
        if scope.is_on("proxy_protocol") {
            set.put("proxy_protocol", "v1");
        }
        if scope.is_on("proxy_ssl") {
            let target = Target { tls: true, host: host.to_owned(), proxy_host: host.to_owned(), uri: None };
            tls(&target, scope, &mut set);
        }
        next_upstream(scope, &mut set, notes);
        if let Some(source) = scope.arg("proxy_bind").filter(|source| !source.contains('$')) {
            set.put("sources", vec![source.to_owned()]);
        }
        self.keep(set)
    }

    /// One that is alike is the same; another one of the same name gets a number.
    fn keep(&mut self, set: Table) -> String {
        let name = set.name().to_owned();
        for number in 1.. {
            let mut numbered = set.clone();
            if number > 1 {
                numbered.put("name", format!("{name}-{number}"));
            }
            match self.made.iter().find(|known| known.name() == numbered.name()) {
                Some(known) if known.says_the_same(&numbered) => return numbered.name().to_owned(),
                Some(_) => {}
                None => {
                    self.made.push(numbered.clone());
                    return numbered.name().to_owned();
                }
            }
        }
        name
    }

    fn plain(&self, host: &str, tls: bool, line: usize, notes: &mut Notes) -> Table {
        if let Some(upstream) = self.upstreams.iter().find(|upstream| upstream.arg(0) == host) {
            return of_upstream(upstream, tls, notes);
        }
        let mut set = Table::at(line);
        let name = host.trim_start_matches("unix:").trim_matches('/').replace(['/', ':'], "-");
        set.put("name", name);
        set.put("servers", vec![address(host, tls)]);
        set
    }
}

/// Those that have an address, each once.
fn servers<'t>(upstream: &'t Directive, tls: bool, notes: &mut Notes) -> Vec<&'t Directive> {
    let mut servers: Vec<&Directive> = Vec::new();
    for server in upstream.inner().iter().filter(|one| one.name == "server") {
        let own = address(server.arg(0), tls);
        let known = servers.iter().any(|known| address(known.arg(0), tls) == own);
        match is_server(&own) {
            true if known => notes.missing(server.line, server.text(), "this server is in the set already"),
            true => servers.push(server),
            false => notes.missing(server.line, server.text(), "this is no address of a server"),
        }
    }
    servers
}

fn of_upstream(upstream: &Directive, tls: bool, notes: &mut Notes) -> Table {
    let mut set = Table::at(upstream.line);
    set.put("name", upstream.arg(0));
    let servers = servers(upstream, tls, notes);
    let most = common(&servers, "max_conns");
    let are_backups = servers.iter().all(|server| server.args.iter().any(|word| word == "backup"));
    let values: Vec<Value> = servers.iter().map(|server| of_server(server, tls, are_backups)).collect();
    set.put("servers", Value::List(values));
    if let Some(server) = servers.iter().find(|server| number(server, "max_conns") != most) {
        notes.missing(
            server.line,
            server.text(),
            "`max_conns` holds for all servers of a set: make a set for each bound",
        );
    }
    if let Some(most) = most {
        set.put("limits.connections_max", most);
    }
    for directive in upstream.inner() {
        policy(directive, &mut set, notes);
    }
    if let Some(failures) = common(&servers, "max_fails") {
        set.put("health.failures_max", failures.min(255));
    }
    let pause = servers.iter().find_map(|server| parameter(server, "fail_timeout")).and_then(time::of_nginx);
    if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
        set.put("health.pause", time::ours(pause));
        set.put("health.pause_max", time::ours(pause));
    }
    if pause.is_some_and(|pause| pause.is_zero()) {
        set.put("health.failures_max", 0);
    }
    if let Some(time) = servers.iter().find_map(|server| parameter(server, "slow_start")).and_then(time::of_nginx) {
        set.put("slow_start", time::ours(time));
    }
    set
}

fn policy(directive: &Directive, set: &mut Table, notes: &mut Notes) {
    let mut hash = |by: String| {
        set.put("balance", "hash");
        set.put("hash", by);
    };
    match directive.name.as_str() {
        "least_conn" => set.put("balance", "least-connections"),
        "least_time" => set.put("balance", "least-time"),
        "random" => set.put("balance", "random"),
        "ip_hash" => hash("source".to_owned()),
        "hash" => match directive.arg(0) {
            "$remote_addr" | "$binary_remote_addr" => hash("source".to_owned()),
            "$request_uri" | "$uri" => hash("path".to_owned()),
            key => match key.strip_prefix("$cookie_").map(|name| format!("cookie:{name}")).or_else(|| header(key)) {
                Some(by) => hash(by),
                None => notes.missing(
                    directive.line,
                    directive.text(),
                    "servers are not chosen by this: the turn goes round",
                ),
            },
        },
        "keepalive" => set.put("pool.idle_max", directive.arg(0).parse::<u64>().unwrap_or(256)),
        "keepalive_timeout" => {
            if let Some(time) = time::of_nginx(directive.arg(0)).filter(|time| !time.is_zero()) {
                set.put("pool.idle_timeout", time::ours(time));
            }
        }
        "sticky" if directive.arg(0) == "cookie" => set.put("sticky.cookie", directive.arg(1)),
        _ => {}
    }
}

fn header(key: &str) -> Option<String> {
    let name = key.strip_prefix("$http_")?;
    Some(format!("header:{}", super::variables::field_name(name)))
}

/// `server ADDRESS weight=2 backup;`
///
/// Where there are no others, backups are servers like any.
fn of_server(server: &Directive, tls: bool, are_backups: bool) -> Value {
    let address = address(server.arg(0), tls);
    let mut parts: Vec<(String, Value)> = vec![("address".to_owned(), address.clone().into())];
    let is_down = server.args.iter().any(|word| word == "down");
    if let Some(weight) = number(server, "weight").or(is_down.then_some(0)).filter(|weight| *weight != 1) {
        parts.push(("weight".to_owned(), weight.into()));
    }
    if !are_backups && server.args.iter().any(|word| word == "backup") {
        parts.push(("backup".to_owned(), true.into()));
    }
    if parts.len() == 1 { address.into() } else { Value::Inline(parts) }
}

fn parameter<'t>(server: &'t Directive, name: &str) -> Option<&'t str> {
    server.args.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

fn number(server: &Directive, name: &str) -> Option<u64> {
    parameter(server, name)?.parse().ok()
}

/// What all servers say alike.
fn common(servers: &[&Directive], name: &str) -> Option<u64> {
    let first = number(servers.first()?, name)?;
    servers.iter().all(|server| number(server, name) == Some(first)).then_some(first)
}

fn times(scope: &Scope<'_>, set: &mut Table, notes: &mut Notes) {
    put_time(scope, "proxy_connect_timeout", &["timeouts.connect"], set, notes);
    put_time(scope, "proxy_read_timeout", &["timeouts.response", "timeouts.body"], set, notes);
}

/// Says the time of a directive under each of these keys.
pub(crate) fn put_time(scope: &Scope<'_>, name: &str, keys: &[&str], table: &mut Table, notes: &mut Notes) {
    let Some(directive) = scope.get(name) else { return };
    match time::of_nginx(directive.arg(0)).filter(|time| !time.is_zero()) {
        Some(time) => {
            if time::is_too_long(time) {
                notes.detail(directive.line, directive.text(), "the longest time is a day");
            }
            keys.iter().for_each(|key| table.put(key, time::ours(time)));
        }
        None => notes.missing(directive.line, directive.text(), "this is no time that can be waited for"),
    }
}

fn tls(target: &Target, scope: &Scope<'_>, set: &mut Table) {
    set.put("tls.verify", scope.is_on("proxy_ssl_verify"));
    if let Some(file) = scope.arg("proxy_ssl_trusted_certificate") {
        set.put("tls.ca", file);
    }
    let name = scope.arg("proxy_ssl_name").unwrap_or(&target.proxy_host);
    let name = name.split(':').next().unwrap_or_default();
    if scope.is_on("proxy_ssl_server_name") && !name.contains('$') && name.parse::<std::net::IpAddr>().is_err() {
        set.put("tls.server_name", name);
    }
    if let (Some(file), Some(key)) = (scope.arg("proxy_ssl_certificate"), scope.arg("proxy_ssl_certificate_key")) {
        set.put("tls.certificate", file);
        set.put("tls.key", key);
    }
}

fn habits(scope: &Scope<'_>, set: &mut Table, notes: &mut Notes) {
    if let Some(source) = scope.get("proxy_bind").filter(|source| source.arg(0) != "off") {
        match source.arg(0).contains('$') {
            true => notes.missing(source.line, source.text(), "a source address by a variable"),
            false => set.put("sources", vec![source.arg(0).to_owned()]),
        }
    }
    next_upstream(scope, set, notes);
}

/// `proxy_next_upstream error timeout http_503;` and how often.
fn next_upstream(scope: &Scope<'_>, set: &mut Table, notes: &mut Notes) {
    // 0: as many as there are servers.
    if let Some(tries) = scope.arg("proxy_next_upstream_tries").and_then(|tries| tries.parse::<u64>().ok()) {
        set.put("retries_max", if tries == 0 { 10 } else { (tries - 1).min(10) });
    }
    let Some(line) = scope.get("proxy_next_upstream") else { return };
    let mut statuses: Vec<u64> = Vec::new();
    for word in &line.args {
        match (word.as_str(), word.strip_prefix("http_").and_then(|status| status.parse::<u64>().ok())) {
            ("off", _) => set.put("retries_max", 0),
            (_, Some(status)) if (400..600).contains(&status) => statuses.push(status),
            ("error" | "timeout" | "invalid_header", _) => {}
            ("non_idempotent", _) => {
                notes.missing(
                    line.line,
                    "proxy_next_upstream non_idempotent",
                    "what may have been done is not done again",
                );
            }
            _ => notes.missing(line.line, format!("proxy_next_upstream {word}"), "nothing is tried again for this"),
        }
    }
    statuses.sort_unstable();
    statuses.dedup();
    if statuses.iter().any(|status| *status >= 500) {
        set.put("health.server_errors", true);
    }
    if !statuses.is_empty() {
        set.put("retry_on", statuses);
    }
}
