//! Bytes in, messages out, and back.

mod bodies;
#[path = "../common/mod.rs"]
mod common;
mod forward;
mod request_head;
mod response_head;
mod smuggling;
mod splits;
