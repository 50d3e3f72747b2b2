//! `quintet doctor`.

mod balancer;
mod change;
mod watch;

use crate::failure::{Outcome, Result};
use crate::output::{self, Output, Progress, ResultFile};
use crate::{terminal, values};
use ::doctor::{HostPlan, Patience};
use anyhow::bail;
use change::ChangeArgs;
use doctor_core::target::Failed;
use doctor_core::{Diagnosis, Question, Subjects, TargetFacts};
use ports::Address;
use present::doctor::{Found, stories, story};
use present::{Page, Present};
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  quintet doctor                            this host: what is wrong, or will be
  quintet doctor --rate 5000                will 5000 connections per second hold?
  quintet doctor http://10.0.0.1/           the balancer there too: who closes first, what can be reused
  quintet doctor --patience 80s URL         also how long an idle connection is kept, up to 80 s
  quintet doctor --balancer unix:/run/quintet/admin.sock   a running quintet: its ports, pools and servers
  quintet doctor --watch                    ports, TIME_WAIT and seconds to exhaustion, live
  quintet doctor --json - | jq '.findings[].id'
  quintet doctor explain ports.exhausted    the story behind a finding; without an id: all ids

It needs no root (it says what root would add) and only reads, unless --apply is given. Probes of a
URL are about a dozen short connections, and an idle one that is watched for --patience.
Exit codes: 0 no finding of severity error; 1 there is one; 2 wrong usage (nothing listens at the URL, no way there), or
this host cannot do it.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct DoctorArgs {
    #[command(subcommand)]
    command: Option<DoctorCommand>,
    /// Balancer or server to probe as well, http://HOST:PORT/PATH.
    url: Option<String>,
    #[command(flatten)]
    question: QuestionArgs,
    /// How long an idle connection to the URL is watched: its time-out is found up to here, or announced.
    #[arg(long, value_name = "TIME", help_heading = "Looking", default_value = "6s", value_parser = values::duration)]
    patience: Duration,
    /// Ask a running balancer as well, at its admin listener: `unix:PATH`, or an address and port.
    #[arg(long, value_name = "ADDRESS", value_parser = crate::ctl::address, help_heading = "Looking")]
    balancer: Option<Address>,
    /// A file with the token that this admin listener takes.
    #[arg(long, value_name = "FILE", requires = "balancer", help_heading = "Looking")]
    token_file: Option<PathBuf>,
    /// Process whose open files are counted [default: this one, as a stand-in for what this shell starts].
    #[arg(long, value_name = "PID", value_parser = values::number::<u32>, help_heading = "Looking")]
    pid: Option<u32>,
    /// Live view, one look per TIME; without a terminal, or with --json: one look.
    #[arg(long, value_name = "TIME", help_heading = "Looking", num_args = 0..=1, require_equals = true, default_missing_value = "1s",
          value_parser = values::duration, conflicts_with_all = ["url", "balancer", "rate", "connections", "html", "apply", "revert"])]
    watch: Option<Duration>,
    #[command(flatten)]
    change: ChangeArgs,
    /// Write the diagnosis as JSON.
    #[arg(long, value_name = "FILE|-", help_heading = "Output", num_args = 0..=1, default_missing_value = "-")]
    json: Option<String>,
    /// Write the diagnosis as one self-contained page.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    html: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum DoctorCommand {
    /// Tell the story behind a finding's id; without one, list them all.
    Explain {
        /// As the findings show it.
        id: Option<String>,
    },
}

/// A plan to be judged.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Will it hold?")]
struct QuestionArgs {
    /// Connections per second that are to be opened, closed by this host.
    #[arg(long, value_name = "N", value_parser = values::at_least_one)]
    rate: Option<u32>,
    /// Connections that are to be open at once.
    #[arg(long, value_name = "N", value_parser = values::at_least_one)]
    connections: Option<u32>,
    /// Source addresses they start from.
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::at_least_one)]
    sources: u32,
    /// Distinct destinations (address and port) they go to.
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::at_least_one)]
    destinations: u32,
}

impl QuestionArgs {
    fn question(&self) -> Question {
        Question {
            rate_per_s: self.rate.map(f64::from),
            sources: self.sources,
            destinations: self.destinations,
            connections: self.connections.map(u64::from),
        }
    }
}

pub(crate) fn run(args: &DoctorArgs) -> Result {
    if let Some(DoctorCommand::Explain { id }) = &args.command {
        return explain(id.as_deref());
    }
    check_words(args)?;
    args.change.check_files(args.json.as_deref(), args.html.as_deref())?;
    let mut output = Output::open(args.json.as_deref())?;
    if let Some(file) = args.change.revert_file() {
        return change::revert(file, &mut output);
    }
    args.pid.map(::doctor::check_process).transpose()?;
    if let Some(interval) = args.watch {
        return watch::run(interval, args.pid, &mut output);
    }
    args.change.check_consent()?;
    let mut html = args.html.as_deref().map(|path| ResultFile::open("--html", path)).transpose()?;
    let diagnosis = look(args)?;
    let found = Found { diagnosis: &diagnosis, applied: None };
    let said = output.say_result(&found);
    if let Some(file) = &mut html {
        file.write(&found.page(&output::made()))?;
    }
    let changes = args.change.run(&diagnosis, &output)?;
    let applied = changes.as_ref().map(change::Changes::applied);
    output.write_json(&Found { applied, ..found }.json())?;
    said?;
    check_reached(diagnosis.target.as_ref())?;
    Ok(if diagnosis.is_bad() { Outcome::Bad } else { Outcome::AsHoped })
}

/// A URL right behind `--json` is taken for its file, and a misspelt `explain` for a host.
fn check_words(args: &DoctorArgs) -> anyhow::Result<()> {
    if let Some(word) = args.url.as_deref().filter(|word| !word.contains(['.', ':', '/'])) {
        let meant = named::nearest(word, ["explain"]);
        meant.map_or(Ok(()), |meant| {
            bail!("doctor {word}: did you mean `doctor {meant}`? A host is written http://{word}/")
        })?;
    }
    match &args.json {
        Some(file) if args.url.is_none() && file.contains("://") => bail!("--json {file}: write `{file} --json -`"),
        _ => Ok(()),
    }
}

/// A target that cannot be asked for want of a listener or a way there is wrong usage, here as in `stress`; what was found
/// of this host has been told by then.
fn check_reached(target: Option<&TargetFacts>) -> anyhow::Result<()> {
    let Some(TargetFacts { url, unreachable: Some(why), failed: Some(failed), .. }) = target else { return Ok(()) };
    match failed {
        Failed::Refused => bail!("{url}: nothing listens there ({why}); start the target, or check address and port"),
        Failed::BlackholeHere | Failed::ForbiddenHere | Failed::NoRouteHere => {
            bail!("{url}: no connection leaves this host ({why}); `ip route get ADDRESS` tells the way")
        }
        _ => Ok(()),
    }
}

/// The host first: the probes' own connections shall not be among what is found there.
fn look(args: &DoctorArgs) -> anyhow::Result<Diagnosis> {
    let asked = args.balancer.map(|at| balancer::ask(at, args.token_file.as_deref())).transpose()?;
    let host = ::doctor::gather(&HostPlan { pid: args.pid, ..HostPlan::default() });
    let mut progress = Progress::new();
    let probe = |url: &String| {
        progress.show(&format!("probing {url}, some seconds"));
        let target = ::doctor::probe(url, &Patience { idle: args.patience, ..Patience::default() });
        progress.clear();
        target
    };
    let target = args.url.as_ref().map(probe).transpose()?;
    Ok(doctor_core::diagnose_all(Subjects { host, target, balancer: asked }, args.question.question()))
}

fn explain(id: Option<&str>) -> Result {
    let text = match id {
        Some(id) => story(doctor_core::explain(id)?, terminal::width()),
        None => stories(doctor_core::all_rules(), terminal::width()),
    };
    Output::People.say(text)?;
    Ok(Outcome::AsHoped)
}
