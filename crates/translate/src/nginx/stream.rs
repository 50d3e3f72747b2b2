//! `stream`: TCP passed on as it is, by the name a client asks for where a map says so.

use super::limits::connections;
use super::place::sources;
use super::scope::Scope;
use super::server::{address, trusted};
use super::tree::Directive;
use super::upstream::{Sets, put_time};
use crate::document::{Table, one_or_list};
use crate::notes::Notes;
use std::collections::BTreeSet;

/// Listeners of the servers in a `stream` block.
pub(crate) fn listeners<'t>(stream: &'t Directive, sets: &mut Sets<'t>, notes: &mut Notes) -> Vec<Table> {
    let around = Scope::new(stream.inner());
    let servers = stream.inner().iter().filter(|one| one.name == "server");
    servers.filter_map(|server| listener(server, stream, &around.within(server.inner()), sets, notes)).collect()
}

fn listener<'t>(
    server: &'t Directive,
    stream: &'t Directive,
    scope: &Scope<'t>,
    sets: &mut Sets<'t>,
    notes: &mut Notes,
) -> Option<Table> {
    let (binds, announced) = binds(server, notes);
    let pass = server.inner().iter().find(|one| one.name == "proxy_pass")?;
    let first = binds.first()?.clone();
    let mut listener = Table::at(server.line);
    listener.put("name", format!("tcp-{}", first.rsplit(':').next().unwrap_or_default()));
    listener.put("bind", one_or_list(binds));
    listener.put("protocol", "tcp");
    if announced {
        listener.put("proxy_protocol", true);
        listener.put("trusted_proxies", trusted(scope));
    }
    put_time(scope, "proxy_timeout", &["timeouts.tunnel"], &mut listener, notes);
    connections(scope, &mut listener, notes);
    listener = guarded(listener, scope, notes);
    match pass.arg(0).strip_prefix('$') {
        None if !sets.has_server(pass.arg(0), false) => {
            notes.missing(pass.line, pass.text(), "this names no server");
            return None;
        }
        None => listener.put("backends", sets.for_stream(pass.arg(0), pass.line, scope, notes)),
        Some(variable) => by_name(variable, pass, stream, scope, sets, notes, &mut listener)?,
    }
    Some(listener)
}

/// Where it listens, and whether clients are announced there.
fn binds(server: &Directive, notes: &mut Notes) -> (Vec<String>, bool) {
    let (mut binds, mut announced) = (Vec::new(), false);
    for one in server.inner().iter().filter(|one| one.name == "listen") {
        match address(one.arg(0)) {
            _ if one.args.iter().any(|word| word == "udp") => {
                notes.missing(one.line, one.text(), "UDP is not passed on")
            }
            _ if one.args.iter().any(|word| word == "ssl") => {
                notes.missing(one.line, one.text(), "TLS is ended on HTTP listeners only")
            }
            Ok((address, _)) => {
                announced |= one.args.iter().any(|word| word == "proxy_protocol");
                binds.push(address);
            }
            Err(why) => notes.missing(one.line, one.text(), why),
        }
    }
    (binds, announced)
}

/// `allow` and `deny`: the first that fits decides.
fn guarded(mut listener: Table, scope: &Scope<'_>, notes: &mut Notes) -> Table {
    sources(scope, notes).iter().for_each(|edit| edit.write(&mut listener));
    listener
}

/// `map $ssl_preread_server_name $backend { a.org app; default other; }`
fn by_name<'t>(
    variable: &str,
    pass: &Directive,
    stream: &'t Directive,
    scope: &Scope<'t>,
    sets: &mut Sets<'t>,
    notes: &mut Notes,
    listener: &mut Table,
) -> Option<()> {
    let is_meant = |one: &&Directive| {
        one.name == "map" && one.arg(0) == "$ssl_preread_server_name" && one.arg(1).strip_prefix('$') == Some(variable)
    };
    let Some(map) = stream.inner().iter().find(is_meant) else {
        notes.missing(pass.line, pass.text(), "a server named by a variable");
        return None;
    };
    let mut named = BTreeSet::new();
    for one in map.inner().iter().filter(|one| !["hostnames", "include", "volatile"].contains(&one.name.as_str())) {
        if let Some(why) = unnamed(one, !named.insert(one.name.clone()), sets) {
            notes.missing(one.line, one.text(), why);
            continue;
        }
        let set = sets.for_stream(one.arg(0), one.line, scope, notes);
        if one.name == "default" {
            listener.put("backends", set);
            continue;
        }
        let names = match one.name.strip_prefix('.') {
            Some(name) => vec![name.to_owned(), format!("*.{name}")],
            None => vec![one.name.clone()],
        };
        let mut route = Table::at(one.line);
        route.put("host", one_or_list(names));
        route.put("backends", set);
        listener.push("route", route);
    }
    Some(())
}

/// Why a line of a map leads nowhere.
fn unnamed(one: &Directive, is_known: bool, sets: &Sets<'_>) -> Option<&'static str> {
    match () {
        () if one.name.starts_with('~') => Some("hosts are names or \"*.name\" only"),
        () if is_known => Some("this name is in the map already"),
        () if !sets.has_server(one.arg(0), false) => Some("this names no server"),
        () => None,
    }
}
