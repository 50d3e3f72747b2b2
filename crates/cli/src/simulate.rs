//! `quintet simulate`.

mod file;
mod flags;
mod guide;
mod kernels;
mod plan;

use crate::failure::{Outcome, Result};
use crate::output::{Output, Progress, ResultFile, check_distinct};
use flags::PlanArgs;
use present::simulate::{Ran, Swept};
use std::path::PathBuf;
use tcp_model::simulate::{Variant, simulate, sweep};

const EXAMPLES: &str = "\
Examples:
  quintet simulate                              1000 clients behind a Linux gateway, three minutes
  quintet simulate --kernel 2.6.32 --server-sysctl tcp_tw_recycle=1 --nat linux-6.4
  quintet simulate --clients 1m --rate 10k --duration 2m --nat random --public-addresses 32 --html report.html
  quintet simulate --sweep --nat random --nat-time-wait 0         a table: kernels and settings
  quintet simulate --config scene.toml --json - | jq .causes
  quintet simulate guide                        the guide's claims, and how far each is true

A file has the flags' names as its keys; flags stand above it:
  kernel = \"3.10\"
  clients = \"50k\"
  nat = \"random\"
  server_sysctl = { tcp_tw_recycle = 1 }

Same scene and seed, same result. Left out of the model: queues of the listener, loss, data.
Exit codes: 0 it ran, or every claim was judged (what the guide gets wrong is known: no failure of the run);
2 wrong usage, or no memory.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub(crate) struct SimulateArgs {
    #[command(subcommand)]
    command: Option<SimulateCommand>,
    #[command(flatten)]
    plan: PlanArgs,
    /// Read the scene from a file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run the scene on each of these kernels of the server, with each of the settings people ask about
    /// [default: eight from 2.6.32 to 6.18].
    #[arg(long, value_name = "KERNELS", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "kernel")]
    sweep: Option<String>,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
    json: Option<String>,
    /// Write the result as one self-contained page, with curves.
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
}

#[derive(Debug, clap::Subcommand)]
enum SimulateCommand {
    /// Put each claim of the guide to the model: name, claim, verdict, why.
    #[command(after_help = guide::EXAMPLES)]
    Guide {
        /// Write the findings as JSON.
        #[arg(long, value_name = "FILE|-", num_args = 0..=1, default_missing_value = "-")]
        json: Option<String>,
    },
}

pub(crate) fn run(args: &SimulateArgs) -> Result {
    if let Some(SimulateCommand::Guide { json }) = &args.command {
        return guide::run(json.as_deref());
    }
    let scene = plan::read(&args.plan, args.config.as_deref())?;
    let kernels = args.sweep.as_deref().map(kernels::parse).transpose()?;
    check_distinct(&[("--json", args.json.as_deref()), ("--html", args.html.as_deref())])?;
    let mut output = Output::open(args.json.as_deref())?;
    let mut html = args.html.as_deref().map(|path| ResultFile::open("--html", path)).transpose()?;
    let mut progress = Progress::new();
    progress.show(&format!("{} connects to simulate", scene.raw.rate * scene.raw.duration_s));
    match kernels {
        Some(kernels) => {
            let cells = sweep(&scene.raw, &kernels, &Variant::usual());
            progress.clear();
            output.show_with_page(&Swept { raw: &scene.raw, cells: &cells }, html.as_mut())?;
        }
        None => {
            let result = simulate(&scene.plan);
            progress.clear();
            output.show_with_page(&Ran { raw: &scene.raw, result: &result }, html.as_mut())?;
        }
    }
    Ok(Outcome::AsHoped)
}
