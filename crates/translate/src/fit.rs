//! A document cut down to what a balancer takes: what it does not know is listed, never written.

use crate::document::{Document, Table, Value};
use crate::notes::Notes;

/// Whether the balancer takes a setting, by its path: `listener.route.header`; and whether it takes [`LISTS`], [`FILES`] and
/// [`NAMES`].
pub type Takes<'t> = &'t dyn Fn(&str) -> bool;

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
    document.global.fit("global", takes, notes);
    document.listeners.iter_mut().for_each(|listener| listener.fit("listener", takes, notes));
    document.sets.iter_mut().for_each(|set| set.fit("backend_set", takes, notes));
    document
}

/// A listener for each address, where one cannot have several.
fn by_address(mut listener: Table, takes: Takes<'_>, notes: &mut Notes) -> Vec<Table> {
    let is_tcp = listener.get("protocol") == Some(&Value::from("tcp"));
    if is_tcp && !takes(NAMES) && listener.drop_array("route") {
        notes.missing(listener.line, "routes by the name that a TLS client asks for", WHY);
    }
    let addresses: Vec<Value> = match listener.get("bind") {
        Some(Value::List(addresses)) if !takes(LISTS) => addresses.clone(),
        Some(value) => vec![value.clone()],
        None => return vec![listener],
    };
    let is_file = |address: &Value| matches!(address, Value::Text(text) if text.starts_with("unix:"));
    let mut made = Vec::new();
    for (at, address) in addresses.into_iter().enumerate() {
        if is_file(&address) && !takes(FILES) {
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
