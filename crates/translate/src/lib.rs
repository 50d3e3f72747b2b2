//! Configurations of HAProxy and nginx as one of `quintet serve`: what is common, and line by line what is not.
//!
//! ```text
//! text -> lines or blocks (haproxy, nginx) -> a document of ours -> TOML
//!                                         '-> what has no counterpart, with its line and why
//! ```
//! Nothing is guessed: what cannot be said in our words is listed, and whoever asked decides.

mod address;
mod condition;
mod document;
mod edit;
mod fit;
mod haproxy;
mod nginx;
mod notes;
mod order;
mod overlap;
mod pattern;
mod routes;
mod status;
mod time;
mod zones;

pub use fit::{FILES, LISTS, NAMES, Taken, Takes};
use named::named;
pub use notes::{Note, Weight};

named! {
    /// Whose configuration a text is.
    pub enum Language {
        /// `haproxy.cfg`.
        Haproxy = "haproxy",
        /// `nginx.conf`, or a part of it with `server` blocks.
        Nginx = "nginx",
    }
}

impl Language {
    /// By how the text is written: nginx ends what it says with `;` or `{`, HAProxy begins sections with words of its own.
    /// `None`: it is neither.
    pub fn of(text: &str) -> Option<Self> {
        let code = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
        let lines: Vec<String> = text.lines().map(code).filter(|line| !line.is_empty()).collect();
        let ended = lines.iter().filter(|line| line.ends_with([';', '{', '}'])).count();
        if ended * 2 > lines.len() {
            let begins = |line: &String| line.split([' ', '\t', ';', '{']).next().is_some_and(nginx::is_known);
            return lines.iter().any(begins).then_some(Self::Nginx);
        }
        let begins = |line: &String| line.split_whitespace().next().is_some_and(haproxy::begins_a_section);
        lines.iter().any(begins).then_some(Self::Haproxy)
    }
}

/// A translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Translation {
    /// Our configuration, as TOML.
    pub toml: String,
    /// What there is to know about it, by line.
    pub notes: Vec<Note>,
}

impl Translation {
    /// Is everything said that the text says?
    pub fn is_whole(&self) -> bool {
        self.notes.iter().all(|note| note.weight != Weight::Missing)
    }
}

/// Why there is nothing to translate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TranslateError {
    /// The text ends within a quotation or a block, or has a `}` too many.
    #[error("line {line}: {why}")]
    Syntax {
        /// Where.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Nobody listens in it.
    #[error("there is no {0}: nothing to translate")]
    Empty(&'static str),
    /// Somebody is kept out in it, and would not be in the translation.
    #[error(
        "{0}. Whom it keeps out would come in, so that nothing is translated: write it otherwise, or take it out and guard the \
             place by hand"
    )]
    Open(Note),
    /// It is beyond what is translated.
    #[error("more than {0} routes would be needed: simplify the conditions, or write the routes by hand")]
    Routes(usize),
}

/// What is written in the place of a password that stands in the clear; `None`: nothing can be.
pub type Hash<'t> = &'t dyn Fn(&str) -> Option<String>;

/// Translates `text` for a balancer that takes what `takes` says; `name` is how comments call the file.
///
/// # Errors
/// It cannot be read at all.
pub fn translate(
    name: &str,
    language: Language,
    text: &str,
    takes: Takes<'_>,
    hash: Hash<'_>,
) -> Result<Translation, TranslateError> {
    let (mut document, mut notes) = match language {
        Language::Haproxy => haproxy::translate(text, hash)?,
        Language::Nginx => nginx::translate(text)?,
    };
    if let Some(note) = notes.open() {
        return Err(TranslateError::Open(note.clone()));
    }
    zones::settle(&mut document, &mut notes);
    let document = fit::fitted(document, takes, &mut notes);
    let notes = notes.sorted();
    Ok(Translation { toml: document.toml(name, &notes), notes })
}
