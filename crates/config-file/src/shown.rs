//! Declared keys as people read them: a table of Markdown for the documentation, lines for a terminal.

use crate::declare::{Key, Preset, Table};

/// Widest column of names in a terminal.
const INDENT: &str = "    ";

impl Table {
    /// As a table of Markdown.
    pub fn markdown(&self) -> String {
        let rows = self.keys.iter().filter(|key| key.section().is_none()).map(markdown_row);
        ["| key | type | default | |\n|---|---|---|---|\n".to_owned()].into_iter().chain(rows).collect()
    }

    /// As lines for a terminal of `width` columns.
    pub fn text(&self, width: usize) -> String {
        let keys = self.keys.iter().filter(|key| key.section().is_none());
        let lines: String = keys.map(|key| text_of(key, width)).collect();
        format!("{}\n{lines}", self.heading)
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

fn text_of(key: &Key, width: usize) -> String {
    let default = match key.preset {
        Preset::Required => "required".to_owned(),
        _ => format!("default {}", preset(key)),
    };
    let example = key.example.map(|example| format!("; such as {example}")).unwrap_or_default();
    let head = format!("{}: {}; {default}", key.name, key.kind);
    let means = wrapped(&format!("{}{example}", key.means), width.saturating_sub(INDENT.len()));
    let means: String = means.iter().map(|line| format!("{INDENT}{line}\n")).collect();
    let head: String = wrapped(&head, width.saturating_sub(2)).iter().map(|line| format!("  {line}\n")).collect();
    head + &means
}

/// In lines of at most `width` characters, where words allow it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.replace('`', "").split_whitespace() {
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
