//! The request's bytes, made once.

use crate::plan::{ClosePolicy, Plan};
use core::fmt::Write;

/// Our User-Agent.
pub(crate) const AGENT: &str = concat!("quintet/", env!("CARGO_PKG_VERSION"));

/// What differs from request to request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(String, String)],
    /// `None`: that is told by whoever writes the body; the head has no end yet.
    pub(crate) body_bytes: Option<usize>,
}

/// The head of a request of `plan`. Fields that are given replace ours of the same name. It has the field about the end of the
/// connection, where any request has: see [`Ends`].
pub(crate) fn head_of(plan: &Plan, parts: &Parts<'_>) -> Vec<u8> {
    let version = if plan.wire.http10 { "1.0" } else { "1.1" };
    let mut head = format!("{} {}{} HTTP/{version}\r\n", parts.method, before_path(plan), parts.path);
    let ours = |name: &str| !parts.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    if ours("host") {
        field(&mut head, "Host", &plan.url.host_field());
    }
    if ours("user-agent") {
        field(&mut head, "User-Agent", AGENT);
    }
    if ours("accept") {
        field(&mut head, "Accept", "*/*");
    }
    if ours("connection") {
        head.push_str(about_end(plan));
    }
    if let Some(who) = plan.reach.proxy_authorization.as_ref().filter(|_| !plan.reach.tunnels) {
        field(&mut head, "Proxy-Authorization", who);
    }
    parts.headers.iter().for_each(|(name, value)| field(&mut head, name, value));
    if let Some(bytes) = parts.body_bytes {
        if bytes > 0 || method_wants_length(parts.method) {
            field(&mut head, "Content-Length", &bytes.to_string());
        }
        head.push_str("\r\n");
    }
    head.into_bytes()
}

/// A proxy is asked for the whole URL (RFC 9112 section 3.2.2).
fn before_path(plan: &Plan) -> String {
    if plan.reach.proxy.is_some() && !plan.reach.tunnels {
        format!("http://{}", plan.url.host_field())
    } else {
        String::new()
    }
}

fn field(head: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ok = write!(head, "{name}: {value}\r\n");
}

/// HTTP/1.1 keeps a connection unless one side says otherwise, HTTP/1.0 ends it (RFC 9112 section 9.3).
fn about_end(plan: &Plan) -> &'static str {
    match (plan.wire.http10, plan.close) {
        (true, _) => "Connection: keep-alive\r\n",
        (false, ClosePolicy::Wait) => "Connection: close\r\n",
        (false, _) => "",
    }
}

/// Which requests of a connection have the field about its end: the last, or all others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    field: &'static str,
    last_has_it: bool,
}

impl Ends {
    /// Of the requests of `plan`. A field that was given is left alone.
    pub fn of(plan: &Plan) -> Self {
        let is_given = plan.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("connection"));
        Self { field: if is_given { "" } else { about_end(plan) }, last_has_it: !plan.wire.http10 }
    }

    /// Are the last request of a connection and the others written alike?
    pub fn are_alike(&self) -> bool {
        self.field.is_empty()
    }

    /// Has a request have the field where it has to, whatever it was written as.
    pub fn fit(&self, last: bool, request: &mut Vec<u8>) {
        // Of a request that has it already nothing is added.
        self.trim(!self.last_has_it, request);
        if !self.are_alike() && last == self.last_has_it {
            let head = request.windows(4).position(|part| part == b"\r\n\r\n").map_or(request.len(), |at| at + 2);
            request.splice(head..head, self.field.bytes());
        }
    }

    /// Takes the field out of a request that is not to have it.
    pub fn trim(&self, last: bool, request: &mut Vec<u8>) {
        if self.are_alike() || last == self.last_has_it {
            return;
        }
        let field = self.field.as_bytes();
        let head = request.windows(4).position(|part| part == b"\r\n\r\n").map_or(request.len(), |at| at + 2);
        let found = request[..head].windows(field.len()).position(|part| part == field);
        if let Some(at) = found.filter(|at| request[..*at].ends_with(b"\r\n")) {
            request.drain(at..at + field.len());
        }
    }
}

/// RFC 9110 section 8.6: methods that anticipate content say so even when it is empty.
pub(crate) fn method_wants_length(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}
