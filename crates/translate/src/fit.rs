//! A document cut down to what a balancer takes: what it does not know is listed, never written.

use crate::document::{Document, Table, Value};
use crate::notes::Notes;

/// What the balancer takes of a setting, by its path: `listener.route.header`; and whether it takes [`LISTS`], [`FILES`] and
/// [`NAMES`].
pub type Takes<'t> = &'t dyn Fn(&str) -> Taken;

/// What of a setting is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// There is no such setting.
    No,
    /// Whatever it says.
    Yes,
    /// Numbers from the first to the second.
    Within(u64, u64),
}

/// A listener with several addresses.
pub const LISTS: &str = "listener.bind, several";
/// A listener with a socket file.
pub const FILES: &str = "listener.bind, unix";
/// Routes of a tcp listener, by the name a client asks for.
pub const NAMES: &str = "listener.route, tcp";

const WHY: &str = "this balancer has no such setting";

/// Leaves what is taken.
pub(crate) fn fitted(mut document: Document, takes: Takes<'_>, notes: &mut Notes) -> Document {
    let listeners = std::mem::take(&mut document.listeners).into_iter();
    document.listeners = listeners.flat_map(|listener| by_address(listener, takes, notes)).collect();
    document.listeners.iter_mut().for_each(|listener| without_proxy(listener, takes));
    one_listener_each(&mut document, notes);
    document.global.fit("global", takes, notes);
    if takes("admin") == Taken::No {
        document.admin = None;
    }
    document.listeners.iter_mut().for_each(|listener| listener.fit("listener", takes, notes));
    document.sets.iter_mut().for_each(|set| set.fit("backend_set", takes, notes));
    document
}

/// Where nobody tells who a client is, nobody is believed either.
fn without_proxy(listener: &mut Table, takes: Takes<'_>) {
    if listener.get("proxy_protocol").is_some() && takes("listener.proxy_protocol") == Taken::No {
        listener.remove("trusted_proxies");
    }
}

/// Of listeners at one address the first one has it. (HAProxy lets the kernel choose between them.)
fn one_listener_each(document: &mut Document, notes: &mut Notes) {
    let (mut taken, mut names): (Vec<(Value, String)>, Vec<String>) = Default::default();
    for listener in &mut document.listeners {
        let (line, name) = (listener.line, listener.name().to_owned());
        let mut addresses = match listener.get("bind") {
            Some(Value::List(addresses)) => addresses.clone(),
            bind => bind.cloned().into_iter().collect(),
        };
        addresses.retain(|address| {
            let first = taken.iter().find(|(known, _)| known == address);
            if let Some((_, first)) = first {
                notes.missing(line, format!("{name} at {}", text(address)), format!("{first} listens there already"));
                return false;
            }
            taken.push((address.clone(), name.clone()));
            true
        });
        if names.contains(&name) {
            listener.put("name", format!("{name}-{line}"));
        }
        names.push(name);
        listener.put("bind", if addresses.len() == 1 { addresses.remove(0) } else { Value::List(addresses) });
    }
    document.listeners.retain(|listener| listener.get("bind") != Some(&Value::List(Vec::new())));
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        _ => "",
    }
}

/// A listener for each address, where one cannot have several.
fn by_address(mut listener: Table, takes: Takes<'_>, notes: &mut Notes) -> Vec<Table> {
    let is_tcp = listener.get("protocol") == Some(&Value::from("tcp"));
    if is_tcp && takes(NAMES) == Taken::No && listener.drop_array("route") {
        notes.missing(listener.line, "routes by the name that a TLS client asks for", WHY);
    }
    let addresses: Vec<Value> = match listener.get("bind") {
        Some(Value::List(addresses)) if takes(LISTS) == Taken::No => addresses.clone(),
        Some(value) => vec![value.clone()],
        None => return vec![listener],
    };
    let is_file = |address: &Value| matches!(address, Value::Text(text) if text.starts_with("unix:"));
    let mut made = Vec::new();
    for (at, address) in addresses.into_iter().enumerate() {
        if is_file(&address) && takes(FILES) == Taken::No {
            notes.missing(listener.line, "a socket file to listen on", WHY);
            continue;
        }
        let mut one = listener.clone();
        if at > 0 {
            one.put("name", format!("{}-{}", listener.name(), at + 1));
        }
        one.put("bind", address);
        made.push(one);
    }
    made
}
