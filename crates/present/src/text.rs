//! Text for people, put together from the few forms every command uses.

use crate::bars::{gauge, share};
use crate::number::count;
use std::fmt::Display;

/// Paragraphs are never wider: longer lines are read badly.
const PARAGRAPH_COLUMNS_MAX: usize = 100;
/// Columns of a row's name.
const NAME_COLUMNS: usize = 18;
/// Words beside a name are not folded narrower.
const WORDS_COLUMNS_MIN: usize = 36;
/// Columns of a bar, where there is room.
const BAR_COLUMNS: usize = 30;
const BAR_COLUMNS_MIN: usize = 6;
/// Columns of what stands beside a bar: name, count and a short note.
const BESIDE_BAR_COLUMNS: usize = 50;
/// Columns of what stands behind a figure's name, and of the name where there is room.
const FIGURE_COLUMNS: usize = 28;
const FIGURE_NAME_COLUMNS: usize = 44;

/// Lines that grow.
#[derive(Debug)]
pub(crate) struct Text {
    out: String,
    columns: usize,
    coloured: bool,
}

/// How a headline is meant; colours only repeat what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Bad,
    Uneasy,
    Good,
    Plain,
}

impl Tone {
    /// Select Graphic Rendition (ECMA-48 8.3.117): bold, with one of the eight colours that every terminal has.
    fn escape(self) -> &'static str {
        match self {
            Self::Bad => "\x1b[1;31m",
            Self::Uneasy => "\x1b[1;33m",
            Self::Good => "\x1b[1;32m",
            Self::Plain => "\x1b[1m",
        }
    }
}

impl Text {
    /// For a terminal of `columns`.
    pub(crate) fn new(columns: usize) -> Self {
        Self { out: String::new(), columns: columns.min(PARAGRAPH_COLUMNS_MAX), coloured: false }
    }

    /// As [`Text::new`], with colours.
    pub(crate) fn coloured(columns: usize) -> Self {
        Self { coloured: true, ..Self::new(columns) }
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

    /// As [`Text::section`], with all its blanks.
    pub(crate) fn section_as_it_is(&mut self, title: &str) {
        self.gap();
        self.line(title);
    }

    /// As [`Text::section`], in a colour where there are any.
    pub(crate) fn headline(&mut self, tone: Tone, title: impl Display) {
        self.gap();
        let from = self.out.len();
        self.paragraph(0, &title.to_string());
        if self.coloured {
            let lines = self.out.split_off(from);
            lines.lines().for_each(|line| self.out.push_str(&format!("{}{line}\x1b[0m\n", tone.escape())));
        }
    }

    /// An empty line between two parts.
    pub(crate) fn gap(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    /// A name and its value.
    pub(crate) fn row(&mut self, name: &str, value: impl Display) {
        self.hang(&format!("  {name:<NAME_COLUMNS$} "), &value.to_string());
    }

    /// A name and a count, flush right below each other; a share or another note behind it.
    pub(crate) fn figure(&mut self, name: &str, number: u64, note: &str) {
        let room = self.columns.saturating_sub(FIGURE_COLUMNS).clamp(0, FIGURE_NAME_COLUMNS);
        let figure = |name: &str| format!("  {name:<room$} {:>13}  {note:>9}", count(number));
        if name.chars().count() <= room {
            return self.line(figure(name));
        }
        self.paragraph(2, name);
        self.line(figure(""));
    }

    /// A name, a bar in proportion to `whole`, the count, and a note.
    pub(crate) fn bar(&mut self, name: &str, part: u64, whole: u64, note: &str) {
        let room = self.columns.saturating_sub(BESIDE_BAR_COLUMNS).clamp(BAR_COLUMNS_MIN, BAR_COLUMNS);
        let bar = gauge(share(part, whole), room, "#", " ");
        let line = format!("  {name:>25} {bar} {:>11}", count(part));
        let together = format!("{line}  {note}");
        if together.trim_end().chars().count() <= self.columns {
            return self.line(together);
        }
        self.line(line);
        self.fold(6, 6, note);
    }

    /// One paragraph of a list, folded: continued lines stand two columns deeper.
    pub(crate) fn paragraph(&mut self, indent: usize, text: &str) {
        self.fold(indent, indent + 2, text);
    }

    /// A name and words about it, folded; where there is little room the words stand below the name.
    pub(crate) fn entry(&mut self, name: &str, name_columns: usize, words: &str) {
        let below = self.columns < name_columns + WORDS_COLUMNS_MIN;
        if below {
            self.line(name);
            return self.fold(2, 2, words);
        }
        let mut beside = name;
        // A name that is too long keeps a line to itself.
        if name.chars().count() > name_columns {
            self.line(name);
            beside = "";
        }
        self.hang(&format!("{beside:<name_columns$} "), words);
    }

    /// Words behind the first columns of their first line, and below each other.
    fn hang(&mut self, first: &str, words: &str) {
        if words.is_empty() {
            return self.line(first);
        }
        let (from, columns) = (self.out.len(), first.chars().count());
        self.fold(columns, columns, words);
        self.out.replace_range(from..from + columns, first);
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
    fn entries_hang_beside_their_names() {
        let told = |columns, name: &str| {
            let mut text = Text::new(columns);
            text.entry(name, 6, "words and more words that do not fit into one line");
            text.finish()
        };
        let expect = "name   words and more words that do not\n       fit into one line\n";
        assert_eq!(told(42, "name"), expect);
        assert_eq!(told(42, "long-name"), expect.replacen("name ", "long-name\n     ", 1));
        assert_eq!(told(30, "name"), "name\n  words and more words that do\n  not fit into one line\n");
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
    fn colours_stand_around_whole_lines() {
        let told = |mut text: Text| {
            text.headline(Tone::Bad, "ERROR of two lines");
            text.finish()
        };
        assert_eq!(told(Text::new(12)), "ERROR of two\n  lines\n");
        assert_eq!(told(Text::coloured(12)), "\x1b[1;31mERROR of two\x1b[0m\n\x1b[1;31m  lines\x1b[0m\n");
    }

    #[test]
    fn forms_keep_to_a_narrow_terminal() {
        let mut text = Text::new(60);
        text.row("name", "a value of many words that do not fit beside its name");
        text.row("nothing", "");
        text.figure("a name that is much longer than there is room for", 1234, "5.00 %");
        text.bar("some_cause", 1, 2, "by a setting whose name is long enough");
        let text = text.finish();
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        for part in ["  name               a value", "  nothing\n", "1,234     5.00 %", "#####  ", "      by a setting"]
        {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }

    #[test]
    fn only_what_happened_is_listed() {
        assert_eq!(happened([("one", 1000), ("none", 0), ("two", 2)]).as_deref(), Some("one 1,000, two 2"));
        assert_eq!(happened([("none", 0)]), None);
    }
}
