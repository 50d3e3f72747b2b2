//! What a route asks of a request.

use super::path::{begins_with, make_matched, pass_on, says};
use http::{Header, RequestFacts, is_token};
use std::fmt;

/// Bytes of a pattern once compiled; and of the table it is run by.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// What a route asks of a request: one of the hosts, one of the paths, and all that is asked further.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// One of these; none: whatever the host.
    pub hosts: Vec<HostPattern>,
    /// One of these; none: whatever the path.
    pub paths: Vec<PathPattern>,
    /// All of these.
    pub further: Vec<Condition>,
}

/// Which hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This one, in lower case.
    Exact(String),
    /// All below this one: `example.org` for `*.example.org`.
    Below(String),
}

/// Which paths, as they are matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    /// This one.
    Exact(String),
    /// Those that begin with it, up to a border of segments; what is below it, where it ends with a slash.
    Prefix(String),
    /// Those in which this is found.
    Pattern(Pattern),
}

/// A pattern of the regex crate, over bytes: linear in time, bounded in size.
#[derive(Clone, Debug)]
pub struct Pattern(regex::bytes::Regex);

/// Why something is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

/// One thing more that is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// One of these methods.
    Method(Vec<String>),
    /// A field of the request.
    Header(String, Wanted),
    /// A parameter of the query.
    Query(String, Wanted),
}

/// What is wanted of something that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// It is there.
    Present,
    /// It is not.
    Absent,
    /// It is there with one of these values.
    OneOf(Vec<String>),
}

/// Why something is no host of a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// A port is no part of it.
    #[error("a host of a route has no port: requests are matched without theirs")]
    Port,
    /// A star that stands for something else than whole names in front.
    #[error("a star stands for whole names in front: `*.example.org`")]
    Star,
    /// It cannot be a host.
    #[error("this is no host name, nor an address")]
    Form,
}

/// Why something is no path of a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("a path begins with a slash")]
    Start,
    /// What begins there is not matched with paths.
    #[error("`{0}` is no part of a path: a query has its own key, `query`, and parameters of segments are left out")]
    Byte(char),
    /// No path looks like that once it is resolved.
    #[error("no path is matched by this: `//` becomes `/`, and `.` and `..` are resolved before")]
    Resolved,
    /// It decodes to something that is no text.
    #[error("this is no UTF-8 once it is decoded: match it by `path_regex`, such as \"(?-u:\\xFF)\"")]
    Text,
}

impl HostPattern {
    /// `example.org`, `*.example.org`, an address (an IPv6 one in brackets).
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Ok(bare) = text.parse::<std::net::Ipv6Addr>() {
            return Ok(Self::Exact(format!("[{bare}]")));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if name.contains('*') {
            return Err(HostError::Star);
        }
        if name.is_empty() || name.len() > HOST_BYTES_MAX || name.contains("..") || name.starts_with('.') {
            return Err(HostError::Form);
        }
        if !http::is_host(name.as_bytes()) {
            return Err(HostError::Form);
        }
        if !name.starts_with('[') && name.contains(':') || name.starts_with('[') && !name.ends_with(']') {
            return Err(HostError::Port);
        }
        Ok(if text.starts_with("*.") { Self::Below(name) } else { Self::Exact(name) })
    }

    /// `host` as [`Host`] has it.
    pub(super) fn fits(&self, host: &[u8]) -> bool {
        match self {
            Self::Exact(name) => host == name.as_bytes(),
            Self::Below(name) => host
                .strip_suffix(name.as_bytes())
                .and_then(|rest| rest.strip_suffix(b"."))
                .is_some_and(|r| !r.is_empty()),
        }
    }
}

/// Bytes of a host name (RFC 1035 section 2.3.4); what is longer is nobody's.
pub(super) const HOST_BYTES_MAX: usize = 255;

/// The host of a request as it is matched: in lower case, without port and trailing dot.
pub(super) struct Host {
    bytes: [u8; HOST_BYTES_MAX],
    len: usize,
}

impl Host {
    #[inline]
    pub(super) fn of(request: &RequestFacts<'_>) -> Self {
        let mut host = Self { bytes: [0; HOST_BYTES_MAX], len: 0 };
        let name = request.host_name().unwrap_or_default();
        let name = name.strip_suffix(b".").unwrap_or(name);
        if let Some(room) = host.bytes.get_mut(..name.len()) {
            room.copy_from_slice(name);
            room.make_ascii_lowercase();
            host.len = name.len();
        }
        host
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Of which kind a [`PathPattern`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PathKind {
    Exact,
    Prefix,
    Pattern,
}

impl PathPattern {
    /// Its kind and its text, which say all of it.
    pub(super) fn parts(&self) -> (PathKind, &str) {
        match self {
            Self::Exact(path) => (PathKind::Exact, path),
            Self::Prefix(prefix) => (PathKind::Prefix, prefix),
            Self::Pattern(pattern) => (PathKind::Pattern, pattern.as_str()),
        }
    }

    /// A path as the configuration writes it, as it is matched: percent-encoded or not.
    ///
    /// # Errors
    /// Why no path is ever matched by it.
    pub fn text(written: &str) -> Result<String, PathError> {
        if !written.starts_with('/') {
            return Err(PathError::Start);
        }
        if let Some(byte) = written.bytes().find(|byte| matches!(byte, b'?' | b'#' | b';')) {
            return Err(PathError::Byte(char::from(byte)));
        }
        let mut path = Vec::new();
        pass_on(written.as_bytes(), &mut path).map_err(|_| PathError::Resolved)?;
        if path != written.as_bytes() || written.contains("//") {
            return Err(PathError::Resolved);
        }
        make_matched(&mut path);
        String::from_utf8(path).map_err(|_| PathError::Text)
    }

    /// `path` as it is matched.
    pub(super) fn fits(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => path == exact.as_bytes(),
            Self::Prefix(prefix) => begins_with(path, prefix.as_bytes()),
            Self::Pattern(pattern) => path.starts_with(b"/") && pattern.0.is_match(path),
        }
    }
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// It is none, or too large.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut builder = regex::bytes::RegexBuilder::new(text);
        // A line end is a byte of a path like any other, else `%0a` would get around a pattern.
        // Bytes are matched, not characters: `\d`, `\w` and `(?i)` mean what they mean in ASCII.
        builder
            .unicode(false)
            .dot_matches_new_line(true)
            .size_limit(PATTERN_BYTES_MAX)
            .dfa_size_limit(PATTERN_BYTES_MAX);
        builder.build().map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                PatternError(format!("it is too large: over {} KiB compiled", PATTERN_BYTES_MAX / 1024))
            }
            // The last line says what is wrong; those before it point at where, in a font of their own.
            error => PatternError(last_line(&error.to_string())),
        })
    }

    /// All of them in one, to ask whether any is found; `None` where they are too large together.
    pub(super) fn any_of<'p>(patterns: impl Iterator<Item = &'p Self>) -> Option<regex::bytes::RegexSet> {
        regex::bytes::RegexSetBuilder::new(patterns.map(Self::as_str))
            .unicode(false)
            .dot_matches_new_line(true)
            .build()
            .ok()
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// How many groups it has, the whole one aside.
    pub fn groups(&self) -> usize {
        self.0.captures_len() - 1
    }

    pub(super) fn regex(&self) -> &regex::bytes::Regex {
        &self.0
    }
}

fn last_line(text: &str) -> String {
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Condition {
    #[inline]
    pub(super) fn fits(&self, request: &RequestFacts<'_>, headers: &[Header<'_>]) -> bool {
        match self {
            Self::Method(methods) => methods.iter().any(|method| method == request.method_name),
            Self::Header(name, wanted) => {
                let values = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
                wanted.fits(values.map(|header| header.value), |value, text| value == text)
            }
            Self::Query(name, wanted) => {
                let pairs = request.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
                let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
                let values = pairs.filter(|(key, _)| says(key.as_bytes(), name.as_bytes()));
                wanted.fits(values.map(|(_, value)| value.as_bytes()), says)
            }
        }
    }

    /// Does whatever fits `other` fit this?
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Method(mine), Self::Method(theirs)) => theirs.iter().all(|method| mine.contains(method)),
            (Self::Header(mine, wanted), Self::Header(theirs, other)) => {
                mine.eq_ignore_ascii_case(theirs) && wanted.covers(other)
            }
            (Self::Query(mine, wanted), Self::Query(theirs, other)) => mine == theirs && wanted.covers(other),
            _ => false,
        }
    }

    /// May a field be called so?
    pub fn is_field_name(name: &str) -> bool {
        is_token(name.as_bytes())
    }
}

impl Wanted {
    fn fits<'v>(&self, mut values: impl Iterator<Item = &'v [u8]>, is: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        match self {
            Self::Present => values.next().is_some(),
            Self::Absent => values.next().is_none(),
            Self::OneOf(texts) => values.any(|value| texts.iter().any(|text| is(value, text.as_bytes()))),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) | (Self::Present, Self::Present | Self::OneOf(_)) => true,
            (Self::OneOf(mine), Self::OneOf(theirs)) => theirs.iter().all(|text| mine.contains(text)),
            _ => false,
        }
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |texts: Vec<String>| if texts.is_empty() { "*".to_owned() } else { texts.join(",") };
        let hosts = join(self.hosts.iter().map(HostPattern::to_string).collect());
        let paths = join(self.paths.iter().map(PathPattern::to_string).collect());
        write!(f, "{hosts} {paths}")?;
        self.further.iter().try_for_each(|one| write!(f, ", {one}"))
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(f, "={path}"),
            Self::Prefix(path) => f.write_str(path),
            Self::Pattern(pattern) => write!(f, "~{}", pattern.as_str()),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(methods) => write!(f, "method {}", methods.join(" or ")),
            Self::Header(name, wanted) => write!(f, "header {name} {wanted}"),
            Self::Query(name, wanted) => write!(f, "query {name} {wanted}"),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("there"),
            Self::Absent => f.write_str("not there"),
            Self::OneOf(texts) => write!(f, "\"{}\"", texts.join("\" or \"")),
        }
    }
}
