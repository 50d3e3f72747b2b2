//! Connections that nobody ends: CLOSE_WAIT, FIN_WAIT2, orphans, TCP's memory.

use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Fewer are ordinary life.
const CLOSE_WAIT_MANY: u64 = 100;
const FIN_WAIT2_MANY: u64 = 1000;
/// Of `tcp_max_orphans`, and of the pressure mark of `tcp_mem`.
const NEAR_PERCENT: u64 = 80;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "close-wait.leak",
        title: "a program does not close connections its peers have closed",
        story: "CLOSE_WAIT means: the peer's FIN is here, and the program has not called close(). The kernel waits for ever; every such \
socket holds a file descriptor and its port. No sysctl changes it: it is a bug, or a program that is stuck. `ss -tnp state \
close-wait` names the process.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT],
        look: close_wait,
    },
    Rule {
        id: "fin-wait2.piling",
        title: "peers do not answer our FIN: FIN_WAIT2 piles up",
        story: "FIN_WAIT2 means: our FIN is acknowledged, the peer's has not come. Towards a destination each holds a port, like \
TIME_WAIT. Once the program has closed, it ends after tcp_fin_timeout (60 s) - the one thing that sysctl does. The peer \
does not close: a proxy that waits, or a program that leaks (its CLOSE_WAIT).",
        wrong_cures: &[],
        look: fin_wait2,
    },
    Rule {
        id: "orphans.near",
        title: "orphaned sockets come near tcp_max_orphans",
        story: "An orphan is a socket that its program has closed and that still has data or a FIN to deliver. Beyond tcp_max_orphans \
(or under memory pressure) the kernel resets them: data that was already accepted from the program is lost. TIME_WAIT and \
FIN_WAIT2 mini-sockets do not count. The figures are host-wide.",
        wrong_cures: &[],
        look: orphans,
    },
    Rule {
        id: "memory.pressure",
        title: "TCP's memory is under pressure",
        story: "Above the second value of tcp_mem (pages) TCP shrinks windows and drops out-of-order data; above the third it drops \
packets and resets orphans (counters TCPMemoryPressures, TCPAbortOnMemory). TIME_WAIT entries do not count: large buffers of \
slow peers do. The figures are host-wide.",
        wrong_cures: &[&beliefs::MEMORY],
        look: memory,
    },
];

fn close_wait(case: &Case<'_>) -> Option<Found> {
    let sockets = &case.host.sockets;
    let (stuck, open) = (sockets.in_state("CLOSE_WAIT"), sockets.in_state("ESTABLISHED"));
    (stuck >= CLOSE_WAIT_MANY && stuck * 2 >= open).then(|| {
        let severity = if stuck >= open { Severity::Error } else { Severity::Warning };
        let what = "find the program that does not close, and make it close";
        let evidence = format!("{stuck} sockets in CLOSE_WAIT, {open} established");
        Found::new(severity, evidence).certainty(Certainty::Likely).cure(Cure::by_hand(
            Invasiveness::ServerSetting,
            what,
            "ss -tnp state close-wait",
        ))
    })
}

fn fin_wait2(case: &Case<'_>) -> Option<Found> {
    let sockets = &case.host.sockets;
    let (waiting, open) = (sockets.in_state("FIN_WAIT2"), sockets.in_state("ESTABLISHED"));
    (waiting >= FIN_WAIT2_MANY && waiting * 2 >= open).then(|| {
        let what = "make the peer close when it sees our FIN (a proxy's half-close time-out)";
        let evidence = format!("{waiting} sockets in FIN_WAIT2, {open} established");
        Found::new(Severity::Warning, evidence).cure(Cure::by_hand(Invasiveness::ServerSetting, what, ""))
    })
}

fn orphans(case: &Case<'_>) -> Option<Found> {
    let limit = case.host.sysctls.number("net.ipv4.tcp_max_orphans").filter(|limit| *limit > 0)?;
    let orphans = case.host.counters.total("sockstat.TCP.orphan");
    (orphans * 100 >= limit * NEAR_PERCENT).then(|| {
        let what = "raise the limit; an orphan may hold up to 64 KB";
        let command = format!("sysctl -w net.ipv4.tcp_max_orphans={}", limit * 2);
        let evidence = format!("{orphans} orphans, tcp_max_orphans={limit}");
        Found::new(Severity::Warning, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}

fn memory(case: &Case<'_>) -> Option<Found> {
    let marks = case.host.sysctls.numbers("net.ipv4.tcp_mem");
    let [_, pressure, high] = marks[..] else { return None };
    let pages = case.host.counters.total("sockstat.TCP.mem");
    (pressure > 0 && pages * 100 >= pressure * NEAR_PERCENT).then(|| {
        let severity = if pages >= pressure { Severity::Error } else { Severity::Warning };
        let what = "allow TCP more pages of memory, or bound the buffers of slow connections";
        let command = format!("sysctl -w net.ipv4.tcp_mem=\"{pressure} {high} {}\"", high * 2);
        let evidence = format!("{pages} pages used, tcp_mem pressure {pressure}, limit {high}");
        Found::new(severity, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}
