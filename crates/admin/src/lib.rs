//! The admin listener: a running balancer asked over HTTP, by programs and by people. A thread with a runtime of its own,
//! so that who asks for much delays neither a request nor a check of a server.
//!
//! Its other end, [`Client`], is for programs of ours that ask.
//!
//! ```text
//!   connection -- access (who may) --> routes -- handlers -- control::Remote --> the balancer's owner
//!                                        |-- operations: what can be asked, for the router and /openapi.json
//!                                        |-- /metrics: metrics (what is counted, as families)
//!                                        |-- /: dashboard (the page), and live (what it is told while it is open)
//!                                        |-- /state, /listeners, /backend_sets: view (what is so now); orders about servers, /reload
//!                                        '-- /healthz, /readyz
//! ```

mod access;
mod client;
mod dashboard;
mod follow;
mod handlers;
mod live;
mod metrics;
mod openapi;
mod operations;
mod overview;
mod process;
mod ready;
mod routes;
mod server;
mod state;
mod view;

pub use client::{AskError, Client};
pub use follow::{Admin, listen, start, start_with};
pub use overview::{
    BackendSet, Changes, Counts, InertPool, Listener, ListenerState, Overview, Port, Route, Server, ServerState, Spread,
};
pub use process::Process;
pub use server::AdminError;
