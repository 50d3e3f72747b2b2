//! The number of TIME_WAIT entries: bounded, and cheaper than people think.

use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Of `tcp_max_tw_buckets`.
const NEAR_PERCENT: u64 = 80;
/// Worth a word.
const MANY: u64 = 20_000;
/// Bytes of one `struct tcp_timewait_sock` (248) with its share of the bind bucket, rounded.
const ENTRY_BYTES: u64 = 256;
/// Lower than any kernel chooses on a machine with a gigabyte of memory or more.
const LOWERED: u64 = 2048;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "buckets.overflow",
        title: "TIME_WAIT entries are skipped: tcp_max_tw_buckets is reached",
        story: "When net.ipv4.tcp_max_tw_buckets entries exist, the next connection that should enter TIME_WAIT is forgotten at \
once; those that are there stay. Its 4-tuple can be used again immediately, without protection from stray segments, and a \
peer whose last FIN was lost gets a reset. Counter TCPTimeWaitOverflow. The limit holds per network namespace. \
ip-sysctl: \"this limit exists only to prevent simple DoS attacks, you must not lower the limit artificially\".",
        wrong_cures: &[&beliefs::BUCKETS, &beliefs::MEMORY],
        look: overflow,
    },
    Rule {
        id: "buckets.near",
        title: "the number of TIME_WAIT entries comes near tcp_max_tw_buckets",
        story: "Beyond the limit the kernel skips TIME_WAIT for new closes (counter TCPTimeWaitOverflow): nothing fails visibly, but \
the protection against stray segments of old connections is gone, and a lost last ACK turns into a reset at the peer. An \
entry costs about a quarter of a kilobyte, so the limit can be raised without harm.",
        wrong_cures: &[&beliefs::BUCKETS, &beliefs::MEMORY],
        look: near,
    },
    Rule {
        id: "buckets.lowered",
        title: "tcp_max_tw_buckets looks lowered by hand",
        story: "The kernel sizes tcp_max_tw_buckets by memory (half of the established hash). A low value does not shorten TIME_WAIT \
and does not bring ports back sooner: it only makes the kernel forget new TIME_WAITs once that many exist, which discards \
the protection they give. ip-sysctl says not to lower it.",
        wrong_cures: &[&beliefs::BUCKETS, &beliefs::MEMORY],
        look: lowered,
    },
    Rule {
        id: "time-wait.harmless",
        title: "many TIME_WAITs of accepted connections: they cost memory, not ports",
        story: "A server or balancer that closes first keeps the TIME_WAITs. That is where they belong: they hold no port that a \
client could want, about a quarter of a kilobyte each, and a client that comes back within 60 s with a newer timestamp or \
sequence number reopens them (RFC 9293 3.6.1, RFC 6191). Nothing needs to be done.",
        wrong_cures: &[&beliefs::MEMORY, &beliefs::FIN_TIMEOUT, &beliefs::BUCKETS, &beliefs::REUSE_ON_SERVERS],
        look: harmless,
    },
];

fn limit(case: &Case<'_>) -> Option<u64> {
    case.host.sysctls.number("net.ipv4.tcp_max_tw_buckets")
}

fn entries(case: &Case<'_>) -> u64 {
    case.host.sockets.in_state("TIME_WAIT") + case.host.sockets.in_state("FIN_WAIT2")
}

fn raise(limit: u64) -> Cure {
    let value = (limit * 4).clamp(65_536, 2_000_000);
    Cure::sysctl("raise the limit; 1000 entries are 0.25 MB", "net.ipv4.tcp_max_tw_buckets", value.to_string())
}

fn overflow(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    const NAME: &str = "TcpExt.TCPTimeWaitOverflow";
    (counters.grown(NAME) > 0).then_some(())?;
    let limit = limit(case).unwrap_or(0);
    let evidence = format!("{}; tcp_max_tw_buckets={limit}, {} entries now", counters.shown(NAME), entries(case));
    Some(Found::new(Severity::Warning, evidence).cure(raise(limit)))
}

fn near(case: &Case<'_>) -> Option<Found> {
    let (limit, entries) = (limit(case)?, entries(case));
    let growing = case.host.counters.grown("TcpExt.TCPTimeWaitOverflow") > 0;
    (!growing && limit > 0 && entries * 100 >= limit * NEAR_PERCENT).then(|| {
        Found::new(Severity::Warning, format!("{entries} entries, tcp_max_tw_buckets={limit}")).cure(raise(limit))
    })
}

fn lowered(case: &Case<'_>) -> Option<Found> {
    let limit = limit(case).filter(|limit| *limit < LOWERED)?;
    let found = Found::new(Severity::Warning, format!("net.ipv4.tcp_max_tw_buckets={limit}"));
    Some(found.certainty(Certainty::Likely).cure(raise(limit)))
}

fn harmless(case: &Case<'_>) -> Option<Found> {
    let incoming = case.host.sockets.time_waits.incoming;
    (incoming >= MANY).then(|| {
        let mib = incoming * ENTRY_BYTES / (1024 * 1024);
        let evidence = format!("{incoming} TIME_WAITs of accepted connections, about {mib} MiB");
        let what = "nothing; leave them alone";
        Found::new(Severity::Note, evidence).cure(Cure::by_hand(Invasiveness::ClientSetting, what, ""))
    })
}
