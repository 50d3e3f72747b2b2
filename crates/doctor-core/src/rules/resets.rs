//! Many resets: who sends them, and why.

use crate::beliefs;
use crate::facts::CounterFacts;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Per second; fewer are ordinary life.
const STORM_PER_S: f64 = 50.0;
/// In the window: a handful says nothing.
const STORM_MIN: u64 = 20;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "resets.storm",
    title: "a storm of resets",
    story: "Tcp.OutRsts counts the resets this host sends: for SYNs to ports where nobody listens, for segments of connections it \
does not know, and for connections that are ended by reset. TCPAbortOnData counts those closed with SO_LINGER 0, \
TCPAbortOnClose those closed while unread bytes were there, which destroys the answer on its way; TCPAbortOnOverflow \
those turned away by a full accept queue. Tcp.EstabResets counts open connections that a reset ended, ours or theirs. \
The evidence names the counters that moved.",
    wrong_cures: &[&beliefs::RESET_EVERYWHERE],
    look: storm,
}];

const SENT: &str = "Tcp.OutRsts";
const ENDED: &str = "Tcp.EstabResets";
/// Reasons that the kernel counts, each with what to do.
const REASONS: [(&str, Reason); 4] = [
    ("TcpExt.TCPAbortOnClose", Reason::Unread),
    ("TcpExt.TCPAbortOnData", Reason::Linger),
    ("TcpExt.TCPAbortOnTimeout", Reason::Silent),
    ("TcpExt.TCPAbortOnMemory", Reason::Memory),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Unread,
    Linger,
    Silent,
    Memory,
    /// The peers sent them.
    Theirs,
    /// Nothing listens there, or the connection is not known.
    Nobody,
}

fn storm(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let most = counters.grown(SENT).max(counters.grown(ENDED));
    let per_s = counters.rate_per_s(SENT).max(counters.rate_per_s(ENDED));
    (most >= STORM_MIN && per_s >= STORM_PER_S).then(|| {
        let reason = reason(counters);
        let names = [SENT, ENDED].into_iter().chain(REASONS.iter().map(|(name, _)| *name));
        let moved: Vec<String> =
            names.filter(|name| counters.grown(name) > 0).map(|name| counters.shown(name)).collect();
        // A reset after the whole response is a policy that somebody has chosen.
        let severity = if reason == Reason::Linger { Severity::Note } else { Severity::Warning };
        let evidence = format!("{per_s:.0} resets/s: {}", moved.join(", "));
        Found::new(severity, evidence).certainty(Certainty::Likely).cure(cure(reason))
    })
}

/// What explains most of them.
fn reason(counters: &CounterFacts) -> Reason {
    let sent = counters.grown(SENT);
    let known = REASONS.iter().max_by_key(|(name, _)| counters.grown(name));
    match known {
        Some((name, reason)) if counters.grown(name) * 2 >= sent.max(1) => *reason,
        _ if counters.grown(ENDED) > sent => Reason::Theirs,
        _ => Reason::Nobody,
    }
}

fn cure(reason: Reason) -> Cure {
    let (touches, what, command) = match reason {
        Reason::Unread => (
            Invasiveness::ServerSetting,
            "read what is there before close(): shutdown(SHUT_WR), then drain (nginx: lingering_close always)",
            "",
        ),
        Reason::Linger => (
            Invasiveness::ClientSetting,
            "close by FIN where a reset is not wanted: a program here sets SO_LINGER with zero seconds",
            "ss -tanp",
        ),
        Reason::Silent => {
            (Invasiveness::Topology, "look for the peers that stopped answering", "ss -tino state established")
        }
        Reason::Memory => (Invasiveness::HostSetting, "allow TCP more memory (tcp_mem), or bound the buffers", ""),
        Reason::Theirs => (
            Invasiveness::ServerSetting,
            "look at the peers: they end open connections by reset (a restart, a full table on the way, a time-out of a balancer)",
            "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0'",
        ),
        Reason::Nobody => (
            Invasiveness::ServerSetting,
            "see who knocks where nobody listens, and start the service or stop the knocking (a health check, a scan)",
            "tcpdump -ni any 'tcp[tcpflags] & tcp-rst != 0'",
        ),
    };
    Cure::by_hand(touches, what, command)
}
