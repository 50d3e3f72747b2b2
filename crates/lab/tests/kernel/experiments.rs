//! Every experiment on the running kernel.

use super::Test;
use lab::{Isolation, Options, Outcome, Progress, Verdict};
use std::process::ExitCode;
use testkit::skip;

/// See the module's head.
pub(crate) const TESTS: [Test; 3] = [
    ("every_claim_holds_in_namespaces", || told(every_claim_holds_in_namespaces())),
    ("a_tiny_range_is_used_up_exactly", || told(a_tiny_range_is_used_up_exactly())),
    ("the_loopback_says_what_it_cannot_isolate", || told(the_loopback_says_what_it_cannot_isolate())),
];

fn told(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The outcomes, or `None` (and the test is skipped) where namespaces are forbidden.
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
            skip(why);
            None
        }
        None => Some(outcomes),
    }
}

/// No kernel that still runs has it: the model alone can tell.
const GONE: &str = "nat-recycle";
/// Its verdict compares times, which is for the command; here only what it counts is judged.
const TIMED: &str = "port-cliff";

fn all_hold(outcomes: &[Outcome]) -> Result<(), String> {
    for outcome in outcomes {
        let seen = outcome.seen.as_ref().map(lab::Seen::summary).unwrap_or_default();
        let line = format!("{}: {}: {} ({seen})", outcome.name, outcome.verdict.name(), outcome.why);
        match (outcome.name, outcome.verdict) {
            (GONE, Verdict::CannotRun) | (_, Verdict::Holds) => {}
            (TIMED, Verdict::Differs) => println!("{line}"),
            // An older or smaller kernel may lack a part of the scene; then it has to say so.
            (_, Verdict::CannotRun) => skip(line),
            (_, Verdict::Differs) => return Err(line),
        }
    }
    outcomes.iter().find(|outcome| outcome.name == TIMED).map_or(Ok(()), every_connect_of_the_cliff_stood)
}

/// With the kernel's choice and with own ports, and own ports went on beyond the end of the range.
fn every_connect_of_the_cliff_stood(cliff: &Outcome) -> Result<(), String> {
    let Some(seen) = cliff.seen.as_ref().filter(|_| cliff.verdict != Verdict::CannotRun) else { return Ok(()) };
    let [kernel, own] = &seen.phases[..] else { return Err(format!("not two phases: {seen:?}")) };
    let counts = [kernel, own].map(|phase| (phase.tried, phase.succeeded, phase.client_time_wait));
    let points: Vec<usize> = seen.connect_times.iter().map(|series| series.points.len()).collect();
    let ports = u64::from(lab::run::CLIFF_PORTS_MIN);
    let (batch, batches) = (ports / 24, [24, 30]);
    let expect = [(24 * batch, 24 * batch, 24 * batch), (30 * batch, 30 * batch, ports)];
    match counts == expect && points == batches {
        true => Ok(()),
        false => Err(format!("{TIMED}: tried, succeeded, TIME_WAIT: {counts:?}; points: {points:?}")),
    }
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
    let names = [TIMED.to_owned(), "reset".to_owned(), "keep-alive".to_owned()];
    let before = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("/proc");
    let outcomes = lab::run(&names, &options, &mut |_| {}).expect("names and ports are right");
    let after = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("/proc");
    if before != after {
        return Err(format!("the host's port range was changed: {before} {after}"));
    }
    let cliff = outcomes.iter().find(|outcome| outcome.name == TIMED).ok_or("no port-cliff")?;
    if cliff.verdict != Verdict::CannotRun || !cliff.why.contains("IP_LOCAL_PORT_RANGE") {
        return Err(format!("port-cliff: {}: {}", cliff.verdict.name(), cliff.why));
    }
    let others: Vec<Outcome> = outcomes.into_iter().filter(|outcome| outcome.name != TIMED).collect();
    all_hold(&others)
}
