//! The forms of a request target (RFC 9112 3.2) and how a proxy rewrites them.

use crate::error::Error;
use crate::name::Method;
use crate::text::{is_host, is_target};

/// How the target is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `/path?query`
    Origin,
    /// `http://authority/path?query`; the authority ends at this byte of the target.
    Absolute { scheme_len: usize, authority_end: usize },
    /// `*`, for OPTIONS only.
    Asterisk,
}

/// Checks the bytes of `target` and tells its form.
#[inline]
pub(crate) fn form_of(target: &str, method: Method) -> Result<Form, Error> {
    if !is_target(target.as_bytes()) {
        return Err(Error::Target);
    }
    match target.as_bytes() {
        [b'/', ..] => Ok(Form::Origin),
        b"*" if method == Method::Options => Ok(Form::Asterisk),
        _ => absolute(target),
    }
}

/// The authority of a target in absolute form.
pub(crate) fn authority(target: &str, form: Form) -> Option<&[u8]> {
    match form {
        Form::Absolute { scheme_len, authority_end } => Some(&target.as_bytes()[scheme_len..authority_end]),
        Form::Origin | Form::Asterisk => None,
    }
}

/// The target as an origin server wants it, in two parts: what has to be put before, and the rest of `target`.
pub(crate) fn origin_form(target: &str, form: Form, method: Method) -> (&'static str, &str) {
    let Form::Absolute { authority_end, .. } = form else { return ("", target) };
    match &target[authority_end..] {
        // RFC 9112 3.2.4: OPTIONS without path and query speaks of the server as a whole.
        "" if method == Method::Options => ("*", ""),
        rest if rest.starts_with('/') => ("", rest),
        rest => ("/", rest),
    }
}

fn absolute(target: &str) -> Result<Form, Error> {
    let scheme_len = ["http://", "https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .ok_or(Error::TargetForm)?
        .len();
    let rest = &target[scheme_len..];
    let authority_end = scheme_len + rest.find(['/', '?']).unwrap_or(rest.len());
    if is_host(&target.as_bytes()[scheme_len..authority_end]) {
        Ok(Form::Absolute { scheme_len, authority_end })
    } else {
        Err(Error::HostInvalid)
    }
}
