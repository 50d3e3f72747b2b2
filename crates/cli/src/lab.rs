//! `quintet lab`.

use crate::failure::{Failure, Outcome, Result};
use crate::output::{Output, Progress};
use crate::{terminal, values};
use anyhow::anyhow;
use lab::{Isolation, Options, Verdict};
use present::lab::{Outcomes, list};

const EXAMPLES: &str = "\
Examples:
  quintet lab                        every claim, in private network namespaces (no root needed)
  quintet lab problem own-ports      two of them
  quintet lab --list                 names and claims
  quintet lab --json - | jq '.[] | {name, verdict}'

A verdict is `holds`, `differs` (exit code 1, with both figures) or `cannot run here` (with the reason).";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LabArgs {
    /// Experiments to run; all of them where none is named.
    names: Vec<String>,
    /// List the experiments and end.
    #[arg(long)]
    list: bool,
    /// Size of the client's port range.
    #[arg(long, value_name = "N", default_value_t = lab::PORTS_DEFAULT, value_parser = values::number::<u16>)]
    ports: u16,
    /// Run on the loopback, as where namespaces are forbidden.
    #[arg(long)]
    loopback: bool,
    /// Write what the gateway carried to FOLDER/NAME.pcap, for the experiments with one.
    #[arg(long, value_name = "FOLDER")]
    pcap: Option<std::path::PathBuf>,
    /// Write the outcomes as JSON.
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

pub(crate) fn run(args: &LabArgs) -> Result {
    // A wrong name is told before anything is opened or built.
    let selected = lab::select(&args.names)?;
    let mut output = Output::open(args.json.as_deref())?;
    if args.list {
        output.say(list(selected, terminal::width()))?;
        return Ok(Outcome::AsHoped);
    }
    let options = Options {
        ports: args.ports,
        isolation: if args.loopback { Isolation::Loopback } else { Isolation::Auto },
        pcap: args.pcap.clone(),
    };
    let mut progress = Progress::new();
    let mut notice = None;
    let outcomes = lab::run(&args.names, &options, &mut |event| match event {
        lab::Progress::NoNamespaces(why) => notice = Some(format!("on the loopback, without namespaces: {why}")),
        lab::Progress::Started { experiment, at, of } => progress.show(&format!("[{at}/{of}] {}", experiment.name)),
        lab::Progress::Finished(_) => progress.clear(),
    })?;
    if let Some(notice) = notice {
        output.say(notice)?;
    }
    output.show(&Outcomes(&outcomes))?;
    judge(&outcomes)
}

/// A claim that differs is a finding; a run in which no claim could be tried is a want of this host.
fn judge(outcomes: &[lab::Outcome]) -> Result {
    let any = |verdict| outcomes.iter().any(|outcome| outcome.verdict == verdict);
    match (any(Verdict::Differs), any(Verdict::Holds)) {
        (true, _) => Ok(Outcome::Bad),
        (false, true) => Ok(Outcome::AsHoped),
        (false, false) => Err(Failure::from(anyhow!("no claim could be tried here; the table says why"))),
    }
}
