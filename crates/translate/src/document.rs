//! A document of ours while it grows, and as TOML.

use crate::fit::Taken;
use crate::notes::{Note, Weight};
use std::fmt::Write;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Switch(bool),
    List(Vec<Value>),
    Inline(Vec<(String, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(switch: bool) -> Self {
        Self::Switch(switch)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

/// One value, or a list of several.
pub(crate) fn one_or_list(mut values: Vec<String>) -> Value {
    if values.len() == 1 { Value::Text(values.remove(0)) } else { values.into() }
}

/// A table: its keys, and those below it by dotted names (`timeouts.idle`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// The line it comes from.
    pub(crate) line: usize,
    entries: Vec<(String, Value)>,
    /// Arrays of tables below it.
    arrays: Vec<(&'static str, Vec<Table>)>,
}

impl Table {
    /// Of something that begins in this line.
    pub(crate) fn at(line: usize) -> Self {
        Self { line, ..Self::default() }
    }

    /// Says `key`, again where it was said before.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.entries.iter_mut().find(|(name, _)| name == key) {
            Some((_, known)) => *known = value,
            None => self.entries.push((key.to_owned(), value)),
        }
    }

    /// Takes back what was said.
    pub(crate) fn remove(&mut self, key: &str) {
        self.entries.retain(|(name, _)| name != key);
    }

    /// Is all of it the same, wherever it comes from?
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        (&self.entries, &self.arrays) == (&other.entries, &other.arrays)
    }

    /// What was said of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.entries.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Every table of an array below this one.
    pub(crate) fn each_below(&mut self, array: &str, do_it: &mut dyn FnMut(&mut Table)) {
        let found = self.arrays.iter_mut().filter(|(name, _)| *name == array);
        found.flat_map(|(_, tables)| tables).for_each(do_it);
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self.get("name") {
            Some(Value::Text(name)) => name,
            _ => "",
        }
    }

    /// Puts a table at the end of an array below this one.
    pub(crate) fn push(&mut self, array: &'static str, table: Table) {
        match self.arrays.iter_mut().find(|(name, _)| *name == array) {
            Some((_, tables)) => tables.push(table),
            None => self.arrays.push((array, vec![table])),
        }
    }

    /// Takes out what is not taken, with a note on each.
    pub(crate) fn fit(&mut self, path: &str, takes: crate::fit::Takes<'_>, notes: &mut crate::notes::Notes) {
        const WHY: &str = "this balancer has no such setting";
        let line = self.line;
        self.entries.retain_mut(|(name, value)| match (takes(&format!("{path}.{name}")), &*value) {
            (Taken::No, _) => {
                notes.missing(line, format!("{name} = {}", shown(value)), WHY);
                false
            }
            (Taken::Within(least, most), Value::Number(number)) if !(least..=most).contains(number) => {
                notes.detail(line, format!("{name} = {number}"), format!("it can be {least} to {most}"));
                *value = (*number).clamp(least, most).into();
                true
            }
            _ => true,
        });
        for (name, tables) in &mut self.arrays {
            let path = format!("{path}.{name}");
            if takes(&path) != Taken::No {
                tables.iter_mut().for_each(|table| table.fit(&path, takes, notes));
            } else {
                notes.missing(line, format!("[[{path}]]"), WHY);
                tables.clear();
            }
        }
    }

    /// Takes out an array of tables; was there one?
    pub(crate) fn drop_array(&mut self, array: &str) -> bool {
        let before = self.arrays.len();
        self.arrays.retain(|(name, _)| *name != array);
        self.arrays.len() < before
    }

    fn write(&self, path: &str, text: &mut String) {
        let mut groups: Vec<&str> = self.entries.iter().map(|(name, _)| group(name)).collect();
        groups.sort_by_key(|group| !group.is_empty());
        groups.dedup();
        let mut seen: Vec<&str> = Vec::new();
        for group_name in groups {
            if seen.contains(&group_name) {
                continue;
            }
            seen.push(group_name);
            if !group_name.is_empty() {
                let _infallible = writeln!(text, "\n[{path}.{group_name}]");
            }
            for (name, value) in self.entries.iter().filter(|(name, _)| group(name) == group_name) {
                let name = name.rsplit_once('.').map_or(name.as_str(), |(_, name)| name);
                let _infallible = writeln!(text, "{name} = {}", shown(value));
            }
        }
        for (name, tables) in &self.arrays {
            for table in tables {
                let path = format!("{path}.{name}");
                let _infallible = writeln!(text, "\n[[{path}]]{}", origin(table.line));
                table.write(&path, text);
            }
        }
    }
}

/// The table within this one in which a dotted name stands.
fn group(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(group, _)| group)
}

/// A whole configuration.
#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) global: Table,
    pub(crate) admin: Option<Table>,
    pub(crate) listeners: Vec<Table>,
    pub(crate) sets: Vec<Table>,
}

impl Document {
    /// As TOML; `name` is how the comment calls where it comes from.
    pub(crate) fn toml(&self, name: &str, notes: &[Note]) -> String {
        let mut text = format!("# Translated from {}. Lines are those of that file.\n", one_line(name));
        let missing: Vec<&Note> = notes.iter().filter(|note| note.weight == Weight::Missing).collect();
        if !missing.is_empty() {
            text += "#\n# Not translated:\n";
        }
        missing.iter().for_each(|note| text += &format!("#   {}\n", one_line(&note.to_string())));
        if !self.global.entries.is_empty() {
            text += "\n[global]\n";
            self.global.write("global", &mut text);
        }
        if let Some(admin) = &self.admin {
            let _infallible = writeln!(text, "\n[admin]{}", origin(admin.line));
            admin.write("admin", &mut text);
        }
        for (heading, tables) in [("listener", &self.listeners), ("backend_set", &self.sets)] {
            for table in tables {
                let _infallible = writeln!(text, "\n[[{heading}]]{}", origin(table.line));
                table.write(heading, &mut text);
            }
        }
        text
    }
}

fn origin(line: usize) -> String {
    if line == 0 { String::new() } else { format!(" # line {line}") }
}

/// A comment ends with its line, whatever the text holds.
fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

fn shown(value: &Value) -> String {
    let all = |values: &[Value]| values.iter().map(shown).collect::<Vec<_>>();
    match value {
        Value::Text(text) => quoted(text),
        Value::Number(number) => number.to_string(),
        Value::Switch(switch) => switch.to_string(),
        Value::List(values) => {
            let line = format!("[{}]", all(values).join(", "));
            if line.chars().count() <= 100 { line } else { format!("[\n    {},\n]", all(values).join(",\n    ")) }
        }
        Value::Inline(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{} = {}", bare(key), shown(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
    }
}

/// A key, in quotes where it needs them.
fn bare(key: &str) -> String {
    let is_bare = !key.is_empty() && key.chars().all(|char| char.is_ascii_alphanumeric() || "-_".contains(char));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A literal string where that reads better, a basic one elsewhere.
fn quoted(text: &str) -> String {
    let is_literal = text.contains('\\') && !text.contains('\'') && !text.chars().any(char::is_control);
    if is_literal {
        return format!("'{text}'");
    }
    let escaped = |char: char| match char {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        char if char.is_control() => format!("\\u{:04X}", u32::from(char)),
        char => char.to_string(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_written_as_toml() {
        let mut document = Document::default();
        let mut listener = Table::at(7);
        listener.put("timeouts.idle", "60s");
        listener.put("name", "web");
        listener.put("limits.connections_max", 10);
        listener.put("timeouts.head", "5s");
        let mut route = Table::at(9);
        route.put("path_regex", "^/v[0-9]+\\.");
        route.put("host", one_or_list(vec!["a".to_owned(), "b".to_owned()]));
        route
            .put("respond", Value::Inline(vec![("status".to_owned(), 404.into()), ("a b".to_owned(), "x\n\"".into())]));
        route.put("headers.x", true);
        listener.push("route", route);
        document.listeners.push(listener);
        let notes = [Note { line: 3, weight: Weight::Missing, what: "log\n".to_owned(), why: "no".to_owned() }];
        let expect = "# Translated from a b. Lines are those of that file.\n#\n# Not translated:\n#   line 3: `log\\n`: no\n\
             \n[[listener]] # line 7\nname = \"web\"\n\n[listener.timeouts]\nidle = \"60s\"\nhead = \"5s\"\n\
             \n[listener.limits]\nconnections_max = 10\n\n[[listener.route]] # line 9\npath_regex = '^/v[0-9]+\\.'\n\
             host = [\"a\", \"b\"]\nrespond = { status = 404, \"a b\" = \"x\\n\\\"\" }\n\n[listener.route.headers]\nx = true\n";
        assert_eq!(document.toml("a\nb", &notes), expect);
    }
}
