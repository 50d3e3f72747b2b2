//! The plane itself: the book of names and the checks of servers at work. Whatever happens comes in by one mailbox.

use crate::errors::{ControlError, ReloadError};
use crate::event::Event;
use crate::health::Health;
use crate::names::{LOOKS_MAX, Names};
use crate::news::NewsDesk;
use crate::reload::{ReloadOrder, Reply};
use balancer::{Handle, StartError, Warning};
use balancer_core::checks::{CheckId, Outcome};
use balancer_core::names::{Answer, Change, Question};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// Of the chance by which checks keep out of step.
const SEED: u64 = 0x5eed;

/// What comes in. Bounded by what is under way: a message per look, and one per order.
pub(crate) enum Message {
    Answered(Question, Answer),
    Checked(CheckId, Outcome),
    Applied(Result<Vec<Warning>, StartError>),
    Reload(Box<ReloadOrder>),
    /// The names of the next configuration were looked up.
    Settled(Result<Box<Names>, ControlError>, Reply),
    Stop,
}

/// The running balancer, which others ask for counts meanwhile. `None`: it is ending.
pub(crate) type Shared = Arc<Mutex<Option<Handle>>>;

pub(crate) struct Plane {
    names: Names,
    looks: usize,
    since: Instant,
    outbox: UnboundedSender<Message>,
    inbox: UnboundedReceiver<Message>,
    /// The servers are others than those that were applied last.
    is_stale: bool,
    next: Next,
    applying: Option<Applying>,
}

/// Another configuration that is to take this one's place.
enum Next {
    Nobody,
    /// Its names are being looked up.
    Settling,
    Ready(Box<Names>, Reply),
}

/// What the workers are given at present.
enum Applying {
    /// Servers that came or went.
    Servers,
    /// The next configuration.
    Next(Box<Names>, Reply),
}

impl Plane {
    /// With names that are settled. Times of their book are since `since`.
    pub(crate) fn new(names: Names, since: Instant) -> Self {
        let (outbox, inbox) = unbounded_channel();
        let (next, applying) = (Next::Nobody, None);
        Self { names, looks: 0, since, outbox, inbox, is_stale: false, next, applying }
    }

    pub(crate) fn outbox(&self) -> UnboundedSender<Message> {
        self.outbox.clone()
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
                    let told = self.finish_apply(outcome);
                    self.go_by(&balancer, &mut health);
                    told
                }
                Some(Message::Reload(order)) => self.begin_reload(*order),
                Some(Message::Settled(outcome, reply)) => self.take_next(outcome, reply),
                Some(Message::Stop) => return,
                None => None,
            };
            told.into_iter().chain(health.look(self.now())).for_each(|event| news.tell(event));
            self.begin_apply(&balancer);
        }
    }

    /// Checks the servers that the workers know now.
    fn go_by(&self, balancer: &Shared, health: &mut Health) {
        if let Some(balancer) = &*locked(balancer) {
            health.set_servers(&balancer.settings(), balancer.boards(), self.now());
        }
    }

    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn begin_looks(&mut self) {
        while self.looks < LOOKS_MAX
            && let Some(look) = self.names.poll_look(self.now())
        {
            let outbox = self.outbox.clone();
            tokio::spawn(async move {
                let (question, answer) = look.await;
                let _plane_has_ended = outbox.send(Message::Answered(question, answer));
            });
            self.looks += 1;
        }
    }

    /// `None`: something is due.
    async fn next_message(&mut self, other: Duration) -> Option<Message> {
        let look = if self.looks < LOOKS_MAX { self.names.book.next_look() } else { None };
        let due = self.since + look.map_or(other, |look| look.min(other));
        timeout_at(due, self.inbox.recv()).await.ok().flatten()
    }

    /// An answer may be to a question of the configuration before.
    fn hear(&mut self, question: &Question, answer: Answer) -> Option<Change> {
        self.looks -= 1;
        let now = self.now();
        let change = self.names.book.handle_answer(question, answer, now);
        self.is_stale |= self.names.book.poll_moved();
        change
    }

    /// One at a time.
    fn begin_reload(&mut self, order: ReloadOrder) -> Option<Event> {
        if !matches!((&self.next, &self.applying), (Next::Nobody, None | Some(Applying::Servers))) {
            order.reply.send(Err(ReloadError::Busy));
            return None;
        }
        self.next = Next::Settling;
        let (names, since) = (self.names.of_next(&order.config, self.now()), self.since);
        let outbox = self.outbox.clone();
        tokio::spawn(async move {
            let outcome = names.settled(since).await.map(Box::new);
            let _plane_has_ended = outbox.send(Message::Settled(outcome, order.reply));
        });
        None
    }

    fn take_next(&mut self, outcome: Result<Box<Names>, ControlError>, reply: Reply) -> Option<Event> {
        self.next = Next::Nobody;
        match outcome {
            Ok(names) => self.next = Next::Ready(names, reply),
            Err(error) => reply.send(Err(error.into())),
        }
        None
    }

    /// Workers take a moment, one that hangs ten seconds: meanwhile names are looked up.
    fn begin_apply(&mut self, balancer: &Shared) {
        if self.applying.is_some() {
            return;
        }
        let (settings, applying) = match std::mem::replace(&mut self.next, Next::Nobody) {
            Next::Ready(names, reply) => (names.settings(), Applying::Next(names, reply)),
            next => {
                self.next = next;
                if !std::mem::take(&mut self.is_stale) {
                    return;
                }
                (self.names.settings(), Applying::Servers)
            }
        };
        self.applying = Some(applying);
        let (balancer, outbox) = (Arc::clone(balancer), self.outbox.clone());
        tokio::task::spawn_blocking(move || {
            if let Some(balancer) = &mut *locked(&balancer) {
                let outcome = balancer.apply(&settings).map(|()| balancer.warnings().to_vec());
                let _plane_has_ended = outbox.send(Message::Applied(outcome));
            }
        });
    }

    /// The next configuration is the present one, or nothing changed.
    fn finish_apply(&mut self, outcome: Result<Vec<Warning>, StartError>) -> Option<Event> {
        match (self.applying.take(), outcome) {
            (Some(Applying::Next(names, reply)), Ok(warnings)) => {
                self.names = *names;
                reply.send(Ok(warnings));
                None
            }
            (Some(Applying::Next(_, reply)), Err(error)) => {
                reply.send(Err(ControlError::from(error).into()));
                None
            }
            (_, outcome) => outcome.err().map(|error| Event::NotApplied { why: error.to_string() }),
        }
    }
}

pub(crate) fn locked(balancer: &Shared) -> MutexGuard<'_, Option<Handle>> {
    balancer.lock().unwrap_or_else(PoisonError::into_inner)
}
