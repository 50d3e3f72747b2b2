//! Where results go: JSON to a file or standard output, words for people to the other.

use anyhow::Context;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::path::Path;

/// `--json FILE|-`, opened before anything runs so that a bad path costs nothing.
pub(crate) enum Output {
    /// No JSON: people read standard output.
    People,
    /// JSON to standard output: people read standard error.
    JsonToStdout,
    /// JSON to a file: people read standard output.
    JsonToFile(JsonFile),
}

impl Output {
    /// Opens what `--json` names.
    pub(crate) fn open(json: Option<&str>) -> anyhow::Result<Self> {
        match json {
            None => Ok(Self::People),
            Some("-") => Ok(Self::JsonToStdout),
            Some(path) => {
                JsonFile::open(path).map(Self::JsonToFile).with_context(|| format!("--json {path}: cannot write there"))
            }
        }
    }

    /// Prints a line for people. A reader who has left (a closed pipe) is no error.
    pub(crate) fn say(&self, text: impl AsRef<str>) {
        let text = text.as_ref();
        let _reader_left = match self {
            Self::JsonToStdout => writeln!(std::io::stderr(), "{text}"),
            _ => writeln!(std::io::stdout(), "{text}"),
        };
    }

    /// Writes the result for programs, if they asked.
    pub(crate) fn write_json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        match self {
            Self::People => Ok(()),
            Self::JsonToStdout => write_to(&mut std::io::stdout(), value, "standard output"),
            Self::JsonToFile(json) => json.write(value),
        }
    }
}

/// A file that gets its JSON at the end. A command that fails before leaves an old file as it was, and no new one.
pub(crate) struct JsonFile {
    file: File,
    path: String,
    /// Made by us, and nothing written yet.
    unused: bool,
}

impl JsonFile {
    fn open(path: &str) -> std::io::Result<Self> {
        let unused = !Path::new(path).exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, path: path.to_owned(), unused })
    }

    fn write(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        self.unused = false;
        // Pipes and devices have no length to cut.
        if self.file.metadata().is_ok_and(|about| about.is_file()) {
            self.file.set_len(0).with_context(|| format!("writing JSON to {}", self.path))?;
        }
        write_to(&mut self.file, value, &self.path)
    }
}

impl Drop for JsonFile {
    fn drop(&mut self) {
        if self.unused {
            let _only_untidy = std::fs::remove_file(&self.path);
        }
    }
}

fn write_to(out: &mut impl Write, value: &impl Serialize, name: &str) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.with_context(|| format!("writing JSON to {name}")),
    }
}

/// Columns for messages on standard error.
pub(crate) fn error_width() -> usize {
    const WIDTH_DEFAULT: u16 = 120;
    let columns = if std::io::stderr().is_terminal() { sys::terminal::columns() } else { None };
    columns.unwrap_or(WIDTH_DEFAULT).clamp(60, 200).into()
}

/// Colours on standard error: only for a terminal, and not where NO_COLOR is set (no-color.org).
pub(crate) fn error_colour() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stderr().is_terminal() && !refused
}

/// Progress for a person who watches: one line on standard error, rewritten in place; nothing where nobody watches.
pub(crate) struct Progress {
    shown: bool,
    enabled: bool,
}

impl Progress {
    /// Enabled where standard error is a terminal.
    pub(crate) fn new() -> Self {
        Self { shown: false, enabled: std::io::stderr().is_terminal() }
    }

    /// Shows a line in place of the last.
    pub(crate) fn show(&mut self, line: &str) {
        if self.enabled {
            self.shown = true;
            let _terminal_gone = write!(std::io::stderr(), "\r\x1b[2K{line}");
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _terminal_gone = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}
