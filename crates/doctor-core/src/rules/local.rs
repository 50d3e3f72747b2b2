//! What keeps every connect of this host from leaving, or one program from its ports.

use super::cures;
use crate::beliefs;
use crate::facts::{DestinationUse, HostFacts};
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// EADDRNOTAVAIL.
const NO_PORT: i32 = 99;
/// Shares of the ports, in per cent.
const HELD_PERCENT: u64 = 98;
/// Fewer ports in a row are chance.
const SLICE_MIN: u64 = 32;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "loopback.down",
        title: "the loopback interface is down: connects to 127.0.0.1 and ::1 fail",
        story: "A new network namespace begins with its loopback interface down. connect() to 127.0.0.1 then fails at once with \
ENETUNREACH, to ::1 with EADDRNOTAVAIL, which looks like a shortage of ports and is none. Containers have it set up by \
their engine; `ip netns add` and unshare(1) do not.",
        wrong_cures: &[],
        look: loopback_down,
    },
    Rule {
        id: "ports.bound",
        title: "every connect of this host fails: bind() users hold every port, whatever their destination",
        story: "A port that a program has bound explicitly, by bind(address, port) or bind(address, 0), belongs to that socket: \
connect() of anybody else skips it towards every destination, for as long as the socket lives, and for the 60 s of its \
TIME_WAIT. Bound sockets that never connect hold theirs, too. So a program that binds before it connects uses the whole \
range up for the whole host, though no destination has many connections. IP_BIND_ADDRESS_NO_PORT (Linux 4.2) binds the \
address alone. Kernel: __inet_hash_connect() skips buckets with fastreuse >= 0.",
        wrong_cures: &[&beliefs::BIND_ZERO, &beliefs::PORTS_IN_TOTAL, &beliefs::FIN_TIMEOUT],
        look: bound,
    },
    Rule {
        id: "ports.slice",
        title: "a program uses up its slice of the ports towards a destination",
        story: "All ports between two numbers are taken towards one destination, and none beside them: a program keeps to a slice of \
ip_local_port_range, by the socket option IP_LOCAL_PORT_RANGE (Linux 6.3) or by its own bind(). When the slice is used up, \
connect() fails with EADDRNOTAVAIL (bind() with EADDRINUSE), though the host has many ports left. The kernel's own choice \
does not look like this: it takes every other port first.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT, &beliefs::BUCKETS],
        look: slice,
    },
];

fn loopback_down(case: &Case<'_>) -> Option<Found> {
    (case.host.loopback_up == Some(false)).then(|| {
        let up = Cure::by_hand(Invasiveness::HostSetting, "set it up", "ip link set lo up");
        Found::new(Severity::Error, "the interface lo of this network namespace is down").cure(up)
    })
}

fn bound(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    let (held, all) = (host.sockets.ports_held, u64::from(host.capacity()));
    let certainty = match host.connect_try {
        Some(Err(NO_PORT)) => Certainty::Measured,
        Some(_) => return None,
        None if all > 0 && held * 100 >= all * HELD_PERCENT && !any_is_full(host) => Certainty::Likely,
        None => return None,
    };
    let alone = host.sockets.bound_only.filter(|alone| *alone > 0);
    let alone =
        alone.map(|alone| format!(", {alone} of them by sockets that are bound and go nowhere")).unwrap_or_default();
    let tried = match certainty {
        Certainty::Measured => "; a connect to 127.0.0.1 failed with EADDRNOTAVAIL",
        _ => "; towards no destination are they many",
    };
    let evidence = format!("{held} of {all} ports are held, over all destinations{alone}{tried}");
    let found = Found::new(Severity::Error, evidence).certainty(certainty).cure(cures::leave_ports_to_connect());
    Some(found.cures(cures::wide_range(host)))
}

fn any_is_full(host: &HostFacts) -> bool {
    let full = |to: &DestinationUse| to.taken() * 100 >= u64::from(host.capacity()) * HELD_PERCENT;
    host.sockets.destinations.iter().any(full)
}

fn slice(case: &Case<'_>) -> Option<Found> {
    let host = case.host;
    let in_slice = |to: &&DestinationUse| {
        let (low, high) = to.ports_between;
        let ports = u64::from(high.saturating_sub(low)) + 1;
        let dense = to.undercount_max == 0 && ports >= SLICE_MIN && to.taken() == ports;
        // A program that takes its TIME_WAITs over has all it needs.
        dense && ports * 100 < u64::from(host.capacity()) * HELD_PERCENT && !host.is_taken_over(to)
    };
    let to = host.sockets.destinations.iter().find(in_slice)?;
    let (low, high) = to.ports_between;
    let evidence = format!(
        "{} from {}: every port from {low} to {high} is taken ({} in TIME_WAIT), none of the {} others",
        to.remote,
        to.source,
        to.time_wait,
        u64::from(host.capacity()) - to.taken()
    );
    let what = "give the program a larger slice, or the whole range";
    let larger = Cure::by_hand(
        Invasiveness::ClientSetting,
        what,
        "setsockopt(fd, SOL_IP, IP_LOCAL_PORT_RANGE, high << 16 | low), or no such option",
    );
    Some(Found::new(Severity::Error, evidence).certainty(Certainty::Likely).cure(larger).cure(cures::keep_alive()))
}
