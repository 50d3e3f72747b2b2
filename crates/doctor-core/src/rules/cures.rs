//! Cures that several rules offer.

use crate::facts::{DestinationUse, HostFacts};
use crate::finding::{Cure, Invasiveness};

/// A range without the ports that servers like to listen on.
const WIDE_RANGE: &str = "10240 65535";

/// The ways out of too few ports, mildest first.
pub(super) fn for_ports(host: &HostFacts) -> Vec<Cure> {
    let mut cures = vec![server_closes(), keep_alive()];
    cures.extend(own_ports(host));
    cures.push(reset());
    cures.extend(reuse(host));
    cures.extend(wide_range(host));
    cures.push(more_addresses());
    cures
}

pub(super) fn server_closes() -> Cure {
    Cure::by_hand(
        Invasiveness::ClientSetting,
        "let the server close first: ask for close, then wait for its FIN; TIME_WAIT stays there and costs no port here",
        "quintet stress URL --close wait",
    )
}

pub(super) fn keep_alive() -> Cure {
    Cure::by_hand(
        Invasiveness::ClientSetting,
        "keep connections and send many requests on each (in a proxy: a connection pool towards its servers)",
        "quintet stress URL --close keep",
    )
}

/// Only where timestamps are on: without them a TIME_WAIT cannot be taken over.
pub(super) fn own_ports(host: &HostFacts) -> Option<Cure> {
    host.timestamps().then(|| {
        Cure::by_hand(
            Invasiveness::ClientSetting,
            "choose ports yourself, oldest first: bind(address, port) with SO_REUSEADDR takes a TIME_WAIT over at once, \
             whatever tcp_tw_reuse says, where timestamps had been negotiated",
            "quintet stress URL --close fin --ports own",
        )
    })
}

pub(super) fn reset() -> Cure {
    Cure::by_hand(
        Invasiveness::ClientSetting,
        "reset after the whole response (SO_LINGER with zero seconds): no TIME_WAIT on either side, but what is \
         unacknowledged is lost",
        "quintet stress URL --close rst",
    )
}

pub(super) fn more_addresses() -> Cure {
    Cure::by_hand(
        Invasiveness::Topology,
        "use more source addresses (bind with IP_BIND_ADDRESS_NO_PORT) or more destination addresses or ports: each pair \
         brings the whole range again",
        "quintet stress URL --source-ip ADDRESS,ADDRESS",
    )
}

/// `tcp_tw_reuse=1`, where it is not set and timestamps make it work.
pub(super) fn reuse(host: &HostFacts) -> Option<Cure> {
    let off = host.sysctls.number("net.ipv4.tcp_tw_reuse").is_some_and(|value| value != 1);
    (off && host.timestamps()).then(|| {
        let what = "let connect() take over its own TIME_WAITs after a second (needs timestamps on both sides)";
        Cure::sysctl(what, "net.ipv4.tcp_tw_reuse", "1")
    })
}

/// A wider range, where there is room.
pub(super) fn wide_range(host: &HostFacts) -> Option<Cure> {
    let room = 65_535 - 10_240 + 1;
    (host.ports.in_range() * 5 / 4 < room).then(|| {
        let what = "widen the range connect() chooses from; reserve listening ports inside it \
                    (ip_local_reserved_ports) first";
        Cure::sysctl(what, "net.ipv4.ip_local_port_range", WIDE_RANGE)
    })
}

pub(super) fn kill_time_waits(to: &DestinationUse) -> Cure {
    let side = to.remote.ip();
    Cure::by_hand(
        Invasiveness::Emergency,
        "delete the TIME_WAIT entries at once (SOCK_DESTROY, as root): stray segments may then hit new connections",
        format!("ss -K state time-wait dst {side} dport = {}", to.remote.port()),
    )
}

pub(super) fn timestamps_on() -> Cure {
    Cure::sysctl("switch timestamps on", "net.ipv4.tcp_timestamps", "1")
}
