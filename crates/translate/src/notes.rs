//! What a translation has to say about itself.

use std::fmt;

/// How much a note weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// It was said, and is not in the translation.
    Missing,
    /// It is there without being said, differs in a detail, or is another program's business.
    Detail,
}

/// One note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line in the translated file.
    pub line: usize,
    /// How much it weighs.
    pub weight: Weight,
    /// What stands there.
    pub what: String,
    /// Why it has no counterpart, or what it became.
    pub why: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |char: char| if char.is_control() { char.escape_default().to_string() } else { char.to_string() };
        let what: String = self.what.chars().map(shown).collect();
        write!(f, "line {}: `{what}`: {}", self.line, self.why)
    }
}

/// Notes as they come.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Note>, Option<Note>);

impl Notes {
    /// What cannot be said in our words.
    pub(crate) fn missing(&mut self, line: usize, what: impl Into<String>, why: impl Into<String>) {
        self.push(Note { line, weight: Weight::Missing, what: what.into(), why: why.into() });
    }

    /// What whoever reads the translation should know.
    pub(crate) fn detail(&mut self, line: usize, what: impl Into<String>, why: impl Into<String>) {
        self.push(Note { line, weight: Weight::Detail, what: what.into(), why: why.into() });
    }

    /// What keeps somebody out, and cannot be said at all: without it whatever it guards would be open.
    pub(crate) fn opened(&mut self, line: usize, what: impl Into<String>, why: impl Into<String>) {
        let note = Note { line, weight: Weight::Missing, what: what.into(), why: why.into() };
        self.1.get_or_insert(note);
    }

    /// The first thing that would be open.
    pub(crate) fn open(&self) -> Option<&Note> {
        self.1.as_ref()
    }

    /// In the order of the file. What stands in `defaults`, or in a block around others, was met more than once; of two notes on
    /// one thing the one that says more is kept.
    pub(crate) fn sorted(mut self) -> Vec<Note> {
        self.0.sort_by(|one, other| (one.line, one.weight, &one.what).cmp(&(other.line, other.weight, &other.what)));
        self.0
    }

    fn push(&mut self, note: Note) {
        let says = |one: &Note, less: &Note| {
            (one.line, one.weight, &one.what) == (less.line, less.weight, &less.what) && one.why.starts_with(&less.why)
        };
        if !self.0.iter().any(|known| says(known, &note)) {
            self.0.retain(|known| !says(&note, known));
            self.0.push(note);
        }
    }
}
