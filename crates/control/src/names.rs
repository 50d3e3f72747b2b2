//! The names of one configuration, and its settings as they stand by what those lead to.

use crate::errors::ControlError;
use crate::resolver::Resolver;
use balancer::Config;
use balancer_core::Settings;
use balancer_core::names::{Answer, AtStart, Book, Nowhere, Question};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Looks under way at once.
pub(crate) const LOOKS_MAX: usize = 32;

pub(crate) struct Names {
    pub(crate) book: Book,
    resolver: Resolver,
    /// With the servers that were written as addresses.
    base: Settings,
}

impl Names {
    /// Those of the first configuration: nothing is known of them.
    pub(crate) fn of(config: &Config) -> Self {
        Self::with_book(config, Book::new(config.members.clone(), Duration::ZERO))
    }

    /// Those of another configuration. What is known here is known there.
    pub(crate) fn of_next(&self, config: &Config, now: Duration) -> Self {
        Self::with_book(config, self.book.with_members(config.members.clone(), now))
    }

    fn with_book(config: &Config, book: Book) -> Self {
        Self { book, resolver: Resolver::new(&config.resolvers), base: config.settings.clone() }
    }

    /// The settings with the servers of all names.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = self.base.clone();
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
            false => Err(ControlError::Nowhere(in_words(&missing, &self.base))),
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
