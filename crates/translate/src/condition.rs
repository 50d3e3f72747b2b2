//! What a request must be like for a route.

use crate::document::{Table, Value, one_or_list};
use crate::overlap::{Both, are_apart, prefix_and_pattern};
use crate::pattern::{compiled, literal};

/// All of it has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matches {
    /// Any of these, `*.example.org` among them; empty: whatever it says.
    pub(crate) hosts: Vec<String>,
    pub(crate) path: Option<Path>,
    /// Any of these; empty: all.
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<(String, Is)>,
    pub(crate) query: Vec<(String, Is)>,
}

/// What a path must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Exact(String),
    /// It begins with this text, wherever in a segment that ends.
    Prefix(String),
    /// The same, asked by a pattern: so it stands among patterns.
    Begin(String),
    Regex(String),
    /// It begins with this text, and behind that the pattern is found.
    Found {
        begin: String,
        pattern: String,
    },
}

/// What a field, or a part of the query, must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Is {
    Present,
    OneOf(Vec<String>),
}

impl Matches {
    pub(crate) fn hosts(hosts: Vec<String>) -> Self {
        Self { hosts, ..Self::default() }
    }

    pub(crate) fn path(path: Path) -> Self {
        Self { path: Some(path), ..Self::default() }
    }

    pub(crate) fn method(method: &str) -> Self {
        Self { methods: vec![method.to_ascii_uppercase()], ..Self::default() }
    }

    pub(crate) fn header(name: &str, is: Is) -> Self {
        Self { headers: vec![(name.to_owned(), is)], ..Self::default() }
    }

    pub(crate) fn query(name: &str, is: Is) -> Self {
        Self { query: vec![(name.to_owned(), is)], ..Self::default() }
    }

    /// Does it hold for every request?
    pub(crate) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Both; `None` where no request can be both.
    pub(crate) fn and(&self, other: &Self) -> Result<Option<Self>, String> {
        let Some(hosts) = common(&self.hosts, &other.hosts, host_covers) else { return Ok(None) };
        let Some(methods) = common(&self.methods, &other.methods, |one, other| one == other) else { return Ok(None) };
        let path = match (&self.path, &other.path) {
            (Some(one), Some(other)) => match one.and(other)? {
                Some(path) => Some(path),
                None => return Ok(None),
            },
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        };
        let joined = |one: &[(String, Is)], other: &[(String, Is)]| {
            let new = other.iter().filter(|pair| !one.contains(pair));
            one.iter().chain(new).cloned().collect::<Vec<_>>()
        };
        let headers = joined(&self.headers, &other.headers);
        Ok(Some(Self { hosts, path, methods, headers, query: joined(&self.query, &other.query) }))
    }

    /// Says it in a route.
    pub(crate) fn write(&self, route: &mut Table) {
        if !self.hosts.is_empty() {
            route.put("host", one_or_list(self.hosts.clone()));
        }
        match &self.path {
            Some(Path::Exact(path)) => route.put("path", path.clone()),
            Some(Path::Prefix(path)) => route.put("path_prefix", path.clone()),
            Some(path) => route.put("path_regex", path.pattern()),
            None => {}
        }
        if !self.methods.is_empty() {
            route.put("method", one_or_list(self.methods.clone()));
        }
        for (key, pairs) in [("header", &self.headers), ("query", &self.query)] {
            if !pairs.is_empty() {
                route.put(key, Value::Inline(pairs.iter().map(|(name, is)| (name.clone(), is.value())).collect()));
            }
        }
    }
}

impl Is {
    fn value(&self) -> Value {
        match self {
            Self::Present => true.into(),
            Self::OneOf(values) => one_or_list(values.clone()),
        }
    }
}

impl Path {
    /// What it has to begin with, where that is all.
    pub(crate) fn prefix(&self) -> Option<&str> {
        match self {
            Self::Prefix(prefix) | Self::Begin(prefix) => Some(prefix),
            _ => None,
        }
    }

    /// As a pattern.
    fn pattern(&self) -> String {
        match self {
            Self::Exact(path) => format!("^{}$", literal(path)),
            Self::Prefix(begin) | Self::Begin(begin) => format!("^{}", literal(begin)),
            Self::Regex(pattern) => pattern.clone(),
            Self::Found { begin, pattern } => format!("^{}.*({pattern})", literal(begin)),
        }
    }

    /// Is it asked by a pattern?
    pub(crate) fn is_pattern(&self) -> bool {
        !matches!(self, Self::Exact(_) | Self::Prefix(_))
    }

    fn and(&self, other: &Self) -> Result<Option<Self>, String> {
        Ok(match (self, other) {
            (one, other) if one == other => Some(one.clone()),
            (Self::Exact(_), Self::Exact(_)) => None,
            (Self::Exact(path), other) | (other, Self::Exact(path)) => {
                other.fits(path).then(|| Self::Exact(path.clone()))
            }
            (one, other) => match one.prefix().zip(other.prefix()) {
                Some(_) => narrower(one, other).cloned(),
                None => return one.and_pattern(other),
            },
        })
    }

    /// Does a path fit it?
    fn fits(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Prefix(begin) | Self::Begin(begin) => path.starts_with(begin),
            _ => compiled(&self.pattern()).is_some_and(|pattern| pattern.is_match(path.as_bytes())),
        }
    }

    /// With another that is asked by a pattern, or if this one is.
    fn and_pattern(&self, other: &Self) -> Result<Option<Self>, String> {
        let (one, other) = if other.prefix().is_some() { (other, self) } else { (self, other) };
        match (one, other) {
            (one, Self::Regex(pattern)) if one.prefix().is_some() => one.and_found(pattern),
            (one, Self::Found { begin, pattern }) if one.prefix().is_some() => {
                match narrower(one, &Self::Begin(begin.clone())) {
                    Some(narrower) => narrower.and_found(pattern),
                    None => Ok(None),
                }
            }
            (one, other) => match are_apart(&one.pattern(), &other.pattern()) {
                true => Ok(None),
                false => Err(TWICE.to_owned()),
            },
        }
    }

    /// A prefix, and a pattern that is found.
    fn and_found(&self, pattern: &str) -> Result<Option<Self>, String> {
        let begin = self.prefix().unwrap_or_default();
        match prefix_and_pattern(begin, pattern) {
            Both::Nothing => Ok(None),
            Both::Pattern => Ok(Some(Self::Regex(pattern.to_owned()))),
            Both::Joined(_) => Ok(Some(Self::Found { begin: begin.to_owned(), pattern: pattern.to_owned() })),
            Both::Unknown => Err(TWICE.to_owned()),
        }
    }
}

const TWICE: &str = "a path is asked by a pattern and by something else at once";

/// The one of two prefixes that begins with the other.
fn narrower<'p>(one: &'p Path, other: &'p Path) -> Option<&'p Path> {
    let begins =
        |one: &Path, other: &Path| one.prefix().zip(other.prefix()).is_some_and(|(one, other)| one.starts_with(other));
    [(one, other), (other, one)].into_iter().find(|(one, other)| begins(one, other)).map(|(one, _)| one)
}

/// What is in both lists, an empty one being everything; `None` where nothing is.
fn common(one: &[String], other: &[String], covers: impl Fn(&str, &str) -> bool) -> Option<Vec<String>> {
    if one.is_empty() || other.is_empty() {
        return Some([one, other].concat());
    }
    let mut both: Vec<String> = Vec::new();
    let left = one.iter().filter(|name| other.iter().any(|wider| covers(wider, name)));
    let right = other.iter().filter(|name| one.iter().any(|wider| covers(wider, name)));
    for name in left.chain(right) {
        if !both.contains(name) {
            both.push(name.clone());
        }
    }
    (!both.is_empty()).then_some(both)
}

fn host_covers(wide: &str, name: &str) -> bool {
    wide == name || wide.strip_prefix('*').is_some_and(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_two_conditions() {
        let exact = |path: &str| Matches::path(Path::Exact(path.to_owned()));
        let prefix = |path: &str| Matches::path(Path::Prefix(path.to_owned()));
        let regex = |path: &str| Matches::path(Path::Regex(path.to_owned()));
        let host = |host: &str| Matches::hosts(vec![host.to_owned()]);
        for (one, other, expect) in [
            (exact("/a"), prefix("/"), Ok(Some(exact("/a")))),
            (exact("/a"), prefix("/b"), Ok(None)),
            (prefix("/a/"), prefix("/a/b"), Ok(Some(prefix("/a/b")))),
            (prefix("/adm"), prefix("/admin/"), Ok(Some(prefix("/admin/")))),
            (prefix("/adm"), exact("/admin"), Ok(Some(exact("/admin")))),
            (prefix("/adm"), prefix("/b"), Ok(None)),
            (regex("^/v[0-9]"), exact("/v1"), Ok(Some(exact("/v1")))),
            (regex("^/v[0-9]"), exact("/x"), Ok(None)),
            (host("*.org"), host("a.org"), Ok(Some(host("a.org")))),
            (host("b.org"), host("a.org"), Ok(None)),
            (Matches::method("GET"), Matches::method("post"), Ok(None)),
            (host("a"), Matches::default(), Ok(Some(host("a")))),
        ] {
            assert_eq!(one.and(&other), expect, "{one:?} and {other:?}");
        }
        assert!(regex("a").and(&prefix("/a")).is_err());
        assert!(regex("a").and(&regex("b")).is_err());
    }
}
