//! `--apply` and `--revert`: shows what would change, asks, sets; and takes it back.

use crate::failure::{Outcome, Result};
use crate::output::{Output, check_distinct};
use crate::terminal;
use ::doctor::{Consent, apply};
use anyhow::bail;
use doctor_core::Diagnosis;
use doctor_core::changes::{self, PlannedChange};
use present::doctor::{Applied, Reverted, planned};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// What may be changed on this host.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Changing this host")]
pub(super) struct ChangeArgs {
    /// Set the sysctls among the cures, after they were shown and agreed to. Needs root.
    #[arg(long)]
    apply: bool,
    /// Agree beforehand: do not ask.
    #[arg(long, requires = "apply")]
    yes: bool,
    /// Where --apply keeps the old values; there must be no such file yet.
    #[arg(long, value_name = "FILE", default_value = "quintet-doctor-revert.conf", requires = "apply")]
    revert_file: PathBuf,
    /// Take back what --apply did, from its file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["apply", "url", "html", "pid", "rate", "connections"])]
    revert: Option<PathBuf>,
}

impl ChangeArgs {
    /// What `--revert` names.
    pub(super) fn revert_file(&self) -> Option<&Path> {
        self.revert.as_deref()
    }

    /// No file is named twice: the report would take the place of the values to go back to.
    pub(super) fn check_files(&self, json: Option<&str>, html: Option<&str>) -> anyhow::Result<()> {
        let kept = self.apply.then(|| self.revert_file.to_str()).flatten();
        let read = self.revert.as_deref().and_then(Path::to_str);
        check_distinct(&[("--json", json), ("--html", html), ("--revert-file", kept), ("--revert", read)])
    }

    /// Can somebody agree? Asked before anything else, so that nobody waits in vain.
    pub(super) fn check_consent(&self) -> anyhow::Result<()> {
        if self.apply && !self.yes && !std::io::stdin().is_terminal() {
            bail!(
                "--apply asks before it changes anything, and nobody can answer here: look at what it would set, then add --yes"
            );
        }
        Ok(())
    }

    /// Shows the plan; carries it out where that was asked for and agreed to. Gives what was done, for `--json`.
    pub(super) fn run(&self, diagnosis: &Diagnosis, output: &Output) -> anyhow::Result<Option<Changes>> {
        let plan = changes::plan(&diagnosis.findings, &diagnosis.host.sysctls);
        output.say(planned(&plan, self.apply, terminal::width()))?;
        if !self.apply || plan.is_empty() {
            return Ok(None);
        }
        if !self.yes && !agreed(plan.len())? {
            output.say("nothing is changed")?;
            return Ok(None);
        }
        let applied = apply::apply(&plan, &self.revert_file, Consent::given_by_the_user())?;
        let file = applied.revert_file.display().to_string();
        output.say(format!("{} set; to take them back: quintet doctor --revert {file}", applied.changed))?;
        Ok(Some(Changes { plan, revert_file: file }))
    }
}

/// What was set, and what takes it back.
#[derive(Debug)]
pub(super) struct Changes {
    plan: Vec<PlannedChange>,
    revert_file: String,
}

impl Changes {
    /// For the report.
    pub(super) fn applied(&self) -> Applied<'_> {
        Applied { changes: &self.plan, revert_file: &self.revert_file }
    }
}

/// Takes back what the file holds. Naming it is the consent.
pub(super) fn revert(file: &Path, output: &mut Output) -> Result {
    let changes = apply::revert(file, Consent::given_by_the_user())?;
    output.show(&Reverted { changes: &changes, revert_file: &file.display().to_string() })?;
    Ok(Outcome::AsHoped)
}

/// Asks on the terminal; anything but a clear yes is a no.
fn agreed(count: usize) -> anyhow::Result<bool> {
    write!(std::io::stderr(), "Set {count} sysctls of this network namespace? [y/N] ")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
