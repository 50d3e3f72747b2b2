//! `tcp_tw_reuse` and its neighbours: set where it cannot work, or not doing what it is set for.

use super::cures;
use crate::beliefs;
use crate::facts::{DestinationUse, Reuse};
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// A host with fewer TIME_WAITs than this has no use for reuse.
const MANY_TIME_WAITS: u64 = 1000;
/// The kernel's own.
const FIN_TIMEOUT_DEFAULT_S: u64 = 60;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "tw-reuse.no-timestamps",
        title: "tcp_tw_reuse is set, but timestamps are off on this host: it does nothing",
        story: "connect() takes over a TIME_WAIT only if timestamps had been negotiated on that connection: the newer timestamp is \
what tells the new connection's segments from the old one's (tcp_twsk_unique() asks tw_ts_recent_stamp). With \
net.ipv4.tcp_timestamps=0 our SYN does not offer them, so no TIME_WAIT of ours can ever be taken over.",
        wrong_cures: &[&beliefs::REUSE_WITHOUT_TIMESTAMPS, &beliefs::TIMESTAMPS_OFF],
        look: no_timestamps_here,
    },
    Rule {
        id: "tw-reuse.peer-without-timestamps",
        title: "tcp_tw_reuse is set, but a destination does not negotiate timestamps: its ports are not re-used",
        story: "Reuse of a TIME_WAIT needs timestamps on both sides. A balancer that answers SYNs without the option (some \
appliances do, and hosts with tcp_timestamps=0) leaves every port that we close first unusable for 60 s, whatever \
tcp_tw_reuse says and however the port is chosen. Seen in TCP_INFO of the open connections to that destination.",
        wrong_cures: &[&beliefs::REUSE_WITHOUT_TIMESTAMPS, &beliefs::FIN_TIMEOUT],
        look: no_timestamps_there,
    },
    Rule {
        id: "tw-reuse.loopback-only",
        title: "tcp_tw_reuse=2 frees ports on the loopback only",
        story: "Value 2 is the default since Linux 4.19: it lets connect() take over TIME_WAITs of the loopback interface alone \
(79e9fed46038). It hides exhaustion in tests on one machine, which then shows in production, across a real network. \
The ports towards other destinations are kept for 60 s.",
        wrong_cures: &[&beliefs::REUSE_ON_SERVERS],
        look: loopback_only,
    },
    Rule {
        id: "tw-reuse.server-myth",
        title: "tcp_tw_reuse is set on a host whose TIME_WAITs come from accepted connections",
        story: "tcp_tw_reuse is asked only in connect(), for the identical 4-tuple of an outgoing connection. TIME_WAITs of \
connections that this host accepted hold no port that connect() would want, and need no cure: a client that comes back with \
a newer timestamp or sequence number reopens them.",
        wrong_cures: &[&beliefs::REUSE_ON_SERVERS, &beliefs::MEMORY, &beliefs::ALWAYS_REFUSED],
        look: server_myth,
    },
    Rule {
        id: "time-wait.fin-timeout-myth",
        title: "tcp_fin_timeout was changed; it does not shorten TIME_WAIT",
        story: "tcp_fin_timeout limits how long an orphaned connection stays in FIN_WAIT2, waiting for the peer's FIN. TIME_WAIT is \
a constant of 60 s in the kernel (TCP_TIMEWAIT_LEN, include/net/tcp.h), whatever the sysctl says; some vendors' kernels \
add a knob of their own. A low value cuts off slow peers.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT],
        look: fin_timeout_myth,
    },
    Rule {
        id: "recycle",
        title: "tcp_tw_recycle is on: clients behind one NAT address are dropped without an answer",
        story: "With tcp_tw_recycle=1 (Linux up to 4.11) a server that closed first remembers the last timestamp per client \
address for 60 s and silently drops SYNs with an older one. Clients behind a NAT share an address, not a clock: those whose \
clock is behind cannot connect. Since 3.17 SYNs without timestamps are dropped too. Counter PAWSPassive. Removed in 4.12 \
(4396e46187ca).",
        wrong_cures: &[&beliefs::RECYCLE, &beliefs::TIMESTAMPS_OFF],
        look: recycle,
    },
    Rule {
        id: "rfc1337",
        title: "tcp_rfc1337=1 turns re-used 5-tuples into time-outs",
        story: "A client whose SYN meets an old TIME_WAIT with an older timestamp gets an ACK, answers with a reset, and that reset \
deletes the TIME_WAIT: its next SYN succeeds about 10 ms later. tcp_rfc1337=1 makes TIME_WAIT ignore resets, so the client \
runs into its time-out instead (RFC 1337; tcp_timewait_state_process()). The protection it gives is partial.",
        wrong_cures: &[&beliefs::RFC1337],
        look: rfc1337,
    },
];

fn reuse_set(case: &Case<'_>) -> Option<u64> {
    case.host.sysctls.number("net.ipv4.tcp_tw_reuse").filter(|value| *value != 0)
}

fn no_timestamps_here(case: &Case<'_>) -> Option<Found> {
    let value = reuse_set(case)?;
    // 2 is the default: nobody asked for it, so nothing is wrong before there are TIME_WAITs of ours.
    let wanted = value == 1 || case.host.sockets.time_waits.outgoing >= MANY_TIME_WAITS;
    (wanted && !case.host.timestamps()).then(|| {
        let evidence = format!("net.ipv4.tcp_tw_reuse={value}, net.ipv4.tcp_timestamps=0");
        Found::new(Severity::Warning, evidence).certainty(Certainty::Derived).cure(cures::timestamps_on())
    })
}

fn no_timestamps_there(case: &Case<'_>) -> Option<Found> {
    let refuses = |to: &&DestinationUse| case.host.reuse(to) == Reuse::TimestampsOffThere;
    let to = case.host.sockets.destinations.iter().find(refuses)?;
    let severity = if to.time_wait >= MANY_TIME_WAITS { Severity::Warning } else { Severity::Note };
    let evidence = format!(
        "{}: none of {} open connections has timestamps, {} ports in TIME_WAIT",
        to.remote, to.without_timestamps, to.time_wait
    );
    let what = "switch timestamps on at the destination";
    let there = Cure::by_hand(Invasiveness::ServerSetting, what, "sysctl -w net.ipv4.tcp_timestamps=1   # over there");
    let here = [cures::server_closes(), cures::keep_alive(), cures::reset()];
    Some(Found::new(severity, evidence).certainty(Certainty::Likely).cures(here).cure(there))
}

fn loopback_only(case: &Case<'_>) -> Option<Found> {
    let kept = |to: &&DestinationUse| case.host.reuse(to) == Reuse::LoopbackOnly && to.time_wait >= MANY_TIME_WAITS;
    let to = case.host.sockets.destinations.iter().find(kept)?;
    let evidence = format!("net.ipv4.tcp_tw_reuse=2; {} ports towards {} in TIME_WAIT", to.time_wait, to.remote);
    let found = Found::new(Severity::Note, evidence).certainty(Certainty::Derived);
    Some(found.cure(cures::server_closes()).cures(cures::own_ports(case.host)).cures(cures::reuse(case.host)))
}

fn server_myth(case: &Case<'_>) -> Option<Found> {
    let time_waits = case.host.sockets.time_waits;
    let serves = time_waits.incoming >= MANY_TIME_WAITS && time_waits.outgoing * 20 < time_waits.incoming;
    (serves && reuse_set(case) == Some(1)).then(|| {
        let evidence = format!(
            "net.ipv4.tcp_tw_reuse=1; {} TIME_WAITs of accepted connections, {} of our own connects",
            time_waits.incoming, time_waits.outgoing
        );
        Found::new(Severity::Note, evidence).certainty(Certainty::Derived)
    })
}

fn fin_timeout_myth(case: &Case<'_>) -> Option<Found> {
    let seconds = case.host.sysctls.number("net.ipv4.tcp_fin_timeout")?;
    (seconds < FIN_TIMEOUT_DEFAULT_S).then(|| {
        let evidence = format!("net.ipv4.tcp_fin_timeout={seconds} (default 60)");
        let what = "set it back, unless orphaned FIN_WAIT2 sockets were the reason";
        let command = "sysctl -w net.ipv4.tcp_fin_timeout=60";
        Found::new(Severity::Note, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}

fn recycle(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    let kernel = host.kernel.filter(|kernel| kernel.has_recycle())?;
    (host.sysctls.is("net.ipv4.tcp_tw_recycle", 1) && host.timestamps()).then(|| {
        let dropped = host.counters.shown("TcpExt.PAWSPassive");
        let evidence = format!("net.ipv4.tcp_tw_recycle=1 on Linux {kernel}; {dropped}");
        Found::new(Severity::Error, evidence).cure(Cure::sysctl("switch it off", "net.ipv4.tcp_tw_recycle", "0"))
    })
}

fn rfc1337(case: &Case<'_>) -> Option<Found> {
    case.host.sysctls.is("net.ipv4.tcp_rfc1337", 1).then(|| {
        let found = Found::new(Severity::Warning, "net.ipv4.tcp_rfc1337=1").certainty(Certainty::Derived);
        found.cure(Cure::sysctl("switch it off", "net.ipv4.tcp_rfc1337", "0"))
    })
}
