//! Declared keys as people read them: a table of Markdown for the documentation, aligned text for a terminal or a pipe.

use crate::declare::{Key, Preset, Table};

/// Between a name and what is said of it, and before names.
const GAP: usize = 2;
/// Names that are longer have a line of their own.
const NAME_COLUMNS_MAX: usize = 20;
/// Narrower columns are read badly: lines are longer then than was asked for.
const COLUMNS_MIN: usize = 24;

impl Table {
    /// As a table of Markdown.
    pub fn markdown(&self) -> String {
        let rows = self.keys.iter().filter(|key| key.section().is_none()).map(markdown_row);
        ["| key | type | default | |\n|---|---|---|---|\n".to_owned()].into_iter().chain(rows).collect()
    }

    /// As plain text of `width` columns: names to the left, what is said of them to the right. References within the
    /// documentation lead to `page`.
    pub fn text(&self, width: usize, page: &str) -> String {
        let keys = || self.keys.iter().filter(|key| key.section().is_none());
        let column = keys().map(|key| key.name.len()).max().unwrap_or(0).min(NAME_COLUMNS_MAX) + 2 * GAP;
        let lines: String = keys().map(|key| text_of(key, column, width, page)).collect();
        format!("{}\n{lines}", plain(self.heading, page))
    }
}

fn markdown_row(key: &Key) -> String {
    let example = key.example.map(|example| format!("; such as `{example}`")).unwrap_or_default();
    let cells = [format!("`{}`", key.name), key.kind.to_string(), preset(key), format!("{}{example}", key.means)];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn preset(key: &Key) -> String {
    match key.preset {
        Preset::Is(default) => format!("`{default}`"),
        Preset::Words(words) => words.to_owned(),
        Preset::Required => "required".to_owned(),
    }
}

fn text_of(key: &Key, column: usize, width: usize, page: &str) -> String {
    let default = match key.preset {
        Preset::Required => "required".to_owned(),
        _ => format!("default {}", preset(key)),
    };
    let example = key.example.map(|example| format!("; such as {example}")).unwrap_or_default();
    let said = [format!("{}; {default}", key.kind), key.means.to_owned()].map(|text| plain(&text, page));
    let columns = width.saturating_sub(column).max(COLUMNS_MIN);
    let [kind, means] = said;
    let lines = wrapped(&kind, columns).into_iter().chain(wrapped(&format!("{means}{example}"), columns));
    let indent = " ".repeat(column);
    let name = format!("{}{}", " ".repeat(GAP), key.name);
    let fits = name.len() + GAP <= column;
    let mut text = if fits { String::new() } else { format!("{name}\n") };
    for (at, line) in lines.enumerate() {
        let before = if fits && at == 0 { format!("{name:column$}") } else { indent.clone() };
        text += &format!("{before}{line}\n");
    }
    text
}

/// Without Markdown: names stand between quotation marks, values as they are written, and references name their page.
fn plain(markdown: &str, page: &str) -> String {
    let quoted = |(at, part): (usize, &str)| match at % 2 {
        1 if is_name(part) => format!("'{part}'"),
        _ => part.to_owned(),
    };
    let mut rest: &str = &markdown.split('`').enumerate().map(quoted).collect::<String>();
    let mut text = String::new();
    while let Some((before, words, anchor, after)) = next_link(rest) {
        text += before;
        text += &if words == "below" { format!("{page}{anchor}") } else { format!("{words} ({page}{anchor})") };
        rest = after;
    }
    text + rest
}

/// What stands between backticks is a name, and no value that shows itself as one.
fn is_name(part: &str) -> bool {
    let is_word = part.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_.".contains(&byte));
    is_word && !matches!(part, "true" | "false")
}

/// The first `[words](#anchor)`: what is before it, its words, its anchor, and what is behind it.
fn next_link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (start, after) = text.split_once("](#")?;
    let (before, words) = start.rsplit_once('[')?;
    let end = after.find(')')?;
    let anchor = &text[start.len() + 2..start.len() + 3 + end];
    Some((before, words, anchor, &after[end + 1..]))
}

/// In lines of at most `width` characters, where words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= width) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::declare::Kind;

    #[test]
    fn markdown_becomes_plain_text() {
        for (markdown, expect) in [
            ("a time, or `\"off\"`", "a time, or \"off\""),
            ("with `path`, see [below](#checks)", "with 'path', see page.md#checks"),
            ("`true` or `[]`: see [open files](#open-files).", "true or []: see open files (page.md#open-files)."),
            ("a list [of](x) these", "a list [of](x) these"),
        ] {
            assert_eq!(plain(markdown, "page.md"), expect);
        }
    }

    #[test]
    fn names_stand_to_the_left() {
        static KEYS: Table = Table {
            name: "limits",
            heading: "[limits]",
            keys: &[
                Key::new("idle", Kind::Time, "how long one may idle, in words that are longer").or("\"5s\""),
                Key::new("a_name_that_is_much_too_long", Kind::Switch, "so").required("true"),
            ],
        };
        let expect = "\
[limits]
  idle                  time; default \"5s\"
                        how long one may idle, in
                        words that are longer
  a_name_that_is_much_too_long
                        true or false; required
                        so; such as true
";
        assert_eq!(KEYS.text(50, "page.md"), expect);
        assert!(KEYS.markdown().contains("| `idle` | time | `\"5s\"` | how long"));
    }
}
