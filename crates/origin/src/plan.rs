//! What an origin is told to do.

use named::named;
use std::net::SocketAddr;
use std::time::Duration;

named! {
    /// What an origin does with a client's wish to close.
    #[derive(Default)]
    pub enum CloseHabit {
        /// Closes when the client asks for it, and after `/close`.
        #[default]
        Honour = "honour",
        /// Keeps the connection whatever the client asks for, as some servers do. `/close` is ignored too.
        Ignore = "ignore",
        /// Closes after every answer, as a server without keep-alive does.
        Always = "always",
    }
}

/// How to run an origin.
#[derive(Clone, Debug)]
pub struct OriginPlan {
    /// Address and port; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// Threads, each with its own accept queue.
    pub workers: usize,
    /// The name it gives in the header `X-Origin` and in its hello.
    pub name: String,
    /// When it closes.
    pub close: CloseHabit,
    /// How long a connection may do nothing.
    pub idle_timeout: Duration,
    /// Connections per worker; beyond it new ones wait in the accept queue.
    pub connections_max: usize,
}

impl OriginPlan {
    /// One worker that honours close.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            workers: 1,
            name: "origin".to_owned(),
            close: CloseHabit::default(),
            idle_timeout: Duration::from_secs(60),
            connections_max: 100_000,
        }
    }
}
