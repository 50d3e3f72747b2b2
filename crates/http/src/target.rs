//! The forms of a request target (RFC 9112 3.2) and how a proxy rewrites them.

use crate::method::Method;
use crate::text::{is_host, is_target};

/// A checked request target: `/path?query`, `http://authority/path?query`, or `*` (OPTIONS only).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'b> {
    received: &'b str,
    /// Where the authority starts and ends; both are 0 where there is none.
    authority: (usize, usize),
    /// What the origin form needs before the rest.
    before: &'static str,
}

/// Why something is no request target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TargetError {
    /// It holds a byte no URI may hold, or a fragment.
    #[error("RFC 9112 3.2: the request target holds a byte that is not allowed there")]
    Byte,
    /// It is in none of the forms its method allows.
    #[error("RFC 9112 3.2: the request target is in a form its method does not allow")]
    Form,
    /// Its authority is not `host[:port]`.
    #[error("RFC 9112 3.2: the authority of the request target is not host[:port]")]
    Host,
}

impl<'b> Target<'b> {
    /// Checks every byte of `received` and the form.
    #[inline]
    pub fn parse(received: &'b str, method: Method) -> Result<Self, TargetError> {
        if !is_target(received.as_bytes()) {
            return Err(TargetError::Byte);
        }
        match received.as_bytes() {
            [b'/', ..] => Ok(Self { received, authority: (0, 0), before: "" }),
            b"*" if method == Method::Options => Ok(Self { received, authority: (0, 0), before: "" }),
            _ => Self::parse_absolute(received, method),
        }
    }

    fn parse_absolute(received: &'b str, method: Method) -> Result<Self, TargetError> {
        let start = ["http://", "https://"]
            .into_iter()
            .find(|scheme| received.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
            .ok_or(TargetError::Form)?
            .len();
        let end = received[start..].find(['/', '?']).map_or(received.len(), |at| start + at);
        if !is_host(&received.as_bytes()[start..end]) {
            return Err(TargetError::Host);
        }
        let before = match &received[end..] {
            // RFC 9112 3.2.4: OPTIONS without path and query speaks of the server as a whole.
            "" if method == Method::Options => "*",
            rest if rest.starts_with('/') => "",
            _ => "/",
        };
        Ok(Self { received, authority: (start, end), before })
    }

    /// As it was received: visible ASCII.
    pub fn as_str(&self) -> &'b str {
        self.received
    }

    /// `host[:port]` of a target in absolute form.
    #[inline]
    pub fn authority(&self) -> Option<&'b [u8]> {
        let (start, end) = self.authority;
        (end > 0).then(|| &self.received.as_bytes()[start..end])
    }

    /// As an origin server wants it, in two parts: path and query, or `*`.
    #[inline]
    pub fn origin_form(&self) -> [&'b str; 2] {
        [self.before, &self.received[self.authority.1..]]
    }

    /// The path without the query, as the origin server sees it.
    pub fn path(&self) -> &'b str {
        let [before, rest] = self.origin_form();
        let path = rest.bytes().position(|byte| byte == b'?').map_or(rest, |at| &rest[..at]);
        if path.is_empty() { before } else { path }
    }

    /// What follows the first question mark.
    pub fn query(&self) -> Option<&'b str> {
        self.received.split_once('?').map(|(_path, query)| query)
    }
}

impl Default for Target<'_> {
    fn default() -> Self {
        Self { received: "/", authority: (0, 0), before: "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, method: Method, expect: Result<(&str, Option<&str>, Option<&str>), TargetError>) {
        let got = Target::parse(target, method);
        let got = got.map(|target| (target.path(), target.query(), target.authority()));
        let expect = expect.map(|(path, query, authority)| (path, query, authority.map(str::as_bytes)));
        assert_eq!(got, expect, "{target}");
    }

    #[test]
    fn targets_are_taken_apart() {
        check("/a/b?c=d?e", Method::Get, Ok(("/a/b", Some("c=d?e"), None)));
        check("/", Method::Post, Ok(("/", None, None)));
        check("*", Method::Options, Ok(("*", None, None)));
        check("http://a:80", Method::Get, Ok(("/", None, Some("a:80"))));
        check("HTTPS://a?q", Method::Get, Ok(("/", Some("q"), Some("a"))));
        check("http://a", Method::Options, Ok(("*", None, Some("a"))));
        check("http://[::1]/x", Method::Get, Ok(("/x", None, Some("[::1]"))));
    }

    #[test]
    fn what_is_no_target_is_named() {
        check("*", Method::Get, Err(TargetError::Form));
        check("a/b", Method::Get, Err(TargetError::Form));
        check("ftp://a/", Method::Get, Err(TargetError::Form));
        check("http://me@a/", Method::Get, Err(TargetError::Host));
        check("/a#b", Method::Get, Err(TargetError::Byte));
        check("", Method::Get, Err(TargetError::Byte));
    }
}
