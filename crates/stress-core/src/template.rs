//! The request's bytes, made once.

use crate::plan::{ClosePolicy, Plan};
use core::fmt::Write;

/// Our User-Agent.
const AGENT: &str = concat!("quintet/", env!("CARGO_PKG_VERSION"));

/// The request head of `plan`. Fields that the plan names replace ours of the same name.
pub fn head(plan: &Plan) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\n", plan.method_name, plan.url.path());
    let mut field = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ok = write!(head, "{name}: {value}\r\n");
    };
    let ours = |name: &str| !plan.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
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
    plan.headers.iter().for_each(|(name, value)| field(name, value));
    if !plan.body.is_empty() || method_wants_length(&plan.method_name) {
        field("Content-Length", &plan.body.len().to_string());
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// RFC 9110 section 8.6: methods that anticipate content say so even when it is empty.
fn method_wants_length(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}
