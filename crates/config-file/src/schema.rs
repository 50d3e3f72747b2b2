//! Declared keys as a JSON Schema (draft 2020-12): what editors complete and check a file by.

use crate::declare::{Key, Kind, Preset, Table};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A time as [`crate::parse_duration`] takes it, up to its length.
const TIME: &str = "0*[1-9][0-9]*(ms|s|m|h)";

impl Table {
    /// Of a file whose top this table is; `title` says of which.
    pub fn schema(&self, title: &str) -> Value {
        let mut schema = Map::new();
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!(title));
        schema.extend(object(self));
        Value::Object(schema)
    }
}

fn object(table: &Table) -> Map<String, Value> {
    let properties: Map<_, _> = table.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required = table.keys.iter().filter(|key| matches!(key.preset, Preset::Required));
    let required: Vec<&str> = required.map(|key| key.name).collect();
    let parts = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    match parts {
        Value::Object(parts) => parts,
        _ => Map::new(),
    }
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    let Some(parts) = schema.as_object_mut() else { return schema };
    parts.insert("description".to_owned(), json!(key.means));
    if let Preset::Is(default) = key.preset
        && let Some(default) = value(default)
    {
        parts.insert("default".to_owned(), default);
    }
    if let Some(example) = key.example.and_then(value) {
        parts.insert("examples".to_owned(), json!([example]));
    }
    schema
}

fn kind(of: &Kind) -> Value {
    match of {
        Kind::Number { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Time => json!({ "type": "string", "pattern": format!("^{TIME}$") }),
        Kind::TimeOrOff => json!({ "type": "string", "pattern": format!("^(off|{TIME})$") }),
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Choice(_) | Kind::Names(_) => json!({ "enum": of.names() }),
        Kind::Text(_) => json!({ "type": "string", "minLength": 1 }),
        Kind::List { of, min, max } => {
            json!({ "type": "array", "items": kind(of), "minItems": min, "maxItems": max })
        }
        Kind::OneOf(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
        Kind::Table(table) => Value::Object(object(table)),
        Kind::Tables { of, max } => {
            json!({ "type": "array", "items": object(of), "minItems": 1, "maxItems": max })
        }
        Kind::PairsOfTables(table) => json!({ "type": "object", "additionalProperties": object(table) }),
        Kind::PairsOrLists(_) => {
            let items = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
            json!({ "type": "object", "additionalProperties": { "anyOf": [{ "type": ["string", "boolean"] }, items] } })
        }
        Kind::Pairs(_) => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "integer", "boolean"] } })
        }
    }
}

/// What is written as TOML, as JSON.
fn value(toml: &str) -> Option<Value> {
    let mut table: BTreeMap<String, Value> = toml::from_str(&format!("value = {toml}")).ok()?;
    table.remove("value")
}
