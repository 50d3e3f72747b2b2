//! The plane itself: the book of names and the checks of servers at work. Whatever happens comes in by one mailbox.

use crate::errors::{ControlError, ReloadError};
use crate::event::Event;
use crate::farewells::Farewells;
use crate::guard::{self, Broken};
use crate::health::Health;
use crate::names::{LOOKS_MAX, Names};
use crate::news::NewsDesk;
use crate::orders::{NotOrdered, OrderReply, Wanted, Wish};
use crate::reload::{Applied, Change, ReloadOrder, Reply};
use crate::remote::Shared;
use balancer::{Config, Glance, Warning};
use balancer_core::checks::{CheckId, Outcome};
use balancer_core::names::{self, Answer, Question};
use balancer_core::{Overrides, ServerSettings, Settings};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, timeout_at};
use units::counted;

/// Workers that did not go by what they were given are given it again after that.
const APPLY_AGAIN: Duration = Duration::from_secs(5);
/// Sources that are away are looked for again after that, and each pause is twice as long as the one before, up to this.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(60);
/// Of the chance by which checks keep out of step.
const SEED: u64 = 0x5eed;

/// What comes in. Bounded by what is under way: a message per look, and one per order.
pub(crate) enum Message {
    Answered(Question, Answer),
    Checked(CheckId, Outcome),
    Applied(Result<Applied, ReloadError>),
    Reload(ReloadOrder),
    /// Something is said of a server, or a listener.
    Wish(Wish),
    /// The next configuration was read, and its names were looked up.
    Settled(Result<Box<Names>, ReloadError>, Reply),
    Stop,
    /// The plane has a mistake.
    #[cfg(test)]
    Break,
}

pub(crate) struct Plane {
    names: Names,
    health: Health,
    /// What the process was started with.
    started: Arc<Config>,
    looks: usize,
    since: Instant,
    outbox: UnboundedSender<Message>,
    inbox: UnboundedReceiver<Message>,
    /// The servers are others than those that were applied last.
    is_stale: bool,
    /// After an apply that failed: not before.
    apply_from: Duration,
    /// Sources that are away, as they were told, when they are looked for again, and how long after that the next time.
    away: Option<String>,
    look_again: Option<Duration>,
    pause: Duration,
    /// What was said of servers, and who waits until the workers go by it.
    overrides: Overrides,
    waiting: Vec<OrderReply>,
    farewells: Farewells,
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
    /// Servers that came or went; servers and listeners that something was said of.
    Servers(Vec<OrderReply>),
    /// The next configuration.
    Next(Box<Names>, Reply),
}

impl Plane {
    /// With names that are settled, and what was said of servers and listeners before. Times of their book are since
    /// `since`.
    pub(crate) fn new(names: Names, overrides: Overrides, farewells: Farewells, since: Instant) -> Self {
        let (outbox, inbox) = unbounded_channel();
        let (started, next, applying) = (Arc::clone(&names.config), Next::Nobody, None);
        Self {
            names,
            health: Health::new(SEED ^ u64::from(std::process::id())),
            started,
            looks: 0,
            since,
            outbox,
            inbox,
            is_stale: false,
            apply_from: Duration::ZERO,
            away: None,
            look_again: None,
            pause: APPLY_AGAIN,
            overrides,
            waiting: Vec::new(),
            farewells,
            next,
            applying,
        }
    }

    pub(crate) fn outbox(&self) -> UnboundedSender<Message> {
        self.outbox.clone()
    }

    /// Until it is told to stop.
    pub(crate) async fn run(&mut self, shared: &Arc<Shared>, news: &mut NewsDesk) {
        shared.set_said(&self.overrides);
        shared.set_drained(self.farewells.told(self.since.elapsed()));
        self.go_by(shared);
        loop {
            self.names.take_untold().into_iter().for_each(|event| news.tell(event));
            self.begin_looks();
            self.health.begin_checks(self.since.elapsed(), &self.outbox);
            let told = match self.next_message().await {
                Some(Message::Stop) => return,
                Some(message) => self.take_up(message, shared),
                None => Vec::new(),
            };
            told.into_iter().chain(self.health.look(self.since.elapsed())).for_each(|event| news.tell(event));
            self.go_on_draining(news);
            self.begin_apply(shared);
        }
    }

    fn take_up(&mut self, message: Message, shared: &Shared) -> Vec<Event> {
        let told = match message {
            Message::Answered(question, answer) => self.hear(&question, answer).map(Event::from),
            Message::Checked(id, outcome) => self.health.hear(id, outcome, self.since.elapsed()),
            Message::Applied(outcome) => {
                let away = outcome.as_ref().ok().map(sources_away);
                // Who is told that a server is asked again finds it so.
                self.go_by(shared);
                let told = self.finish_apply(outcome, shared);
                let away = away.and_then(|away| self.note_away(away));
                return away.into_iter().chain(told).collect();
            }
            Message::Reload(order) => self.begin_reload(order, shared),
            Message::Wish(wish) => self.take_wish(wish, shared),
            Message::Settled(outcome, reply) => self.take_next(outcome, reply, shared),
            Message::Stop => None,
            #[cfg(test)]
            Message::Break => panic!("as it was told to"),
        };
        told.into_iter().collect()
    }

    /// After a panic: work that was begun tells how it ends all the same (`guard`), and what the workers go by is given to
    /// them again.
    pub(crate) fn recover(&mut self) {
        (self.is_stale, self.apply_from) = (true, self.now() + APPLY_AGAIN);
    }

    /// Checks the servers that the workers know now.
    fn go_by(&mut self, shared: &Shared) {
        if let Some(balancer) = shared.glance() {
            let profile = |server: &ServerSettings| balancer.client_profile(server);
            self.health.set_servers(&balancer.settings(), balancer.boards(), profile, self.since.elapsed());
        }
    }

    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn begin_looks(&mut self) {
        while self.looks < LOOKS_MAX
            && let Some(look) = self.names.poll_look(self.now())
        {
            let (question, look) = look;
            let tell = move |answer: Result<_, Broken>| {
                Message::Answered(question, answer.unwrap_or_else(|why| Answer::Failed { why }))
            };
            guard::spawn(&self.outbox, look, tell);
            self.looks += 1;
        }
    }

    /// `None`: something is due.
    async fn next_message(&mut self) -> Option<Message> {
        let now = self.now();
        let farewell = self.farewells.next_change(&self.names.config, now).unwrap_or(Duration::MAX);
        let other = self.health.due().min(farewell);
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
    fn begin_reload(&mut self, order: ReloadOrder, shared: &Shared) -> Option<Event> {
        if !matches!((&self.next, &self.applying), (Next::Nobody, None | Some(Applying::Servers(_)))) {
            return refuse(ReloadError::Busy, order.reply, shared);
        }
        self.next = Next::Settling;
        let ReloadOrder { wanted, reply } = order;
        let (known, since) = (self.names.book.clone(), self.since);
        let settle = async move {
            let config = wanted.load().await?;
            let names = Names::of_next(&known, config, since.elapsed()).settled(since, |_| {}).await?;
            Ok(Box::new(names))
        };
        let tell = |outcome: Result<_, Broken>| {
            Message::Settled(outcome.unwrap_or_else(|why| Err(ReloadError::Broken(why))), reply)
        };
        guard::spawn(&self.outbox, settle, tell);
        None
    }

    fn take_next(&mut self, outcome: Result<Box<Names>, ReloadError>, reply: Reply, shared: &Shared) -> Option<Event> {
        self.next = Next::Nobody;
        match outcome {
            Ok(names) => {
                self.next = Next::Ready(names, reply);
                None
            }
            Err(error) => refuse(error, reply, shared),
        }
    }

    fn take_wish(&mut self, wish: Wish, shared: &Shared) -> Option<Event> {
        let Wish { what, by, reply } = wish;
        let (settings, now) = (self.names.settings(), self.now());
        let taken = match &what {
            Wanted::OfServer { set, server, order } => self.overrides.order(&settings, set, server, *order),
            Wanted::OfListener { listener, order } => self.farewells.order(&settings, listener, *order, now),
        };
        match taken {
            Ok(()) => {
                self.is_stale = true;
                shared.set_said(&self.overrides);
                shared.set_drained(self.farewells.told(now));
                self.waiting.push(reply);
                Some(what.event(by))
            }
            Err(error) => {
                reply.send(Err(error.into()));
                None
            }
        }
    }

    /// Drains of listeners that are further than they were when it was looked last.
    fn go_on_draining(&mut self, news: &mut NewsDesk) {
        let (moves, told) = self.farewells.poll_moved(&self.names.config, self.now());
        self.is_stale |= moves;
        told.into_iter().for_each(|event| news.tell(event));
    }

    /// Workers take a moment, one that hangs ten seconds: meanwhile names are looked up.
    fn begin_apply(&mut self, shared: &Arc<Shared>) {
        let Some((settings, applying)) = self.poll_apply() else { return };
        let next = match &applying {
            Applying::Next(names, _) => Some(Arc::clone(&names.config)),
            Applying::Servers(_) => None,
        };
        self.applying = Some(applying);
        let shared = Arc::clone(shared);
        let tell =
            |outcome: Result<_, Broken>| Message::Applied(outcome.unwrap_or_else(|why| Err(ReloadError::Broken(why))));
        guard::spawn_blocking(&self.outbox, move || give(&shared, &settings, next.as_deref()), tell);
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
        let now = self.now();
        let looks = self.look_again.is_some_and(|at| now >= at);
        if !looks && (!self.is_stale || now < self.apply_from) {
            return None;
        }
        (self.is_stale, self.look_again) = (false, None);
        Some((self.overridden(&self.names), Applying::Servers(std::mem::take(&mut self.waiting))))
    }

    fn overridden(&self, names: &Names) -> Settings {
        let mut settings = names.settings();
        self.overrides.apply(&mut settings);
        self.farewells.apply(&mut settings, &names.config, self.now());
        settings
    }

    /// Sources that are away are looked for until they are back; nothing else waits for that. It is told once, and that they
    /// are back.
    fn note_away(&mut self, away: Option<String>) -> Option<Event> {
        let before = std::mem::replace(&mut self.away, away.clone());
        let pause = if before.is_none() { APPLY_AGAIN } else { self.pause };
        self.look_again = away.is_some().then(|| self.now() + pause);
        self.pause = (pause * 2).min(LOOK_AGAIN_MAX);
        match (away, before) {
            (away, before) if away == before => None,
            (Some(why), _) => Some(Event::SourcesAway { why }),
            (None, _) => Some(Event::SourcesBack),
        }
    }

    /// The next configuration is the present one, or nothing changed.
    fn finish_apply(&mut self, outcome: Result<Applied, ReloadError>, shared: &Shared) -> Option<Event> {
        match (self.applying.take(), outcome) {
            (Some(Applying::Next(names, reply)), Ok(applied)) => {
                self.names = *names;
                shared.set_config(Arc::clone(&self.names.config));
                shared.note_reload(true);
                let change = Change::new(&self.started, &self.names.config, &applied);
                let by = reply.by.clone();
                reply.send(Ok(change.clone()));
                Some(Event::Reloaded { change, by })
            }
            (Some(Applying::Next(_, reply)), Err(error)) => {
                // Where it broke off half-way, some workers may go by it: all of them are given what holds.
                self.is_stale |= matches!(error, ReloadError::Broken(_));
                refuse(error, reply, shared)
            }
            (Some(Applying::Servers(waiting)), outcome) => {
                let why = outcome.err().map(|error| error.to_string());
                if why.is_some() {
                    (self.is_stale, self.apply_from) = (true, self.now() + APPLY_AGAIN);
                }
                for reply in waiting {
                    reply.send(why.clone().map_or(Ok(()), |why| Err(NotOrdered::NotApplied { why })));
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

/// Gives the workers these settings; of another configuration (`next`), whoever else goes by it is asked before and told
/// after.
fn give(shared: &Shared, settings: &Settings, next: Option<&Config>) -> Result<Applied, ReloadError> {
    let before = shared.glance().ok_or(ReloadError::Ending)?;
    let workers = before.workers();
    let fellow = next.and_then(|config| Some((shared.fellow()?, config)));
    let commit = fellow.map(|(fellow, config)| fellow(config).map_err(ControlError::Fellow)).transpose()?;
    shared.apply(settings, next).ok_or(ReloadError::Ending)?.map_err(ControlError::from)?;
    let has_fellow = commit.is_some();
    let after = shared.glance().ok_or(ReloadError::Ending)?;
    let notes = commit.and_then(|commit| commit()).into_iter().chain(workers_in_words(workers, &after)).collect();
    let (before, after, warnings) = (before.places().collect(), after.places().collect(), after.warnings().to_vec());
    Ok(Applied { before, after, notes, warnings, has_fellow })
}

/// Those that leave are no longer counted.
fn workers_in_words(before: usize, after: &Glance) -> Option<String> {
    let after = after.workers();
    (before != after).then(|| format!("{} instead of {before}", counted(after as u64, "worker")))
}

/// Nothing changes.
fn refuse(why: ReloadError, reply: Reply, shared: &Shared) -> Option<Event> {
    shared.note_reload(false);
    let event = Event::NotReloaded { why: why.to_string(), by: reply.by.clone() };
    reply.send(Err(why));
    Some(event)
}
