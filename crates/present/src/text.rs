//! Text for people, put together from the few forms every command uses.

use crate::bars::{gauge, share};
use crate::number::count;
use std::fmt::Display;

/// Paragraphs are never wider: longer lines are read badly.
const PARAGRAPH_COLUMNS_MAX: usize = 100;
/// Columns of a row's name.
const NAME_COLUMNS: usize = 18;
/// Columns of a bar.
const BAR_COLUMNS: usize = 30;

/// Lines that grow.
#[derive(Debug)]
pub(crate) struct Text {
    out: String,
    columns: usize,
}

impl Text {
    /// For a terminal of `columns`.
    pub(crate) fn new(columns: usize) -> Self {
        Self { out: String::new(), columns: columns.min(PARAGRAPH_COLUMNS_MAX) }
    }

    /// The whole text, ending with a line break.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// A line as it is.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.out.push_str(line.to_string().trim_end());
        self.out.push('\n');
    }

    /// Whole lines, such as a table.
    pub(crate) fn block(&mut self, lines: &str) {
        self.out.push_str(lines);
    }

    /// A drawing after an empty line; nothing where nothing is drawn.
    pub(crate) fn drawing(&mut self, lines: &[String]) {
        if !lines.is_empty() {
            self.gap();
        }
        lines.iter().for_each(|line| self.line(line));
    }

    /// The head of a section, after an empty line unless it is the first.
    pub(crate) fn section(&mut self, title: impl Display) {
        self.gap();
        self.paragraph(0, &title.to_string());
    }

    /// An empty line between two parts.
    pub(crate) fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// A name and its value.
    pub(crate) fn row(&mut self, name: &str, value: impl Display) {
        self.line(format!("  {name:<NAME_COLUMNS$} {value}"));
    }

    /// A name and a count, flush right below each other; a share or another note behind it.
    pub(crate) fn figure(&mut self, name: &str, number: u64, note: &str) {
        self.line(format!("  {name:<44} {:>13}  {note:>9}", count(number)));
    }

    /// A name, a bar in proportion to `whole`, the count, and a note.
    pub(crate) fn bar(&mut self, name: &str, part: u64, whole: u64, note: &str) {
        let bar = gauge(share(part, whole), BAR_COLUMNS, "#", " ");
        self.line(format!("  {name:>25} {bar} {:>11}  {note}", count(part)));
    }

    /// One paragraph of a list, folded: continued lines stand two columns deeper.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.fold(indent, indent + 2, text);
    }

    /// One paragraph of a story, folded.
    pub(crate) fn prose(&mut self, text: &str) {
        self.fold(0, 0, text);
    }

    fn fold(&mut self, first: usize, others: usize, text: &str) {
        let mut line = " ".repeat(first);
        let mut is_fresh = true;
        for word in text.split(' ') {
            if !is_fresh && line.chars().count() + 1 + word.chars().count() > self.columns {
                self.line(&line);
                line = " ".repeat(others);
                is_fresh = true;
            }
            if !is_fresh {
                line.push(' ');
            }
            line.push_str(word);
            is_fresh = false;
        }
        self.line(line);
    }
}

/// `name 3, other 4` of those that happened; `None` where nothing did.
pub(crate) fn happened<N: Display>(counts: impl IntoIterator<Item = (N, u64)>) -> Option<String> {
    let parts: Vec<String> = counts
        .into_iter()
        .filter(|(_, number)| *number > 0)
        .map(|(name, number)| format!("{name} {}", count(number)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_folded_at_words() {
        let mut text = Text::new(20);
        text.paragraph(2, "a word and another word");
        text.paragraph(0, "a-word-that-is-much-too-long stays");
        assert_eq!(text.finish(), "  a word and another\n    word\na-word-that-is-much-too-long\n  stays\n");
    }

    #[test]
    fn forms_line_up() {
        let mut text = Text::new(80);
        text.section("First");
        text.row("name", 5);
        text.section("Second");
        text.figure("what happened", 1234, "5.00 %");
        text.bar("some", 1, 2, "note");
        let expect = "First\n  name               5\n\nSecond\n  what happened                                        1,234     5.00 %\n\
                      \x20                      some ###############                          1  note\n";
        assert_eq!(text.finish(), expect);
    }

    #[test]
    fn only_what_happened_is_listed() {
        assert_eq!(happened([("one", 1000), ("none", 0), ("two", 2)]).as_deref(), Some("one 1,000, two 2"));
        assert_eq!(happened([("none", 0)]), None);
    }
}
