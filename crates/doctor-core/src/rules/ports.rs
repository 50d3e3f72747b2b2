//! Ports towards one destination: gone, going, or slow to find.

use super::cures;
use crate::beliefs::{self, Belief};
use crate::facts::{DestinationUse, Holder, HostFacts};
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::outlook;
use crate::rule::{Case, Found, Rule};
use core::time::Duration;

/// Shares of the ports, in per cent.
const EXHAUSTED_PERCENT: u64 = 98;
const CLIFF_PERCENT: u64 = 50;
/// Exhaustion later than this is not "ahead": a TIME_WAIT lives 60 s.
const AHEAD_MAX: Duration = Duration::from_secs(600);
/// Fewer ports than this were made few by somebody (the default is 28,232).
const NARROW_PORTS: u32 = 20_000;
/// Destinations named in one piece of evidence.
const NAMED_MAX: usize = 3;

/// What does not help where FIN_WAIT2 holds the ports: tcp_fin_timeout does.
static WRONG_FOR_FIN_WAIT2: [&Belief; 2] = [&beliefs::BUCKETS, &beliefs::PORTS_IN_TOTAL];
/// What does not help where connections are open, or being opened.
static WRONG_FOR_OPEN: [&Belief; 4] =
    [&beliefs::FIN_TIMEOUT, &beliefs::BUCKETS, &beliefs::PORTS_IN_TOTAL, &beliefs::BIND_ZERO];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "ports.exhausted",
        title: "connects to a destination fail: every local port towards it is taken",
        story: "A TCP connection is a 4-tuple; towards one destination (address and port) one source address has as many \
connections as ip_local_port_range has ports. The side that sends FIN first keeps the 4-tuple for 60 s in TIME_WAIT, and \
connect() then has no port left: it fails with EADDRNOTAVAIL (a socket bound with bind(address, 0) fails with EADDRINUSE). \
No counter of the kernel tells of it. The target is not at fault and must not be marked down. \
Kernel: __inet_hash_connect(), tcp_twsk_unique().",
        wrong_cures: &[
            &beliefs::FIN_TIMEOUT,
            &beliefs::BUCKETS,
            &beliefs::RECYCLE,
            &beliefs::PORTS_IN_TOTAL,
            &beliefs::HEADER_ALONE,
            &beliefs::BIND_ZERO,
        ],
        look: exhausted,
    },
    Rule {
        id: "ports.exhaustion-ahead",
        title: "the ports towards a destination will run out",
        story: "TIME_WAITs towards a destination begin faster than the ports pay for: each lasts 60 s, which the timer wheel rounds up \
by as much as 2 s (HZ=250) or 4 s (HZ=1000), so a range of n ports carries n / 62 connections per second (28,232 ports: 455) \
when this side closes first. The rate is taken from the \
TIME_WAITs that are younger than five seconds, and from those that end within the next five; no second look is needed. \
When the last port is taken, connect() fails with EADDRNOTAVAIL.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT, &beliefs::BUCKETS, &beliefs::PORTS_IN_TOTAL, &beliefs::HEADER_ALONE],
        look: exhaustion_ahead,
    },
    Rule {
        id: "ports.cliff",
        title: "connect() is slow: more than half of the ports towards a destination are taken",
        story: "The kernel looks for a free port in two passes: first the ports of one parity, then the others. Once about half \
are taken, the first pass scans thousands of ports in vain for each connect(): its time jumps from about 20 us to a \
millisecond, all of it CPU time inside the system call. Choosing the port yourself (explicit bind + SO_REUSEADDR) stays at \
20 us to the end. Kernel: __inet_hash_connect(), since the parity rule of 4.2.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT, &beliefs::BIND_ZERO],
        look: cliff,
    },
    Rule {
        id: "ports.few",
        title: "the range connect() chooses from is small",
        story: "ip_local_port_range together with ip_local_reserved_ports leaves few ports, so that few connections per second \
to one destination exhaust them. The kernel's default is 32768 to 60999, which is 28,232 ports. The setting belongs to \
the network namespace: containers have their own, and a container's range may be narrower than its host's.",
        wrong_cures: &[&beliefs::PORTS_IN_TOTAL],
        look: few,
    },
    Rule {
        id: "ports.reserved",
        title: "a large part of the range is reserved",
        story: "ip_local_reserved_ports takes ports out of what connect() may choose, for programs that bind them explicitly. \
Long lists (as some orchestrators write them) shrink the budget of every destination without a trace in \
ip_local_port_range. An explicit bind() may still use reserved ports. Source: ip-sysctl, inet_is_local_reserved_port().",
        wrong_cures: &[&beliefs::PORTS_IN_TOTAL],
        look: reserved,
    },
    Rule {
        id: "ports.listener-in-range",
        title: "a listening port lies inside the range connect() chooses from",
        story: "While the listener runs, connect() skips its port. While it is down, any outgoing connection may take the port, \
and the listener's restart fails with EADDRINUSE until that connection and its TIME_WAIT are over. Reserve the port: \
reserved ports are never chosen, but may be bound. Source: ip-sysctl, ip_local_reserved_ports.",
        wrong_cures: &[],
        look: listener_in_range,
    },
];

fn worst<'a>(case: &Case<'a>, fits: impl Fn(&DestinationUse) -> bool) -> Vec<&'a DestinationUse> {
    case.host.sockets.destinations.iter().filter(|to| fits(to)).collect()
}

fn percent(host: &HostFacts, to: &DestinationUse) -> u64 {
    host.blocked(to) * 100 / u64::from(host.capacity().max(1))
}

fn named(host: &HostFacts, all: &[&DestinationUse]) -> String {
    let one = |to: &&DestinationUse| {
        let least = if to.undercount_max > 0 { "at least " } else { "" };
        format!(
            "{} from {}: {least}{} of {} ports taken, {}",
            to.remote,
            to.source,
            to.taken(),
            host.capacity(),
            held(to)
        )
    };
    let mut shown: Vec<String> = all.iter().take(NAMED_MAX).map(one).collect();
    if all.len() > NAMED_MAX {
        shown.push(format!("and {} more", all.len() - NAMED_MAX));
    }
    shown.join("; ")
}

/// `20000 in TIME_WAIT, 8 open`: TIME_WAIT always, the others where there are some.
fn held(to: &DestinationUse) -> String {
    let others = [(to.live, "open"), (to.fin_wait2, "in FIN_WAIT2"), (to.syn_sent, "in SYN_SENT")];
    let some = others.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!(", {count} {state}"));
    format!("{} in TIME_WAIT{}", to.time_wait, some.collect::<String>())
}

fn exhausted(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    // A program that takes its own TIME_WAITs over (explicit bind and SO_REUSEADDR) is short of nothing.
    let full = worst(case, |to| percent(host, to) >= EXHAUSTED_PERCENT && !host.is_taken_over(to));
    let first = full.first()?;
    let found = Found::new(Severity::Error, named(host, &full)).cures(cures::for_destination(host, first));
    Some(match first.mostly() {
        Holder::TimeWait => found,
        Holder::FinWait2 => found.wrongly(&WRONG_FOR_FIN_WAIT2),
        Holder::Live | Holder::SynSent => found.wrongly(&WRONG_FOR_OPEN),
    })
}

fn exhaustion_ahead(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    let ahead = |to: &&DestinationUse| {
        let gone_in = outlook::gone_in(host, to).filter(|gone_in| *gone_in <= AHEAD_MAX)?;
        (percent(host, to) < EXHAUSTED_PERCENT).then_some(gone_in)
    };
    let (to, gone_in) =
        case.host.sockets.destinations.iter().filter_map(|to| Some((to, ahead(&to)?))).min_by_key(|(_, time)| *time)?;
    let evidence = format!(
        "{}; {:.0} TIME_WAITs/s begin, the ports pay for {:.0}/s; gone in about {:.0} s",
        named(host, &[to]),
        host.fresh_time_waits_per_s(to),
        f64::from(host.capacity()) / host.time_wait_longest().as_secs_f64(),
        gone_in.as_secs_f64().ceil()
    );
    Some(Found::new(Severity::Error, evidence).certainty(Certainty::Derived).cures(cures::for_ports(host)))
}

/// What helps depends on what holds the ports.
fn cliff_cures(host: &HostFacts, to: &DestinationUse) -> Vec<Cure> {
    match to.mostly() {
        Holder::TimeWait => {
            let own = cures::own_ports(host).into_iter();
            own.chain([cures::keep_alive(), cures::server_closes(), cures::more_addresses()]).collect()
        }
        _ => cures::for_destination(host, to),
    }
}

fn cliff(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    let slow = worst(case, |to| (CLIFF_PERCENT..EXHAUSTED_PERCENT).contains(&percent(host, to)));
    let first = slow.first()?;
    let found = Found::new(Severity::Warning, named(host, &slow)).certainty(Certainty::Derived);
    Some(found.cures(cliff_cures(host, first)))
}

fn few(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    let usable = host.capacity();
    let severity = if usable < 1000 { Severity::Warning } else { Severity::Note };
    (usable < NARROW_PORTS).then(|| {
        let evidence = format!(
            "{usable} ports ({} to {}, {} reserved): {:.0} connections/s to one destination when this side closes first",
            host.ports.low,
            host.ports.high,
            host.ports.reserved_count(),
            f64::from(usable) / host.time_wait_longest().as_secs_f64()
        );
        Found::new(severity, evidence).cures(cures::wide_range(host)).cure(cures::more_addresses())
    })
}

fn reserved(case: &Case<'_>) -> Option<Found> {
    let ports = &case.host.ports;
    let (reserved, all) = (ports.reserved_count(), ports.in_range());
    (reserved * 4 >= all).then(|| {
        let evidence = format!("{reserved} of the {all} ports from {} to {} are reserved", ports.low, ports.high);
        let what = "keep only what is bound explicitly in the list of reserved ports";
        let command = "sysctl net.ipv4.ip_local_reserved_ports";
        Found::new(Severity::Warning, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}

fn listener_in_range(case: &Case<'_>) -> Option<Found> {
    let inside = &case.host.sockets.listeners_in_range;
    let list = |ports: &[u16]| ports.iter().map(u16::to_string).collect::<Vec<_>>();
    (!inside.is_empty()).then(|| {
        let mut shown = list(&inside[..inside.len().min(8)]).join(", ");
        if inside.len() > 8 {
            shown.push_str(&format!(" and {} more", inside.len() - 8));
        }
        let evidence = format!("listening on {shown}, inside {} to {}", case.host.ports.low, case.host.ports.high);
        let what = "reserve the listening ports (this replaces the list: keep what is in it)";
        let command = format!("sysctl -w net.ipv4.ip_local_reserved_ports={}", list(inside).join(","));
        Found::new(Severity::Note, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}
