//! Who was right, as a table.

use super::judge::Mark;
use super::tools::Tool;
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
    let _ = writeln!(
        text,
        "Versions: {}. {}.\n",
        versions(tools).join(", "),
        crate::bench::said_by("date", &["+%Y-%m-%d"])?
    );
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

fn versions(tools: &[&Tool]) -> Vec<String> {
    tools.iter().map(|tool| format!("{} {}", tool.name, version(tool.name))).collect()
}

fn version(name: &str) -> String {
    let arg = if matches!(name, "wrk") {
        "-v"
    } else if name == "ab" {
        "-V"
    } else {
        "--version"
    };
    let said = match name {
        "quintet" => return env!("CARGO_PKG_VERSION").to_owned(),
        _ => std::process::Command::new(name).arg(arg).output(),
    };
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

";
