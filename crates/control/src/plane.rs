//! The plane itself: the book of names at work. Whatever happens comes in by one mailbox.

use crate::event::Event;
use crate::news::NewsDesk;
use crate::resolver::Resolver;
use balancer::Handle;
use balancer_core::Settings;
use balancer_core::names::{Answer, Book, Change, Question};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// Looks under way at once.
const LOOKS_MAX: usize = 32;
/// When nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// What comes in. Bounded by what is under way: a message per look, and one per order.
pub(crate) enum Message {
    Answered(Question, Answer),
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
            if let Some(Message::Answered(question, answer)) = self.next_message().await {
                self.hear(&question, answer);
            }
        }
    }

    /// Until it is told to stop.
    pub(crate) async fn run(mut self, balancer: Shared, mut news: NewsDesk) {
        self.is_stale = false;
        loop {
            self.begin_looks();
            match self.next_message().await {
                Some(Message::Answered(question, answer)) => {
                    if let Some(change) = self.hear(&question, answer) {
                        news.tell(change.into());
                    }
                }
                Some(Message::Applied(outcome)) => {
                    self.is_applying = false;
                    if let Err(why) = outcome {
                        news.tell(Event::NotApplied { why });
                    }
                }
                Some(Message::Stop) => return,
                None => {}
            }
            self.apply_if_stale(&balancer);
        }
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
    async fn next_message(&mut self) -> Option<Message> {
        let due = if self.looks < LOOKS_MAX { self.book.next_look() } else { None };
        let due = self.since + due.unwrap_or_else(|| self.now() + IDLE);
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
            let mut balancer = balancer.lock().unwrap_or_else(PoisonError::into_inner);
            let outcome = balancer.apply(&settings).map_err(|error| error.to_string());
            let _plane_has_ended = outbox.send(Message::Applied(outcome));
        });
    }
}
