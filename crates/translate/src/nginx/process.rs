//! What stands around all servers: the process, its log, whom it asks for names.

use super::tree::Directive;
use crate::document::Table;
use crate::notes::Notes;
use crate::time;
use std::net::{IpAddr, SocketAddr};

/// What the whole file says once; `http` is the block of HTTP, or the file itself.
pub(super) fn write(tree: &[Directive], http: &[Directive], global: &mut Table, notes: &mut Notes) {
    let found = |name: &str| tree.iter().find(|one| one.name == name);
    if let Some(workers) = found("worker_processes").and_then(|one| one.arg(0).parse::<u64>().ok()) {
        global.put("workers", workers);
    }
    if let Some(user) = found("user").filter(|user| !user.arg(0).is_empty()) {
        global.put("user", user.arg(0));
        if !user.arg(1).is_empty() {
            global.put("group", user.arg(1));
        }
    }
    if found("worker_cpu_affinity").is_some() {
        global.put("pin", true);
    }
    if let Some(line) = found("worker_shutdown_timeout") {
        match time::of_nginx(line.arg(0)).filter(|time| !time.is_zero()) {
            Some(time) => global.put("drain", time::ours(time)),
            None => notes.missing(line.line, line.text(), "this is no time"),
        }
    }
    resolvers(tree, global, notes);
    log(tree, http, global, notes);
}

/// `resolver 10.0.0.2 valid=10s;` wherever it stands: with us they are one list for all.
fn resolvers(tree: &[Directive], global: &mut Table, notes: &mut Notes) {
    let mut lines = Vec::new();
    all(tree, "resolver", &mut lines);
    let mut asked: Vec<String> = Vec::new();
    for line in lines {
        for word in line.args.iter().filter(|word| !word.contains('=')) {
            let bare = word.trim_start_matches('[').trim_end_matches(']');
            match bare.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok() {
                true if asked.contains(word) => {}
                true => asked.push(word.clone()),
                false => notes.missing(line.line, line.text(), "a server for names is an address here"),
            }
        }
        let why = "names are looked up again by the TTL of their records, and not later than `resolve` of a set";
        notes.detail(line.line, line.text(), why);
    }
    if !asked.is_empty() {
        global.put("resolvers", asked);
    }
}

fn all<'t>(block: &'t [Directive], name: &str, found: &mut Vec<&'t Directive>) {
    for one in block {
        if one.name == name {
            found.push(one);
        }
        all(one.inner(), name, found);
    }
}

/// The first log that is written is that of all; what is said of others is told.
fn log(tree: &[Directive], http: &[Directive], global: &mut Table, notes: &mut Notes) {
    let mut lines = Vec::new();
    all(tree, "access_log", &mut lines);
    let mut first: Option<(&Directive, String)> = None;
    for line in lines {
        if line.arg(0) == "off" {
            let why = "one log tells of all requests: also of these, where another place has one";
            notes.detail(line.line, line.text(), why);
            continue;
        }
        match (target(line.arg(0)), &first) {
            (Err(why), _) => notes.missing(line.line, line.text(), why),
            (Ok(place), None) => first = Some((line, place)),
            (Ok(place), Some((_, known))) if place != *known => {
                notes.missing(line.line, line.text(), format!("there is one access log for all: \"{known}\""));
            }
            (Ok(_), Some(_)) => {}
        }
    }
    let Some((line, place)) = first else { return };
    global.put("access_log", place);
    global.put("access_log_format", format(line, http, notes));
    if line.args.iter().any(|word| word.starts_with("if=")) {
        notes.missing(line.line, line.text(), "which requests are told is not asked: see `access_log_sample`");
    }
}

/// `combined`, or what comes nearest to a format of one's own.
fn format(line: &Directive, http: &[Directive], notes: &mut Notes) -> &'static str {
    let name = line.args.get(1).filter(|word| !word.contains('=')).map_or("combined", String::as_str);
    if name == "combined" {
        return "combined";
    }
    let own = http.iter().find(|one| one.name == "log_format" && one.arg(0) == name);
    let is_json = own.is_some_and(|own| own.args.iter().skip(1).any(|part| part.trim_start().starts_with('{')));
    let ours = if is_json { "json" } else { "combined" };
    let why = format!("lines are as `{ours}` has them: fields of one's own cannot be said");
    notes.detail(line.line, line.text(), why);
    ours
}

/// Where a log goes, as ours says it.
fn target(place: &str) -> Result<String, &'static str> {
    match place.strip_prefix("syslog:") {
        Some(rest) => {
            let server = rest.split(',').find_map(|part| part.strip_prefix("server=")).unwrap_or_default();
            if let Some(path) = server.strip_prefix("unix:") {
                return Ok(if path == "/dev/log" { "syslog".to_owned() } else { format!("syslog:{path}") });
            }
            let bare = server.trim_start_matches('[').trim_end_matches(']');
            let address = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 514)).ok();
            let address = address.or(server.parse::<SocketAddr>().ok());
            address.map(|address| format!("syslog:{address}")).ok_or("a log daemon is an address or a socket file here")
        }
        None if place.contains('$') => Err("a file named by a variable: there is one log for all (`access_log`)"),
        None if place == "/dev/stdout" || place == "/dev/stderr" => Ok("stdout".to_owned()),
        None if place.starts_with('/') => Ok(place.to_owned()),
        None => Err("the path begins in nginx's own folder: write all of it in `access_log` of [global]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_logs() {
        for (place, expect) in [
            ("/var/log/nginx/access.log", Some("/var/log/nginx/access.log")),
            ("/dev/stdout", Some("stdout")),
            ("syslog:server=unix:/dev/log,tag=nginx", Some("syslog")),
            ("syslog:server=unix:/run/l.sock", Some("syslog:/run/l.sock")),
            ("syslog:server=192.0.2.9,facility=local7", Some("syslog:192.0.2.9:514")),
            ("syslog:server=[2001:db8::1]:1514", Some("syslog:[2001:db8::1]:1514")),
            ("syslog:server=logs.internal", None),
            ("/var/log/$host.log", None),
            ("logs/access.log", None),
        ] {
            assert_eq!(target(place).ok().as_deref(), expect, "{place}");
        }
    }
}
