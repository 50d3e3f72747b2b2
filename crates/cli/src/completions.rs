//! `quintet completions`: what a shell completes, from the flags as they are.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use clap::{Command, ValueEnum};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  quintet completions bash > /etc/bash_completion.d/quintet
  quintet completions bash > ~/.local/share/bash-completion/completions/quintet
  quintet completions zsh > ~/.zfunc/_quintet                      a folder of $fpath
  quintet completions fish > ~/.config/fish/completions/quintet.fish

A package brings them along.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// Which shell is to complete.
    shell: OfShell,
}

/// Shells that this is tried with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OfShell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) fn run(args: &CompletionsArgs, mut program: Command) -> Result {
    let shell = match args.shell {
        OfShell::Bash => Shell::Bash,
        OfShell::Zsh => Shell::Zsh,
        OfShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "quintet", &mut script);
    Output::People.say(String::from_utf8(script)?)?;
    Ok(Outcome::AsHoped)
}
