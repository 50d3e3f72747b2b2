//! `quintet origin`.

use crate::failure::{Outcome, Result};
use crate::output::Output;
use crate::values;
use ::origin::{CloseHabit, Counters, OriginPlan};
use ports::ClosedFirst;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use sys::signal::Signals;

const EXAMPLES: &str = "\
Examples:
  quintet origin --listen 127.0.0.1:9001
  quintet origin --listen 127.0.0.1:9001 --close ignore     keeps connections whatever the client asks

  GET /bytes/N  GET /chunked/N  GET /delay/MS  GET /status/CODE  /echo (the body back)  /close";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct OriginArgs {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9001", value_parser = values::listen_address)]
    listen: SocketAddr,
    /// Threads.
    #[arg(long, value_name = "N", default_value_t = 1)]
    workers: usize,
    /// What to do with a client's `Connection: close`, and with /close.
    #[arg(long, value_enum, default_value_t = Close::Honour)]
    close: Close,
    /// The name in its hello and in X-Origin.
    #[arg(long, default_value = "origin")]
    name: String,
    /// Write the final counters as JSON.
    #[arg(long, value_name = "FILE|-")]
    json: Option<String>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Close {
    /// Close when asked.
    Honour,
    /// Keep whatever is asked.
    Ignore,
    /// Close after every answer.
    Always,
}

pub(crate) fn run(args: &OriginArgs) -> Result {
    let mut output = Output::open(args.json.as_deref())?;
    let signals = Signals::block()?;
    sys::limits::raise_file_limit();
    let plan = OriginPlan {
        workers: args.workers,
        name: args.name.clone(),
        close: match args.close {
            Close::Honour => CloseHabit::Honour,
            Close::Ignore => CloseHabit::Ignore,
            Close::Always => CloseHabit::Always,
        },
        ..OriginPlan::new(args.listen)
    };
    let handle = ::origin::start(plan)?;
    output.say(format!("origin {:?} on http://{}/", args.name, handle.address()));
    while !matches!(
        signals.wait(Duration::from_secs(3600)),
        Some(sys::signal::Signal::Interrupt | sys::signal::Signal::Terminate)
    ) {}
    let counters = handle.stop();
    output.say(text(&counters));
    output.write_json(&counters_json(&counters))?;
    Ok(Outcome::AsHoped)
}

fn text(counters: &Counters) -> String {
    let closes = ClosedFirst::ALL.map(|who| (closer(who), counters.closes.count(who)));
    let closes: Vec<String> =
        closes.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!(", {name} {count}")).collect();
    format!(
        "connections {}, requests {}, refused {}; closed first:{}",
        counters.accepted,
        counters.requests,
        counters.refused,
        if closes.is_empty() { " nobody".to_owned() } else { closes.concat()[1..].to_owned() }
    )
}

fn counters_json(counters: &Counters) -> Value {
    let mut closed_first = json!({});
    for who in ClosedFirst::ALL {
        closed_first[closer(who)] = counters.closes.count(who).into();
    }
    json!({
        "accepted": counters.accepted,
        "requests": counters.requests,
        "refused": counters.refused,
        "accept_failed": counters.accept_failed,
        "shortages": counters.shortages,
        "idle": counters.idle,
        "closed_first": closed_first,
    })
}

fn closer(who: ClosedFirst) -> &'static str {
    match who {
        ClosedFirst::PeerFin => "client_fin",
        ClosedFirst::OurFin => "our_fin",
        ClosedFirst::Simultaneous => "simultaneous",
        ClosedFirst::RstSent => "rst_sent",
        ClosedFirst::RstReceived => "rst_received",
    }
}
