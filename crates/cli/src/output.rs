//! Where results go: JSON to a file or standard output, words for people to the other.

use crate::terminal;
use anyhow::{Context, bail};
use balancer_core::access::moment;
use present::{Made, Page, Present, screen};
use serde_json::Value;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};
use sys::file::Sink;

/// `--json FILE|-`, opened before anything runs so that a bad path costs nothing.
pub(crate) enum Output {
    /// No JSON: people read standard output.
    People,
    /// JSON to standard output: people read standard error.
    JsonToStdout,
    /// Something else is written to standard output: people read standard error.
    PeopleAside,
    /// JSON to a file: people read standard output.
    JsonToFile(ResultFile),
    /// People are told nothing; JSON goes where it would else.
    Quiet(Box<Output>),
}

impl Output {
    /// Opens what `--json` names.
    pub(crate) fn open(json: Option<&str>) -> anyhow::Result<Self> {
        match json {
            None => Ok(Self::People),
            Some("-") => Ok(Self::JsonToStdout),
            Some(path) => ResultFile::open("--json", path).map(Self::JsonToFile),
        }
    }

    /// Without a word for people, if that is wished.
    pub(crate) fn quiet_if(self, wished: bool) -> Self {
        if wished { Self::Quiet(Box::new(self)) } else { self }
    }

    /// Prints whole lines for people; nothing where there is nothing to say. A reader who has left (a closed pipe) is no
    /// error, a full disk is one. What goes to standard error is said as far as anybody hears it.
    pub(crate) fn say(&self, text: impl AsRef<str>) -> anyhow::Result<()> {
        let text = text.as_ref();
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let lines = format!("{text}{end}");
        match self {
            Self::Quiet(_) => Ok(()),
            Self::JsonToStdout | Self::PeopleAside => {
                let _nobody_reads = std::io::stderr().write_all(lines.as_bytes());
                Ok(())
            }
            _ => write_to(&mut std::io::stdout(), &lines, "standard output"),
        }
    }

    /// As [`Output::say`] for a program that has better things to do than to end because of a full disk.
    pub(crate) fn say_or_complain(&self, text: impl AsRef<str>) {
        if let Err(error) = self.say(text) {
            complain(format!("quintet: {error:#}"));
        }
    }

    /// A process before this one tells its own result first, to the same file.
    pub(crate) fn succeed(&mut self) {
        if let Self::JsonToFile(file) = self {
            file.succeeds = true;
        }
    }

    /// Prints a result for people.
    pub(crate) fn say_result(&self, result: &impl Present) -> anyhow::Result<()> {
        let (width, colour) = match self {
            Self::JsonToStdout | Self::PeopleAside => (terminal::error_width(), terminal::error_colour()),
            _ => (terminal::width(), terminal::colour()),
        };
        self.say(if colour { result.coloured(width) } else { result.text(width) })
    }

    /// Shows a result to everybody who asked for it.
    pub(crate) fn show(&mut self, result: &impl Present) -> anyhow::Result<()> {
        let said = self.say_result(result);
        self.write_json(&result.json())?;
        said
    }

    /// As [`Output::show`], with its page.
    pub(crate) fn show_with_page(&mut self, result: &impl Page, page: Option<&mut ResultFile>) -> anyhow::Result<()> {
        let said = self.say_result(result);
        page.map_or(Ok(()), |file| file.write(&result.page(&made())))?;
        self.write_json(&result.json())?;
        said
    }

    /// Writes the result for programs, if they asked.
    pub(crate) fn write_json(&mut self, value: &Value) -> anyhow::Result<()> {
        match self {
            Self::People | Self::PeopleAside => Ok(()),
            Self::Quiet(output) => output.write_json(value),
            Self::JsonToStdout => write_to(&mut std::io::stdout(), &pretty(value)?, "standard output"),
            Self::JsonToFile(file) => file.write(&pretty(value)?),
        }
    }
}

/// Says what is wrong. Where nobody reads standard error the exit code must do: no panic, as of `eprintln!`.
pub(crate) fn complain(text: impl AsRef<str>) {
    let _nobody_reads = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// The time at the beginning of a line: RFC 3339, UTC.
pub(crate) fn now() -> String {
    moment(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}

/// By this program, here and now.
pub(crate) fn made() -> Made {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Made {
        host: sys::host::name(),
        unix_s: since.map_or(0, |since| since.as_secs()),
        version: env!("CARGO_PKG_VERSION"),
    }
}

/// Says which flag is wrong, in colours where they are welcome.
pub(crate) fn complain_of_flags(error: &clap::Error) {
    let styled = error.render();
    complain(if terminal::error_colour() { styled.ansi().to_string() } else { styled.to_string() }.trim_end());
}

/// A file that gets its text at the end. A command that ends before, however it ends, leaves an old file as it was,
/// and no new one.
pub(crate) struct ResultFile {
    /// An old file, a pipe or a device; `None`: a new file, to be made.
    old: Option<Sink>,
    path: String,
    /// A process before this one writes there at its end.
    succeeds: bool,
}

impl ResultFile {
    /// Opens what `flag` names, before anything runs.
    pub(crate) fn open(flag: &str, path: &str) -> anyhow::Result<Self> {
        if path == "-" {
            bail!("{flag} -: this goes to a file only; give its name");
        }
        let file = Self::probe(Path::new(path)).with_context(|| format!("{flag} {path}: cannot write there"))?;
        Ok(Self { old: file, path: path.to_owned(), succeeds: false })
    }

    /// What is there; where there is nothing, whether something can be made.
    fn probe(path: &Path) -> std::io::Result<Option<Sink>> {
        match Sink::create_new(path) {
            // It was made only to see that it can be.
            Ok(_) => std::fs::remove_file(path).map(|()| None),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Sink::open(path).map(Some),
            Err(error) => Err(error),
        }
    }

    /// Replaces what the file held. A file that somebody has made meanwhile is not ours to replace, unless it was the process
    /// before this one.
    pub(crate) fn write(&mut self, text: &str) -> anyhow::Result<()> {
        let emptied = |mut old: Sink| old.clear().map(|()| old);
        let sink = match self.old.take() {
            Some(old) => emptied(old),
            None => match Sink::create_new(Path::new(&self.path)) {
                Err(error) if self.succeeds && error.kind() == std::io::ErrorKind::AlreadyExists => {
                    Sink::open(Path::new(&self.path)).and_then(emptied)
                }
                made => made,
            },
        };
        let sink = sink.with_context(|| format!("writing to {}", self.path))?;
        write_to(self.old.insert(sink), text, &self.path)
    }
}

/// Two results cannot go to one file.
pub(crate) fn check_distinct(files: &[(&str, Option<&str>)]) -> anyhow::Result<()> {
    for (at, (flag, file)) in files.iter().enumerate() {
        let same = files[..at].iter().find(|(_, other)| file.is_some() && *file != Some("-") && other == file);
        if let (Some((other, _)), Some(file)) = (same, file) {
            bail!("{other} and {flag} both name {file}: give each a file of its own");
        }
    }
    Ok(())
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn write_to(out: &mut impl Write, text: &str, name: &str) -> anyhow::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.with_context(|| format!("writing to {name}")),
    }
}

/// How often progress is told where no line can be rewritten.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Progress on standard error: for a person who watches one line, rewritten in place; a line every 10 s where it cannot be
/// rewritten (a log, CI).
pub(crate) struct Progress {
    shown: bool,
    how: How,
}

enum How {
    Quiet,
    InPlace,
    Plain { last: Instant },
}

impl Progress {
    /// Where a line can be rewritten, nothing elsewhere.
    pub(crate) fn new() -> Self {
        let in_place = std::io::stderr().is_terminal() && terminal::understands_escapes();
        Self { shown: false, how: if in_place { How::InPlace } else { How::Quiet } }
    }

    /// As [`Progress::new`], but with a line now and then where it cannot be rewritten; nothing at all if that is wished.
    pub(crate) fn of_a_run(quiet: bool) -> Self {
        match Self::new() {
            _ if quiet => Self { shown: false, how: How::Quiet },
            Self { how: How::Quiet, .. } => Self { shown: false, how: How::Plain { last: Instant::now() } },
            in_place => in_place,
        }
    }

    /// Shows a line in place of the last, or as one more.
    pub(crate) fn show(&mut self, line: &str) {
        match &mut self.how {
            How::Quiet => {}
            How::InPlace => {
                self.shown = true;
                let _terminal_gone = write!(std::io::stderr(), "{}", screen::progress(line, terminal::error_width()));
            }
            How::Plain { last } if last.elapsed() >= PLAIN_EVERY => {
                *last = Instant::now();
                complain(line);
            }
            How::Plain { .. } => {}
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.shown {
            self.shown = false;
            let _terminal_gone = write!(std::io::stderr(), "{}", screen::progress("", 1));
        }
    }
}
