//! Where results go: JSON to a file or standard output, words for people to the other.

use anyhow::Context;
use serde::Serialize;
use std::fs::File;
use std::io::{IsTerminal, Write};

/// `--json FILE|-`, opened before anything runs so that a bad path costs nothing.
pub(crate) enum Output {
    /// No JSON: people read standard output.
    People,
    /// JSON to standard output: people read standard error.
    JsonToStdout,
    /// JSON to a file: people read standard output.
    JsonToFile(File, String),
}

impl Output {
    /// Opens what `--json` names.
    pub(crate) fn open(json: Option<&str>) -> anyhow::Result<Self> {
        match json {
            None => Ok(Self::People),
            Some("-") => Ok(Self::JsonToStdout),
            Some(path) => {
                let file = File::create(path).with_context(|| format!("--json {path}: cannot write there"))?;
                Ok(Self::JsonToFile(file, path.to_owned()))
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
            Self::JsonToFile(file, path) => write_to(file, value, path),
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
