//! `quintet`: flags into checked plans, plans into runs, results onto the screen. The only printer; owns exit codes.

mod compare;
mod completions;
mod ctl;
mod doctor;
mod failure;
mod hints;
mod lab;
mod man;
mod origin;
mod output;
mod serve;
mod simulate;
mod stress;
mod terminal;
mod values;

use clap::{CommandFactory, Parser, Subcommand};
use failure::{Failure, Outcome};
use output::Output;
use std::ffi::OsString;
use std::process::ExitCode;
use sys::memory::OrEnd;

const ABOUT: &str =
    "A load balancer and a stress tester that never run out of ports, and the doctor and the lab that prove it.";

const EXAMPLES: &str = "\
Examples:
  quintet lab                              the problem and its cures on this kernel
  quintet lab problem own-ports            two of the claims
  quintet serve                            a balancer before two embedded origins
  quintet serve --config quintet.toml      your own; --check only reads it
  quintet ctl status                       how the running one is; drain, reload, events
  quintet stress -z 5s URL                 keep-alive requests for five seconds
  quintet stress -n 10k --close wait URL   a connection each, the server closes first
  quintet compare before.json after.json   what changed beyond noise between two of its reports
  quintet doctor                           what is wrong on this host, or will be, and the cures
  quintet doctor --rate 5000 URL           will it hold? Probes the balancer at URL as well
  quintet simulate --nat random            clients behind a NAT gateway, through the model
  quintet simulate guide                   what the guide claims, and how far each is true
  quintet origin                           test answers on 127.0.0.1:9001
  quintet origin --close always            without keep-alive
  quintet completions bash                 for a shell; `quintet man` writes pages of the manual

Every command with a result takes --json FILE (or - for standard output).
Exit codes: 0 as hoped; 1 a claim differs, a request failed, or the doctor
            found an error; 2 wrong usage, or this host cannot do it.
`quintet help COMMAND` tells the rest.";

#[derive(Debug, Parser)]
#[command(name = "quintet", version, about = ABOUT, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the guide's claims on this kernel: the problem, its cures, and better ones.
    Lab(lab::LabArgs),
    /// Balance HTTP over backend sets.
    Serve(serve::ServeArgs),
    /// Ask a running balancer, and tell it things: servers, ports, drain, reload.
    Ctl(ctl::CtlArgs),
    /// Load a target, and tell who closed first and what it cost in ports.
    Stress(Box<stress::StressArgs>),
    /// Compare two reports of the tester: what changed beyond noise.
    Compare(compare::CompareArgs),
    /// Tell why connects fail, or when they will: this host, and a balancer probed from outside.
    Doctor(Box<doctor::DoctorArgs>),
    /// Run the scene through the kernel model: kernels nobody boots any more, millions of clients.
    Simulate(Box<simulate::SimulateArgs>),
    /// Serve test answers: /bytes/N, /chunked/N, /delay/MS, /status/CODE, /redirect/N, /echo, /close.
    Origin(origin::OriginArgs),
    /// Write what a shell completes.
    Completions(completions::CompletionsArgs),
    /// Write a page of the manual.
    Man(man::ManArgs),
}

/// What ends any command that the system gives no memory.
#[global_allocator]
static ALLOCATOR: OrEnd = OrEnd {
    before: "quintet: out of memory: ",
    behind: " more bytes were refused; ask for fewer connections, clients or workers, or raise the limit (ulimit -v, or the \
             container's)\n",
    code: 2,
};

fn main() -> ExitCode {
    let parse = |args: Vec<OsString>| {
        let args = with_values_below_zero(args);
        Cli::try_parse_from(&args).map_err(|error| hints::with_tip(error, &args))
    };
    let result = match stress::in_our_spelling(std::env::args_os().collect()).map(parse) {
        Ok(Ok(cli)) => run(cli.command),
        Ok(Err(error)) => told(&error),
        Err(mistake) => Err(Failure::from(mistake)),
    };
    match result {
        Ok(Outcome::AsHoped) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::from(1),
        Err(Failure { error, has_time }) => {
            let time = if has_time { format!("{} ", output::now()) } else { String::new() };
            output::complain(format!("{time}quintet: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// What begins with a minus and a digit is the value of the flag before it (`-n -5`, `--duration -5s`): what is wrong with it
/// is then said by whoever reads the value.
fn with_values_below_zero(args: Vec<OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::with_capacity(args.len());
    for arg in args {
        let is_below_zero = arg.to_str().is_some_and(|text| {
            text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        match joined.last_mut().filter(|_| is_below_zero) {
            Some(flag) if flag.to_str().is_some_and(|flag| flag.starts_with("--") && !flag.contains('=')) => {
                flag.push("=");
                flag.push(arg);
            }
            Some(flag) if flag.to_str().is_some_and(|flag| flag.len() == 2 && flag.starts_with('-')) => flag.push(arg),
            _ => joined.push(arg),
        }
    }
    joined
}

fn run(command: Command) -> failure::Result {
    match command {
        Command::Lab(args) => lab::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Ctl(args) => ctl::run(&args),
        Command::Stress(args) => stress::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Origin(args) => origin::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Man(args) => man::run(&args, Cli::command()),
    }
}

/// Help and version, which were asked for, or a mistake in the flags.
fn told(error: &clap::Error) -> failure::Result {
    if error.use_stderr() {
        output::complain_of_flags(error);
        std::process::exit(2);
    }
    let styled = error.render();
    Output::People.say(if terminal::colour() { styled.ansi().to_string() } else { styled.to_string() })?;
    Ok(Outcome::AsHoped)
}
