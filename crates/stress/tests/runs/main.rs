//! Whole runs over real sockets, and what they are read from.

#[path = "../common/mod.rs"]
mod common;
mod followed;
mod loopback;
mod pipelined;
mod scribe;
mod scripted;
mod tunnelled;
mod urls;
