//! Connects that fail or stall now, as this host's counters show them.

use crate::facts::{DestinationUse, ListenerUse};
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Fewer connects in the window say nothing.
const OPENS_MIN: u64 = 10;
/// Connects under way to one destination.
const SYN_SENT_MANY: u64 = 50;
/// Of those that had to send their SYN again.
const SYN_RESENT_MANY: u64 = 3;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "connect.failing",
        title: "connects fail",
        story: "Tcp.AttemptFails counts connects that ended in a reset (refused) or a time-out, and half-open connections that were \
reset. Connects that fail for want of a local port are not counted anywhere: they never send a SYN. So a high count here \
points to the target or the path, not to this host's ports.",
        wrong_cures: &[],
        look: failing,
    },
    Rule {
        id: "connect.syn-retransmits",
        title: "SYNs have to be sent again: connects take a second and more",
        story: "A SYN without an answer is sent again after 1, 2, 3, 4, 5, 7, 11, 19 ... s, an error comes after 135 s (before 6.5: after 1, \
3, 7, 15 ... s, and 127 s; tcp_syn_retries). Reasons, by frequency: a \
full accept queue at the server (its ListenOverflows), loss, a firewall, a full connection-tracking table, a 5-tuple in \
TIME_WAIT there whose reset is filtered. Counter TCPSynRetrans.",
        wrong_cures: &[],
        look: syn_retransmits,
    },
    Rule {
        id: "connect.pending",
        title: "many connects to a destination wait for an answer",
        story: "SYN_SENT is a connect under way; it should last one round trip. Many of them towards one destination mean that it does \
not answer: overloaded (its accept queue overflows), down, or behind a firewall that drops. Each holds a port meanwhile, and \
gives up only after more than two minutes (tcp_syn_retries). A few whose SYN had to be sent again are enough to tell.",
        wrong_cures: &[],
        look: pending,
    },
];

fn failing(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let (failed, opened) = (counters.grown("Tcp.AttemptFails"), counters.grown("Tcp.ActiveOpens"));
    // Half-open connections of a server count too: without connects of our own the figure says nothing of us.
    (opened >= OPENS_MIN && failed * 20 >= opened).then(|| {
        let severity = if failed * 2 >= opened { Severity::Error } else { Severity::Warning };
        let evidence = format!("{}; {}", counters.shown("Tcp.AttemptFails"), counters.shown("Tcp.ActiveOpens"));
        let what = "look at the target: does it listen, and does it keep up?";
        Found::new(severity, evidence).certainty(Certainty::Likely).cure(Cure::by_hand(
            Invasiveness::ServerSetting,
            what,
            "quintet doctor URL",
        ))
    })
}

fn syn_retransmits(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let (again, opened) = (counters.grown("TcpExt.TCPSynRetrans"), counters.grown("Tcp.ActiveOpens"));
    (opened >= OPENS_MIN && again * 50 >= opened).then(|| {
        let severity = if again * 5 >= opened { Severity::Error } else { Severity::Warning };
        let evidence = format!("{}; {}", counters.shown("TcpExt.TCPSynRetrans"), counters.shown("Tcp.ActiveOpens"));
        let what = "on the server: look for ListenOverflows and a full connection-tracking table";
        Found::new(severity, evidence).cure(Cure::by_hand(
            Invasiveness::ServerSetting,
            what,
            "quintet doctor   # on the server",
        ))
    })
}

fn pending(case: &Case<'_>) -> Option<Found> {
    let waits = |to: &&DestinationUse| to.syn_sent >= SYN_SENT_MANY || to.syn_resent >= SYN_RESENT_MANY;
    let to = case.host.sockets.destinations.iter().filter(waits).max_by_key(|to| to.syn_sent)?;
    let again = if to.syn_resent > 0 { format!(" ({} sent their SYN again)", to.syn_resent) } else { String::new() };
    let evidence = format!("{}: {} connects under way{again}, {} connections open", to.remote, to.syn_sent, to.live);
    Some(match full_listener(case, to) {
        Some(one) => Found::new(
            Severity::Error,
            format!("{evidence}; it is this host's own, with {} of {} waiting for accept()", one.waiting, one.backlog),
        )
        .cure(super::listen::accept_faster()),
        None => {
            let what = "on the destination: look for ListenOverflows and firewalls";
            Found::new(Severity::Warning, evidence).certainty(Certainty::Likely).cure(Cure::by_hand(
                Invasiveness::ServerSetting,
                what,
                "quintet doctor   # on the destination",
            ))
        }
    })
}

/// The listener of this host that these connects wait for, if its accept queue is full.
fn full_listener<'a>(case: &Case<'a>, to: &DestinationUse) -> Option<&'a ListenerUse> {
    let here = to.remote.ip() == to.source || to.is_loopback();
    let meant = |one: &&ListenerUse| {
        let any = one.address.ip().is_unspecified() || one.address.ip() == to.remote.ip();
        any && one.address.port() == to.remote.port() && one.waiting >= one.backlog
    };
    case.host.sockets.listeners.iter().find(meant).filter(|_| here)
}
