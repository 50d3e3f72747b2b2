//! A mistake: where it is, what is wrong, what would be right; and how it is shown.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;

/// Mistakes shown at once; beyond them only their number is told.
const SHOWN_MAX: usize = 20;

/// One mistake in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in one line.
    pub title: String,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
    /// A word at that place.
    pub label: String,
    /// Another place that has to do with it.
    pub other: Option<(Range<usize>, String)>,
    /// What would be right.
    pub help: Option<String>,
}

impl Mistake {
    /// With a word at its place.
    pub fn new(span: Range<usize>, title: impl Into<String>, label: impl Into<String>) -> Self {
        Self { title: title.into(), span, label: label.into(), other: None, help: None }
    }

    /// With what would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place that has to do with it.
    pub fn other(mut self, span: Range<usize>, label: impl Into<String>) -> Self {
        self.other = Some((span, label.into()));
        self
    }

    /// Of what the TOML parser says.
    pub(crate) fn of_syntax(error: &toml::de::Error, len: usize) -> Self {
        let mut lines = error.message().lines();
        let title = format!("this is not TOML: {}", lines.next().unwrap_or("it cannot be read"));
        let is_twice = title.ends_with("duplicate key");
        let twice =
            is_twice.then_some("a key stands once in its section; where it takes several values, they are a list");
        let rest: Vec<&str> = lines.chain(twice).collect();
        let mistake = Self::new(error.span().unwrap_or(len..len), title, "here");
        if rest.is_empty() { mistake } else { mistake.help(rest.join("; ")) }
    }

    fn render(&self, renderer: &Renderer, path: &str, text: &str) -> String {
        let primary = AnnotationKind::Primary.span(self.span.clone()).label(&self.label);
        let other = self.other.iter().map(|(span, label)| AnnotationKind::Context.span(span.clone()).label(label));
        let snippet = Snippet::source(text).path(path).annotation(primary).annotations(other);
        let help = self.help.iter().map(|help| Level::HELP.message(help));
        let group = Level::ERROR.primary_title(&self.title).element(snippet).elements(help);
        renderer.render(&[group])
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: String,
        /// What the system says.
        why: String,
    },
    /// It has mistakes.
    Mistakes {
        /// Name of the file.
        path: String,
        /// The file.
        text: String,
        /// At least one, in the order of the file.
        mistakes: Vec<Mistake>,
    },
}

impl ConfigError {
    /// Of a file with `mistakes`, at least one.
    pub fn new(path: &str, text: &str, mut mistakes: Vec<Mistake>) -> Self {
        mistakes.sort_by_key(|mistake| mistake.span.start);
        Self::Mistakes { path: path.to_owned(), text: text.to_owned(), mistakes }
    }

    /// For a terminal of `width` columns.
    pub fn render(&self, width: usize, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(width);
        match self {
            Self::Unreadable { path, why } => {
                format!("cannot read the configuration {path:?}: {why}; give a readable file with --config")
            }
            Self::Mistakes { path, text, mistakes } => {
                let mut parts: Vec<String> =
                    mistakes.iter().take(SHOWN_MAX).map(|mistake| mistake.render(&renderer, path, text)).collect();
                parts.push(match mistakes.len() {
                    1 => format!("1 mistake in {path}"),
                    count if count > SHOWN_MAX => {
                        format!("{count} mistakes in {path}, the first {SHOWN_MAX} are shown")
                    }
                    count => format!("{count} mistakes in {path}"),
                });
                parts.join("\n\n")
            }
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(annotate_snippets::renderer::DEFAULT_TERM_WIDTH, false))
    }
}
