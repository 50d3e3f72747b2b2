//! Who was right, as a table.

use super::judge::Mark;
use super::tools::{TOOLS, Tool};
use anyhow::Context;
use std::fmt::Write as _;
use std::path::PathBuf;

/// One scene.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) scene: &'static str,
    pub(super) marks: Vec<Mark>,
}

impl Mark {
    fn word(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong(_) => "WRONG",
            Self::Silent(_) => "silent",
            Self::Cannot(_) => "cannot",
        }
    }

    fn why(&self) -> &str {
        match self {
            Self::Right => "",
            Self::Wrong(why) | Self::Silent(why) => why,
            Self::Cannot(why) => why,
        }
    }
}

/// A scene as it is told while it is played.
pub(super) fn line(scene: &str, tools: &[&Tool], marks: &[Mark]) -> String {
    let mut text = format!("{scene:<56}");
    for (tool, mark) in tools.iter().zip(marks) {
        let _ = write!(text, " {} {:<6}", tool.name, mark.word());
    }
    for (tool, mark) in tools.iter().zip(marks).filter(|(_, mark)| matches!(mark, Mark::Wrong(_))) {
        let _ = write!(text, "\n    {}: {}", tool.name, mark.why());
    }
    text
}

/// How often each was right, wrong, silent.
pub(super) fn sums(tools: &[&Tool], rows: &[Row]) -> String {
    let mut text = String::new();
    for (at, tool) in tools.iter().enumerate() {
        let count = |word: &str| rows.iter().filter(|row| row.marks[at].word() == word).count();
        let [right, wrong, silent, cannot] = ["right", "WRONG", "silent", "cannot"].map(count);
        let _ = writeln!(
            text,
            "{:<8} right {right:>3}  wrong {wrong:>3}  silent {silent:>3}  cannot {cannot:>3}  of {}",
            tool.name,
            rows.len()
        );
    }
    text
}

/// Writes the page, and answers where it is.
pub(super) fn record(tools: &[&Tool], rows: &[Row]) -> anyhow::Result<PathBuf> {
    let path = PathBuf::from("docs/honesty.md");
    let mut text = String::from(HEAD);
    let _ = writeln!(text, "Versions: {}. {}.\n", versions(tools).join(", "), crate::bench::today()?);
    let missing = missing(tools);
    if !missing.is_empty() {
        let _ = writeln!(text, "Not played, because not installed where this was recorded: {missing}.\n");
    }
    let _ = writeln!(text, "```text\n{}```\n", sums(tools, rows));
    let names: Vec<&str> = tools.iter().map(|tool| tool.name).collect();
    let _ = writeln!(text, "| the origin ... | {} |", names.join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(names.len()));
    for row in rows {
        let cells: Vec<String> = row.marks.iter().map(cell).collect();
        let _ = writeln!(text, "| {} | {} |", row.scene, cells.join(" | "));
    }
    std::fs::write(&path, text).with_context(|| format!("{}", path.display()))?;
    Ok(path)
}

fn cell(mark: &Mark) -> String {
    match mark {
        Mark::Right => "right".to_owned(),
        Mark::Wrong(why) => format!("**wrong**: {why}"),
        Mark::Silent(what) => format!("does not tell {what}"),
        Mark::Cannot(why) => format!("cannot: {why}"),
    }
}

/// Those that are known and were not asked.
fn missing(tools: &[&Tool]) -> String {
    let is_here = |known: &&Tool| tools.iter().any(|tool| tool.name == known.name);
    TOOLS.iter().filter(|known| !is_here(known)).map(|known| known.name).collect::<Vec<_>>().join(", ")
}

fn versions(tools: &[&Tool]) -> Vec<String> {
    tools.iter().map(|tool| format!("{} {}", tool.name, version(tool.name))).collect()
}

fn version(name: &str) -> String {
    let (program, args): (_, &[&str]) = match name {
        "quintet" => return env!("CARGO_PKG_VERSION").to_owned(),
        "wrk" => (name, &["-v"]),
        "ab" => (name, &["-V"]),
        // It does not say.
        "hey" => ("dpkg-query", &["-W", "hey"]),
        _ => (name, &["--version"]),
    };
    let said = std::process::Command::new(program).args(args).output();
    let text = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    let is_version = |word: &&str| word.chars().any(|letter| letter.is_ascii_digit()) && word.contains('.');
    text.split_whitespace().find(is_version).unwrap_or("?").trim_matches(',').to_owned()
}

const HEAD: &str = "\
# Who tells the truth

`cargo xtask honesty` plays these scenes: an origin with blocking sockets does what stands in the first column, counts what
it did, and compares that with what each tester tells. *Right*: everything that was asked of it was told, and so it was.
*Wrong*: something else was told. *Does not tell*: nothing wrong, but not everything. A tester that only knows times may be off
by the requests under way at its end, and by one in a hundred.

Ours alone is asked more: of which kind every failure is, and who closed connections first. What it tells of such scenes where
every count and every microsecond is known beforehand stands in `crates/stress/tests/simulation`.

";
