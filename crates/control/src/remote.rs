//! A running balancer as others than its owner see it: it may end meanwhile.

use crate::by::By;
use crate::event::Event;
use crate::fellow::Fellow;
use crate::news::{Told, Watch};
use crate::orders::{NotOrdered, Wanted as WantedOf, Wish};
use crate::plane::Message;
use crate::reload::{HandOvers, Past, ReloadOrder, Reloading, Reloads, Wanted};
use crate::stamp::{FileStamp, stamp};
use balancer::{Config, Glance, Handle, Inheritance, LogError, StartError};
use balancer_core::{ListenerOrder, Overrides, ServerOrder, Settings};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedSender;

/// What may be asked of a running balancer, and done with it, by whoever has one of these.
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
    orders: UnboundedSender<Message>,
    by: By,
}

/// The running balancer, as the plane and all others have it.
pub(crate) struct Shared {
    /// Held while the workers are given another configuration. `None`: it is ending.
    balancer: Mutex<Option<Handle>>,
    /// What can be seen of it, held for no longer than it takes to copy. `None`: it has ended.
    glance: Mutex<Option<Glance>>,
    is_ending: AtomicBool,
    config: Mutex<Arc<Config>>,
    /// What was said of servers.
    said: Mutex<Overrides>,
    /// Listeners that are drained, and since when.
    drained: Mutex<Vec<(String, Instant)>>,
    file: Option<PathBuf>,
    /// Data-path threads, whatever the configuration says.
    workers: Option<usize>,
    reloads: Mutex<Reloads>,
    hand_overs: Mutex<HandOvers>,
    file_read: Mutex<FileStamp>,
    /// Who else goes by the configuration.
    fellow: Mutex<Option<Fellow>>,
    news: broadcast::Sender<Told>,
}

impl Shared {
    pub(crate) fn new(
        balancer: Handle,
        config: Arc<Config>,
        file: Option<PathBuf>,
        workers: Option<usize>,
        news: broadcast::Sender<Told>,
    ) -> Self {
        Self {
            glance: Mutex::new(Some(balancer.glance())),
            balancer: Mutex::new(Some(balancer)),
            is_ending: AtomicBool::new(false),
            config: Mutex::new(config),
            said: Mutex::default(),
            drained: Mutex::default(),
            file,
            workers,
            reloads: Mutex::default(),
            hand_overs: Mutex::default(),
            file_read: Mutex::default(),
            fellow: Mutex::new(None),
            news,
        }
    }

    fn balancer(&self) -> MutexGuard<'_, Option<Handle>> {
        lock(&self.balancer)
    }

    pub(crate) fn glance(&self) -> Option<Glance> {
        lock(&self.glance).clone()
    }

    /// Has the workers go by these settings, of the `next` configuration if there is one; `None`: the balancer is ending. May take as long as workers have for it.
    pub(crate) fn apply(&self, settings: &Settings, next: Option<&Config>) -> Option<Result<(), StartError>> {
        let mut balancer = self.balancer();
        let balancer = balancer.as_mut()?;
        let outcome = match next {
            Some(config) => balancer.go_over_to(balancer::Next {
                settings,
                log: config.access_log.clone(),
                workers: config.workers_or(self.workers),
                parting: config.parting(),
            }),
            None => balancer.apply(settings),
        };
        *lock(&self.glance) = Some(balancer.glance());
        Some(outcome)
    }

    pub(crate) fn fellow(&self) -> Option<Fellow> {
        lock(&self.fellow).clone()
    }

    pub(crate) fn set_said(&self, said: &Overrides) {
        lock(&self.said).clone_from(said);
    }

    pub(crate) fn set_drained(&self, drained: Vec<(String, Instant)>) {
        *lock(&self.drained) = drained;
    }

    /// What came of a reload, before anybody is told.
    pub(crate) fn note_reload(&self, is_good: bool) {
        lock(&self.reloads).note(is_good);
    }

    pub(crate) fn set_config(&self, config: Arc<Config>) {
        *lock(&self.config) = config;
    }
}

/// A panic elsewhere leaves behind what is as whole as ever.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Remote {
    pub(crate) fn new(shared: Arc<Shared>, orders: UnboundedSender<Message>) -> Self {
        Self { shared, orders, by: By::default() }
    }

    /// One whose orders are told as somebody's.
    pub fn acting_for(&self, by: By) -> Self {
        Self { by, ..self.clone() }
    }

    /// What is seen of the balancer, a change that is under way notwithstanding; `None`: it has ended.
    pub fn ask<T>(&self, question: impl FnOnce(&Glance) -> T) -> Option<T> {
        self.shared.glance().as_ref().map(question)
    }

    pub(crate) fn reopen_log(&self) -> Result<(), LogError> {
        self.shared.balancer().as_ref().map_or(Ok(()), Handle::reopen_log)
    }

    /// It drains, or has ended.
    pub fn is_ending(&self) -> bool {
        self.shared.is_ending.load(Ordering::Acquire)
    }

    /// What it works by.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&lock(&self.shared.config))
    }

    /// The file as it was when somebody had it read again last.
    pub fn file_read(&self) -> FileStamp {
        *lock(&self.shared.file_read)
    }

    /// What came of the reloads so far.
    pub fn reloads(&self) -> Reloads {
        *lock(&self.shared.reloads)
    }

    /// What came of the hand-overs so far.
    pub fn hand_overs(&self) -> HandOvers {
        *lock(&self.shared.hand_overs)
    }

    /// So many hand-overs have led to this process, the last one just now.
    pub fn note_taken_over(&self, count: u64) {
        lock(&self.shared.hand_overs).done = Past { count, last: Some(SystemTime::now()) };
    }

    /// A process that was to take over did not.
    pub fn note_not_handed_over(&self) {
        lock(&self.shared.hand_overs).failed.note();
    }

    /// Whoever looks on sees this as well, which the owner tells people himself.
    pub fn show(&self, event: Event) {
        let _nobody_looks_on = self.shared.news.send(Told::now(event));
    }

    /// Where that came from, if it was a file.
    pub fn file(&self) -> Option<&Path> {
        self.shared.file.as_deref()
    }

    /// Somebody else goes by the configuration from now on: see [`Fellow`].
    pub fn set_fellow(&self, fellow: Fellow) {
        *lock(&self.shared.fellow) = Some(fellow);
    }

    /// What changes from now on.
    pub fn watch(&self) -> Watch {
        self.shared.news.subscribe()
    }

    /// Has the balancer work by another configuration: its names are looked up, then all workers take it, or everything
    /// stays as it was. No connection of what stays is lost; what a configuration says of threads and buffers counts from
    /// the next start on.
    pub fn reload(&self, config: &Config) -> Reloading {
        self.order(Wanted::This(Box::new(config.clone())))
    }

    /// The same with what the file says now that the balancer was started with.
    pub fn reload_file(&self) -> Reloading {
        // As it is before it is read: what changes meanwhile is another one.
        *lock(&self.shared.file_read) = self.file().and_then(stamp);
        self.order(Wanted::File(self.shared.file.clone()))
    }

    /// Says something of a server, named by its address as reports do. It stands above the configuration, reloads included;
    /// returns when all workers go by it.
    ///
    /// # Errors
    /// There is no such server, or the workers do not go by it.
    pub fn order_server(&self, set: &str, server: &str, order: ServerOrder) -> Result<(), NotOrdered> {
        self.wish(WantedOf::OfServer { set: set.to_owned(), server: server.to_owned(), order })
    }

    /// Says something of a listener. It stands above the configuration, reloads included; returns when all workers go by it,
    /// which for a drain is its beginning.
    ///
    /// # Errors
    /// There is no such listener, or the workers do not go by it.
    pub fn order_listener(&self, listener: &str, order: ListenerOrder) -> Result<(), NotOrdered> {
        self.wish(WantedOf::OfListener { listener: listener.to_owned(), order })
    }

    fn wish(&self, what: WantedOf) -> Result<(), NotOrdered> {
        let (wish, outcome) = Wish::new(what, self.by.clone());
        // Where the plane has ended the order comes back, and with it the reply: whoever held it would wait for ever.
        drop(self.orders.send(Message::Wish(wish)));
        outcome.wait()
    }

    fn order(&self, wanted: Wanted) -> Reloading {
        let (order, reloading) = ReloadOrder::new(wanted, self.by.clone());
        // Where the plane has ended, the order goes, and with it the reply.
        let _has_ended = self.orders.send(Message::Reload(order));
        reloading
    }

    /// The listening sockets and the keys of tickets, for another process; `None`: it is ending.
    pub(crate) fn to_inherit(&self) -> Option<Inheritance> {
        let of = |balancer: &Handle| Inheritance {
            doors: balancer.to_inherit(),
            tickets: balancer.ticket_keys(),
            ..Inheritance::default()
        };
        self.shared.balancer().as_ref().map(of)
    }

    /// What was said of servers while it ran.
    pub fn said(&self) -> Overrides {
        lock(&self.shared.said).clone()
    }

    /// The listeners that are drained, and for how long already.
    pub fn drained(&self) -> Vec<(String, Duration)> {
        lock(&self.shared.drained).iter().map(|(name, since)| (name.clone(), since.elapsed())).collect()
    }

    /// From now on it is ending, for everybody who asks.
    pub(crate) fn note_ending(&self) {
        self.shared.is_ending.store(true, Ordering::Release);
    }

    /// Takes the balancer away, to end it. What is seen of it is seen until [`Remote::forget`].
    pub(crate) fn take(&self) -> Option<Handle> {
        self.note_ending();
        self.shared.balancer().take()
    }

    /// It has ended.
    pub(crate) fn forget(&self) {
        *lock(&self.shared.glance) = None;
        *lock(&self.shared.fellow) = None;
    }

    /// As while workers are given another configuration.
    #[cfg(test)]
    pub(crate) fn while_changing(&self, look: impl FnOnce()) {
        let changing = self.shared.balancer();
        look();
        drop(changing);
    }

    #[cfg(test)]
    pub(crate) fn break_plane(&self) {
        let _has_ended = self.orders.send(Message::Break);
    }

    /// Ends the plane.
    pub(crate) fn stop(&self) {
        let _has_ended = self.orders.send(Message::Stop);
    }
}
