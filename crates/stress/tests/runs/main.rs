//! Whole runs over real sockets, and what they are read from.

#[path = "../common/mod.rs"]
mod common;
mod loopback;
mod scripted;
mod urls;
