//! `target` of the report.

use doctor_core::Tactic;
use doctor_core::target::{Closing, ReuseTry, TargetFacts};
use serde::Serialize;
use std::collections::BTreeMap;

/// The probed target.
#[derive(Debug, Serialize)]
pub struct TargetReport {
    /// As the user named it.
    pub url: String,
    /// What was probed.
    pub address: Option<String>,
    /// Why nothing could be probed, or null.
    pub unreachable: Option<String>,
    /// Timestamps negotiated.
    pub timestamps: bool,
    /// Selective acknowledgements negotiated.
    pub sack: bool,
    /// Window scale, theirs and ours, or null.
    pub window_scale: Option<(u8, u8)>,
    /// Median time of a connect, in us.
    pub connect_us_median: u64,
    /// Longest, in us.
    pub connect_us_max: u64,
    /// SYNs that had to be sent again.
    pub syn_retransmits: u32,
    /// `server_fin`, `client_fin`, `rst`, `stays_open`, `not_seen`, by probe.
    pub closes_first: BTreeMap<&'static str, &'static str>,
    /// More of each end, by probe.
    pub closings: BTreeMap<&'static str, ClosingReport>,
    /// Requests sent on one connection.
    pub keep_alive_asked: u32,
    /// Of those, answered.
    pub keep_alive_served: u32,
    /// Its `Keep-Alive` field, or null.
    pub keep_alive_announced: Option<String>,
    /// Can a 5-tuple be used again at once (bind + SO_REUSEADDR) after our own close?
    pub reusable_at_once: bool,
    /// The same after the target's close; null: not seen.
    pub reopens_at_once: Option<bool>,
    /// Connections the probes opened.
    pub connections: u32,
    /// What a stress test should use, or null.
    pub advice: Option<AdviceReport>,
}

/// How one probed connection ended.
#[derive(Debug, Serialize)]
pub struct ClosingReport {
    /// `whole`, `cut`, `nothing`.
    pub response: &'static str,
    /// Status, or null.
    pub status: Option<u16>,
    /// From the end of the response to that of the connection, in ms.
    pub after_ms: u64,
    /// A reset followed the server's FIN.
    pub then_reset: bool,
}

/// Flags for a stress test.
#[derive(Debug, Serialize)]
pub struct AdviceReport {
    /// `--close`.
    pub close: &'static str,
    /// `--ports`.
    pub ports: &'static str,
    /// Why.
    pub why: String,
}

impl TargetReport {
    /// Of the facts.
    pub fn of(target: &TargetFacts, tactic: Option<&Tactic>) -> Self {
        let handshake = target.handshake;
        Self {
            url: target.url.clone(),
            address: target.address.map(|address| address.to_string()),
            unreachable: target.unreachable.clone(),
            timestamps: handshake.timestamps,
            sack: handshake.sack,
            window_scale: handshake.window_scale,
            connect_us_median: handshake.connect_us_median,
            connect_us_max: handshake.connect_us_max,
            syn_retransmits: handshake.syn_retransmits,
            closes_first: target.closings.iter().map(|(probe, end)| (probe.name(), end.by.name())).collect(),
            closings: target.closings.iter().map(|(probe, end)| (probe.name(), closing(end))).collect(),
            keep_alive_asked: target.keep_alive.asked,
            keep_alive_served: target.keep_alive.served,
            keep_alive_announced: target.keep_alive.announced.clone(),
            reusable_at_once: target.is_reusable_at_once(),
            reopens_at_once: target.after_server_close.map(ReuseTry::worked_at_once),
            connections: target.connections,
            advice: tactic.map(|tactic| AdviceReport {
                close: tactic.close.name(),
                ports: tactic.ports.name(),
                why: tactic.why.clone(),
            }),
        }
    }
}

fn closing(end: &Closing) -> ClosingReport {
    ClosingReport {
        response: end.response.name(),
        status: end.status,
        after_ms: end.after_ms,
        then_reset: end.then_reset,
    }
}
