//! As much of JSON Schema as ours uses, written apart from what writes it; an unknown word of it is a problem, too.

use regex::Regex;
use serde_json::{Map, Value};

/// Why a value is not what the schema describes.
pub(crate) fn problem(schema: &Value, value: &Value) -> Option<String> {
    Check { whole: schema }.check(schema, value, "").err()
}

struct Check<'a> {
    /// Where references point into.
    whole: &'a Value,
}

impl Check<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (word, rule) in schema.as_object().expect("a schema is an object") {
            let holds = match word.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" | "default" | "examples" => true,
                "$ref" => {
                    self.check(self.referred(rule), value, at)?;
                    true
                }
                "const" => rule == value,
                "type" => is_type(rule, value),
                "enum" => rule.as_array().expect("names").contains(value),
                "minimum" => value.is_null() || value.as_f64() >= rule.as_f64(),
                "maximum" => value.is_null() || value.as_f64() <= rule.as_f64(),
                "minLength" => value.as_str().map(str::len) >= rule.as_u64().map(|len| len as usize),
                "pattern" => value.as_str().is_some_and(|text| matches(rule, text)),
                "minItems" => value.as_array().map(Vec::len) >= rule.as_u64().map(|len| len as usize),
                "maxItems" => value.as_array().map(Vec::len) <= rule.as_u64().map(|len| len as usize),
                "required" => nothing_missing(rule, value, at)?,
                "items" => {
                    let items = value.as_array().into_iter().flatten().enumerate();
                    items.into_iter().try_for_each(|(nth, item)| self.check(rule, item, &format!("{at}[{nth}]")))?;
                    true
                }
                "anyOf" => rule.as_array().expect("alternatives").iter().any(|one| self.check(one, value, at).is_ok()),
                "properties" | "additionalProperties" => self.members_hold(schema, value, at)?,
                other => return Err(format!("the schema says {other}, which nobody checks")),
            };
            if !holds {
                return Err(format!("{at}: {value} breaks {word} = {rule}"));
            }
        }
        Ok(())
    }

    fn referred(&self, rule: &Value) -> &Value {
        let pointer =
            rule.as_str().and_then(|text| text.strip_prefix('#')).expect("a reference into the schema itself");
        self.whole.pointer(pointer).unwrap_or_else(|| panic!("the schema has no {pointer}"))
    }

    fn members_hold(&self, schema: &Value, value: &Value, at: &str) -> Result<bool, String> {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}.{name}");
            match (known.get(name), schema.get("additionalProperties")) {
                (Some(rule), _) => self.check(rule, member, &at)?,
                (None, Some(Value::Bool(false))) => return Err(format!("{at} is unknown")),
                (None, Some(rule)) if rule.is_object() => self.check(rule, member, &at)?,
                (None, _) => {}
            }
        }
        Ok(true)
    }
}

fn is_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "null" => value.is_null(),
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
