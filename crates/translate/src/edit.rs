//! Changes of what passes, as a route, a listener or a set says them.

use crate::condition::Path;
use crate::document::{Table, Value};
use crate::pattern::literal;
use std::fmt;

/// A change, or a condition on whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// Of a request's (or response's) field.
    Field { of_response: bool, how: How, name: String, value: String },
    /// The prefix of the path becomes another.
    Prefix { from: String, to: String },
    /// What of the path fits a pattern becomes something else.
    Pattern { pattern: String, to: String },
    /// Any other setting of a route.
    Setting { key: &'static str, value: Value },
    /// Only these networks, or all but these.
    Sources { allowed: bool, networks: Vec<String> },
}

/// How a field is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Set,
    Add,
    Remove,
}

impl Edit {
    /// Is it said once for all requests of a listener, wherever its rule stands?
    pub(crate) fn is_of_listeners(&self) -> bool {
        match self {
            Self::Field { .. } => true,
            Self::Setting { key, .. } => key.starts_with("limits."),
            _ => false,
        }
    }

    /// Why it cannot be said besides the others; nothing where it need not be.
    pub(crate) fn clashes(&self, others: &[Self]) -> Option<&'static str> {
        let Self::Setting { key, value } = self else { return None };
        let same = |edit: &&Self| matches!(edit, Self::Setting { key: known, .. } if known == key);
        let Some(Self::Setting { value: known, .. }) = others.iter().find(same) else { return None };
        match *key {
            _ if known == value => Some(""),
            // Who has come in by the first list is in the second.
            "auth" if !users(known).is_empty() && users(known).iter().all(|user| users(value).contains(user)) => {
                Some("")
            }
            "auth" => Some("a request asks one list of users: write those that are in both"),
            "rate_limit" => Some("a route has one rate: write the narrower one"),
            _ => None,
        }
    }

    /// Can it be said of a whole listener?
    pub(crate) fn is_for_listeners(&self) -> bool {
        !matches!(self, Self::Prefix { .. } | Self::Pattern { .. })
    }

    /// The same in a route for this path: a prefix is replaced where it is what the route asks for.
    pub(crate) fn at(&self, path: Option<&Path>) -> Self {
        match (self, path) {
            // What is left behind the prefix begins with a slash, with us.
            (Self::Prefix { from, to }, Some(Path::Prefix(prefix))) if prefix == from && to.ends_with('/') => {
                self.clone()
            }
            (Self::Prefix { from, to }, _) => {
                Self::Pattern { pattern: format!("^{}", literal(from)), to: to.replace('{', "{{").replace('}', "}}") }
            }
            _ => self.clone(),
        }
    }

    /// Says it in a route, a listener or a set.
    pub(crate) fn write(&self, table: &mut Table) {
        match self {
            Self::Field { of_response, how, name, value } => write_field(table, *of_response, *how, name, value),
            Self::Prefix { to, .. } => table.put("replace_prefix", to.clone()),
            Self::Setting { key, value } => table.put(key, value.clone()),
            Self::Pattern { pattern, to } => {
                let parts = [("regex", pattern), ("to", to)].map(|(key, text)| (key.to_owned(), text.clone().into()));
                table.put("rewrite", Value::Inline(parts.to_vec()));
            }
            Self::Sources { allowed, networks } => {
                let key = if *allowed { "allow" } else { "deny" };
                let mut all = match table.get(key) {
                    Some(Value::List(known)) if !allowed => known.clone(),
                    _ => Vec::new(),
                };
                all.extend(networks.iter().map(|network| Value::from(network.as_str())));
                table.put(key, Value::List(all));
            }
        }
    }
}

/// Whom a list of users lets in.
fn users(auth: &Value) -> &[(String, Value)] {
    let Value::Inline(said) = auth else { return &[] };
    match said.iter().find(|(key, _)| key == "users") {
        Some((_, Value::Inline(users))) => users,
        _ => &[],
    }
}

/// As it is called in notes.
impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting { key: "auth", .. } => "the second list of users",
            Self::Setting { key: "rate_limit", .. } => "the second rate",
            Self::Setting { key, .. } => key,
            Self::Field { name, .. } => name,
            Self::Prefix { .. } | Self::Pattern { .. } => "a change of the path",
            Self::Sources { .. } => "a list of addresses",
        })
    }
}

fn write_field(table: &mut Table, of_response: bool, how: How, name: &str, value: &str) {
    let side = if of_response { "response_headers" } else { "request_headers" };
    let key = |how: &str| format!("{side}.{how}");
    match how {
        How::Remove => {
            let key = key("remove");
            let mut names = match table.get(&key) {
                Some(Value::List(names)) => names.clone(),
                _ => Vec::new(),
            };
            names.push(name.into());
            table.put(&key, Value::List(names));
        }
        How::Set | How::Add => {
            let key = key(if how == How::Set { "set" } else { "add" });
            let mut pairs = match table.get(&key) {
                Some(Value::Inline(pairs)) => pairs.clone(),
                _ => Vec::new(),
            };
            let known = pairs.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
            let before = known.map(|at| pairs.remove(at).1).filter(|_| how == How::Add);
            let value = match before {
                // Two fields of a name say the same as one with both values.
                Some(Value::Text(before)) => format!("{before}, {value}"),
                _ => value.to_owned(),
            };
            pairs.push((name.to_owned(), value.into()));
            table.put(&key, Value::Inline(pairs));
        }
    }
}
