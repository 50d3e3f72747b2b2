//! The OpenAPI document (OpenAPI Specification 3.1.0), made of the [table](OPERATIONS) that the router is made of.

use crate::access::Wish;
use crate::operations::{Answer, Body, OPERATIONS, Operation};
use serde_json::{Map, Value, json};

/// Shapes of what is answered (JSON Schema 2020-12).
const SCHEMAS: &str = include_str!("schemas.json");

/// The whole document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for one in OPERATIONS {
        let place = paths.entry(one.path).or_insert_with(|| place_of(one.path));
        place[one.method().to_ascii_lowercase()] = described(one);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("checked by a test");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "The admin listener of quintet",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A running balancer, asked and told. Any other path is answered with 404, any other method of a \
                            path with 405; mistakes are JSON.",
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "The token of `token_file` in [admin]." }
            },
        },
    })
}

/// The parts of a path that differ.
fn place_of(path: &str) -> Value {
    let parts = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| {
        let what = match name {
            "server" => "Its address, such as 10.0.0.7:80, or unix:/path with its slashes encoded.",
            _ => "Its name.",
        };
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "description": what })
    };
    let parameters: Vec<Value> = parts.map(parameter).collect();
    if parameters.is_empty() { json!({}) } else { json!({ "parameters": parameters }) }
}

fn described(one: &Operation) -> Value {
    let mut answers: Map<String, Value> = one.answers.iter().map(said).collect();
    if one.wish != Wish::Public {
        let refused = [(401, "It takes the token, and another was shown, or none."), (403, "Who asks may not.")];
        let refused = refused.map(|(status, what)| said(&Answer { status, what, body: Body::Shape("Mistake") }));
        answers.extend(refused);
    }
    let mut described = json!({ "operationId": one.id, "summary": one.summary, "responses": answers });
    // A socket file asks for none, nor does this host where it only reads.
    described["security"] = if one.wish == Wish::Public { json!([]) } else { json!([{}, { "token": [] }]) };
    if let Some(what) = one.takes {
        let schema = json!({ "type": "string" });
        let content = json!({ "text/plain": { "schema": schema } });
        described["requestBody"] = json!({ "required": true, "description": what, "content": content });
    }
    described
}

fn said(answer: &Answer) -> (String, Value) {
    let reference = |shape: &str| json!({ "$ref": format!("#/components/schemas/{shape}") });
    let (kind, schema) = match answer.body {
        Body::Text(kind) => (kind, json!({ "type": "string" })),
        Body::Shape(shape) => ("application/json", reference(shape)),
        Body::Shapes(shape) => ("application/json", json!({ "type": "array", "items": reference(shape) })),
        Body::Json => ("application/json", json!({ "type": "object" })),
    };
    let content = json!({ kind: { "schema": schema } });
    (answer.status.to_string(), json!({ "description": answer.what, "content": content }))
}
