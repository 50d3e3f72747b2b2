//! The way in: accept queues and SYN queues.

use super::elsewhere;
use crate::beliefs;
use crate::facts::ListenerUse;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// A server that expects a burst wants at least this.
const SOMAXCONN_LOW: u64 = 1024;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "listen.overflow",
        title: "connections are dropped on arrival: an accept queue overflows",
        story: "A finished handshake waits in the listener's accept queue until the program calls accept(). While the queue is \
full, the kernel drops the last ACK of handshakes and, since 4.10, every new SYN: the client sees connect() hang for a \
second and more: SYNs are sent again after 1, 2, 3, 4, 5, 7, 11 ... s (before 6.5 after 1, 3, 7, 15 ... s) (counters ListenOverflows, ListenDrops). The queue is min(backlog of listen(), \
net.core.somaxconn) long. Usually the program accepts too slowly.",
        wrong_cures: &[&beliefs::BACKLOG_ONLY],
        look: overflow,
    },
    Rule {
        id: "listen.queue-full",
        title: "a listener's accept queue is full now",
        story: "The queue of finished handshakes in front of accept() has no room: the next clients are not answered and retry after \
one second. Read off the kernel's socket table at this moment; a burst can fill it for a few milliseconds, so look twice \
before changing anything. The limit is min(backlog of listen(), net.core.somaxconn).",
        wrong_cures: &[&beliefs::BACKLOG_ONLY],
        look: queue_full,
    },
    Rule {
        id: "listen.syn-queue",
        title: "the SYN queue overflows",
        story: "Half-open connections beyond the listener's limit are answered by SYN cookies (counter TCPReqQFullDoCookies) or, with \
tcp_syncookies=0, dropped (TCPReqQFullDrop). Cookies keep the service up, but carry window scale and SACK only inside \
timestamps: without timestamps those connections are slow. Either there is a SYN flood, or the accept queue is full and \
holds the handshakes back.",
        wrong_cures: &[&beliefs::BACKLOG_ONLY],
        look: syn_queue,
    },
    Rule {
        id: "listen.somaxconn-low",
        title: "net.core.somaxconn caps every accept queue at a low value",
        story: "listen(fd, backlog) is silently capped at net.core.somaxconn: 128 before Linux 5.4, 4096 since. The setting belongs to \
the network namespace, so a container may have another value than its host. It applies to listeners opened after the change: \
restart the server.",
        wrong_cures: &[&beliefs::BACKLOG_ONLY],
        look: somaxconn_low,
    },
];

fn raise(case: &Case<'_>) -> Option<Cure> {
    let now = case.host.sysctls.number("net.core.somaxconn")?;
    let what = "allow longer accept queues, and ask for one in listen(); restart the server";
    (now < 4096).then(|| Cure::sysctl(what, "net.core.somaxconn", "4096"))
}

pub(super) fn accept_faster() -> Cure {
    let what = "accept faster: more workers or SO_REUSEPORT listeners, accept() in a loop until EAGAIN, nothing slow in between";
    Cure::by_hand(Invasiveness::ServerSetting, what, "").elsewhere(&elsewhere::ACCEPT)
}

fn fullest(case: &Case<'_>) -> String {
    let show = |one: &ListenerUse| format!("{}: {} of {} waiting", one.address, one.waiting, one.backlog);
    case.host.sockets.listeners.first().map(show).unwrap_or_else(|| "no listener has a queue now".to_owned())
}

fn overflow(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let names = ["TcpExt.ListenOverflows", "TcpExt.ListenDrops"];
    (counters.grown(names[0]) > 0).then_some(())?;
    let evidence = format!("{}; fullest now: {}", names.map(|name| counters.shown(name)).join(", "), fullest(case));
    Some(Found::new(Severity::Error, evidence).cure(accept_faster()).cures(raise(case)))
}

fn queue_full(case: &Case<'_>) -> Option<Found> {
    // The kernel lets one more in than the backlog says (sk_acceptq_is_full(): >, not >=).
    let full = |one: &&ListenerUse| one.backlog > 0 && one.waiting >= one.backlog;
    let one = case.host.sockets.listeners.iter().find(full)?;
    let evidence = format!("{}: {} wait, the backlog is {}", one.address, one.waiting, one.backlog);
    Some(Found::new(Severity::Error, evidence).cure(accept_faster()).cures(raise(case)))
}

fn syn_queue(case: &Case<'_>) -> Option<Found> {
    let counters = &case.host.counters;
    let names = ["TcpExt.TCPReqQFullDrop", "TcpExt.TCPReqQFullDoCookies"];
    let [dropped, cookies] = names.map(|name| counters.grown(name));
    let severity = match (dropped, cookies) {
        (0, 0) => return None,
        (0, _) => Severity::Warning,
        _ => Severity::Error,
    };
    let evidence = names.map(|name| counters.shown(name)).join(", ");
    Some(Found::new(severity, evidence).cure(accept_faster()).cures(longer_syn_queue(case)))
}

/// With SYN cookies in force the queue is as long as the listener's backlog, and tcp_max_syn_backlog is not asked.
fn longer_syn_queue(case: &Case<'_>) -> Option<Cure> {
    if !case.host.sysctls.is("net.ipv4.tcp_syncookies", 0) {
        return raise(case);
    }
    let value = case.host.sysctls.number("net.ipv4.tcp_max_syn_backlog").unwrap_or(1024) * 4;
    let what = "allow more half-open connections (with a backlog as long)";
    Some(Cure::sysctl(what, "net.ipv4.tcp_max_syn_backlog", value.to_string()))
}

fn somaxconn_low(case: &Case<'_>) -> Option<Found> {
    let now = case.host.sysctls.number("net.core.somaxconn").filter(|now| *now < SOMAXCONN_LOW)?;
    let capped = case.host.sockets.listeners.iter().filter(|one| u64::from(one.backlog) == now).count();
    // A low cap hurts only those who asked for more; a backlog equal to the cap is the sign of it.
    (capped > 0).then(|| {
        let evidence = format!("net.core.somaxconn={now}; {capped} listeners have exactly this backlog");
        Found::new(Severity::Note, evidence).certainty(Certainty::Likely).cures(raise(case))
    })
}
