//! Limits that count together, wherever they are said: one zone of nginx, one stick table of HAProxy.

use crate::document::{Document, Table, Value};
use crate::edit::Edit;
use crate::notes::Notes;
use std::collections::BTreeMap;

const PER_CLIENT: &str = "limits.connections_per_client_max";

/// A rate whose requests are counted with all of its zone.
pub(crate) fn limit(rate: String, burst: u64, by: &str, zone: &str) -> Edit {
    let said: [(&str, Value); 4] =
        [("rate", rate.into()), ("burst", burst.into()), ("by", by.into()), ("zone", zone.into())];
    let parts = said.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Edit::Setting { key: "rate_limit", value: Value::Inline(parts) }
}

/// Zones are named where there is more than one limit to count together; what says something else counts apart.
pub(crate) fn settle(document: &mut Document, notes: &mut Notes) {
    let mut zones: BTreeMap<String, Vec<(Value, usize)>> = BTreeMap::new();
    let mut limits = |_: usize, said: &mut Value| {
        let kinds = zones.entry(zone_of(said)).or_default();
        match kinds.iter_mut().find(|(known, _)| known == said) {
            Some((_, count)) => *count += 1,
            None => kinds.push((said.clone(), 1)),
        }
    };
    each(document, &mut limits);
    // What is said most often keeps the name.
    zones.values_mut().for_each(|kinds| kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count)));
    let mut name = |line: usize, said: &mut Value| {
        let zone = zone_of(said);
        let kinds = &zones[&zone];
        let at = kinds.iter().position(|(known, _)| known == said).unwrap_or(0);
        if at > 0 {
            let why = "limits of one zone that say something else are counted apart, each for itself";
            notes.detail(line, format!("zone {zone}"), why);
        }
        match (kinds[at].1, at) {
            (1, _) => rename(said, None),
            (_, 0) => {}
            _ => rename(said, Some(format!("{zone}-{}", at + 1))),
        }
    };
    each(document, &mut name);
    remark_connections(document, notes);
}

/// Every rate limit, with the line of the table that it stands in.
fn each(document: &mut Document, do_it: &mut dyn FnMut(usize, &mut Value)) {
    for listener in &mut document.listeners {
        let mut in_table = |table: &mut Table| {
            let line = table.line;
            if let Some(said) = table.get_mut("rate_limit") {
                do_it(line, said);
            }
        };
        in_table(listener);
        listener.each_below("route", &mut in_table);
    }
}

fn zone_of(said: &Value) -> String {
    let Value::Inline(parts) = said else { return String::new() };
    match parts.iter().find(|(key, _)| key == "zone") {
        Some((_, Value::Text(zone))) => zone.clone(),
        _ => String::new(),
    }
}

fn rename(said: &mut Value, zone: Option<String>) {
    let Value::Inline(parts) = said else { return };
    parts.retain(|(key, _)| key != "zone");
    parts.extend(zone.map(|zone| ("zone".to_owned(), zone.into())));
}

/// Connections have no zones.
fn remark_connections(document: &Document, notes: &mut Notes) {
    let counting: Vec<&Table> = document.listeners.iter().filter(|one| one.get(PER_CLIENT).is_some()).collect();
    if counting.len() < 2 {
        return;
    }
    for listener in counting {
        let what = format!("connections of a client at listener {}", listener.name());
        notes.detail(
            listener.line,
            what,
            "each listener counts its own: a client may have as many at every one of them",
        );
    }
}
