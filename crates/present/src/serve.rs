//! The balancer's counters for people and for programs: two readers of the table in which they are declared.

use crate::Present;
use crate::number::count;
use crate::text::{Text, happened};
use balancer_core::Counters;
use balancer_core::cost::{Cost, Whose};
use serde_json::{Map, Value, json};

/// What the first two lines tell, so that it need not be told again.
const HEADLINES: [&str; 11] = [
    "requests",
    "responses",
    "truncated",
    "retries",
    "clients.accepted",
    "clients.open",
    "servers.opened",
    "servers.open",
    "servers.reused",
    "servers.connects_failed_here",
    "servers.connects_failed_there",
];

/// What a configuration can cost.
#[derive(Clone, Copy, Debug)]
pub struct Costs<'a>(pub &'a Cost);

impl Present for Costs<'_> {
    /// A table as wide as it is.
    fn text(&self, _columns: usize) -> String {
        self.0.to_string()
    }

    fn json(&self) -> Value {
        let item = |item: &balancer_core::cost::Item| {
            let whose = if item.whose == Whose::Process { "process" } else { "kernel" };
            json!({ "what": item.what, "count": item.count, "each_bytes": item.each_bytes, "bytes": item.bytes(), "whose": whose })
        };
        let files: Map<String, Value> =
            self.0.files.iter().map(|(what, count)| ((*what).to_owned(), json!(count))).collect();
        json!({
            "process_bytes": self.0.process_bytes(),
            "kernel_bytes": self.0.kernel_bytes(),
            "sockets_of_host_bytes": self.0.sockets_bytes,
            "memory": self.0.memory.iter().map(item).collect::<Vec<_>>(),
            "files": files,
            "files_max": self.0.files_max,
        })
    }
}

/// A balancer's totals.
#[derive(Clone, Copy, Debug)]
pub struct Totals<'a>(pub &'a Counters);

impl Present for Totals<'_> {
    /// Requests and connections, then what else happened: failures, limits that were hit, and for each side who closed
    /// first and why.
    fn text(&self, columns: usize) -> String {
        let counters = self.0;
        let mut text = Text::new(columns);
        text.line(format!(
            "requests {}, responses {}, failed {}, truncated {}",
            count(counters.requests),
            count(counters.responses),
            count(counters.failed_total()),
            count(counters.truncated)
        ));
        text.line(format!(
            "clients: accepted {}, open {}; servers: opened {}, open {}, re-used {}, retries {}, connects failed {} here / {} there",
            count(counters.accepted),
            count(counters.clients_open),
            count(counters.connects),
            count(counters.servers_open),
            count(counters.pooled),
            count(counters.retries),
            count(counters.connects_failed_here),
            count(counters.connects_failed_there)
        ));
        for (title, counts) in lists(counters) {
            happened(counts).into_iter().for_each(|counts| text.line(format!("{title}: {counts}")));
        }
        text.finish()
    }

    /// Zeroes included: the dots in the counters' names are levels.
    fn json(&self) -> Value {
        let mut all = Map::new();
        self.0.visit(|counter, label, value| {
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
}

type Counts = Vec<(&'static str, u64)>;

/// Counters with labels, a list each; the others, in one list of their own.
fn lists(counters: &Counters) -> Vec<(String, Counts)> {
    let mut lists: Vec<(String, Counts)> = Vec::new();
    let mut others = Counts::new();
    counters.visit(|counter, label, value| match label {
        _ if HEADLINES.contains(&counter.name) => {}
        None => others.push((counter.name, value)),
        Some(label) => {
            let title = counter.name.replace('.', ", ").replace('_', " ");
            match lists.last_mut().filter(|(last, _)| *last == title) {
                Some((_, counts)) => counts.push((label, value)),
                None => lists.push((title, vec![(label, value)])),
            }
        }
    });
    lists.push(("also".to_owned(), others));
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::{CloseReason, Failure, Side};
    use ports::ClosedFirst;

    #[test]
    fn what_did_not_happen_is_left_out_for_people_and_zero_for_programs() {
        let mut counters = Counters { accepted: 3, requests: 5, responses: 4, full: 6, ..Counters::default() };
        counters.count_failure(Failure::NoLocalPort);
        counters.count_close(Side::Client, Some(ClosedFirst::PeerFin), CloseReason::PeerLeft);
        let text = Totals(&counters).text(80);
        for words in ["failures: no_local_port 1", "clients, closed first: client_fin 1", "also: clients.full 6"] {
            assert!(text.contains(words), "{words} in {text}");
        }
        assert!(!text.contains("rst_sent") && !text.contains("tunnels"), "{text}");
        let json = Totals(&counters).json();
        assert_eq!(json["clients"]["closed_first"]["client_fin"], 1);
        assert_eq!(json["servers"]["closed_first"]["rst_sent"], 0);
    }

    #[test]
    fn headlines_are_counters() {
        let known = |name: &&str| Counters::TABLE.iter().any(|counter| counter.name == *name);
        assert!(HEADLINES.iter().all(known));
    }
}
