//! As much of JSON Schema as ours uses, written apart from what writes it; an unknown word of it is a problem, too.

use regex::Regex;
use serde_json::{Map, Value};

/// Why a file is not what the schema describes.
pub(crate) fn problem(schema: &Value, toml: &str) -> Option<String> {
    match toml::from_str::<Value>(toml) {
        Ok(value) => check(schema, &value, "").err(),
        Err(error) => Some(error.to_string()),
    }
}

fn check(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (word, rule) in schema.as_object().expect("a schema is an object") {
        let holds = match word.as_str() {
            "$schema" | "title" | "description" | "default" | "examples" => true,
            "type" => is_type(rule, value),
            "enum" => rule.as_array().expect("names").contains(value),
            "minimum" => value.as_i64() >= rule.as_i64(),
            "maximum" => value.as_i64() <= rule.as_i64(),
            "minLength" => value.as_str().map(str::len) >= rule.as_u64().map(|len| len as usize),
            "pattern" => value.as_str().is_some_and(|text| matches(rule, text)),
            "minItems" => value.as_array().map(Vec::len) >= rule.as_u64().map(|len| len as usize),
            "maxItems" => value.as_array().map(Vec::len) <= rule.as_u64().map(|len| len as usize),
            "required" => nothing_missing(rule, value, at)?,
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.into_iter().try_for_each(|(nth, item)| check(rule, item, &format!("{at}[{nth}]")))?;
                true
            }
            "anyOf" => rule.as_array().expect("alternatives").iter().any(|one| check(one, value, at).is_ok()),
            "properties" | "additionalProperties" => members_hold(schema, value, at)?,
            other => return Err(format!("the schema says {other}, which nobody checks")),
        };
        if !holds {
            return Err(format!("{at}: {value} breaks {word} = {rule}"));
        }
    }
    Ok(())
}

fn is_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    match rule {
        Value::Array(names) => names.iter().any(|name| name.as_str().is_some_and(is)),
        rule => rule.as_str().is_some_and(is),
    }
}

fn matches(rule: &Value, text: &str) -> bool {
    Regex::new(rule.as_str().expect("a pattern")).expect("a pattern").is_match(text)
}

fn nothing_missing(rule: &Value, value: &Value, at: &str) -> Result<bool, String> {
    let names = rule.as_array().expect("names").iter().filter_map(Value::as_str);
    match names.into_iter().find(|name| value.get(name).is_none()) {
        Some(missing) => Err(format!("{at} has no {missing}")),
        None => Ok(true),
    }
}

fn members_hold(schema: &Value, value: &Value, at: &str) -> Result<bool, String> {
    let none = Map::new();
    let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, member) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        match (known.get(name), schema.get("additionalProperties")) {
            (Some(rule), _) => check(rule, member, &at)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{at} is unknown")),
            (None, Some(rule)) if rule.is_object() => check(rule, member, &at)?,
            (None, _) => {}
        }
    }
    Ok(true)
}
