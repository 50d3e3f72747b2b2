//! Every experiment on the running kernel.
//!
//! Without the usual harness: private namespaces without root want a process with one thread. Each run
//! is this program started again.

use lab::{Isolation, Options, Outcome, Progress, Verdict};
use std::process::ExitCode;
use testkit::own_process;

type Test = (&'static str, fn() -> Result<(), String>);

/// Each runs in a process of its own.
const TESTS: [Test; 3] = [
    ("every_claim_holds_in_namespaces", every_claim_holds_in_namespaces),
    ("a_tiny_range_is_used_up_exactly", a_tiny_range_is_used_up_exactly),
    ("the_loopback_says_what_it_cannot_isolate", the_loopback_says_what_it_cannot_isolate),
];

fn main() -> ExitCode {
    own_process::run(&TESTS, |name, test| match test() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{name}: {why}");
            ExitCode::FAILURE
        }
    })
}

/// The outcomes, or `None` (with the reason printed) where namespaces are forbidden.
fn in_namespaces(names: &[&str], ports: u16) -> Option<Vec<Outcome>> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let options = Options { ports, ..Options::default() };
    let mut forbidden = None;
    let mut watch = |progress: Progress<'_>| {
        if let Progress::NoNamespaces(why) = progress {
            forbidden = Some(why.to_string());
        }
    };
    let outcomes = lab::run(&names, &options, &mut watch).expect("names and ports are right");
    match forbidden {
        Some(why) => {
            println!("skipped: {why}");
            None
        }
        None => Some(outcomes),
    }
}

fn all_hold(outcomes: &[Outcome]) -> Result<(), String> {
    for outcome in outcomes {
        let seen = outcome.seen.as_ref().map(lab::Seen::summary).unwrap_or_default();
        let line = format!("{}: {}: {} ({seen})", outcome.name, outcome.verdict.name(), outcome.why);
        match outcome.verdict {
            Verdict::Holds => {}
            // An older or smaller kernel may lack a part of the scene; then it has to say so.
            Verdict::CannotRun => println!("{line}"),
            Verdict::Differs => return Err(line),
        }
    }
    Ok(())
}

fn every_claim_holds_in_namespaces() -> Result<(), String> {
    let Some(outcomes) = in_namespaces(&[], 200) else { return Ok(()) };
    if outcomes.len() != lab::catalogue().len() {
        return Err(format!("{} outcomes of {} experiments", outcomes.len(), lab::catalogue().len()));
    }
    all_hold(&outcomes)
}

fn a_tiny_range_is_used_up_exactly() -> Result<(), String> {
    let names = ["problem", "balancer-closes-first", "reset", "own-ports"];
    let Some(outcomes) = in_namespaces(&names, lab::PORTS_MIN) else { return Ok(()) };
    all_hold(&outcomes)
}

fn the_loopback_says_what_it_cannot_isolate() -> Result<(), String> {
    let options = Options { ports: 200, isolation: Isolation::Loopback, pcap: None };
    let names = ["port-cliff".to_owned(), "reset".to_owned(), "keep-alive".to_owned()];
    let before = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("/proc");
    let outcomes = lab::run(&names, &options, &mut |_| {}).expect("names and ports are right");
    let after = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("/proc");
    if before != after {
        return Err(format!("the host's port range was changed: {before} {after}"));
    }
    let cliff = outcomes.iter().find(|outcome| outcome.name == "port-cliff").ok_or("no port-cliff")?;
    if cliff.verdict != Verdict::CannotRun || !cliff.why.contains("IP_LOCAL_PORT_RANGE") {
        return Err(format!("port-cliff: {}: {}", cliff.verdict.name(), cliff.why));
    }
    all_hold(&outcomes)
}
