//! Connection tracking and NAT: a second table with limits of its own.

use crate::beliefs;
use crate::facts::ConntrackFacts;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Shares of `nf_conntrack_max`, in per cent.
const FULL_PERCENT: u64 = 95;
const NEAR_PERCENT: u64 = 75;
/// What a server's TIME_WAIT lasts.
const TIME_WAIT_S: u64 = 60;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "conntrack.full",
        title: "the connection-tracking table is full: new connections are dropped",
        story: "Every connection through netfilter has an entry in a table of nf_conntrack_max places; a closed one keeps its entry \
for nf_conntrack_tcp_timeout_time_wait, 120 s. When the table is full, the packets of new connections are dropped \
without an answer (dmesg: \"nf_conntrack: table full, dropping packet\"), which the client sees as a time-out. Connections \
that are not tracked need no entry.",
        wrong_cures: &[&beliefs::CONNTRACK_TIMEOUT, &beliefs::FIN_TIMEOUT],
        look: full,
    },
    Rule {
        id: "conntrack.near",
        title: "the connection-tracking table is filling",
        story: "When nf_conntrack_max entries exist, packets of new connections are dropped silently. An entry is about 300 bytes; a \
closed connection keeps its entry for 120 s, so a load test of short connections fills the table at twice the rate at which \
it fills TCP's own TIME_WAIT. Both the gateway and, where it tracks, each host has such a table.",
        wrong_cures: &[&beliefs::CONNTRACK_TIMEOUT],
        look: near,
    },
    Rule {
        id: "conntrack.insert-failed",
        title: "connection tracking drops packets: entries clash",
        story: "insert_failed counts packets dropped because two flows wanted the same entry: with source NAT that means no free port \
towards a destination (after 128 probes, then 64, 32, ... at random offsets), or two threads racing for one. Since 6.5 \
(458972550287) Linux NAT may throw out an entry in TIME_WAIT to make room. The gateway needs more addresses, or \
fewer short connections to one destination.",
        wrong_cures: &[&beliefs::CONNTRACK_TIMEOUT, &beliefs::PORTS_IN_TOTAL],
        look: insert_failed,
    },
    Rule {
        id: "conntrack.short-time-wait",
        title: "connection tracking forgets TIME_WAIT before the servers do",
        story: "nf_conntrack_tcp_timeout_time_wait (default 120 s) is conntrack's own clock; it does not change TCP's TIME_WAIT. Below \
60 s a NAT gateway may give a 5-tuple to another host while the server still holds it in TIME_WAIT: that host's SYN meets \
an older connection's timestamps and is delayed or, with the reset filtered or tcp_rfc1337=1, times out.",
        wrong_cures: &[&beliefs::CONNTRACK_TIMEOUT],
        look: short_time_wait,
    },
];

fn table<'a>(case: &Case<'a>) -> Option<&'a ConntrackFacts> {
    case.host.conntrack.as_ref().filter(|table| table.max > 0)
}

fn percent(table: &ConntrackFacts) -> u64 {
    table.count * 100 / table.max
}

fn raise(table: &ConntrackFacts) -> Cure {
    let what = "allow more entries (about 300 bytes each); raise nf_conntrack_buckets with it";
    Cure::sysctl(what, "net.netfilter.nf_conntrack_max", (table.max * 2).to_string())
}

fn do_not_track() -> Cure {
    let what = "do not track the busy port at all";
    Cure::by_hand(Invasiveness::HostSetting, what, "nft add rule inet raw prerouting tcp dport PORT notrack")
}

fn known(count: Option<u64>) -> String {
    count.map_or("unknown".to_owned(), |count| count.to_string())
}

fn full(case: &Case<'_>) -> Option<Found> {
    let table = table(case)?;
    // `drop` counts clashes of NAT as well, so that alone it proves nothing: a table that is not nearly full was not full.
    let lost = table.dropped_grown.saturating_sub(table.insert_failed_grown);
    let full = percent(table) >= FULL_PERCENT || (lost > 0 && percent(table) >= NEAR_PERCENT);
    full.then(|| {
        let (dropped, early) = (known(table.dropped), known(table.early_dropped));
        let evidence = format!(
            "{} of {} entries; dropped {dropped} (+{}), thrown out early {early}",
            table.count, table.max, table.dropped_grown
        );
        Found::new(Severity::Error, evidence).cure(raise(table)).cure(do_not_track())
    })
}

fn near(case: &Case<'_>) -> Option<Found> {
    let table = table(case)?;
    let filling = (NEAR_PERCENT..FULL_PERCENT).contains(&percent(table));
    (filling && table.dropped_grown <= table.insert_failed_grown).then(|| {
        let evidence = format!("{} of {} entries", table.count, table.max);
        Found::new(Severity::Warning, evidence).cure(raise(table)).cure(do_not_track())
    })
}

fn insert_failed(case: &Case<'_>) -> Option<Found> {
    let table = table(case).filter(|table| table.insert_failed_grown > 0)?;
    let evidence = format!("insert_failed {} (+{})", known(table.insert_failed), table.insert_failed_grown);
    let what = "give the gateway more addresses to translate to, or spread the clients over more destinations";
    Some(Found::new(Severity::Warning, evidence).cure(Cure::by_hand(Invasiveness::Topology, what, "")))
}

fn short_time_wait(case: &Case<'_>) -> Option<Found> {
    table(case)?;
    const NAME: &str = "net.netfilter.nf_conntrack_tcp_timeout_time_wait";
    let seconds = case.host.sysctls.number(NAME).filter(|seconds| *seconds < TIME_WAIT_S)?;
    let what = "set it back to its default; it brings no TCP port back";
    let back = Cure::by_hand(Invasiveness::HostSetting, what, format!("sysctl -w {NAME}=120"));
    let found = Found::new(Severity::Warning, format!("{NAME}={seconds}"));
    Some(found.certainty(Certainty::Derived).cure(back))
}
