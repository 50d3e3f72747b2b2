//! `server` blocks, gathered by where they listen.

use super::place::Place;
use super::scope::Scope;
use super::shared;
use super::tree::Directive;
use super::upstream::{Sets, put_time};
use super::variables::Known;
use crate::TranslateError;
use crate::address::is_host;
use crate::condition::Matches;
use crate::document::{Table, Value, one_or_list};
use crate::edit::Edit;
use crate::notes::Notes;
use crate::overlap::texts;
use crate::routes::{Action, Answer, Clause, Routes, Rule};
use crate::time;
use std::collections::BTreeSet;

/// A `server` block.
pub(crate) struct Server<'t> {
    pub(crate) block: &'t Directive,
    pub(crate) scope: Scope<'t>,
    names: Vec<String>,
    listens: Vec<Listen>,
}

/// A `listen` line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listen {
    address: String,
    port: Option<u16>,
    tls: bool,
    proxy_protocol: bool,
    default: bool,
}

/// A listener: addresses with the same servers behind them.
#[derive(Debug)]
pub(crate) struct Group {
    addresses: Vec<String>,
    port: Option<u16>,
    tls: bool,
    proxy_protocol: bool,
    servers: Vec<usize>,
    default: usize,
}

impl<'t> Server<'t> {
    pub(crate) fn parse(block: &'t Directive, around: &Scope<'t>, notes: &mut Notes) -> Self {
        let scope = around.within(block.inner());
        let named = |name: &'static str| block.inner().iter().filter(move |one| one.name == name);
        let mut names: Vec<String> = named("server_name").flat_map(|one| names(one, notes)).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        let mut listens: Vec<Listen> = Vec::new();
        for one in named("listen") {
            match Listen::parse(one, scope.is_on("ssl")) {
                Ok(listen) => listens.push(listen),
                Err(why) => notes.missing(one.line, one.text(), why),
            }
        }
        if named("listen").next().is_none() {
            let address = "0.0.0.0:80".to_owned();
            listens.push(Listen { address, port: Some(80), tls: false, proxy_protocol: false, default: false });
        }
        Self { block, scope, names, listens }
    }
}

/// Names as ours.
fn names(directive: &Directive, notes: &mut Notes) -> Vec<String> {
    let mut names = Vec::new();
    for name in directive.args.iter().map(|name| name.to_ascii_lowercase()) {
        match name.as_str() {
            "" | "_" => {}
            name if name.strip_prefix('~').and_then(texts).is_some_and(|all| !all.is_empty()) => {
                names.extend(name.strip_prefix('~').and_then(texts).unwrap_or_default());
            }
            name => match name.strip_prefix('.') {
                Some(name) if is_host(name) => names.extend([name.to_owned(), format!("*.{name}")]),
                None if is_host(name) => names.push(name.to_owned()),
                _ => notes.missing(directive.line, format!("server_name {name}"), "hosts are names or \"*.name\" only"),
            },
        }
    }
    names
}

impl Listen {
    fn parse(directive: &Directive, ssl_on: bool) -> Result<Self, String> {
        let has = |word: &str| directive.args.iter().any(|arg| arg == word);
        if has("quic") {
            return Err("HTTP/3 is not spoken".to_owned());
        }
        let (address, port) = address(directive.arg(0))?;
        let default = has("default_server") || has("default");
        Ok(Self { address, port, tls: has("ssl") || ssl_on, proxy_protocol: has("proxy_protocol"), default })
    }
}

/// `80`, `[::]:80`, `127.0.0.1`, `unix:/run/q.sock`.
pub(crate) fn address(text: &str) -> Result<(String, Option<u16>), String> {
    if text.starts_with("unix:") {
        return Ok((text.to_owned(), None));
    }
    if let Ok(port) = text.parse::<u16>() {
        return Ok((format!("0.0.0.0:{port}"), Some(port)));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => {
            (host, port.parse::<u16>().map_err(|_| "a range of ports".to_owned())?)
        }
        _ => (text, 80),
    };
    let host = if host == "*" { "0.0.0.0" } else { host };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<std::net::IpAddr>().is_err() {
        return Err("names are not looked up: write an address".to_owned());
    }
    Ok((format!("{host}:{port}"), Some(port)))
}

/// Listeners, in the order in which their addresses are first named.
pub(crate) fn groups(servers: &[Server<'_>]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        for listen in &server.listens {
            let group = match groups.iter_mut().position(|group| group.addresses[0] == listen.address) {
                Some(at) => &mut groups[at],
                None => {
                    let addresses = vec![listen.address.clone()];
                    let (port, tls, proxy_protocol) = (listen.port, listen.tls, listen.proxy_protocol);
                    groups.push(Group { addresses, port, tls, proxy_protocol, servers: Vec::new(), default: number });
                    groups.last_mut().expect("it was pushed")
                }
            };
            group.servers.push(number);
            group.tls |= listen.tls;
            group.proxy_protocol |= listen.proxy_protocol;
            if listen.default {
                group.default = number;
            }
        }
    }
    joined(groups)
}

/// Addresses that differ in nothing else are one listener: `80` and `[::]:80`.
fn joined(groups: Vec<Group>) -> Vec<Group> {
    let mut joined: Vec<Group> = Vec::new();
    for group in groups {
        let alike = |known: &&mut Group| {
            let parts = |group: &Group| (group.port, group.tls, group.proxy_protocol, group.default);
            parts(known) == parts(&group) && known.servers == group.servers
        };
        match joined.iter_mut().find(alike) {
            Some(known) => known.addresses.extend(group.addresses),
            None => joined.push(group),
        }
    }
    joined
}

impl Group {
    /// What it is called, apart from the others.
    pub(crate) fn name(&self, alone: bool) -> String {
        match (alone, self.port) {
            (true, _) => "web".to_owned(),
            (false, Some(port)) => format!("web-{port}"),
            (false, None) => "web-unix".to_owned(),
        }
    }

    /// The listener.
    pub(crate) fn listener<'t>(
        &self,
        name: String,
        servers: &[Server<'t>],
        sets: &mut Sets<'t>,
        notes: &mut Notes,
    ) -> Result<Option<Table>, TranslateError> {
        let default = &servers[self.default];
        let mut listener = Table::at(default.block.line);
        listener.put("name", name);
        listener.put("bind", one_or_list(self.addresses.clone()));
        listener.put("protocol", if self.tls { "https" } else { "http" });
        if self.proxy_protocol {
            listener.put("proxy_protocol", true);
        }
        if self.proxy_protocol || default.scope.get("set_real_ip_from").is_some() {
            listener.put("trusted_proxies", trusted(&default.scope));
        }
        self.forwarded(servers, &mut listener, notes);
        for number in &self.servers {
            shared::remark(&servers[*number], default, self.tls, notes);
        }
        settings(&default.scope, &mut listener, notes);
        super::errors::pages(default.block, &default.scope, &mut listener, notes);
        if self.tls && !self.tls(servers, &mut listener, notes) {
            return Ok(None);
        }
        let mut rules = Vec::new();
        for number in self.servers.iter().filter(|number| **number != self.default) {
            rules.extend(self.host_rules(&servers[*number], default, sets, notes));
        }
        let mut last = self.rules(default, default, sets, notes);
        let fallback = take_fallback(&mut last, rules.is_empty(), &mut listener);
        rules.extend(last);
        let none = |_: &str| Vec::new();
        Routes::new(&none, fallback, notes).write(&rules, &mut listener)?;
        Ok(Some(listener))
    }

    fn rules<'t>(
        &self,
        server: &Server<'t>,
        default: &Server<'t>,
        sets: &mut Sets<'t>,
        notes: &mut Notes,
    ) -> Vec<Rule> {
        let server_name = server.names.first().cloned().unwrap_or_default();
        let known = Known { server_name, port: self.port, proxy_host: String::new() };
        let body = time_of_body(&default.scope);
        Place { tls: self.tls, known, body, sets, notes }.server_rules(server.block, &server.scope)
    }

    /// Those of a server that is not the default: for its names only, and a 404 for what it does not know.
    fn host_rules<'t>(
        &self,
        server: &Server<'t>,
        default: &Server<'t>,
        sets: &mut Sets<'t>,
        notes: &mut Notes,
    ) -> Vec<Rule> {
        if server.names.is_empty() {
            notes.missing(server.block.line, "server", "another server is the default here, and this one has no name");
            return Vec::new();
        }
        let hosts = Matches::hosts(server.names.clone());
        let mut rules = self.rules(server, default, sets, notes);
        rules.push(not_found(server.block));
        rules.retain_mut(|rule| match rule.clause.matches.and(&hosts) {
            Ok(Some(both)) => {
                rule.clause.matches = both;
                true
            }
            _ => false,
        });
        rules
    }

    /// What servers are told of the client's way: nginx lets the client begin where it continues a list.
    fn forwarded(&self, servers: &[Server<'_>], listener: &mut Table, notes: &mut Notes) {
        let lists: Vec<shared::Lists> = self.servers.iter().map(|number| shared::lists(&servers[*number])).collect();
        if !lists.iter().any(|lists| lists.continue_it) {
            return;
        }
        for line in lists.iter().flat_map(|lists| &lists.begin_anew) {
            let what = "proxy_set_header X-Forwarded-For, continued elsewhere";
            let why = "a whole listener continues the list that came (`forwarded`), or replaces it: here, too, it is continued";
            notes.missing(*line, what, why);
        }
        listener.put("forwarded", "append");
    }

    /// Certificates; `false`: there are none to listen with.
    fn tls(&self, servers: &[Server<'_>], listener: &mut Table, notes: &mut Notes) -> bool {
        let pair = |server: &Server<'_>| {
            let certificate = server.scope.arg("ssl_certificate")?.to_owned();
            Some((certificate, server.scope.arg("ssl_certificate_key")?.to_owned()))
        };
        let default = &servers[self.default];
        let rejects = default.scope.is_on("ssl_reject_handshake");
        let of_others = || self.servers.iter().find_map(|number| pair(&servers[*number])).filter(|_| rejects);
        let Some(first) = pair(default).filter(|_| !rejects).or_else(of_others) else {
            notes.missing(default.block.line, "listen ... ssl", "it names no certificate");
            return false;
        };
        if rejects {
            listener.put("tls.strict_sni", true);
        }
        listener.put("tls.certificate", first.0.clone());
        listener.put("tls.key", first.1.clone());
        let mut pairs = vec![first];
        for number in &self.servers {
            pairs.extend(pair(&servers[*number]).filter(|pair| !pairs.contains(pair)));
        }
        let inline = |(certificate, key): &(String, String)| {
            let parts = [("certificate", certificate), ("key", key)];
            Value::Inline(parts.map(|(key, file)| (key.to_owned(), Value::Text(file.clone()))).to_vec())
        };
        let more: Vec<Value> = pairs.iter().skip(1).map(inline).collect();
        if !more.is_empty() {
            listener.put("tls.certificates", Value::List(more));
        }
        if let (Some(ca), Some("on" | "optional")) =
            (default.scope.arg("ssl_client_certificate"), default.scope.arg("ssl_verify_client"))
        {
            listener.put("tls.client_ca", ca);
            let required = default.scope.is_on("ssl_verify_client");
            listener.put("tls.client_certificate", if required { "required" } else { "optional" });
        }
        rest_of_tls(&default.scope, listener, notes);
        true
    }
}

/// Versions, tickets, whose certificate was shown.
fn rest_of_tls(scope: &Scope<'_>, listener: &mut Table, notes: &mut Notes) {
    if let Some(line) = scope.get("ssl_protocols") {
        let has = |version: &str| line.args.iter().any(|word| word == version);
        match (has("TLSv1.2"), has("TLSv1.3")) {
            (false, true) => listener.put("tls.versions", vec!["1.3"]),
            (true, false) => listener.put("tls.versions", vec!["1.2"]),
            _ => {}
        }
    }
    if scope.arg("ssl_session_tickets") == Some("off") {
        listener.put("tls.tickets", false);
    }
    let told = |one: &&Directive| one.name == "proxy_set_header" && one.arg(1).contains("$ssl_client_s_dn");
    let subject = scope.find_below(&told);
    if let Some(one) = subject.filter(|_| listener.get("tls.client_ca").is_some()) {
        listener.put("tls.client_subject_header", one.arg(0));
        let why = "`client_subject_header` says the subject, such as `CN=alice,O=Example`, in all requests";
        notes.detail(one.line, one.text(), why);
    }
}

/// The rule that all requests come to at last is the listener's own; without one there is a 404.
fn take_fallback(rules: &mut Vec<Rule>, alone: bool, listener: &mut Table) -> Action {
    use crate::condition::Path;
    let is_last = |rule: &Rule| {
        let any = Matches::path(Path::Prefix("/".to_owned()));
        (rule.clause.matches == any || rule.clause.matches.is_any()) && rule.clause.not.is_empty()
    };
    let Some(at) = rules.iter().position(is_last) else { return not_found_answer() };
    let last = rules.remove(at);
    rules.truncate(at);
    if let Action::Set(set) = &last.action {
        listener.put("backends", set.clone());
    }
    match last.action {
        // Alone it is the listener's own business.
        Action::With(edits, action)
            if alone
                && rules.is_empty()
                && edits.iter().all(Edit::is_for_listeners)
                && matches!(*action, Action::Set(_)) =>
        {
            edits.iter().for_each(|edit| edit.write(listener));
            action.write(listener);
            *action
        }
        action => action,
    }
}

fn not_found_answer() -> Action {
    Action::Answer(Answer::Respond { status: 404, text: String::new(), content_type: None })
}

fn not_found(block: &Directive) -> Rule {
    Rule { line: block.line, what: block.text(), clause: Clause::default(), action: not_found_answer() }
}

/// How long a body may be silent at a place, either way: the longer of what is said.
pub(super) fn time_of_body(scope: &Scope<'_>) -> Option<String> {
    let times = ["client_body_timeout", "send_timeout"].map(|name| scope.arg(name).and_then(time::of_nginx));
    times.into_iter().flatten().max().filter(|time| !time.is_zero()).map(time::ours)
}

/// Who is believed: `set_real_ip_from`, or everybody where nobody is named.
pub(super) fn trusted(scope: &Scope<'_>) -> Vec<String> {
    let named: Vec<String> = scope.all("set_real_ip_from").iter().map(|one| one.arg(0).to_owned()).collect();
    if named.is_empty() { vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()] } else { named }
}

/// Time-outs and limits of a listener are those of its default server.
fn settings(scope: &Scope<'_>, listener: &mut Table, notes: &mut Notes) {
    for (name, keys) in [("client_header_timeout", &["timeouts.head"][..]), ("keepalive_timeout", &["timeouts.idle"])] {
        put_time(scope, name, keys, listener, notes);
    }
    if let Some(time) = time_of_body(scope) {
        listener.put("timeouts.body", time);
    }
    super::limits::connections(scope, listener, notes);
    if let Some(requests) = scope.arg("keepalive_requests").and_then(|text| text.parse::<u64>().ok()) {
        listener.put("limits.requests_per_connection_max", requests.max(1));
    }
    if let Some(buffers) = scope.get("large_client_header_buffers") {
        let bytes = buffers.arg(0).parse::<u64>().ok().zip(bytes(buffers.arg(1))).map(|(count, each)| count * each);
        if let Some(bytes) = bytes {
            listener.put("limits.head_bytes_max", bytes.clamp(256, 262_144));
        }
    }
}

/// `10m`, `8k`, `100`.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1 << 10),
        None => match text.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1 << 20),
            None => text.strip_suffix(['g', 'G']).map_or((text, 1), |digits| (digits, 1 << 30)),
        },
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}
