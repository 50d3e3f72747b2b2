//! The balancer's counters for people and for programs.

use balancer_core::{CloseReason, Counters, FailureKind};
use ports::{ClosedFirst, ClosingTally};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Several lines: requests, failures, and for each side who closed first and why.
pub(crate) fn text(counters: &Counters) -> String {
    let mut text = format!(
        "requests {}, responses {}, failed {}, truncated {}\n",
        counters.requests,
        counters.responses,
        counters.failed_total(),
        counters.truncated
    );
    let _ = writeln!(
        text,
        "clients: accepted {}, open {}; servers: opened {}, open {}, re-used {}, retries {}, connects failed {} here / {} there",
        counters.accepted,
        counters.clients_open,
        counters.connects,
        counters.servers_open,
        counters.pooled,
        counters.retries,
        counters.connects_failed_here,
        counters.connects_failed_there
    );
    list(&mut text, "failures", failures(counters));
    list(&mut text, "clients, closed first", closes(&counters.client_closes, "client"));
    list(&mut text, "clients, why", reasons(&counters.client_reasons));
    list(&mut text, "servers, closed first", closes(&counters.server_closes, "server"));
    list(&mut text, "servers, why", reasons(&counters.server_reasons));
    text.truncate(text.trim_end().len());
    text
}

fn list(text: &mut String, title: &str, counts: Vec<(String, u64)>) {
    let parts: Vec<String> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}")).collect();
    if !parts.is_empty() {
        let _ = writeln!(text, "{title}: {}", parts.join(", "));
    }
}

fn failures(counters: &Counters) -> Vec<(String, u64)> {
    FailureKind::ALL.iter().zip(counters.failures).map(|(kind, count)| (kind.name().to_owned(), count)).collect()
}

fn reasons(counts: &[u64]) -> Vec<(String, u64)> {
    CloseReason::ALL.iter().zip(counts).map(|(reason, count)| (reason.name().to_owned(), *count)).collect()
}

fn closes(tally: &ClosingTally, peer: &str) -> Vec<(String, u64)> {
    ClosedFirst::ALL.iter().map(|who| (name(*who, peer), tally.count(*who))).collect()
}

fn name(who: ClosedFirst, peer: &str) -> String {
    match who {
        ClosedFirst::PeerFin => format!("{peer}_fin"),
        ClosedFirst::OurFin => "our_fin".to_owned(),
        ClosedFirst::Simultaneous => "simultaneous".to_owned(),
        ClosedFirst::RstSent => "rst_sent".to_owned(),
        ClosedFirst::RstReceived => "rst_received".to_owned(),
    }
}

/// The same as JSON, zeroes included: the dots in the counters' names are levels.
pub(crate) fn json(counters: &Counters) -> Value {
    let mut all = Map::new();
    counters.visit(|counter, label, value| {
        let mut level = &mut all;
        let mut path: Vec<&str> = counter.name.split('.').chain(label).collect();
        let last = path.pop().unwrap_or_default();
        for name in path {
            let below = level.entry(name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(below) = below else { unreachable!("a group of counters is no counter") };
            level = below;
        }
        level.insert(last.to_owned(), Value::from(value));
    });
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::{Failure, Side};

    #[test]
    fn what_did_not_happen_is_left_out_for_people_and_zero_for_programs() {
        let mut counters = Counters { accepted: 3, requests: 5, responses: 4, ..Counters::default() };
        counters.count_failure(Failure::NoLocalPort);
        counters.count_close(Side::Client, Some(ClosedFirst::PeerFin), CloseReason::PeerLeft);
        let text = text(&counters);
        assert!(text.contains("failures: no_local_port 1") && text.contains("client_fin 1"), "{text}");
        assert!(!text.contains("rst_sent"), "{text}");
        let json = json(&counters);
        assert_eq!(json["clients"]["closed_first"]["client_fin"], 1);
        assert_eq!(json["servers"]["closed_first"]["rst_sent"], 0);
    }
}
