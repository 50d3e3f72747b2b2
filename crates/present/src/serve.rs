//! The balancer's counters for people and for programs.

use crate::Present;
use crate::counts::{closes, object};
use crate::number::count;
use crate::text::{Text, happened};
use balancer_core::{CloseReason, Counters, Failure};
use serde_json::{Value, json};

/// A balancer's totals.
#[derive(Clone, Copy, Debug)]
pub struct Totals<'a>(pub &'a Counters);

impl Present for Totals<'_> {
    /// Requests, connections, failures, and for each side who closed first and why. What did not happen is left out.
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
            count(counters.connects_failed[0]),
            count(counters.connects_failed[1])
        ));
        for (title, counts) in lists(counters) {
            happened(counts).into_iter().for_each(|counts| text.line(format!("{title}: {counts}")));
        }
        text.finish()
    }

    fn json(&self) -> Value {
        let counters = self.0;
        let [statuses_1xx, statuses_2xx, statuses_3xx, statuses_4xx, statuses_5xx] = counters.statuses;
        json!({
            "requests": counters.requests,
            "responses": counters.responses,
            "truncated": counters.truncated,
            "retries": counters.retries,
            "tunnels": counters.tunnels,
            "statuses": {
                "1xx": statuses_1xx, "2xx": statuses_2xx, "3xx": statuses_3xx, "4xx": statuses_4xx, "5xx": statuses_5xx,
            },
            "failures": object(failures(counters)),
            "clients": {
                "accepted": counters.accepted,
                "accept_paused": counters.accept_paused,
                "open": counters.clients_open,
                "closed_first": object(closes(&counters.client_closes, "client")),
                "why": object(reasons(&counters.client_reasons)),
            },
            "servers": {
                "opened": counters.connects,
                "open": counters.servers_open,
                "reused": counters.pooled,
                "queued_for_port": counters.queued_for_port,
                "connects_failed_here": counters.connects_failed[0],
                "connects_failed_there": counters.connects_failed[1],
                "closed_first": object(closes(&counters.server_closes, "server")),
                "why": object(reasons(&counters.server_reasons)),
            },
        })
    }
}

type Counts = Vec<(String, u64)>;

fn lists(counters: &Counters) -> [(&'static str, Counts); 6] {
    let waits = [
        ("accept paused".to_owned(), counters.accept_paused),
        ("requests queued for a port".to_owned(), counters.queued_for_port),
        ("tunnels".to_owned(), counters.tunnels),
    ];
    [
        ("failures", failures(counters)),
        ("also", waits.to_vec()),
        ("clients, closed first", closes(&counters.client_closes, "client").collect()),
        ("clients, why", reasons(&counters.client_reasons)),
        ("servers, closed first", closes(&counters.server_closes, "server").collect()),
        ("servers, why", reasons(&counters.server_reasons)),
    ]
}

fn failures(counters: &Counters) -> Counts {
    Failure::NAMES.iter().zip(counters.failures).map(|(name, count)| ((*name).to_owned(), count)).collect()
}

fn reasons(counts: &[u64]) -> Counts {
    CloseReason::ALL.iter().zip(counts).map(|(reason, count)| (reason.name().to_owned(), *count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use balancer_core::Side;
    use ports::ClosedFirst;

    #[test]
    fn what_did_not_happen_is_left_out_for_people_and_zero_for_programs() {
        let mut counters = Counters { accepted: 3, requests: 5, responses: 4, ..Counters::default() };
        counters.count_failure(Failure::NoLocalPort);
        counters.count_close(Side::Client, Some(ClosedFirst::PeerFin), CloseReason::PeerLeft);
        let text = Totals(&counters).text(80);
        assert!(text.contains("failures: no_local_port 1") && text.contains("client_fin 1"), "{text}");
        assert!(!text.contains("rst_sent"), "{text}");
        let json = Totals(&counters).json();
        assert_eq!(json["clients"]["closed_first"]["client_fin"], 1);
        assert_eq!(json["servers"]["closed_first"]["rst_sent"], 0);
    }
}
