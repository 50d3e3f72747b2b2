//! The request's bytes, made once.

use crate::plan::{ClosePolicy, Plan};
use core::fmt::Write;

/// Our User-Agent.
const AGENT: &str = concat!("quintet/", env!("CARGO_PKG_VERSION"));

/// What differs from request to request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(String, String)],
    /// `None`: that is told by whoever writes the body; the head has no end yet.
    pub(crate) body_bytes: Option<usize>,
}

/// The head of a request of `plan`. Fields that are given replace ours of the same name.
pub(crate) fn head_of(plan: &Plan, parts: &Parts<'_>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", parts.method, parts.path);
    let mut field = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ok = write!(head, "{name}: {value}\r\n");
    };
    let ours = |name: &str| !parts.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    if ours("host") {
        field("Host", &plan.url.host_field());
    }
    if ours("user-agent") {
        field("User-Agent", AGENT);
    }
    if ours("accept") {
        field("Accept", "*/*");
    }
    if ours("connection") && plan.close == ClosePolicy::Wait {
        field("Connection", "close");
    }
    parts.headers.iter().for_each(|(name, value)| field(name, value));
    if let Some(bytes) = parts.body_bytes {
        if bytes > 0 || method_wants_length(parts.method) {
            field("Content-Length", &bytes.to_string());
        }
        head.push_str("\r\n");
    }
    head.into_bytes()
}

/// RFC 9110 section 8.6: methods that anticipate content say so even when it is empty.
pub(crate) fn method_wants_length(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}
