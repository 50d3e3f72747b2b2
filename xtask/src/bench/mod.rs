//! `cargo xtask bench`: peers side by side in namespaces of our own, interleaved, medians and ratios.
//!
//! ```text
//!   client ---- balancer ---- server         the process under test runs alone on the first core,
//!   (load)      (peer)        (nginx)        everything else on the second
//! ```
//! CPU per request is the figure to trust: it is read from the kernel's own account of the process under test, while
//! throughput on two shared cores says as much about the load as about the peer.

mod balancers;
mod doctor;
mod memory;
mod model;
mod record;
mod relay;
mod stage;
mod testers;
mod tls;

use anyhow::{Context, bail};
pub(crate) use record::{said_by, today};
pub(crate) use stage::installed;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask bench`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Measured rounds; in each, every peer runs once per kind of load.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Run only these parts.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// A tenth of the requests and two rounds: does it work?
    #[arg(long)]
    quick: bool,
    /// Use this program instead of building one.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Record the run below bench/runs/.
    #[arg(long)]
    record: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// CPU per request of the balancers.
    Balancer,
    /// CPU per handshake, request and body of the balancers over TLS.
    Tls,
    /// CPU per message, MiB and connection of the balancers that join connections.
    Relay,
    /// Requests per second and per CPU second of the testers.
    Tester,
    /// Memory per idle connection of the balancers.
    Memory,
    /// Decisions and simulated events per second of the kernel model.
    Model,
    /// How long the doctor looks at a host with very many sockets.
    Doctor,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// Rounds.
    pub rounds: usize,
    /// Requests per run on short connections.
    pub short: u64,
    /// Requests per run on kept connections.
    pub keep: u64,
    /// Seconds of each run over TLS.
    pub tls_seconds: u32,
    /// Idle connections to weigh.
    pub idle: usize,
    /// Decisions of the model per sample.
    pub decisions: u32,
    /// Simulated seconds per sample.
    pub simulated_s: u64,
    /// TIME_WAITs of the host that the doctor looks at.
    pub time_waits: usize,
}

impl BenchArgs {
    fn scale(&self) -> Scale {
        if self.quick {
            Scale {
                rounds: 2,
                short: 2_000,
                keep: 5_000,
                tls_seconds: 1,
                idle: 500,
                decisions: 1_000_000,
                simulated_s: 60,
                time_waits: 20_000,
            }
        } else {
            Scale {
                rounds: self.rounds,
                short: 20_000,
                keep: 60_000,
                tls_seconds: 3,
                idle: 5_000,
                decisions: 10_000_000,
                simulated_s: 600,
                time_waits: 200_000,
            }
        }
    }

    fn wants_network(&self) -> bool {
        self.wants(Part::Doctor) || self.wants_stage()
    }

    fn wants_stage(&self) -> bool {
        [Part::Balancer, Part::Tls, Part::Relay, Part::Tester, Part::Memory].into_iter().any(|part| self.wants(part))
    }

    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Runs the benches asked for.
pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<()> {
    let scale = args.scale();
    let mut tables = Vec::new();
    if args.wants(Part::Model) {
        tables.extend(model::run(scale)?);
    }
    if args.wants_network() {
        tables.extend(in_private_network(args, scale)?);
    }
    for table in &tables {
        println!("\n{}", table.text());
    }
    if args.record {
        let folder = record::write(&tables, scale)?;
        println!("recorded in {}", folder.display());
    }
    Ok(())
}

/// From here on this process and all it starts live in a network of their own.
fn in_private_network(args: &BenchArgs, scale: Scale) -> anyhow::Result<Vec<record::Table>> {
    let quintet = program(args.binary.as_deref())?;
    sys::netns::enter_private().map_err(|why| anyhow::anyhow!("{why}"))?;
    let mut tables = Vec::new();
    if args.wants(Part::Doctor) {
        tables.extend(doctor::run(&quintet, scale)?);
    }
    if !args.wants_stage() {
        return Ok(tables);
    }
    let stage = stage::Stage::build(quintet)?;
    if args.wants(Part::Balancer) {
        tables.extend(balancers::run(&stage, scale)?);
    }
    if args.wants(Part::Tls) {
        tables.extend(tls::run(&stage, scale)?);
    }
    if args.wants(Part::Relay) {
        tables.extend(relay::run(&stage, scale)?);
    }
    if args.wants(Part::Tester) {
        tables.extend(testers::run(&stage, scale)?);
    }
    if args.wants(Part::Memory) {
        tables.push(memory::run(&stage, scale)?);
    }
    Ok(tables)
}

/// The program to look at: the one that was named, or one that is built now. By its whole path.
pub(crate) fn program(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let program = named.map_or_else(build_release, |named| Ok(named.to_owned()))?;
    program.canonicalize().with_context(|| format!("{}", program.display()))
}

/// Our own binary, built as it is measured.
pub(crate) fn build_release() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status =
        Command::new(cargo).args(["build", "--release", "--package", "quintet"]).status().context("starting cargo")?;
    if !status.success() {
        bail!("cargo build --release --package quintet failed");
    }
    let target = std::env::current_exe().context("finding the target folder")?;
    let folder = target.parent().context("the program lies in a folder")?;
    Ok(folder.join("quintet"))
}
