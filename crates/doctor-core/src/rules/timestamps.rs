//! Timestamps: off, or out of order where a NAT hands a 5-tuple on.

use super::cures;
use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "timestamps.off",
        title: "TCP timestamps are off on this host",
        story: "Without timestamps (RFC 7323) a TIME_WAIT of ours can never be taken over, neither by tcp_tw_reuse nor by bind + \
SO_REUSEADDR; there is no PAWS, so wrapped sequence numbers are not caught; round-trip times are measured less often; SYN \
cookies lose window scale and SACK. It does not cure 5-tuples re-used through NAT: it swaps the timestamp test for a \
sequence-number test.",
        wrong_cures: &[&beliefs::TIMESTAMPS_OFF, &beliefs::REUSE_WITHOUT_TIMESTAMPS],
        look: off,
    },
    Rule {
        id: "timestamps.time-wait-rejects",
        title: "SYNs meet old TIME_WAITs here with older timestamps: clients are delayed",
        story: "A SYN for a 5-tuple that is still in TIME_WAIT here, with a timestamp older than the last one seen, is answered by \
an ACK instead of a SYN-ACK. A Linux client resets and tries again (5.7 and later: after about 10 ms; before: a second). \
Typical for a NAT gateway that hands a 5-tuple from one host to another within 60 s, or for clients whose timestamps \
start at a random offset per connection (6.18.17, 6.19.7 and later). Counters: PAWSTimewait (6.16 and later), \
TCPACKSkippedTimeWait.",
        wrong_cures: &[&beliefs::TIMESTAMPS_OFF, &beliefs::RFC1337, &beliefs::RECYCLE, &beliefs::ALWAYS_REFUSED],
        look: time_wait_rejects,
    },
    Rule {
        id: "timestamps.per-flow-offset",
        title: "this kernel starts timestamps at a random offset per connection",
        story: "Since 6.18.17 and 6.19.7 (165573e41f2f) the timestamp clock is shifted by a random amount for every 4-tuple again, as \
in 4.10. Behind a NAT that remaps ports, one host's successive connections can then look like different hosts to a \
server's TIME_WAIT. tcp_timestamps=2 uses one clock per boot without the offset. Said only where such trouble was seen.",
        wrong_cures: &[&beliefs::TIMESTAMPS_OFF],
        look: per_flow_offset,
    },
];

fn off(case: &Case<'_>) -> Option<Found> {
    (!case.host.timestamps())
        .then(|| Found::new(Severity::Warning, "net.ipv4.tcp_timestamps=0").cure(cures::timestamps_on()))
}

fn time_wait_rejects(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let names = ["TcpExt.PAWSTimewait", "TcpExt.TCPACKSkippedTimeWait"];
    let grown: u64 = names.iter().map(|name| counters.grown(name)).sum();
    (grown > 0).then(|| {
        let evidence = names.map(|name| counters.shown(name)).join(", ");
        let clients = "on the clients behind the gateway: timestamps from one shared clock, without offsets";
        let gateway = "let the gateway keep a 5-tuple for at least 60 s before it hands it on";
        Found::new(Severity::Warning, evidence)
            .certainty(Certainty::Likely)
            .cure(cures::keep_alive())
            .cure(Cure::by_hand(
                Invasiveness::HostSetting,
                clients,
                "sysctl -w net.ipv4.tcp_timestamps=2   # on the clients",
            ))
            .cure(Cure::by_hand(Invasiveness::Topology, gateway, ""))
    })
}

/// How a client sees the trouble: SYNs sent again together with resets, on one connect of twenty or more.
/// Loss alone brings no resets.
fn per_flow_offset(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let (syns, resets) = (counters.grown("TcpExt.TCPSynRetrans"), counters.grown("Tcp.OutRsts"));
    let opened = counters.grown("Tcp.ActiveOpens");
    let kernel = case.host.kernel.filter(|kernel| kernel.has_per_flow_timestamps())?;
    let random = case.host.sysctls.is("net.ipv4.tcp_timestamps", 1);
    (random && opened > 0 && syns.min(resets) * 20 >= opened).then(|| {
        let names = ["Tcp.ActiveOpens", "TcpExt.TCPSynRetrans", "Tcp.OutRsts"];
        let evidence = format!("Linux {kernel}; {}", names.map(|name| counters.shown(name)).join(", "));
        let what = "one timestamp clock for all connections of this host";
        Found::new(Severity::Warning, evidence).certainty(Certainty::Likely).cure(Cure::sysctl(
            what,
            "net.ipv4.tcp_timestamps",
            "2",
        ))
    })
}
