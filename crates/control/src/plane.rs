//! The plane itself: the book of names and the checks of servers at work. Whatever happens comes in by one mailbox.

use crate::event::Event;
use crate::health::Health;
use crate::news::NewsDesk;
use crate::resolver::Resolver;
use balancer::Handle;
use balancer_core::Settings;
use balancer_core::checks::{CheckId, Outcome};
use balancer_core::names::{Answer, Book, Change, Question};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// Looks under way at once.
const LOOKS_MAX: usize = 32;
/// When nothing is due.
const IDLE: Duration = Duration::from_secs(3600);
/// Of the chance by which checks keep out of step.
const SEED: u64 = 0x5eed;

/// What comes in. Bounded by what is under way: a message per look, and one per order.
pub(crate) enum Message {
    Answered(Question, Answer),
    Checked(CheckId, Outcome),
    Applied(Result<(), String>),
    Stop,
}

/// The running balancer, which its owner asks for counts meanwhile.
pub(crate) type Shared = Arc<Mutex<Handle>>;

pub(crate) struct Plane {
    book: Book,
    resolver: Resolver,
    /// With the servers that were written as addresses.
    base: Settings,
    looks: usize,
    since: Instant,
    outbox: UnboundedSender<Message>,
    inbox: UnboundedReceiver<Message>,
    /// The servers are others than those that were applied last.
    is_stale: bool,
    is_applying: bool,
}

impl Plane {
    pub(crate) fn new(book: Book, resolver: Resolver, base: Settings) -> Self {
        let (outbox, inbox) = unbounded_channel();
        let since = Instant::now();
        Self { book, resolver, base, looks: 0, since, outbox, inbox, is_stale: false, is_applying: false }
    }

    pub(crate) fn outbox(&self) -> UnboundedSender<Message> {
        self.outbox.clone()
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// The settings with the servers of all names.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.base.clone();
        self.book.add_servers(&mut settings);
        settings
    }

    /// Asks everything once.
    pub(crate) async fn settle(&mut self) {
        while !self.book.is_settled() {
            self.begin_looks();
            if let Some(Message::Answered(question, answer)) = self.next_message(self.now() + IDLE).await {
                self.hear(&question, answer);
            }
        }
    }

    /// Until it is told to stop.
    pub(crate) async fn run(mut self, balancer: Shared, mut news: NewsDesk) {
        let mut health = Health::new(SEED ^ u64::from(std::process::id()));
        self.go_by(&balancer, &mut health);
        loop {
            self.begin_looks();
            health.begin_checks(self.now(), &self.outbox);
            let told = match self.next_message(health.due()).await {
                Some(Message::Answered(question, answer)) => self.hear(&question, answer).map(Event::from),
                Some(Message::Checked(id, outcome)) => health.hear(id, outcome, self.now()),
                Some(Message::Applied(outcome)) => {
                    self.is_applying = false;
                    self.go_by(&balancer, &mut health);
                    outcome.err().map(|why| Event::NotApplied { why })
                }
                Some(Message::Stop) => return,
                None => None,
            };
            told.into_iter().chain(health.look(self.now())).for_each(|event| news.tell(event));
            self.apply_if_stale(&balancer);
        }
    }

    /// Checks the servers that the workers know now.
    fn go_by(&self, balancer: &Shared, health: &mut Health) {
        let balancer = locked(balancer);
        health.set_servers(&balancer.settings(), balancer.boards(), self.now());
    }

    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn begin_looks(&mut self) {
        self.resolver.refresh();
        while self.looks < LOOKS_MAX
            && let Some(question) = self.book.poll_look(self.now())
        {
            let (answer, outbox) = (self.resolver.ask(&question), self.outbox.clone());
            tokio::spawn(async move {
                let answer = answer.await;
                let _plane_has_ended = outbox.send(Message::Answered(question, answer));
            });
            self.looks += 1;
        }
    }

    /// `None`: something is due.
    async fn next_message(&mut self, other: Duration) -> Option<Message> {
        let look = if self.looks < LOOKS_MAX { self.book.next_look() } else { None };
        let due = self.since + look.map_or(other, |look| look.min(other));
        timeout_at(due, self.inbox.recv()).await.ok().flatten()
    }

    fn hear(&mut self, question: &Question, answer: Answer) -> Option<Change> {
        self.looks -= 1;
        let now = self.now();
        let change = self.book.handle_answer(question, answer, now);
        self.is_stale |= self.book.poll_moved();
        change
    }

    /// Workers take a moment, one that hangs ten seconds: meanwhile names are looked up.
    fn apply_if_stale(&mut self, balancer: &Shared) {
        if !self.is_stale || self.is_applying {
            return;
        }
        (self.is_stale, self.is_applying) = (false, true);
        let (settings, balancer, outbox) = (self.settings(), Arc::clone(balancer), self.outbox.clone());
        tokio::task::spawn_blocking(move || {
            let outcome = locked(&balancer).apply(&settings).map_err(|error| error.to_string());
            let _plane_has_ended = outbox.send(Message::Applied(outcome));
        });
    }
}

pub(crate) fn locked(balancer: &Shared) -> MutexGuard<'_, Handle> {
    balancer.lock().unwrap_or_else(PoisonError::into_inner)
}
