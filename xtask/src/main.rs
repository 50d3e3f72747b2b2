//! The project's own chores: checks of the house's order, and measurements.

mod bench;
mod configurations;
mod deps;
mod dist;
mod honesty;
mod instructions;
mod lasting;
mod shape;
mod soak;

use clap::Parser;

/// Chores of the Quintet project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Chore {
    /// Check the direction of dependencies, and that `unsafe` stays in `sys`.
    Deps,
    /// Check the shape of the sources: functions fit a screen, files do not call each other in a circle, and what is
    /// public is used.
    Shape,
    /// Count the instructions of the hot operations with valgrind, beside what is recorded.
    Instructions(instructions::InstructionsArgs),
    /// Measure Quintet: beside its peers (nginx, HAProxy, wrk, ab, h2load), interleaved, in namespaces of our own; and
    /// its model and its doctor alone.
    Bench(bench::BenchArgs),
    /// Run a balancer for minutes while everything around it changes: configuration, program, servers.
    Soak(soak::SoakArgs),
    /// Open short connections at full speed for minutes, with the ports that the tester chooses: does one fail, or wait?
    Lasting(lasting::LastingArgs),
    /// Play testers against origins whose behaviour is known: does each tell what really happened?
    Honesty(honesty::HonestyArgs),
    /// Make what people install: a static program, a Debian package, a container image.
    Dist(dist::DistArgs),
}

fn main() -> anyhow::Result<()> {
    match Chore::parse() {
        Chore::Deps => deps::run(),
        Chore::Shape => shape::run(),
        Chore::Instructions(args) => instructions::run(&args),
        Chore::Bench(args) => bench::run(&args),
        Chore::Soak(args) => soak::run(&args),
        Chore::Lasting(args) => lasting::run(&args),
        Chore::Honesty(args) => honesty::run(&args),
        Chore::Dist(args) => dist::run(&args),
    }
}
