//! `quintet compare`.

use crate::failure::{Outcome, Result};
use crate::output::{Output, ResultFile, check_distinct};
use anyhow::{Context, anyhow};
use present::stress::compare::Compared;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A larger file is no report of ours.
const REPORT_BYTES_MAX: usize = 64 * 1024 * 1024;

const EXAMPLES: &str = "\
Examples:
  quintet stress -z 30s --json before.json URL   once before a change, once after it
  quintet compare before.json after.json         what changed beyond noise
  quintet compare before.json after.json --json - | jq .regression

Each whole second of a run is one value of its rate, its median and its 99th percentile; two runs differ where these differ by \
the Mann-Whitney test and by more than 2 %. Runs of less than 7 s have too few.

Exit codes: 0 the second run is not worse; 1 it is; 2 wrong usage.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// The older report, as `quintet stress --json FILE` writes it.
    before: PathBuf,
    /// The newer one.
    after: PathBuf,
    /// Write both runs over each other as one self-contained page.
    #[arg(long, value_name = "FILE")]
    html: Option<String>,
    /// Write the comparison as JSON.
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

pub(crate) fn run(args: &CompareArgs) -> Result {
    let (before, after) = (report(&args.before)?, report(&args.after)?);
    let mut output = Output::open(args.json.as_deref())?;
    let mut page = args.html.as_deref().map(|path| ResultFile::open("--html", path)).transpose()?;
    check_distinct(&[("--json", args.json.as_deref()), ("--html", args.html.as_deref())])?;
    let name = |path: &Path| path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let runs = [(name(&args.before), &before), (name(&args.after), &after)];
    let compared = Compared::new(runs).map_err(|why| anyhow!(why))?;
    output.show_with_page(&compared, page.as_mut())?;
    Ok(if compared.is_regression() { Outcome::Bad } else { Outcome::AsHoped })
}

fn report(path: &Path) -> anyhow::Result<Value> {
    let text =
        sys::file::read(path, REPORT_BYTES_MAX).with_context(|| format!("{}: cannot be read", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{}: no JSON; give a file that `quintet stress --json FILE` wrote", path.display()))
}
