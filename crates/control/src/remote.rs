//! A running balancer as others than its owner see it: it may end meanwhile.

use crate::orders::{ServerOrderError, ServerWish};
use crate::plane::Message;
use crate::reload::{ReloadOrder, Reloading, Wanted};
use balancer::{Config, Handle};
use balancer_core::ServerOrder;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// What may be asked of a running balancer, and done with it, by whoever has one of these.
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
    orders: UnboundedSender<Message>,
}

/// The running balancer, as the plane and all others have it.
pub(crate) struct Shared {
    /// `None`: it is ending.
    balancer: Mutex<Option<Handle>>,
    config: Mutex<Arc<Config>>,
    file: Option<PathBuf>,
}

impl Shared {
    pub(crate) fn new(balancer: Handle, config: Arc<Config>, file: Option<PathBuf>) -> Self {
        Self { balancer: Mutex::new(Some(balancer)), config: Mutex::new(config), file }
    }

    pub(crate) fn balancer(&self) -> MutexGuard<'_, Option<Handle>> {
        self.balancer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_config(&self, config: Arc<Config>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }
}

impl Remote {
    pub(crate) fn new(shared: Arc<Shared>, orders: UnboundedSender<Message>) -> Self {
        Self { shared, orders }
    }

    /// The answer, which may take a moment; `None`: the balancer is ending.
    pub fn ask<T>(&self, question: impl FnOnce(&Handle) -> T) -> Option<T> {
        self.shared.balancer().as_ref().map(question)
    }

    /// What it works by.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.shared.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the balancer work by another configuration: its names are looked up, then all workers take it, or everything
    /// stays as it was. No connection of what stays is lost; what a configuration says of threads and buffers counts from
    /// the next start on.
    pub fn reload(&self, config: &Config) -> Reloading {
        self.order(Wanted::This(Box::new(config.clone())))
    }

    /// The same with what the file says now that the balancer was started with.
    pub fn reload_file(&self) -> Reloading {
        self.order(Wanted::File(self.shared.file.clone()))
    }

    /// Says something of a server, named by its address as reports do. It stands above the configuration, reloads included;
    /// returns when all workers go by it.
    ///
    /// # Errors
    /// There is no such server, or the workers do not go by it.
    pub fn order_server(&self, set: &str, server: &str, order: ServerOrder) -> Result<(), ServerOrderError> {
        let (wish, outcome) = ServerWish::new(set, server, order);
        let _has_ended = self.orders.send(Message::Server(wish));
        outcome.wait()
    }

    fn order(&self, wanted: Wanted) -> Reloading {
        let (order, reloading) = ReloadOrder::new(wanted);
        // Where the plane has ended, the order goes, and with it the reply.
        let _has_ended = self.orders.send(Message::Reload(order));
        reloading
    }

    /// Takes the balancer away, to end it.
    pub(crate) fn take(&self) -> Option<Handle> {
        self.shared.balancer().take()
    }

    /// Ends the plane.
    pub(crate) fn stop(&self) {
        let _has_ended = self.orders.send(Message::Stop);
    }
}
