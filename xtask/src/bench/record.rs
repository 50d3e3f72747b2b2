//! Tables of samples: medians, ranges and ratios as text, raw samples as JSON below bench/runs/.

use super::Scale;
use anyhow::Context;
use stats::rank::median;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

/// One figure of all peers.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Table {
    /// What was measured, with its unit.
    pub title: String,
    /// Is less better?
    pub less_is_better: bool,
    /// Is every row ours? Then there is nobody to compare with.
    pub ours_only: bool,
    /// Whom every row is compared with, where that is not ours with every other.
    pub against: Option<String>,
    /// The rows; the first is ours.
    pub rows: Vec<Row>,
}

/// One peer's samples, one per round.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Row {
    /// Who.
    pub peer: String,
    /// In the order they were taken.
    pub samples: Vec<f64>,
}

impl Table {
    /// An empty table for `peers`, the first of which is ours.
    pub(super) fn new(title: &str, less_is_better: bool, peers: &[&str]) -> Self {
        let row = |peer: &&str| Row { peer: (*peer).to_owned(), samples: Vec::new() };
        let (title, rows) = (title.to_owned(), peers.iter().map(row).collect());
        Self { title, less_is_better, ours_only: false, against: None, rows }
    }

    /// An empty table of rows that are each compared with one of them; where that is missing, ours with every other.
    pub(super) fn against(title: &str, less_is_better: bool, peers: &[&str], one: &str) -> Self {
        let against = peers.contains(&one).then(|| one.to_owned());
        Self { against, ..Self::new(title, less_is_better, peers) }
    }

    /// An empty table of figures of our own.
    pub(super) fn of_ours(title: &str, less_is_better: bool, rows: &[&str]) -> Self {
        Self { ours_only: true, ..Self::new(title, less_is_better, rows) }
    }

    /// Adds one sample of peer number `peer`.
    pub(super) fn add(&mut self, peer: usize, sample: f64) {
        self.rows[peer].samples.push(sample);
    }

    /// The table for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("{} ({} is better)\n", self.title, if self.less_is_better { "less" } else { "more" });
        let of = |row: &Row| median(&row.samples).unwrap_or(f64::NAN);
        let ours = self.rows.first().map_or(f64::NAN, of);
        let one = self.against.as_deref().and_then(|name| self.rows.iter().find(|row| row.peer == name));
        for row in &self.rows {
            let (low, high) = range(&row.samples);
            let middle = of(row);
            let _ = write!(text, "  {:<22} median {middle:>10.2}   range {low:>10.2} .. {high:>10.2}", row.peer);
            let _ = match one {
                _ if self.ours_only => writeln!(text),
                Some(one) => writeln!(text, "   {:>5.2} x {}", middle / of(one), one.peer),
                None => writeln!(text, "   ours / theirs {:>5.2}", ours / middle),
            };
        }
        text
    }
}

fn range(samples: &[f64]) -> (f64, f64) {
    let fold = |start: f64, pick: fn(f64, f64) -> f64| samples.iter().copied().fold(start, pick);
    (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max))
}

/// Writes `bench/runs/DATE-HOST/{summary.md, raw.json}`.
pub(super) fn write(tables: &[Table], scale: Scale) -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from("bench/runs").join(format!("{}-{}", today()?, host()?));
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let mut summary = String::from("# A recorded run of `cargo xtask bench`\n\n");
    let _ = writeln!(summary, "- commit: {}", said_by("git", &["rev-parse", "--short", "HEAD"])?);
    let _ = writeln!(summary, "- kernel: {}", said_by("uname", &["-sr"])?);
    let _ = writeln!(summary, "- cores: {}", sys::thread::cores());
    let _ = writeln!(summary, "- versions: {}", versions());
    let _ = writeln!(summary, "- scale: {scale:?}\n");
    for table in tables {
        let _ = writeln!(summary, "```text\n{}```\n", table.text());
    }
    std::fs::write(folder.join("summary.md"), summary)?;
    std::fs::write(folder.join("raw.json"), serde_json::to_string_pretty(tables)? + "\n")?;
    Ok(folder)
}

fn host() -> anyhow::Result<String> {
    Ok(format!("{}-{}core", said_by("uname", &["-m"])?, sys::thread::cores()))
}

fn versions() -> String {
    let asked = [("nginx", "-v"), ("haproxy", "-v"), ("wrk", "-v"), ("ab", "-V"), ("h2load", "--version")];
    let first_line = |(program, flag): &(&str, &str)| {
        let output = Command::new(program).arg(flag).output().ok()?;
        let text = [output.stdout, output.stderr].concat();
        Some(String::from_utf8_lossy(&text).lines().next()?.trim().to_owned())
    };
    asked.iter().filter_map(first_line).collect::<Vec<_>>().join("; ")
}

/// As records are named: `2026-11-26`.
pub(crate) fn today() -> anyhow::Result<String> {
    said_by("date", &["+%F"])
}

/// What a program says.
pub(crate) fn said_by(program: &str, args: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| format!("running {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_to_one_of_the_rows_where_that_is_said() {
        let mut table = Table::against("rate", false, &["quintet", "quintet, other", "wrk"], "wrk");
        [9.0, 12.0, 6.0].into_iter().enumerate().for_each(|(row, sample)| table.add(row, sample));
        let text = table.text();
        assert!(text.contains(" 1.50 x wrk") && text.contains(" 2.00 x wrk") && text.contains(" 1.00 x wrk"), "{text}");
    }

    #[test]
    fn ratios_are_ours_over_theirs() {
        let mut table = Table::new("CPU", true, &["quintet", "peer"]);
        table.add(0, 6.0);
        table.add(1, 8.0);
        assert!(table.text().contains("ours / theirs  0.75"), "{}", table.text());
        table.ours_only = true;
        assert!(!table.text().contains("theirs"), "{}", table.text());
    }
}
