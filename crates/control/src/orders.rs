//! What is said of servers and listeners while the balancer runs, on its way to the plane and back.

use crate::by::By;
use crate::event::Event;
use balancer_core::{ListenerOrder, OrderError, ServerOrder};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Why an order about a server, or a listener, is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOrdered {
    /// There is no such thing, or no such weight.
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// It stands, but the workers go by what they had.
    #[error("it stands, but the workers do not go by it yet: {why}; it is tried again every few seconds")]
    NotApplied {
        /// Why.
        why: String,
    },
    /// There is nothing left to change.
    #[error("the balancer is ending")]
    Ending,
}

/// An order, who gave it, and where the outcome is waited for.
pub(crate) struct Wish {
    pub(crate) what: Wanted,
    pub(crate) by: By,
    pub(crate) reply: OrderReply,
}

/// What is wanted of whom.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    OfServer { set: String, server: String, order: ServerOrder },
    OfListener { listener: String, order: ListenerOrder },
}

pub(crate) struct OrderReply(SyncSender<Result<(), NotOrdered>>);

impl OrderReply {
    pub(crate) fn send(self, outcome: Result<(), NotOrdered>) {
        let _nobody_waits = self.0.try_send(outcome);
    }
}

/// The outcome, once all workers go by the order.
pub(crate) struct Outcome(Receiver<Result<(), NotOrdered>>);

impl Outcome {
    pub(crate) fn wait(self) -> Result<(), NotOrdered> {
        self.0.recv().unwrap_or(Err(NotOrdered::Ending))
    }
}

impl Wish {
    pub(crate) fn new(what: Wanted, by: By) -> (Self, Outcome) {
        let (reply, outcome) = sync_channel(1);
        (Self { what, by, reply: OrderReply(reply) }, Outcome(outcome))
    }
}

impl Wanted {
    /// As it is told once it stands.
    pub(crate) fn event(self, by: By) -> Event {
        match self {
            Self::OfServer { set, server, order } => Event::ServerOrdered { set, server, order: order.to_string(), by },
            Self::OfListener { listener, order } => Event::ListenerOrdered { listener, order, by },
        }
    }
}
