//! The real balancer on the kernel's sockets, byte for byte: scripted clients in front, a scripted origin behind.
//!
//! Most tests are timelines (see [`script::Act`]): who sends what, and what the other end then sees. Every wait is
//! bounded, and every timeline ends with the books being checked: each connection has one close, with one reason.

mod access_log;
mod announced;
mod bodies;
mod breaker;
mod capacity;
mod closing;
mod compression;
mod draining;
mod elsewhere;
mod exchange;
mod failures;
mod guests;
mod limits;
mod names;
mod passwords;
mod piped;
mod places;
mod ports;

mod protocol;
mod proxied;
mod reload;
mod retries;
mod returning;
mod routes;
mod script;
mod selection;
mod sick;
mod smuggling;
mod staff;
mod stage;
mod starting;
mod streaming;
mod tcp;
mod tls;
mod treatment;
mod tunnels;
mod turns;
mod wire;
