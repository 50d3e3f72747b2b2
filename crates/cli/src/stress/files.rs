//! What a run has to keep, and the files it leaves.

use stress_core::Threshold;

/// Flags of what people and programs get to see.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Result")]
pub(super) struct FileArgs {
    /// What the run has to keep, or the exit code is 1; may be given more than once: 'p99<50ms', 'errors<0.1%', 'rate>=99%'
    /// (of --rate), 'rate>=5k', '5xx==0', 'not_sent<1%'. Latencies: min, mean, max, p50 to p99.99.
    #[arg(long = "threshold", value_name = "FIGURE<BOUND", value_parser = Threshold::parse)]
    pub(super) thresholds: Vec<Threshold>,
    /// Write the JSON Schema of what --json writes.
    #[arg(long)]
    pub(super) schema: bool,
}
