//! Files made from declarations: the smallest one in which a table stands.

use balancer::config::keys::TOP;
use config_file::{Key, Kind, Preset, Table};

/// The smallest file in which `table` stands with `keys`, as TOML, beside those it needs.
pub(crate) fn file(table: &'static Table, keys: &[(&str, String)]) -> String {
    if let Some((holder, key)) = shared(table) {
        return file(holder, &[(key.name, format!("{{ {} }}", body(table, keys, ", ")))]);
    }
    let (top, _) = table.name.split_once('.').unwrap_or((table.name, ""));
    let mut text = String::new();
    for section in TOP.keys.iter().filter_map(|key| key.section()) {
        let is_needed = ["listener", "backend_set"].contains(&section.name);
        if section.name == top {
            text += &chain(section, table, keys);
        } else if is_needed {
            text += &section_text(section, &[]);
        }
    }
    text
}

/// A table that several others share, and the first of them.
fn shared(table: &'static Table) -> Option<(&'static Table, &'static Key)> {
    if table.name.contains('.') || table.heading.starts_with('[') {
        return None;
    }
    let leads_here = |key: &&Key| matches!(key.kind, Kind::Table(below) if below.name == table.name);
    TOP.all().into_iter().find_map(|holder| Some((holder, holder.keys.iter().find(leads_here)?)))
}

/// `section`, and below it everything down to `table`.
fn chain(section: &'static Table, table: &'static Table, keys: &[(&str, String)]) -> String {
    if section.name == table.name {
        return section_text(section, keys);
    }
    let below = TOP.all().into_iter().find(|below| is_step(section, below, table)).expect("tables lie within tables");
    match below.heading.starts_with('[') {
        true => section_text(section, &context(below)) + &chain(below, table, keys),
        false => {
            let (_, name) = below.name.rsplit_once('.').expect("a table within a table");
            section_text(section, &[(name, inline(section, name, &body(below, keys, ", ")))])
        }
    }
}

/// Is `below` directly below `section`, and `table` it or below it?
fn is_step(section: &Table, below: &Table, table: &Table) -> bool {
    let direct = below.name.rsplit_once('.').is_some_and(|(parent, _)| parent == section.name);
    direct && (table.name == below.name || table.name.starts_with(&format!("{}.", below.name)))
}

/// What a section must say for a table below it to have a meaning.
fn context(below: &Table) -> Vec<(&'static str, String)> {
    match below.name {
        "listener.tls" => vec![("protocol", "\"https\"".to_owned())],
        _ => Vec::new(),
    }
}

/// Files that a table has to name, and that have to be there.
fn files(table: &Table) -> Vec<(&'static str, &'static str)> {
    match table.name {
        "listener.tls" | "listener.tls.certificates" => vec![("certificate", "both.pem")],
        "backend_set.tls" => vec![("ca", "ca.pem")],
        _ => Vec::new(),
    }
}

fn inline(section: &Table, key: &str, body: &str) -> String {
    let kind = &section.key(key).expect("it is declared").kind;
    let is_list = |kind: &Kind| matches!(kind, Kind::List { .. } | Kind::Tables { .. });
    if matches!(kind, Kind::PairsOfTables(_)) {
        return format!("{{ 503 = {{ {body} }} }}");
    }
    let in_list = is_list(kind) || matches!(kind, Kind::OneOf(kinds) if kinds.iter().all(is_list));
    if in_list { format!("[{{ {body} }}]") } else { format!("{{ {body} }}") }
}

fn section_text(section: &Table, keys: &[(&str, String)]) -> String {
    format!("{}\n{}\n\n", section.heading, body(section, keys, "\n"))
}

/// What a table must say although no single key of it has to be there.
fn context_of(table: &Table, keys: &[(&str, String)]) -> &'static [&'static str] {
    let has = |names: &[&str]| keys.iter().any(|(name, _)| names.contains(name));
    match table.name {
        "listener" if !has(&["backends"]) => &["backends = \"app\""],
        "listener.route" if has(&["backends", "redirect", "respond"]) => &["path_prefix = \"/only\""],
        "listener.route" if has(&["path", "path_prefix", "path_regex"]) => &["backends = \"app\""],
        "listener.route" => &["path_prefix = \"/only\"", "backends = \"app\""],
        "auth" if !has(&["users"]) => &["users = { a = \"$apr1$8sFt66rZ$BrHPM5iNPxsOeHS2m2bIJ.\" }"],
        "listener.errors" if !has(&["text", "file"]) => &["text = \"sorry\""],
        _ => &[],
    }
}

/// `keys`, and what else has to be there.
fn body(table: &Table, keys: &[(&str, String)], separator: &str) -> String {
    let needed = table.keys.iter().filter(|key| matches!(key.preset, Preset::Required));
    let needed = needed.filter(|key| !keys.iter().any(|(name, _)| *name == key.name));
    let needed = needed.filter(|key| !files(table).iter().any(|(name, _)| *name == key.name));
    let needed = needed.map(|key| format!("{} = {}", key.name, key.sample().expect("an example")));
    let context = context_of(table, keys).iter().map(|line| (*line).to_owned());
    let needed = context.chain(needed.collect::<Vec<_>>());
    let given = keys.iter().map(|(name, value)| format!("{name} = {value}"));
    let files = files(table).into_iter().filter(|(key, _)| !keys.iter().any(|(name, _)| name == key));
    let files = files.map(|(key, path)| format!("{key} = \"tests/config/pki/{path}\""));
    // One of two.
    let names_nobody = !keys.iter().any(|(name, _)| ["address", "srv"].contains(name));
    let address =
        (table.name == "backend_set.servers" && names_nobody).then(|| "address = \"127.0.0.1:9001\"".to_owned());
    address.into_iter().chain(needed).chain(given).chain(files).collect::<Vec<_>>().join(separator)
}
