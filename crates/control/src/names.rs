//! The names of one configuration, and its settings as they stand by what those lead to.

use crate::errors::ControlError;
use crate::event::Event;
use crate::resolver::Resolver;
use balancer::Config;
use balancer_core::Settings;
use balancer_core::names::{Answer, AtStart, Book, Change, Nowhere, Question};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// How long all names together are waited for, at a start or a reload; then who has not answered has failed.
const SETTLE_MAX: Duration = Duration::from_secs(60);
/// How long that takes until people are told what is waited for, and between two times that they are.
const TELL_AFTER: Duration = Duration::from_secs(2);
/// Questions that are told of.
const TOLD_MAX: usize = 5;

/// Looks under way at once.
pub(crate) const LOOKS_MAX: usize = 32;

pub(crate) struct Names {
    pub(crate) book: Book,
    resolver: Resolver,
    /// Its settings have the servers that were written as addresses.
    pub(crate) config: Arc<Config>,
    /// Names that led nowhere before: that was told.
    known_nowhere: Vec<Arc<str>>,
    /// What was found wrong before anybody could be told.
    untold: Vec<Event>,
}

impl Names {
    /// Those of the first configuration: nothing is known of them.
    pub(crate) fn of(config: Config) -> Self {
        let book = Book::new(config.members.clone(), Duration::ZERO);
        Self::with_book(book, config)
    }

    /// Those of another configuration. What is known by the book before is known there.
    pub(crate) fn of_next(before: &Book, config: Config, now: Duration) -> Self {
        let known_nowhere = before.nowhere().into_iter().map(|one| one.name).collect();
        let book = before.with_members(config.members.clone(), now);
        Self { known_nowhere, ..Self::with_book(book, config) }
    }

    fn with_book(book: Book, config: Config) -> Self {
        let (resolver, config) = (Resolver::new(&config.resolvers), Arc::new(config));
        Self { book, resolver, config, known_nowhere: Vec::new(), untold: Vec::new() }
    }

    /// The settings with the servers of all names.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.config.settings.clone();
        self.book.add_servers(&mut settings);
        settings
    }

    /// A look that is due: what is asked, and the answer, which may be awaited anywhere.
    pub(crate) fn poll_look(
        &mut self,
        now: Duration,
    ) -> Option<(Question, impl Future<Output = Answer> + Send + use<>)> {
        let question = self.book.poll_look(now)?;
        self.resolver.refresh();
        let answer = self.resolver.ask(&question);
        Some((question, answer))
    }

    /// Asks everything once that was not asked yet. Times are since `since`.
    pub(crate) async fn settle(&mut self, since: Instant, tell: impl Fn(String)) {
        let begun = Instant::now();
        let mut told = begun;
        let mut looks = JoinSet::new();
        loop {
            while !self.book.is_settled()
                && looks.len() < LOOKS_MAX
                && let Some((question, look)) = self.poll_look(since.elapsed())
            {
                looks.spawn(async move { (question, look.await) });
            }
            let next = (told + TELL_AFTER).min(begun + SETTLE_MAX);
            match timeout_at(next, looks.join_next()).await {
                Ok(None) => return,
                Ok(Some(Ok((question, answer)))) => self.note_answer(&question, answer, since.elapsed()),
                Ok(Some(Err(_))) => {}
                Err(_) if begun.elapsed() >= SETTLE_MAX => return self.give_up(since.elapsed()),
                Err(_) => {}
            }
            if told.elapsed() >= TELL_AFTER && !self.book.is_settled() {
                told = Instant::now();
                tell(self.waited_for());
            }
        }
    }

    fn note_answer(&mut self, question: &Question, answer: Answer, now: Duration) {
        let change = self.book.handle_answer(question, answer, now);
        self.untold.extend(change.filter(|change| matches!(change, Change::Fails { .. })).map(Event::from));
    }

    /// Who has not answered by now has failed.
    fn give_up(&mut self, now: Duration) {
        let left: Vec<Question> = self.book.unsettled().cloned().collect();
        for question in left {
            let why = format!("not answered within the {} s that all names have", SETTLE_MAX.as_secs());
            self.note_answer(&question, Answer::Failed { why }, now);
        }
    }

    /// Whom the start waits for, in a line.
    fn waited_for(&self) -> String {
        let all: Vec<String> = self.book.unsettled().map(Question::to_string).collect();
        let shown = all[..all.len().min(TOLD_MAX)].join(", ");
        match all.len().saturating_sub(TOLD_MAX) {
            0 => format!("names are looked up: {shown}"),
            more => format!("names are looked up: {shown} and {more} more"),
        }
    }

    /// The same, and nothing is missing that is required.
    pub(crate) async fn settled(mut self, since: Instant, tell: impl Fn(String)) -> Result<Self, ControlError> {
        self.settle(since, tell).await;
        let missing: Vec<_> = self.book.nowhere().into_iter().filter(|one| one.at_start == AtStart::Required).collect();
        if !missing.is_empty() {
            return Err(ControlError::Nowhere(in_words(&missing, &self.config.settings)));
        }
        self.note_nowhere();
        Ok(self)
    }

    /// Names that the start does not wait for, and of which nobody says why they fail.
    fn note_nowhere(&mut self) {
        for one in self.book.nowhere() {
            let fails = |event: &Event| matches!(event, Event::NameFails { question, .. } if one.why.starts_with(question.as_str()));
            if !self.known_nowhere.contains(&one.name) && !self.untold.iter().any(fails) {
                let set = self.config.settings.backend_sets[one.set].name.clone();
                self.untold.push(Event::NameNowhere { set, name: one.name.as_ref().into(), why: one.why });
            }
        }
    }

    /// What is still to be told of the start.
    pub(crate) fn take_untold(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.untold)
    }
}

fn in_words(missing: &[Nowhere], settings: &Settings) -> String {
    let lines = missing.iter().map(|one| {
        let set = &settings.backend_sets[one.set].name;
        format!("backend set {set:?}: `servers`: {} leads to no server: {}", one.name, one.why)
    });
    let mut lines: Vec<_> = lines.collect();
    lines.dedup();
    let advice = "; correct the name or who is asked for it (`resolvers` of [global]), or write `resolve_at_start = \
                  \"optional\"` to start without it";
    lines.join("\n") + advice
}
