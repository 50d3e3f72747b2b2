//! The project's own chores: `cargo xtask deps` and `cargo xtask bench`.

mod bench;
mod deps;

use clap::Parser;

/// Chores of the Quintet project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Check the direction of dependencies, and that `unsafe` stays in `sys`.
    Deps,
    /// Measure Quintet: beside its peers (nginx, HAProxy, wrk, ab, h2load), interleaved, in namespaces of our own; and
    /// its model and its doctor alone.
    Bench(bench::BenchArgs),
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Deps => deps::run(),
        Chore::Bench(args) => bench::run(&args),
    }
}
