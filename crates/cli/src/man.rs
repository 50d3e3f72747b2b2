//! `quintet man`: pages of the manual, from the flags as they are.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use anyhow::{Context, bail};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  quintet man | man -l -                         the program's page
  quintet man ctl drain | man -l -               that of one command
  quintet man --all ~/.local/share/man/man1      a file each, where man(1) finds them

A package brings them along.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// Whose page: `stress`, `ctl drain`; the program's where none is named.
    command: Vec<String>,
    /// Write the pages of the program and of all its commands into this folder.
    #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
    all: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, program: Command) -> Result {
    let mut program = program.disable_help_subcommand(true);
    // Gives commands within commands their whole names.
    program.build();
    match &args.all {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("--all {}: cannot make it", folder.display()))?;
            write_all(&program, folder)?;
        }
        None => Output::People.say(page(&named(&program, &args.command)?)?)?,
    }
    Ok(Outcome::AsHoped)
}

/// The command that is meant.
fn named(program: &Command, words: &[String]) -> anyhow::Result<Command> {
    let mut command = program;
    for word in words {
        let Some(next) = command.find_subcommand(word) else {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let there_are = if names.is_empty() { "no commands".to_owned() } else { names.join(", ") };
            bail!("man {word}: {} has no such command; there are: {there_are}", command.get_name());
        };
        command = next;
    }
    Ok(command.clone())
}

/// As deep as commands have commands of their own, of which there are two levels.
fn write_all(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let file = folder.join(Man::new(command.clone()).get_filename());
    std::fs::write(&file, page(command)?).with_context(|| format!("writing {}", file.display()))?;
    command.get_subcommands().filter(|one| !one.is_hide_set()).try_for_each(|one| write_all(one, folder))
}

/// The whole page. What stands behind the flags in `--help` has lines of its own there: they are kept.
fn page(command: &Command) -> anyhow::Result<String> {
    let behind = command.get_after_help().map(ToString::to_string);
    // No date: the same program writes the same page. Nothing at all would move what comes behind.
    let man = Man::new(command.clone().after_help(None::<&'static str>))
        .date(" ")
        .source(format!("quintet {}", env!("CARGO_PKG_VERSION")))
        .manual("Quintet");
    let mut text = Vec::new();
    man.render(&mut text)?;
    Ok(String::from_utf8(text)? + &behind.map(|text| as_it_stands(&text)).unwrap_or_default())
}

/// Indented lines as they are, everything else as paragraphs.
fn as_it_stands(text: &str) -> String {
    let mut roff = Roff::new();
    let text = text.strip_prefix("Examples:\n").unwrap_or(text);
    roff.control("SH", ["EXAMPLES"]);
    let mut is_kept = false;
    for line in text.lines() {
        let keep = line.starts_with(' ') || (is_kept && line.is_empty());
        if keep != is_kept {
            roff.control(if keep { "nf" } else { "fi" }, []);
        }
        is_kept = keep;
        match line {
            "" => roff.control("PP", []),
            _ => roff.text([roman(line)]),
        };
    }
    if is_kept {
        roff.control("fi", []);
    }
    let whole = roff.render();
    // What comes before is said at the head of the page.
    whole.find(".SH").map_or_else(String::new, |at| whole[at..].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_examples_are_kept() {
        let text = as_it_stands("Examples:\n  a --b   it's c\n  .d\n\nMore words.\nAnd more.\n");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [".SH EXAMPLES", ".nf", r"  a \-\-b   it\*(Aqs c", "  .d", ".PP", ".fi", "More words.", "And more."]
        );
    }
}
