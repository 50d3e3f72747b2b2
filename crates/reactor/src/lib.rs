//! One event loop per core, one thread each: try first, wait only if needed.
//!
//! The face ([`Reactor`]) is completion-style: an operation is started, its [`Completion`] arrives
//! later; the reactor owns the buffers data arrives in. An application ([`App`]) never sees a
//! socket, so the same balancer runs over [`epoll`] on the kernel and over [`sim`] on a seeded,
//! virtual network.

pub mod buf;
pub mod conn;
pub mod epoll;
pub mod face;
mod pages;
pub mod sim;
pub mod timer;

pub use buf::{Buf, BufPool};
pub use conn::{ConnId, ConnMap, ListenerId};
pub use face::{
    After, App, Close, CloseOutcome, Completion, ConnectPlan, ListenPlan, Outgoing, Probe, Reactor, Received, Source,
};
pub use timer::{TimerId, TimerWheel};
