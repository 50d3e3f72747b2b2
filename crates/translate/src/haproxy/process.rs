//! `global`, `resolvers` and pages of statistics: the process, whom it asks for names, and where it is asked.

use super::bind::ours;
use super::lex::Line;
use super::log;
use super::section::Section;
use crate::document::{Document, Value};
use crate::notes::Notes;
use crate::status::{APART, admin};
use crate::time;
use std::net::{IpAddr, SocketAddr};

/// What the process is told.
pub(super) fn write(sections: &[Section], document: &mut Document, notes: &mut Notes) {
    if let Some(global) = sections.iter().find(|section| section.kind == "global") {
        workers(global, document, notes);
        identity(global, document, notes);
        end(global, document, notes);
    }
    resolvers(sections, document, notes);
    log::write(sections, &mut document.global, notes);
    for section in sections.iter().filter(|section| is_for_statistics(section)) {
        statistics(section, document, notes);
    }
    let sockets = sections.iter().filter(|section| section.kind == "global").flat_map(|global| &global.lines);
    sockets.filter(|line| line.keyword() == "stats socket").for_each(|line| socket(line, document, notes));
}

fn workers(global: &Section, document: &mut Document, notes: &mut Notes) {
    let number = |name: &str| global.last(name).and_then(|line| line.word(1).parse::<u64>().ok());
    if let Some(count) = number("nbthread").or(number("nbproc")) {
        document.global.put("workers", count);
    }
    if let Some(line) = global.last("cpu-map") {
        document.global.put("pin", true);
        notes.detail(line.number, line.text(), "each worker has a core of its own (`pin`); which one cannot be said");
    }
}

fn identity(global: &Section, document: &mut Document, notes: &mut Notes) {
    let of = |names: [&str; 2]| names.iter().find_map(|name| global.last(name));
    let (user, group) = (of(["user", "uid"]), of(["group", "gid"]));
    match (user, group) {
        (None, Some(group)) => notes.missing(group.number, group.text(), "a group goes with a `user`: say who"),
        (user, group) => {
            let said = [("user", user), ("group", group)];
            let said = said.into_iter().filter_map(|(key, line)| Some((key, line?)));
            said.for_each(|(key, line)| document.global.put(key, line.word(1)));
        }
    }
}

/// How it ends.
fn end(global: &Section, document: &mut Document, notes: &mut Notes) {
    for (name, key) in [("hard-stop-after", "drain"), ("grace", "drain_grace")] {
        let Some(line) = global.last(name) else { continue };
        match time::of_haproxy(line.word(1)).filter(|time| !time.is_zero()) {
            Some(time) => document.global.put(key, time::ours(time)),
            None => notes.missing(line.number, line.text(), "this is no time"),
        }
    }
}

/// Those that a server names; with us they are one list for all.
fn resolvers(sections: &[Section], document: &mut Document, notes: &mut Notes) {
    let uses = |name: &str| {
        let named = |line: &Line| line.words.windows(2).any(|words| words[0] == "resolvers" && words[1] == name);
        sections.iter().flat_map(|section| &section.lines).any(named)
    };
    let (used, unused): (Vec<&Section>, Vec<&Section>) =
        sections.iter().filter(|section| section.kind == "resolvers").partition(|section| uses(&section.name));
    for section in unused {
        notes.detail(section.line, format!("resolvers {}", section.name), "no server asks these for its name");
    }
    let mut all: Vec<String> = Vec::new();
    for section in &used {
        for line in section.lines.iter().filter(|line| line.word(0) == "nameserver") {
            match nameserver(line.word(2)) {
                Some(address) if all.contains(&address) => {}
                Some(address) => all.push(address),
                None => notes.missing(line.number, line.text(), "a server for names is an address, asked by UDP"),
            }
        }
        let what = format!("resolvers {}", section.name);
        let why = "names are looked up again by the TTL of their records, and not later than `resolve` of a set";
        notes.detail(section.line, what, why);
    }
    if !all.is_empty() {
        document.global.put("resolvers", all);
    }
    if let [first, second, ..] = used.as_slice() {
        let why = format!("all names are asked of one list, that of `resolvers {}` with this one", first.name);
        notes.detail(second.line, format!("resolvers {}", second.name), why);
    }
}

fn nameserver(place: &str) -> Option<String> {
    let place = place.strip_prefix("udp@").unwrap_or(place);
    let bare = place.trim_start_matches('[').trim_end_matches(']');
    let is_one = place.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok();
    is_one.then(|| place.to_owned())
}

/// Does it show statistics, or metrics, and nothing else?
pub(super) fn is_for_statistics(section: &Section) -> bool {
    const WORKS: [&str; 5] = ["server", "server-template", "default_backend", "use_backend", "dispatch"];
    let own = section.own();
    let shows = |line: &Line| line.word(0) == "stats" || is_exporter(line);
    let is_work = |line: &Line| match line.word(0) {
        "http-request" => {
            !is_exporter(line) && !["auth", "set-log-level", "deny", "allow", "use-service"].contains(&line.word(1))
        }
        word => WORKS.contains(&word),
    };
    ["frontend", "listen"].contains(&section.kind.as_str()) && own.iter().any(shows) && !own.iter().any(is_work)
}

/// `http-request use-service prometheus-exporter if { path /metrics }`
pub(super) fn is_exporter(line: &Line) -> bool {
    line.word(0) == "http-request" && line.word(1) == "use-service" && line.word(2) == "prometheus-exporter"
}

fn statistics(section: &Section, document: &mut Document, notes: &mut Notes) {
    let bound = section.own().iter().find(|line| line.word(0) == "bind").map(|line| line.word(1));
    let address = bound.or(section.address.as_deref()).unwrap_or_default();
    let what = format!("{} {}", section.kind, section.name);
    match ours(address.split(',').next().unwrap_or_default()) {
        Ok((address, _)) => admin(section.line, &what, &address, &mut document.admin, notes),
        Err(_) => notes.missing(section.line, what, APART),
    }
}

/// `stats socket /run/haproxy/admin.sock mode 660 group haproxy level admin`: where there is no other place.
fn socket(line: &Line, document: &mut Document, notes: &mut Notes) {
    let path = line.word(2).strip_prefix("unix@").unwrap_or(line.word(2));
    let after = |name: &str| line.words.iter().skip_while(|word| *word != name).nth(1);
    let why = match document.admin {
        Some(_) => "`quintet ctl` asks the one admin listener that there is",
        None if !path.starts_with('/') => return notes.missing(line.number, line.text(), APART),
        None => {
            let mut bind = vec![("address".to_owned(), Value::from(format!("unix:{path}")))];
            for name in ["mode", "user", "group"] {
                bind.extend(after(name).map(|word| (name.to_owned(), Value::from(word.as_str()))));
            }
            let mut admin = crate::document::Table::at(line.number);
            admin.put("bind", Value::Inline(bind));
            document.admin = Some(admin);
            "the admin listener speaks HTTP, not HAProxy's commands: `quintet ctl` asks it"
        }
    };
    notes.detail(line.number, line.text(), why);
}
