//! What a route asks of a request: `host`, `path`, `path_prefix`, `path_regex`, `method`, `header`, `query`.

use balancer_core::router::{Condition, Conditions, HostPattern, PathPattern, Pattern, Wanted};
use config_file::{Mistake, Section, Value, value, wrong_type};

/// Texts of one key.
pub(super) const TEXTS_MAX: usize = 1000;
/// Methods, fields and parameters of one route.
pub(super) const FURTHER_MAX: usize = 16;

/// Methods that people write in small letters.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];

pub(super) fn read(section: &mut Section<'_, '_>, mistakes: &mut Vec<Mistake>) -> Conditions {
    let mut asks = Conditions { hosts: texts(section, "host", host, mistakes), ..Conditions::default() };
    let kinds = ["path", "path_prefix", "path_regex"].map(|key| section.place_of(key));
    if let [Some(first), Some(second), ..] | [Some(first), _, Some(second)] | [_, Some(first), Some(second)] = kinds {
        let title = "a route asks for its path in one way";
        let mistake = Mistake::new(second, title, "and by this").other(first, "by this");
        mistakes.push(mistake.help("write two routes, or say all of it in one `path_regex`"));
    }
    asks.paths = texts(section, "path", |value, mistakes| path(value, mistakes).map(PathPattern::Exact), mistakes);
    asks.paths.extend(texts(
        section,
        "path_prefix",
        |value, mistakes| path(value, mistakes).map(PathPattern::Prefix),
        mistakes,
    ));
    asks.paths.extend(texts(
        section,
        "path_regex",
        |value, mistakes| pattern(value, mistakes).map(PathPattern::Pattern),
        mistakes,
    ));
    let methods = texts(section, "method", method, mistakes);
    asks.further.extend((!methods.is_empty()).then_some(Condition::Method(methods)));
    asks.further.extend(wanted(section, "header", mistakes));
    asks.further.extend(wanted(section, "query", mistakes));
    asks
}

/// One text, or a list of them.
fn texts<T>(
    section: &mut Section<'_, '_>,
    key: &'static str,
    read: impl Fn(&Value<'_>, &mut Vec<Mistake>) -> Option<T>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<T> {
    let Some(value) = section.take(key) else { return Vec::new() };
    let Some(list) = value.get_ref().as_array() else { return read(value, mistakes).into_iter().collect() };
    if list.is_empty() || list.len() > TEXTS_MAX {
        let title = format!("{} values of `{key}`: there may be 1 to {TEXTS_MAX}", list.len());
        mistakes.push(Mistake::new(value.span(), title, "here"));
    }
    list.iter().take(TEXTS_MAX).filter_map(|one| read(one, mistakes)).collect()
}

fn host(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<HostPattern> {
    let text = value::text(value, mistakes)?;
    noted(
        HostPattern::parse(text),
        value,
        "not a host",
        "such as \"example.org\", or \"*.example.org\" for all below it",
        mistakes,
    )
}

fn path(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(value, mistakes)?;
    noted(PathPattern::text(text), value, "not a path", "such as \"/api\"", mistakes)
}

pub(super) fn pattern(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Pattern> {
    let text = value::text(value, mistakes)?;
    let pattern = Pattern::parse(text).map_err(|error| format!("this is no pattern: {error}"));
    let help = "as the regex crate of Rust has them: no look-around and no back-references, linear in time; such as \"^/v[0-9]+/\"";
    noted(pattern, value, "not a pattern", help, mistakes)
}

fn method(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<String> {
    let text = value::text(value, mistakes)?;
    let upper = text.to_ascii_uppercase();
    let known = METHODS.contains(&upper.as_str());
    let method = match http::is_token(text.as_bytes()) && (upper == text || !known) {
        true => Ok(text.to_owned()),
        false if known => Err("methods are told apart by case".to_owned()),
        false => Err("this is no method".to_owned()),
    };
    noted(method, value, "this method", &format!("such as \"{}\"", if known { &upper } else { "GET" }), mistakes)
}

/// Names with what is wanted of each.
fn wanted(section: &mut Section<'_, '_>, key: &'static str, mistakes: &mut Vec<Mistake>) -> Vec<Condition> {
    let entries = section.entries(key, mistakes);
    if entries.len() > FURTHER_MAX {
        let title = format!("{} names in `{key}`: there may be {FURTHER_MAX}", entries.len());
        mistakes.push(Mistake::new(entries[FURTHER_MAX].0.span.clone(), title, "one too many"));
    }
    let mut conditions = Vec::new();
    for (name, value) in entries.into_iter().take(FURTHER_MAX) {
        if key == "header" && !Condition::is_field_name(&name.value) {
            let title = format!("\"{}\" cannot be the name of a field", name.value);
            mistakes.push(Mistake::new(name.span.clone(), title, "this name"));
        }
        let Some(wanted) = one_wanted(value, mistakes) else { continue };
        conditions.push(match key {
            "header" => Condition::Header(name.value, wanted),
            _ => Condition::Query(name.value, wanted),
        });
    }
    conditions
}

fn one_wanted(value: &Value<'_>, mistakes: &mut Vec<Mistake>) -> Option<Wanted> {
    let inner = value.get_ref();
    if let Some(there) = inner.as_bool() {
        return Some(if there { Wanted::Present } else { Wanted::Absent });
    }
    if let Some(text) = inner.as_str() {
        return Some(Wanted::OneOf(vec![text.to_owned()]));
    }
    let Some(list) = inner.as_array().filter(|list| (1..=TEXTS_MAX).contains(&list.len())) else {
        let help = "a value, a list of values, `true` where it only has to be there, `false` where it must not be";
        mistakes.push(wrong_type(value, "a string, a list of strings, true or false").help(help));
        return None;
    };
    let texts: Option<Vec<_>> = list.iter().map(|one| value::text(one, mistakes).map(str::to_owned)).collect();
    texts.map(Wanted::OneOf)
}

/// What was read, or a mistake at its place.
pub(super) fn noted<T, E: ToString>(
    read: Result<T, E>,
    value: &Value<'_>,
    label: &str,
    help: &str,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    read.map_err(|error| mistakes.push(Mistake::new(value.span(), error.to_string(), label).help(help))).ok()
}
