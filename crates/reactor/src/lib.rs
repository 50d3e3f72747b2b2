//! One event loop per core, one thread each: try first, wait only if needed.
//!
//! The face ([`Reactor`]) is completion-style: an operation is started, its [`Completion`] arrives
//! later; the reactor owns the buffers data arrives in. An application ([`App`]) never sees a
//! socket, so the same balancer runs over [`epoll`] on the kernel and over the crate `reactor-sim` on a
//! seeded, virtual network.
//!
//! A backend that lives elsewhere, as the simulator does, implements [`Reactor`] and [`Questions`] with what every backend shares:
//! [`BufPool`] with [`BufPool::room_after`] for the buffers data arrives in, [`ConnId`] and [`ListenerId`] for
//! its names.

pub mod buf;
pub mod conn;
pub mod deadline;
pub mod epoll;
pub mod face;
mod forward;
mod host_ports;
pub mod listening;
pub mod mailbox;
mod pages;
pub mod piped;
mod session;
pub mod spawn;
pub mod timer;

pub use buf::{Buf, BufPool};
pub use conn::{ConnId, ConnMap, ListenerId};
pub use deadline::{Deadline, Fired};
pub use face::{
    Address, After, App, Close, CloseOutcome, Completion, ConnectPlan, FileRights, ListenPlan, Outgoing, Probe,
    Questions, Reactor, Received, Shortages, Source, deliver,
};
pub use host_ports::host_ports;
pub use listening::{ListenError, Listening, SocketKey};
pub use mailbox::{Answer, Bell, Inbox, Mail, NoAnswer, NotPosted, Outbox, Reply, mailbox};
pub use piped::{PIPE_BYTES, Piped};
pub use session::{Against, Announcing, ProfileId, SessionInfo, TurnedAway};
pub use spawn::{Place, Running, SpawnError, Starting, spawn};
pub use timer::{TimerId, TimerWheel};
