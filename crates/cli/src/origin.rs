//! `quintet origin`.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use crate::values;
use ::origin::{CloseHabit, OriginPlan};
use present::origin::Totals;
use std::net::SocketAddr;
use std::time::Duration;
use sys::signal::Signals;

const EXAMPLES: &str = "\
Examples:
  quintet origin --listen 127.0.0.1:9001
  quintet origin --listen 127.0.0.1:9001 --close ignore     keeps connections whatever the client asks

  GET /bytes/N  GET /chunked/N  GET /delay/MS  GET /status/CODE  /redirect/N  /echo (the body back)  /close";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OriginArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001", value_parser = values::listen_address)]
    listen: SocketAddr,
    /// Threads.
    #[arg(long, value_name = "N", default_value = "1", value_parser = values::number::<usize>)]
    workers: usize,
    /// A client's `Connection: close`, and /close: honour them, ignore them (keep whatever is asked), or always close,
    /// after every answer.
    #[arg(long, value_parser = values::named::<CloseHabit>(), default_value_t)]
    close: CloseHabit,
    /// The name in its hello and in X-Origin.
    #[arg(long, default_value = "origin")]
    name: String,
    /// Write the final counters as JSON.
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

pub(crate) fn run(args: &OriginArgs) -> Result {
    let mut output = Output::open(args.json.as_deref())?;
    let signals = Signals::block()?;
    sys::limits::raise_file_limit();
    let plan = OriginPlan {
        workers: args.workers,
        name: args.name.clone(),
        close: args.close,
        ..OriginPlan::new(args.listen)
    };
    let handle = ::origin::start(plan)?;
    output.say_or_complain(format!("origin {:?} on http://{}/", args.name, handle.address()));
    while !matches!(
        signals.wait(Duration::from_secs(3600)),
        Some(sys::signal::Signal::Interrupt | sys::signal::Signal::Terminate)
    ) {}
    output.show(&Totals(&handle.stop()))?;
    Ok(Outcome::AsHoped)
}
