//! The exchange as tables: what happens, what it orders. The invariants are checked after every fact.

mod attempts;
mod elsewhere;
mod ends;
mod messages;
mod replies;
mod scene;
mod servers;
mod streams;
mod times;
