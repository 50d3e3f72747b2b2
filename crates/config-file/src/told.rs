//! What a file says with its secrets hidden, as JSON: for whoever may see how something is configured, but no password.

use crate::declare::{Kind, Table};
use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

const HIDDEN: &str = "(hidden)";
/// Where others give the names (fields of HTTP such as `Authorization` or `X-Api-Key`), those with such a part have secrets.
const SECRET_PARTS: [&str; 6] = ["authorization", "cookie", "token", "secret", "key", "password"];

impl Table {
    /// What `text` says, a file with this table as its top.
    pub fn told(&'static self, text: &str) -> Value {
        let (table, _mistakes) = DeTable::parse_recoverable(text);
        table_told(table.get_ref(), &[self])
    }
}

/// A table that may be any of these; what none declares is not shown.
fn table_told(table: &DeTable<'_>, declared: &[&'static Table]) -> Value {
    each(table, |name, value| match declared.iter().find_map(|table| table.key(name)) {
        Some(key) if !key.secret => told(value, &key.kind),
        _ => hidden(value),
    })
}

fn told(value: &DeValue<'_>, kind: &Kind) -> Value {
    match value {
        DeValue::Array(list) => list.iter().map(|one| told(one.get_ref(), kind)).collect(),
        DeValue::Table(table) => match kind.tables() {
            none if none.is_empty() => {
                each(table, |name, value| if is_secret(name) { hidden(value) } else { told(value, kind) })
            }
            tables if kind.some(&|kind| matches!(kind, Kind::PairsOfTables(_))) => {
                each(table, |_, value| value.as_table().map_or(json!(HIDDEN), |table| table_told(table, &tables)))
            }
            tables => table_told(table, &tables),
        },
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or_else(|_| json!(number.as_str()), Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or_else(|_| json!(number.as_str()), Value::from),
        DeValue::Boolean(switch) => json!(switch),
        DeValue::Datetime(moment) => json!(moment.to_string()),
    }
}

/// Of a table with names that others give, the names are none.
fn hidden(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::Table(table) => each(table, |_, value| hidden(value)),
        _ => json!(HIDDEN),
    }
}

fn each(table: &DeTable<'_>, told: impl Fn(&str, &DeValue<'_>) -> Value) -> Value {
    let entries = table.iter().map(|(name, value)| (name.get_ref().to_string(), told(name.get_ref(), value.get_ref())));
    Value::Object(entries.collect::<Map<_, _>>())
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::Key;

    static PLACE: Table = Table {
        name: "place",
        heading: "in a line",
        keys: &[Key::new("port", Kind::Number { min: 0, max: 9 }, "where")],
    };
    static TOP: Table = Table {
        name: "top",
        heading: "",
        keys: &[
            Key::new("workers", Kind::Number { min: 1, max: 8 }, "threads"),
            Key::new("bind", Kind::OneOf(&[Kind::Text("address"), Kind::Table(&PLACE)]), "where"),
            Key::new("salt", Kind::Text("text"), "nobody shall know").secret(),
            Key::new("users", Kind::Pairs("hash"), "who may").secret(),
            Key::new("set", Kind::PairsOrLists("value"), "fields"),
            Key::new("pages", Kind::PairsOfTables(&PLACE), "places by name"),
            Key::new("all", Kind::Tables { of: &PLACE, max: 9 }, "places"),
        ],
    };

    #[test]
    fn secrets_are_hidden_and_all_else_is_as_it_was_written() {
        let check = |text: &str, expect: Value| assert_eq!(TOP.told(text), expect, "{text}");
        check("workers = 0x0_4", json!({ "workers": 4 }));
        check("bind = \"here\"", json!({ "bind": "here" }));
        check("bind = { port = 8 }", json!({ "bind": { "port": 8 } }));
        check("salt = \"s3cret\"", json!({ "salt": "(hidden)" }));
        check(
            "users = { ann = \"$2y$\", bob = \"$6$\" }",
            json!({ "users": { "ann": "(hidden)", "bob": "(hidden)" } }),
        );
        check(
            "[set]\nX-Api-Key = [\"a\", \"b\"]\nauthorization = \"Basic x\"\nVia = [\"us\", true]",
            json!({ "set": { "X-Api-Key": "(hidden)", "authorization": "(hidden)", "Via": ["us", true] } }),
        );
        check("[pages]\n401 = { port = 1 }", json!({ "pages": { "401": { "port": 1 } } }));
        check("[[all]]\nport = 1\n[[all]]\nport = 2", json!({ "all": [{ "port": 1 }, { "port": 2 }] }));
        check("stray = 1\n[[all]]\nalso = \"x\"", json!({ "stray": "(hidden)", "all": [{ "also": "(hidden)" }] }));
    }
}
