//! The admin listener: a running balancer asked over HTTP, by programs and by people. A thread with a runtime of its own,
//! so that who asks for much delays neither a request nor a check of a server.
//!
//! ```text
//!   connection -- access (who may) --> routes -- control::Remote --> the balancer's owner
//!                                        |-- /metrics: metrics (what is counted, as families)
//!                                        |-- /listeners, /backend_sets: view (what is so now); orders about servers, /reload
//!                                        '-- /healthz, /readyz
//! ```

mod access;
mod follow;
mod metrics;
mod process;
mod routes;
mod server;
mod state;
mod view;

pub use follow::{Admin, start, start_with};
pub use server::AdminError;
