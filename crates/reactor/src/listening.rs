//! Sockets that listen, made by the owner of the configuration and handed to event loops.
//!
//! ```text
//!   owner:   bind -> (what must stand before the first SYN: a firewall rule, dropped privileges) -> listen
//!               '-> Listening --clone--> event loop of worker 1: adopt_listener ... close_listener
//!                             --clone--> worker 2
//! ```
//! From `listen` on nobody is refused: connections wait in the accept queue until a worker adopts the socket, while it
//! gives it up, and until the next one adopts it. The socket closes with the last who holds it.

use crate::face::ListenPlan;
use ports::{Address, Fault};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A socket that listens. Clones are the same socket.
#[derive(Clone)]
pub struct Listening {
    address: Address,
    socket: Arc<dyn Any + Send + Sync>,
}

/// What tells a socket from others: see [`Listening::key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketKey(usize);

impl Listening {
    /// For backends: `socket` is whatever theirs is.
    pub fn new(address: impl Into<Address>, socket: Arc<dyn Any + Send + Sync>) -> Self {
        Self { address: address.into(), socket }
    }

    /// Where it listens.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Tells it from other sockets, at the same address too, for as long as somebody holds it.
    pub fn key(&self) -> SocketKey {
        SocketKey(Arc::as_ptr(&self.socket).cast::<()>().addr())
    }

    /// For backends: the socket, where it is one of theirs.
    pub fn socket<S: Any + Send + Sync>(self) -> Option<Arc<S>> {
        self.socket.downcast().ok()
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listening({})", self.address)
    }
}

/// Why an address cannot be listened on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot listen on {address}: {}", .fault.listen_advice(.address))]
pub struct ListenError {
    /// Which.
    pub address: Box<Address>,
    /// Why not.
    pub fault: Fault,
}

impl ListenError {
    /// `plan` failed by `fault`.
    pub fn new(plan: &ListenPlan, fault: Fault) -> Self {
        Self { address: Box::new(plan.address), fault }
    }
}
