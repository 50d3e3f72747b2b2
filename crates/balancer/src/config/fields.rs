//! `request_headers`, `response_headers`: rules about fields, of listeners, routes and backend sets.

use balancer_core::HeaderRules;
use config_file::{Mistake, Placed, Section, value, wrong_type};
use http::forward::{FieldRules, Message, RuleError};

/// Rules of one kind in one place.
pub(super) const RULES_MAX: usize = 64;

pub(super) fn read_headers(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> HeaderRules {
    HeaderRules {
        requests: read_rules(section, "request_headers", Message::Request, mistakes),
        responses: read_rules(section, "response_headers", Message::Response, mistakes),
    }
}

fn read_rules(
    section: &mut Section<'_, '_>,
    key: &'static str,
    of: Message,
    mistakes: &mut Vec<Mistake>,
) -> FieldRules {
    let mut rules = FieldRules::NONE;
    let Some(mut table) = section.table(key, mistakes) else { return rules };
    for name in read_names(&mut table, mistakes) {
        note(name.span.clone(), rules.remove(&name.value, of), mistakes);
    }
    for (name, value) in bounded("set", table.pairs("set", mistakes), mistakes) {
        note_pair(&name, &value, rules.set(&name.value, &value.value, of), mistakes);
    }
    for (name, value) in bounded("add", table.pairs("add", mistakes), mistakes) {
        note_pair(&name, &value, rules.add(&name.value, &value.value, of), mistakes);
    }
    table.finish(mistakes);
    rules
}

type Pair = (Placed<String>, Placed<String>);

fn bounded(what: &str, pairs: Vec<Pair>, mistakes: &mut Vec<Mistake>) -> Vec<Pair> {
    if let Some((name, _)) = pairs.get(RULES_MAX) {
        let title = format!("{} fields in `{what}`: there may be {RULES_MAX}", pairs.len());
        mistakes.push(Mistake::new(name.span.clone(), title, "one too many"));
    }
    pairs.into_iter().take(RULES_MAX).collect()
}

fn read_names(table: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Vec<Placed<String>> {
    let Some(list) = table.take("remove") else { return Vec::new() };
    let Some(array) = list.get_ref().as_array().filter(|array| array.len() <= RULES_MAX) else {
        mistakes.push(
            wrong_type(list, "an array of up to 64 names").help("such as `remove = [\"Server\", \"X-Powered-By\"]`"),
        );
        return Vec::new();
    };
    let names =
        array.iter().map(|name| Some(Placed { value: value::text(name, mistakes)?.to_owned(), span: name.span() }));
    names.collect::<Vec<_>>().into_iter().flatten().collect()
}

fn note(span: std::ops::Range<usize>, result: Result<(), RuleError>, mistakes: &mut Vec<Mistake>) {
    if let Err(error) = result {
        mistakes.push(Mistake::new(span, error.to_string(), "this field"));
    }
}

/// What is wrong with the name is shown there, anything else at the value.
fn note_pair(
    name: &Placed<String>,
    value: &Placed<String>,
    result: Result<(), RuleError>,
    mistakes: &mut Vec<Mistake>,
) {
    match result {
        Err(RuleError::Template(error)) => {
            mistakes.push(Mistake::new(value.span.clone(), error.to_string(), "this value"))
        }
        Err(error @ (RuleError::Value | RuleError::HostValue(_))) => {
            mistakes.push(Mistake::new(value.span.clone(), error.to_string(), "this value"));
        }
        other => note(name.span.clone(), other, mistakes),
    }
}
