//! A small HTTP/1 origin for tests, benchmarks and first tries: it answers what it is asked for, streams bodies of
//! any length from a few buffers, and closes connections as it is told to.
//!
//! | path | answer |
//! |---|---|
//! | `/` | a short hello that names this origin |
//! | `/bytes/N` | N bytes of [`pattern`], with Content-Length |
//! | `/chunked/N` | the same bytes, chunked |
//! | `/delay/MS` | an answer after MS milliseconds |
//! | `/status/CODE` | an answer with that status |
//! | `/redirect/N` | a redirect to `/redirect/N-1`; of 0 the hello |
//! | `/echo` | the request's body, framed as it came |
//! | `/close` | an answer after which the connection is closed (see [`CloseHabit`]) |
//!
//! [`Origin`] is an application over any reactor; [`start`] runs it on threads of its own over the kernel.

mod answer;
mod app;
mod conn;
mod counters;
mod exchange;
pub mod pattern;
mod plan;
mod route;
mod serve;

pub use app::{Order, Origin};
pub use counters::Counters;
pub use plan::{CloseHabit, OriginPlan};
pub use serve::{Handle, StartError, WORKERS_MAX, start};
