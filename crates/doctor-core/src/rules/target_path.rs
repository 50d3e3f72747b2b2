//! The way to a probed target: reachable, how fast, with which options.

use super::cures;
use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};
use crate::target::{ReuseTry, TargetFacts};

/// A connect slower than this is worth a word, in us.
const SLOW_CONNECT_US: u64 = 200_000;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "target.unreachable",
        title: "the target cannot be probed",
        story: "No connection could be opened to the target, or it answered none of the requests with HTTP. What the kernel said is in \
the evidence: \"refused\" means that nothing listens there, \"timed out\" that nothing answers at all (a firewall, a wrong \
address, a full accept queue), \"no free local port\" that this host is the one that is short.",
        wrong_cures: &[],
        look: unreachable,
    },
    Rule {
        id: "target.syn-retransmits",
        title: "SYNs to the target had to be sent again",
        story: "Of the few connects of the probe, some needed more than one SYN: each costs at least a second. Under load this becomes \
the rule. Look at the target's accept queue (ListenOverflows), at loss, and at 5-tuples that a NAT re-uses while the target \
holds them in TIME_WAIT.",
        wrong_cures: &[&beliefs::BACKLOG_ONLY],
        look: syn_retransmits,
    },
    Rule {
        id: "target.slow-connect",
        title: "connects to the target are slow",
        story: "The median time of connect() is the round trip to whoever answers the SYN, usually the balancer itself. Where it is \
long, one connection per request costs that much on every request: keep connections. Measured on a handful of connects, \
without any load.",
        wrong_cures: &[],
        look: slow_connect,
    },
    Rule {
        id: "target.no-timestamps",
        title: "the target does not negotiate timestamps: ports that this side closes cannot be re-used for 60 s",
        story: "Our SYN offered timestamps, the SYN-ACK came without. A client's TIME_WAIT can then not be taken over, neither by \
tcp_tw_reuse=1 nor by explicit bind + SO_REUSEADDR (tcp_twsk_unique()): who closes first towards this target has ports / 60 s \
connections per second. It also means: no PAWS, and SYN cookies without window scale and SACK. It does not protect the \
target from re-used 5-tuples: the sequence-number test that is left fails for about half of them.",
        wrong_cures: &[&beliefs::REUSE_WITHOUT_TIMESTAMPS, &beliefs::TIMESTAMPS_OFF],
        look: no_timestamps,
    },
    Rule {
        id: "target.not-reusable",
        title: "a port in TIME_WAIT towards the target could not be used again",
        story: "The probe closed a connection first and connected again from the same address and port (bind + SO_REUSEADDR). It did \
not work at once, although timestamps were negotiated: another rule on the way (a firewall, a NAT, a middlebox that keeps \
state) stands against it. A stress test that relies on its own port allocator would stall.",
        wrong_cures: &[&beliefs::REUSE_WITHOUT_TIMESTAMPS],
        look: not_reusable,
    },
    Rule {
        id: "target.reopen-delayed",
        title: "a 5-tuple that the target closed first cannot be opened again at once",
        story: "After the target had closed first, the probe connected again from the same address and port. The target holds that \
5-tuple in TIME_WAIT and should reopen it for a newer timestamp or sequence number (RFC 9293 3.6.1, RFC 6191). Here a SYN had \
to be repeated or the connect failed: clients behind a NAT, which re-uses 5-tuples, will be delayed too. tcp_rfc1337=1, a \
filter that drops resets, or a kernel before 5.7 make it worse.",
        wrong_cures: &[&beliefs::RFC1337, &beliefs::TIMESTAMPS_OFF, &beliefs::ALWAYS_REFUSED],
        look: reopen_delayed,
    },
];

pub(super) fn reached<'a>(case: &Case<'a>) -> Option<&'a TargetFacts> {
    case.target.filter(|target| target.is_reached())
}

fn unreachable(case: &Case<'_>) -> Option<Found> {
    let target = case.target?;
    let why = target.unreachable.as_ref()?;
    let what = "check address, port and the service there";
    let evidence = format!("{}: {why}", target.url);
    Some(Found::new(Severity::Error, evidence).cure(Cure::by_hand(Invasiveness::ServerSetting, what, "")))
}

fn syn_retransmits(case: &Case<'_>) -> Option<Found> {
    let handshake = reached(case)?.handshake;
    let longest_us = handshake.connect_us_max?;
    (handshake.syn_retransmits > 0).then(|| {
        let evidence = format!(
            "{} SYNs sent again in {} connects; longest connect {} ms",
            handshake.syn_retransmits,
            handshake.connects,
            longest_us / 1000
        );
        let what = "look for ListenOverflows, loss and filters at the target";
        Found::new(Severity::Warning, evidence).cure(cures::keep_alive()).cure(Cure::by_hand(
            Invasiveness::ServerSetting,
            what,
            "quintet doctor   # on the target",
        ))
    })
}

fn slow_connect(case: &Case<'_>) -> Option<Found> {
    let handshake = reached(case)?.handshake;
    let median_us = handshake.connect_us_median.filter(|us| *us >= SLOW_CONNECT_US);
    median_us.map(|us| {
        let evidence = format!("median {} ms of {} connects", us / 1000, handshake.connects);
        Found::new(Severity::Note, evidence).cure(cures::keep_alive())
    })
}

fn no_timestamps(case: &Case<'_>) -> Option<Found> {
    let target = reached(case)?;
    (!target.handshake.timestamps && case.host.timestamps()).then(|| {
        let sack = if target.handshake.sack { "SACK yes" } else { "SACK no" };
        let scale = if target.handshake.window_scale.is_some() { "window scale yes" } else { "window scale no" };
        let what = "switch timestamps on at the target";
        Found::new(Severity::Warning, format!("TCP_INFO: timestamps no, {sack}, {scale}"))
            .cures([cures::server_closes(), cures::keep_alive(), cures::reset()])
            .cure(Cure::by_hand(
                Invasiveness::ServerSetting,
                what,
                "sysctl -w net.ipv4.tcp_timestamps=1   # on the target",
            ))
    })
}

fn tried(what: ReuseTry) -> String {
    match what {
        ReuseTry::Connected { connect_us, syn_retransmits } => {
            format!("connected after {:.1} ms, {syn_retransmits} SYNs sent again", connect_us as f64 / 1000.0)
        }
        ReuseTry::Refused { errno } => format!("failed: {}", ports::Fault::from_errno(errno)),
        ReuseTry::TimedOut => "no answer in time".to_owned(),
    }
}

fn not_reusable(case: &Case<'_>) -> Option<Found> {
    let target = reached(case)?;
    let seen = target.after_our_close.filter(|seen| !seen.worked_at_once() && target.handshake.timestamps)?;
    let evidence = format!("after our own close, same 5-tuple: {}", tried(seen));
    let found = Found::new(Severity::Warning, evidence).certainty(Certainty::Measured);
    Some(found.cures([cures::server_closes(), cures::keep_alive(), cures::reset()]))
}

fn reopen_delayed(case: &Case<'_>) -> Option<Found> {
    let seen = reached(case)?.after_server_close.filter(|seen| !seen.worked_at_once())?;
    let evidence = format!("after the target's close, same 5-tuple: {}", tried(seen));
    let what = "let TIME_WAIT take resets at the target, and let resets through the firewall";
    let there = Cure::by_hand(Invasiveness::ServerSetting, what, "sysctl -w net.ipv4.tcp_rfc1337=0   # on the target");
    Some(Found::new(Severity::Warning, evidence).cure(cures::keep_alive()).cure(there))
}
