//! The names of one configuration, and its settings as they stand by what those lead to.

use crate::errors::ControlError;
use crate::resolver::Resolver;
use balancer::Config;
use balancer_core::Settings;
use balancer_core::names::{Answer, AtStart, Book, Nowhere, Question};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Looks under way at once.
pub(crate) const LOOKS_MAX: usize = 32;

pub(crate) struct Names {
    pub(crate) book: Book,
    resolver: Resolver,
    /// Its settings have the servers that were written as addresses.
    pub(crate) config: Arc<Config>,
}

impl Names {
    /// Those of the first configuration: nothing is known of them.
    pub(crate) fn of(config: Config) -> Self {
        let book = Book::new(config.members.clone(), Duration::ZERO);
        Self::with_book(book, config)
    }

    /// Those of another configuration. What is known by the book before is known there.
    pub(crate) fn of_next(before: &Book, config: Config, now: Duration) -> Self {
        Self::with_book(before.with_members(config.members.clone(), now), config)
    }

    fn with_book(book: Book, config: Config) -> Self {
        Self { book, resolver: Resolver::new(&config.resolvers), config: Arc::new(config) }
    }

    /// The settings with the servers of all names.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.config.settings.clone();
        self.book.add_servers(&mut settings);
        settings
    }

    /// A look that is due, to be carried out anywhere.
    pub(crate) fn poll_look(
        &mut self,
        now: Duration,
    ) -> Option<impl Future<Output = (Question, Answer)> + Send + use<>> {
        let question = self.book.poll_look(now)?;
        self.resolver.refresh();
        let answer = self.resolver.ask(&question);
        Some(async move { (question, answer.await) })
    }

    /// Asks everything once that was not asked yet. Times are since `since`.
    pub(crate) async fn settle(&mut self, since: Instant) {
        let mut looks = JoinSet::new();
        loop {
            while !self.book.is_settled()
                && looks.len() < LOOKS_MAX
                && let Some(look) = self.poll_look(since.elapsed())
            {
                looks.spawn(look);
            }
            let Some(answered) = looks.join_next().await else { return };
            if let Ok((question, answer)) = answered {
                self.book.handle_answer(&question, answer, since.elapsed());
            }
        }
    }

    /// The same, and nothing is missing that is required.
    pub(crate) async fn settled(mut self, since: Instant) -> Result<Self, ControlError> {
        self.settle(since).await;
        let missing: Vec<_> = self.book.nowhere().into_iter().filter(|one| one.at_start == AtStart::Required).collect();
        match missing.is_empty() {
            true => Ok(self),
            false => Err(ControlError::Nowhere(in_words(&missing, &self.config.settings))),
        }
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
