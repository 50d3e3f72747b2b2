//! `cargo xtask instructions`: what the hot operations cost, in instructions, so that a cost is seen without noise.
//!
//! Counts depend on the compiler and on valgrind (which processor it pretends to be), so the record names both; compare
//! before and after on one machine.

mod callgrind;
mod cases;
mod serve;

use anyhow::{Context, bail};
use cases::CASES;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// Where the counts are recorded.
const RECORD: &str = "bench/instructions.txt";

/// A case that costs more than this above the record is told, and fails `--check`.
const MORE_MAX_PERCENT: f64 = 2.0;

/// Flags of `cargo xtask instructions`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InstructionsArgs {
    /// Only cases whose name contains this.
    filter: Option<String>,
    /// Record the counts in bench/instructions.txt.
    #[arg(long, conflicts_with = "filter")]
    record: bool,
    /// Fail when a case costs over 2 % more than recorded.
    #[arg(long)]
    check: bool,
    /// Run one case without counting: what valgrind is given.
    #[arg(long, hide = true, requires = "rounds")]
    case: Option<String>,
    #[arg(long, hide = true)]
    rounds: Option<u32>,
}

/// Counts, and shows a table beside what is recorded.
pub(crate) fn run(args: &InstructionsArgs) -> anyhow::Result<()> {
    if let (Some(name), Some(rounds)) = (&args.case, args.rounds) {
        let case = CASES.iter().find(|case| case.name == name).with_context(|| format!("no case {name}"))?;
        (case.run)(rounds);
        return Ok(());
    }
    anyhow::ensure!(!cfg!(debug_assertions), "a debug build costs other instructions: run `cargo xtask instructions`");
    anyhow::ensure!(!args.record || args.filter.is_none(), "--record writes all cases: leave the filter out");
    let Some(valgrind) = callgrind::version() else {
        println!("nothing is counted: valgrind is needed, and cannot be started (apt-get install valgrind)");
        return Ok(());
    };
    let made_by = format!("{}, {valgrind}, {}", rustc()?, std::env::consts::ARCH);
    let recorded = std::fs::read_to_string(RECORD).unwrap_or_default();
    let counted = count(|name| args.filter.as_ref().is_none_or(|part| name.contains(part.as_str())))?;
    let (table, costlier) = compare(&counted, &parse(&recorded));
    print!("{table}{}", features(&counted));
    if !recorded.contains(&made_by) {
        println!("recorded by others than {made_by}: compare with a count of your own");
    }
    if args.record {
        std::fs::write(Path::new(RECORD), record(&made_by, &counted)).with_context(|| format!("writing {RECORD}"))?;
    }
    if args.check && !costlier.is_empty() {
        bail!("over {MORE_MAX_PERCENT} % more instructions than recorded: {}", costlier.join(", "));
    }
    Ok(())
}

/// What the cases cost whose names are wanted.
fn count(wanted: impl Fn(&str) -> bool) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let chosen = CASES.iter().filter(|case| wanted(case.name));
    let mut counted =
        chosen.map(|case| Ok((case.name, callgrind::count(case.name)?))).collect::<anyhow::Result<Vec<_>>>()?;
    let rows: Vec<_> = serve::ROWS.iter().filter(|row| wanted(row.name)).collect();
    if !rows.is_empty() {
        counted.extend(serve::count(&rows, &crate::bench::build_release()?)?);
    }
    Ok(counted)
}

/// What features cost that are on, beside the same request without.
fn features(counted: &[(&str, u64)]) -> String {
    let of = |name: &str| counted.iter().find(|(other, _)| *other == name).map(|(_, count)| *count);
    let pairs =
        ["serve/kept", "serve/short"].map(|name| Some((name, of(name)?, of(&format!("{name}-with-features"))?)));
    let told = pairs.into_iter().flatten().map(|(name, without, with)| {
        format!("{name}: {:+.1} % with features\n", (with as f64 / without as f64 - 1.0) * 100.0)
    });
    told.collect()
}

fn rustc() -> anyhow::Result<String> {
    let output = Command::new("rustc").arg("--version").output().context("starting rustc")?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
}

fn parse(record: &str) -> BTreeMap<&str, u64> {
    let lines = record.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .filter_map(|(name, count)| Some((name, count.trim().parse().ok()?)))
        .collect()
}

fn record(made_by: &str, counted: &[(&str, u64)]) -> String {
    let mut text =
        format!("# Instructions per operation; written by `cargo xtask instructions --record`.\n# {made_by}\n");
    for (name, count) in counted {
        let _fits = writeln!(text, "{name:<28}{count:>8}");
    }
    text
}

/// The table, and the cases that cost clearly more than recorded.
fn compare<'a>(counted: &[(&'a str, u64)], recorded: &BTreeMap<&str, u64>) -> (String, Vec<&'a str>) {
    let (mut table, mut costlier) = (format!("{:<28}{:>12}{:>12}\n", "", "instructions", "recorded"), Vec::new());
    for (name, count) in counted {
        let _fits = match recorded.get(name) {
            None => writeln!(table, "{name:<28}{count:>12}{:>12}", "-"),
            Some(before) => {
                let more = (*count as f64 / *before as f64 - 1.0) * 100.0;
                if more > MORE_MAX_PERCENT {
                    costlier.push(*name);
                }
                writeln!(table, "{name:<28}{count:>12}{before:>12}{more:>+8.1} %")
            }
        };
    }
    (table, costlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_compared() {
        let text = record("rustc 1, valgrind-3, x", &[("a/b", 100), ("c/d", 1000), ("e", 7)]);
        let recorded = parse(&text);
        assert_eq!((recorded.len(), recorded["c/d"]), (3, 1000));
        let (table, costlier) = compare(&[("a/b", 103), ("c/d", 1010), ("new", 5)], &recorded);
        assert_eq!(costlier, ["a/b"]);
        assert!(table.contains("+3.0 %") && table.contains("+1.0 %"), "{table}");
    }

    #[test]
    fn features_are_compared_with_the_same_request_without() {
        let counted = [("serve/kept", 1000), ("serve/short", 2000), ("serve/kept-with-features", 1040)];
        assert_eq!(features(&counted), "serve/kept: +4.0 % with features\n");
    }
}
