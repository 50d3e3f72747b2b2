//! A reader of the OpenAPI document: its operations, and whether a value has the shape it tells of (the part of JSON Schema
//! that it uses; what else it says is a mistake of the document).

use serde_json::{Map, Value};

pub(crate) struct Document(Value);

pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
    says: &'a Value,
}

impl Operation<'_> {
    /// What it may answer with that status: types with their schemas.
    pub(crate) fn answer(&self, status: u16) -> Option<&Map<String, Value>> {
        self.says["responses"].get(status.to_string())?["content"].as_object()
    }

    pub(crate) fn takes_something(&self) -> bool {
        self.says.get("requestBody").is_some()
    }

    /// May not everybody ask it?
    pub(crate) fn is_guarded(&self) -> bool {
        self.says["security"].as_array().is_some_and(|ways| !ways.is_empty())
    }
}

impl Document {
    pub(crate) fn new(value: Value) -> Self {
        assert!(value["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{value}");
        Self(value)
    }

    pub(crate) fn paths(&self) -> Vec<&str> {
        self.0["paths"].as_object().expect("paths").keys().map(String::as_str).collect()
    }

    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let mut all = Vec::new();
        for (path, place) in self.0["paths"].as_object().expect("paths") {
            let methods = place.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters");
            all.extend(methods.map(|(method, says)| Operation { path, method, says }));
            let named = place["parameters"].as_array().into_iter().flatten().filter_map(|one| one["name"].as_str());
            let named: Vec<_> = named.map(|name| format!("{{{name}}}")).collect();
            let written: Vec<_> = path.split('/').filter(|part| part.starts_with('{')).collect();
            assert_eq!(named, written, "{path}");
        }
        let mut ids: Vec<_> = all.iter().filter_map(|one| one.says["operationId"].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len(), "each has an id of its own");
        all
    }

    pub(crate) fn check_shape(&self, name: &str, text: &str) {
        let value = serde_json::from_str(text).unwrap_or_else(|why| panic!("{why} in {text:?}"));
        self.check(&self.0["components"]["schemas"][name], &value).unwrap_or_else(|why| panic!("{why} in {text}"));
    }

    /// Has the value that shape?
    pub(crate) fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        for (key, says) in schema.as_object().ok_or_else(|| format!("{schema} is no schema"))? {
            let is_well = match key.as_str() {
                "$ref" => {
                    let place = says.as_str().and_then(|text| text.strip_prefix('#')).expect("a place in the document");
                    let schema = self.0.pointer(place).ok_or_else(|| format!("there is no {place}"))?;
                    return self.check(schema, value);
                }
                "type" => is_of_type(says, value),
                "enum" => says.as_array().is_some_and(|all| all.contains(value)),
                "const" => says == value,
                "minimum" => value.as_f64() >= says.as_f64(),
                "maximum" => value.as_f64() <= says.as_f64(),
                "items" => return self.check_all(value.as_array().into_iter().flatten(), says),
                "anyOf" => says.as_array().is_some_and(|any| any.iter().any(|one| self.check(one, value).is_ok())),
                "required" => says
                    .as_array()
                    .is_some_and(|all| all.iter().all(|key| value.get(key.as_str().unwrap_or("")).is_some())),
                "properties" => self.check_properties(says, value)?,
                "additionalProperties" => {
                    self.check_all(value.as_object().into_iter().flatten().map(|(_, value)| value), says)?;
                    true
                }
                "description" => true,
                _ => return Err(format!("{key} is not understood here")),
            };
            if !is_well {
                return Err(format!("{value} is not {key} {says}"));
            }
        }
        Ok(())
    }

    fn check_all<'v>(&self, mut values: impl Iterator<Item = &'v Value>, schema: &Value) -> Result<(), String> {
        values.try_for_each(|value| self.check(schema, value))
    }

    /// What the document does not tell of is a mistake of it.
    fn check_properties(&self, says: &Value, value: &Value) -> Result<bool, String> {
        for (key, value) in value.as_object().into_iter().flatten() {
            let schema = says.get(key).ok_or_else(|| format!("{key} is not told of"))?;
            self.check(schema, value).map_err(|why| format!("{key}: {why}"))?;
        }
        Ok(true)
    }
}

fn is_of_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap_or_default() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        _ => false,
    }
}
