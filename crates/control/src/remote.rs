//! A running balancer as others than its owner see it: it may end meanwhile.

use crate::plane::{Message, Shared, locked};
use crate::reload::{ReloadOrder, Reloading};
use balancer::{Config, Handle};
use tokio::sync::mpsc::UnboundedSender;

/// What may be asked of a running balancer, and done with it, by whoever has one of these.
#[derive(Clone)]
pub struct Remote {
    balancer: Shared,
    orders: UnboundedSender<Message>,
}

impl Remote {
    pub(crate) fn new(balancer: Shared, orders: UnboundedSender<Message>) -> Self {
        Self { balancer, orders }
    }

    /// The answer, which may take a moment; `None`: the balancer is ending.
    pub fn ask<T>(&self, question: impl FnOnce(&Handle) -> T) -> Option<T> {
        locked(&self.balancer).as_ref().map(question)
    }

    /// Has the balancer work by another configuration: its names are looked up, then all workers take it, or everything
    /// stays as it was. No connection of what stays is lost; what a configuration says of threads and buffers counts from
    /// the next start on.
    pub fn reload(&self, config: &Config) -> Reloading {
        let (order, reloading) = ReloadOrder::new(config);
        // Where the plane has ended, the order goes, and with it the reply.
        let _has_ended = self.orders.send(Message::Reload(Box::new(order)));
        reloading
    }

    /// Takes the balancer away, to end it.
    pub(crate) fn take(&self) -> Option<Handle> {
        locked(&self.balancer).take()
    }

    /// Ends the plane.
    pub(crate) fn stop(&self) {
        let _has_ended = self.orders.send(Message::Stop);
    }
}
