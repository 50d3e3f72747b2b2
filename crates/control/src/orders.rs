//! What is said of servers while the balancer runs, on its way to the plane and back.

use balancer_core::{OrderError, ServerOrder};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Why an order about a server is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerOrderError {
    /// There is no such server, or no such weight.
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// It stands, but the workers go by what they had.
    #[error("the workers do not go by it: {why}")]
    NotApplied {
        /// Why.
        why: String,
    },
    /// There is nothing left to change.
    #[error("the balancer is ending")]
    Ending,
}

/// An order about a server, and where the outcome is waited for.
pub(crate) struct ServerWish {
    pub(crate) set: String,
    pub(crate) server: String,
    pub(crate) order: ServerOrder,
    pub(crate) reply: OrderReply,
}

pub(crate) struct OrderReply(SyncSender<Result<(), ServerOrderError>>);

impl OrderReply {
    pub(crate) fn send(self, outcome: Result<(), ServerOrderError>) {
        let _nobody_waits = self.0.try_send(outcome);
    }
}

/// The outcome, once all workers go by the order.
pub(crate) struct Outcome(Receiver<Result<(), ServerOrderError>>);

impl Outcome {
    pub(crate) fn wait(self) -> Result<(), ServerOrderError> {
        self.0.recv().unwrap_or(Err(ServerOrderError::Ending))
    }
}

impl ServerWish {
    pub(crate) fn new(set: &str, server: &str, order: ServerOrder) -> (Self, Outcome) {
        let (reply, outcome) = sync_channel(1);
        let wish = Self { set: set.to_owned(), server: server.to_owned(), order, reply: OrderReply(reply) };
        (wish, Outcome(outcome))
    }
}
