//! `backend`, and the back of `listen`: a set of servers.

use super::acl::Facts;
use super::bind::TlsWords;
use super::clause::{Acls, Known};
use super::lex::Line;
use super::rules::rules;
use super::section::Section;
use super::server::{Server, Tls};
use super::times::put_time;
use crate::address::{is_host, is_server};
use crate::document::{Table, Value};
use crate::edit::{Edit, How};
use crate::notes::Notes;

/// The set of one section; `None` where it has no server.
pub(crate) fn set(section: &Section, known: &Known, notes: &mut Notes) -> Option<Table> {
    let servers = servers(section, notes);
    if servers.is_empty() {
        return None;
    }
    let http = section.is_http();
    let mut set = Table::at(section.line);
    set.put("name", section.name.clone());
    write_servers(&servers, &known.tls, &mut set, notes);
    balance(section, &mut set, notes);
    times(section, http, &mut set, notes);
    habits(section, http, &mut set);
    if http {
        retry_on(section, &mut set, notes);
    }
    cookie(section, &mut set, notes);
    if servers.iter().any(|server| server.may_be_unknown) {
        set.put("resolve_at_start", "optional");
    }
    if let Some(line) = section.last("http-send-name-header").filter(|line| http && !line.word(1).is_empty()) {
        let (name, value) = (line.word(1).to_owned(), "{server}".to_owned());
        Edit::Field { of_response: false, how: How::Set, name, value }.write(&mut set);
        notes.detail(line.number, line.text(), "a server is told its address: names of servers are not said here");
    }
    if servers.iter().any(|server| server.checked) {
        health(section, &servers, &mut set, notes);
    }
    if section.kind == "backend" {
        let acls = Acls::of(&section.lines, Facts { tls: false, http, port: None }, known);
        let rules = rules(&section.lines, &acls, notes);
        rules.iter().filter(|rule| rule.is_field_for_all()).for_each(|rule| rule.action.write(&mut set));
    }
    Some(set)
}

fn servers(section: &Section, notes: &mut Notes) -> Vec<Server> {
    let mut base = Server::default();
    let mut servers = Vec::new();
    for line in &section.lines {
        match line.word(0) {
            "default-server" => base = Server::parse(line, &base, notes),
            "server" | "server-template" => {
                let server = Server::parse(line, &base, notes);
                let known = servers.iter().any(|known: &Server| known.address == server.address);
                match is_server(&server.address) {
                    true if known => notes.missing(line.number, line.text(), "this server is in the set already"),
                    true => servers.push(server),
                    false => notes.missing(line.number, line.text(), "this is no address of a server"),
                }
            }
            _ => {}
        }
    }
    leave_out_strangers(&mut servers, notes);
    // Where there are no others, backups are servers like any.
    if servers.iter().all(|server| server.backup) {
        servers.iter_mut().for_each(|server| server.backup = false);
    }
    let is_open = |server: &Server| !server.disabled && server.weight != Some(0);
    if let Some(first) = servers.first().filter(|_| !servers.iter().any(is_open)) {
        notes.missing(first.line, "every server of the set is off", "a set that takes nothing: they are on here");
        servers.iter_mut().for_each(|server| (server.disabled, server.weight) = (false, None));
    }
    servers
}

/// What holds for a whole set must be said of each: else one that is to be secured would be spoken to in the clear.
fn leave_out_strangers(servers: &mut Vec<Server>, notes: &mut Notes) {
    let Some(first) = servers.first().cloned() else { return };
    servers.retain(|server| {
        let odd = match (server.tls() == first.tls(), server.send_proxy == first.send_proxy) {
            (true, true) => return true,
            (false, _) => "ssl",
            (true, false) => "send-proxy",
        };
        let why = "this holds for a whole set, so this server is left out: make a set for it";
        notes.missing(server.line, format!("server {} ... {odd}", server.address), why);
        false
    });
}

/// How many connections, and how many that wait.
fn write_bounds(servers: &[Server], set: &mut Table, notes: &mut Notes) {
    let common = |of: &dyn Fn(&Server) -> Option<u64>| {
        let first = of(&servers[0]);
        first.filter(|_| servers.iter().all(|server| of(server) == first))
    };
    let most = common(&|server| server.connections_max);
    if let Some(server) = servers.iter().find(|server| server.connections_max != most) {
        let why = "this bound holds for all servers of a set: make a set for each bound";
        notes.missing(server.line, format!("server {} ... maxconn", server.address), why);
    }
    if let Some(most) = most {
        set.put("limits.connections_max", most);
    }
    let queue = common(&|server| server.queue_max);
    if let Some(server) = servers.iter().find(|server| server.queue_max != queue) {
        let why = "requests wait in one line for all servers of a set: make a set for each bound";
        notes.missing(server.line, format!("server {} ... maxqueue", server.address), why);
    }
    // Without a bound nobody waits.
    if let Some(each) = queue.filter(|_| most.is_some()) {
        set.put("limits.queue_max", each.saturating_mul(servers.len() as u64));
    }
}

fn write_servers(servers: &[Server], said: &TlsWords, set: &mut Table, notes: &mut Notes) {
    set.put("servers", servers.iter().map(Server::value).collect::<Vec<_>>());
    write_bounds(servers, set, notes);
    let first = &servers[0];
    if let Some(other) = servers.iter().find(|server| server.source != first.source) {
        let what = format!("server {} ... source", other.address);
        notes.missing(other.line, what, "this holds for a whole set: make two sets of it");
    }
    if let Some(tls) = first.tls() {
        write_tls(tls, said, set);
    }
    if let Some(version) = first.send_proxy {
        set.put("proxy_protocol", version);
    }
    if let Some(source) = first.source.as_ref().filter(|source| source.parse::<std::net::IpAddr>().is_ok()) {
        set.put("sources", vec![source.clone()]);
    }
    if let Some(time) = &first.slow_start {
        set.put("slow_start", time.clone());
    }
}

fn write_tls(tls: &Tls, said: &TlsWords, set: &mut Table) {
    set.put("tls.verify", tls.verify.unwrap_or(tls.ca.is_some()));
    // Without a file it is the system's authorities.
    if let Some(file) = tls.ca.as_ref().filter(|file| *file != "@system-ca") {
        set.put("tls.ca", said.authority(file));
    }
    if let Some(name) = &tls.name {
        set.put("tls.server_name", name.clone());
    }
    if let Some(file) = &tls.certificate {
        set.put("tls.certificate", said.certificate(file));
        set.put("tls.key", said.certificate(file));
    }
}

fn balance(section: &Section, set: &mut Table, notes: &mut Notes) {
    let Some(line) = section.last("balance") else { return };
    let name = match line.word(1).split('(').next().unwrap_or_default() {
        "roundrobin" | "static-rr" => return,
        "leastconn" => "least-connections",
        "random" => "random",
        "source" => return hash(set, "source".to_owned()),
        "uri" => return hash(set, "path".to_owned()),
        "hdr" => {
            let name = line.word(1).trim_start_matches("hdr(").trim_end_matches(')');
            return hash(set, format!("header:{name}"));
        }
        _ => return notes.missing(line.number, line.text(), "this policy has no counterpart: the turn goes round"),
    };
    set.put("balance", name);
}

fn hash(set: &mut Table, by: String) {
    set.put("balance", "hash");
    set.put("hash", by);
}

fn times(section: &Section, http: bool, set: &mut Table, notes: &mut Notes) {
    let server: &[&str] = if http { &["timeouts.response", "timeouts.body"] } else { &[] };
    for (name, keys) in [("connect", &["timeouts.connect"][..]), ("server", server)] {
        if let Some(line) = section.timeout(name) {
            put_time(line, keys, set, notes);
        }
    }
    // Without a bound nobody waits.
    let is_bounded = set.get("limits.connections_max").is_some();
    if let Some(line) = section.timeout("queue").or(section.timeout("connect")).filter(|_| is_bounded) {
        put_time(line, &["limits.queue_timeout"], set, notes);
    }
}

/// What connections to servers are like.
fn habits(section: &Section, http: bool, set: &mut Table) {
    let closes = ["http-server-close", "httpclose", "forceclose"].iter().any(|name| section.option(name).is_some());
    let reuse = section.last("http-reuse").map(|line| line.word(1).to_owned());
    // Joined connections have no pool, nor do those that begin with one client's address.
    let has_pool = http && set.get("proxy_protocol").is_none();
    match reuse.as_deref() {
        _ if !has_pool => {}
        _ if closes => set.put("pool.idle_max", 0),
        Some("never") => set.put("pool.reuse", "never"),
        Some("aggressive" | "always") => set.put("pool.reuse", "always"),
        _ => {}
    }
    if let Some(retries) = section.last("retries").and_then(|line| line.word(1).parse::<u64>().ok()) {
        set.put("retries_max", retries.min(10));
    }
}

/// `retry-on conn-failure empty-response 503`: what is no status is tried again anyway.
fn retry_on(section: &Section, set: &mut Table, notes: &mut Notes) {
    const ALL: [u64; 4] = [500, 502, 503, 504];
    let Some(line) = section.last("retry-on") else { return };
    let mut statuses: Vec<u64> = Vec::new();
    for word in &line.words[1..] {
        match (word.as_str(), word.parse::<u64>()) {
            (_, Ok(status)) if (400..600).contains(&status) => statuses.push(status),
            ("none", _) => set.put("retries_max", 0),
            ("all-retryable-errors", _) => statuses.extend(ALL),
            ("conn-failure" | "empty-response" | "junk-response" | "response-timeout" | "0rtt-rejected", _) => {}
            _ => notes.missing(line.number, format!("retry-on {word}"), "nothing is tried again for this"),
        }
    }
    statuses.sort_unstable();
    statuses.dedup();
    if !statuses.is_empty() {
        set.put("retry_on", statuses);
        notes.detail(line.number, line.text(), "requests are sent again whose method may be repeated: POST is not");
    }
}

fn cookie(section: &Section, set: &mut Table, notes: &mut Notes) {
    let Some(line) = section.last("cookie") else { return };
    if ["rewrite", "prefix"].iter().any(|word| line.words.iter().any(|known| known == word)) {
        return notes.missing(
            line.number,
            line.text(),
            "only a cookie of the balancer's own (`insert`) has a counterpart",
        );
    }
    set.put("sticky.cookie", line.word(1));
    notes.detail(
        line.number,
        line.text(),
        "values of the cookie are this balancer's own: visitors are placed anew once",
    );
}

/// How servers are checked: what the set says, with the rhythm of its first server.
fn health(section: &Section, servers: &[Server], set: &mut Table, notes: &mut Notes) {
    let first = servers.iter().find(|server| server.checked).unwrap_or(&servers[0]);
    if let Some(other) = servers.iter().find(|server| !server.checked) {
        notes.detail(
            other.line,
            format!("server {}", other.address),
            "checks hold for a whole set: it is checked, too",
        );
    }
    let check = &first.check;
    set.put("health.interval", check.interval.clone().unwrap_or("2s".to_owned()));
    for (key, number) in
        [("health.rise", check.rise.or(Some(2))), ("health.fall", check.fall.or(Some(3))), ("health.port", check.port)]
    {
        if let Some(number) = number {
            set.put(key, number);
        }
    }
    if let Some(time) = &check.interval_down {
        set.put("health.interval_down", time.clone());
    }
    if let Some(line) = section.timeout("check") {
        put_time(line, &["health.timeout"], set, notes);
    }
    match section.option("httpchk") {
        Some(line) if is_checked_by_tls(section, first) => {
            let why = "checks speak TLS where connections to the set do (`ssl`): only a connection is tried";
            let more = section.lines.iter().filter(|line| line.word(0) == "http-check");
            std::iter::once(line).chain(more).for_each(|line| notes.missing(line.number, line.text(), why));
            set.put("health.check", "tcp");
        }
        Some(line) => http_check(section, line, set, notes),
        None => set.put("health.check", "tcp"),
    }
}

/// Are its checks secured, and nothing else? In plain text every one of them would fail.
fn is_checked_by_tls(section: &Section, server: &Server) -> bool {
    let connects = |line: &&Line| line.word(0) == "http-check" && line.word(1) == "connect";
    let by_lines = section.lines.iter().filter(connects).any(|line| line.words.iter().any(|word| word == "ssl"));
    server.tls().is_none() && (server.check.tls || by_lines)
}

fn http_check(section: &Section, line: &Line, set: &mut Table, notes: &mut Notes) {
    let (method, path) = match line.words.len() {
        0..=2 => ("OPTIONS", "/"),
        3 => ("OPTIONS", line.word(2)),
        _ => (line.word(2), line.word(3)),
    };
    let mut asks = Asks { method: method.to_owned(), path: path.to_owned(), host: host_in(line) };
    for line in section.lines.iter().filter(|line| line.word(0) == "http-check") {
        match line.words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [_, "send", rest @ ..] => asks.send(rest),
            [_, "connect", "port", port] if port.parse::<u16>().is_ok() => {
                set.put("health.port", port.parse::<u64>().unwrap_or_default());
            }
            [_, "connect", "ssl"] | [_, "connect"] => {}
            [_, "expect", "status", status] => match statuses(status) {
                Some(value) => set.put("health.status", value),
                None => notes.missing(line.number, line.text(), "these statuses have no counterpart"),
            },
            [_, "expect", "string", text] => set.put("health.body", *text),
            _ => notes.missing(line.number, line.text(), "this expectation has no counterpart"),
        }
    }
    if !asks.path.starts_with('/') {
        notes.missing(line.number, line.text(), "this is no path: only a connection is tried");
        return set.put("health.check", "tcp");
    }
    asks.write(set);
}

/// What a check asks for.
struct Asks {
    method: String,
    path: String,
    host: Option<String>,
}

impl Asks {
    /// `http-check send meth GET uri /health hdr Host example.org`
    fn send(&mut self, words: &[&str]) {
        let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
        if let Some(method) = after("meth") {
            self.method = (*method).to_owned();
        }
        if let Some(path) = after("uri") {
            self.path = (*path).to_owned();
        }
        let named = words.windows(3).find(|words| words[0] == "hdr" && words[1].eq_ignore_ascii_case("host"));
        self.host = named.map(|words| words[2].to_owned()).or(self.host.take());
    }

    fn write(self, set: &mut Table) {
        set.put("health.path", self.path);
        if self.method != "GET" && self.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            set.put("health.method", self.method);
        }
        if let Some(host) = self.host.filter(|host| is_host(host.rsplit_once(':').map_or(host, |(host, _)| host))) {
            set.put("health.host", host);
        }
    }
}

/// `HTTP/1.1\r\nHost:\ example.org` behind the path.
fn host_in(line: &Line) -> Option<String> {
    let rest = line.words.get(4..)?.join(" ");
    let (_, host) = rest.split_once("Host:").or(rest.split_once("host:"))?;
    host.split_whitespace().next().map(str::to_owned)
}

fn statuses(text: &str) -> Option<Value> {
    let is_status = |text: &str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let value = |text: &String| text.parse::<u64>().map_or(Value::Text(text.clone()), Value::Number);
    let all: Vec<String> = text.split(',').map(str::to_owned).collect();
    let fits = |text: &String| {
        is_status(text) || text.split_once('-').is_some_and(|(low, high)| is_status(low) && is_status(high))
    };
    all.iter().all(fits).then(|| Value::List(all.iter().map(value).collect()))
}
