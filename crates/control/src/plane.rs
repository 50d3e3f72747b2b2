//! The plane itself: the book of names and the checks of servers at work. Whatever happens comes in by one mailbox.

use crate::errors::{ControlError, ReloadError};
use crate::event::Event;
use crate::health::Health;
use crate::names::{LOOKS_MAX, Names};
use crate::news::NewsDesk;
use crate::orders::{OrderReply, ServerOrderError, ServerWish};
use crate::reload::{Applied, Change, ReloadOrder, Reply};
use crate::remote::Shared;
use balancer::{Config, StartError, Warning};
use balancer_core::checks::{CheckId, Outcome};
use balancer_core::names::{self, Answer, Question};
use balancer_core::{Overrides, Settings};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};

/// Workers that did not go by what they were given are given it again after that.
const APPLY_AGAIN: Duration = Duration::from_secs(5);
/// Where that is for want of something that may come back, each pause is twice as long as the one before, up to this.
const APPLY_AGAIN_MAX: Duration = Duration::from_secs(60);
/// Of the chance by which checks keep out of step.
const SEED: u64 = 0x5eed;

/// What comes in. Bounded by what is under way: a message per look, and one per order.
pub(crate) enum Message {
    Answered(Question, Answer),
    Checked(CheckId, Outcome),
    Applied(Result<Applied, StartError>),
    Reload(ReloadOrder),
    /// Something is said of a server.
    Server(ServerWish),
    /// The next configuration was read, and its names were looked up.
    Settled(Result<Box<Names>, ReloadError>, Reply),
    Stop,
}

pub(crate) struct Plane {
    names: Names,
    /// What the process was started with.
    started: Arc<Config>,
    looks: usize,
    since: Instant,
    outbox: UnboundedSender<Message>,
    inbox: UnboundedReceiver<Message>,
    /// The servers are others than those that were applied last.
    is_stale: bool,
    /// After an apply that failed, or went on without something: not before.
    apply_from: Duration,
    /// How long until the next one of these.
    pause: Duration,
    /// Sources that are away, as they were told.
    away: Option<String>,
    /// What was said of servers, and who waits until the workers go by it.
    overrides: Overrides,
    waiting: Vec<OrderReply>,
    next: Next,
    applying: Option<Applying>,
}

/// Another configuration that is to take this one's place.
enum Next {
    Nobody,
    /// It is being read, and its names looked up.
    Settling,
    Ready(Box<Names>, Reply),
}

/// What the workers are given at present.
enum Applying {
    /// Servers that came or went, or that something was said of.
    Servers(Vec<OrderReply>),
    /// The next configuration.
    Next(Box<Names>, Reply),
}

impl Plane {
    /// With names that are settled. Times of their book are since `since`.
    pub(crate) fn new(names: Names, since: Instant) -> Self {
        let (outbox, inbox) = unbounded_channel();
        let (started, next, applying) = (Arc::clone(&names.config), Next::Nobody, None);
        let (overrides, waiting) = (Overrides::default(), Vec::new());
        Self {
            names,
            started,
            looks: 0,
            since,
            outbox,
            inbox,
            is_stale: false,
            apply_from: Duration::ZERO,
            pause: APPLY_AGAIN,
            away: None,
            overrides,
            waiting,
            next,
            applying,
        }
    }

    pub(crate) fn outbox(&self) -> UnboundedSender<Message> {
        self.outbox.clone()
    }

    /// Until it is told to stop.
    pub(crate) async fn run(mut self, shared: Arc<Shared>, mut news: NewsDesk) {
        let mut health = Health::new(SEED ^ u64::from(std::process::id()));
        self.go_by(&shared, &mut health);
        loop {
            self.names.take_untold().into_iter().for_each(|event| news.tell(event));
            self.begin_looks();
            health.begin_checks(self.now(), &self.outbox);
            let told = match self.next_message(health.due()).await {
                Some(Message::Answered(question, answer)) => self.hear(&question, answer).map(Event::from),
                Some(Message::Checked(id, outcome)) => health.hear(id, outcome, self.now()),
                Some(Message::Applied(outcome)) => {
                    let away = outcome.as_ref().ok().map(sources_away);
                    let told = self.finish_apply(outcome, &shared);
                    away.and_then(|away| self.note_away(away)).into_iter().for_each(|event| news.tell(event));
                    self.go_by(&shared, &mut health);
                    told
                }
                Some(Message::Reload(order)) => self.begin_reload(order),
                Some(Message::Server(wish)) => self.take_wish(wish),
                Some(Message::Settled(outcome, reply)) => self.take_next(outcome, reply),
                Some(Message::Stop) => return,
                None => None,
            };
            told.into_iter().chain(health.look(self.now())).for_each(|event| news.tell(event));
            self.begin_apply(&shared);
        }
    }

    /// Checks the servers that the workers know now.
    fn go_by(&self, shared: &Shared, health: &mut Health) {
        if let Some(balancer) = &*shared.balancer() {
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
    fn hear(&mut self, question: &Question, answer: Answer) -> Option<names::Change> {
        self.looks -= 1;
        let now = self.now();
        let change = self.names.book.handle_answer(question, answer, now);
        self.is_stale |= self.names.book.poll_moved();
        change
    }

    /// One at a time.
    fn begin_reload(&mut self, order: ReloadOrder) -> Option<Event> {
        if !matches!((&self.next, &self.applying), (Next::Nobody, None | Some(Applying::Servers(_)))) {
            return refuse(ReloadError::Busy, order.reply);
        }
        self.next = Next::Settling;
        let (known, since, outbox) = (self.names.book.clone(), self.since, self.outbox.clone());
        tokio::spawn(async move {
            let ReloadOrder { wanted, reply } = order;
            let outcome = match wanted.load().await {
                Ok(config) => Names::of_next(&known, config, since.elapsed()).settled(since).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            let _plane_has_ended = outbox.send(Message::Settled(outcome.map(Box::new), reply));
        });
        None
    }

    fn take_next(&mut self, outcome: Result<Box<Names>, ReloadError>, reply: Reply) -> Option<Event> {
        self.next = Next::Nobody;
        match outcome {
            Ok(names) => {
                self.next = Next::Ready(names, reply);
                None
            }
            Err(error) => refuse(error, reply),
        }
    }

    fn take_wish(&mut self, wish: ServerWish) -> Option<Event> {
        let ServerWish { set, server, order, reply } = wish;
        match self.overrides.order(&self.names.settings(), &set, &server, order) {
            Ok(()) => {
                self.is_stale = true;
                self.waiting.push(reply);
                Some(Event::ServerOrdered { set, server, order: order.to_string() })
            }
            Err(error) => {
                reply.send(Err(error.into()));
                None
            }
        }
    }

    /// Workers take a moment, one that hangs ten seconds: meanwhile names are looked up.
    fn begin_apply(&mut self, shared: &Arc<Shared>) {
        let Some((settings, applying)) = self.poll_apply() else { return };
        self.applying = Some(applying);
        let (shared, outbox) = (Arc::clone(shared), self.outbox.clone());
        tokio::task::spawn_blocking(move || {
            if let Some(balancer) = &mut *shared.balancer() {
                let before = balancer.places().collect();
                let outcome = balancer.apply(&settings);
                let (after, warnings) = (balancer.places().collect(), balancer.warnings().to_vec());
                let outcome = outcome.map(|()| Applied { before, after, warnings });
                let _plane_has_ended = outbox.send(Message::Applied(outcome));
            }
        });
    }

    /// What the workers are to be given now.
    fn poll_apply(&mut self) -> Option<(Settings, Applying)> {
        if self.applying.is_some() {
            return None;
        }
        match std::mem::replace(&mut self.next, Next::Nobody) {
            Next::Ready(names, reply) => {
                return Some((self.overridden(&names), Applying::Next(names, reply)));
            }
            next => self.next = next,
        }
        if !self.is_stale || self.now() < self.apply_from {
            return None;
        }
        self.is_stale = false;
        Some((self.overridden(&self.names), Applying::Servers(std::mem::take(&mut self.waiting))))
    }

    fn overridden(&self, names: &Names) -> Settings {
        let mut settings = names.settings();
        self.overrides.apply(&mut settings);
        settings
    }

    /// The same is given once more, later each time.
    fn apply_later(&mut self) {
        (self.is_stale, self.apply_from) = (true, self.now() + self.pause);
        self.pause = (self.pause * 2).min(APPLY_AGAIN_MAX);
    }

    /// What went on without sources is looked at again until they are back. That is told once, and that they are back.
    fn note_away(&mut self, away: Option<String>) -> Option<Event> {
        let before = std::mem::replace(&mut self.away, away.clone());
        match (&away, &before) {
            (Some(_), _) => self.apply_later(),
            (None, _) => self.pause = APPLY_AGAIN,
        }
        match (away, before) {
            (away, before) if away == before => None,
            (Some(why), _) => Some(Event::SourcesAway { why }),
            (None, _) => Some(Event::SourcesBack),
        }
    }

    /// The next configuration is the present one, or nothing changed.
    fn finish_apply(&mut self, outcome: Result<Applied, StartError>, shared: &Shared) -> Option<Event> {
        match (self.applying.take(), outcome) {
            (Some(Applying::Next(names, reply)), Ok(applied)) => {
                self.names = *names;
                shared.set_config(Arc::clone(&self.names.config));
                let change = Change::new(&self.started, &self.names.config, &applied);
                reply.send(Ok(change.clone()));
                Some(Event::Reloaded { change })
            }
            (Some(Applying::Next(_, reply)), Err(error)) => refuse(ControlError::from(error).into(), reply),
            (Some(Applying::Servers(waiting)), outcome) => {
                let why = outcome.err().map(|error| error.to_string());
                if why.is_some() {
                    self.apply_later();
                }
                for reply in waiting {
                    reply.send(why.clone().map_or(Ok(()), |why| Err(ServerOrderError::NotApplied { why })));
                }
                why.map(|why| Event::NotApplied { why })
            }
            (None, _) => None,
        }
    }
}

/// What is said of sources that are not of this host at present.
fn sources_away(applied: &Applied) -> Option<String> {
    let away = applied.warnings.iter().filter(|warning| matches!(warning, Warning::SourcesAway { .. }));
    let said: Vec<String> = away.map(ToString::to_string).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Nothing changes.
fn refuse(why: ReloadError, reply: Reply) -> Option<Event> {
    let event = Event::NotReloaded { why: why.to_string() };
    reply.send(Err(why));
    Some(event)
}
