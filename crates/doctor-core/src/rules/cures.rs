//! Cures that several rules offer. Those of one kind stand together; what comes first ends the case by itself.

use super::elsewhere;
use crate::facts::{DestinationUse, Holder, HostFacts};
use crate::finding::{Cure, Invasiveness};
use core::net::IpAddr;

/// A range without the ports that servers like to listen on.
const WIDE_RANGE: &str = "10240 65535";

/// The ways out of too few ports where nothing is known of those that are taken: TIME_WAIT will hold them.
pub(super) fn for_ports(host: &HostFacts) -> Vec<Cure> {
    let mut cures = vec![keep_alive(), server_closes()];
    cures.extend(own_ports(host));
    cures.push(reset());
    cures.extend(reuse(host));
    cures.extend(wide_range(host));
    cures.push(more_addresses());
    cures
}

/// The ways out of too few ports towards a destination, by what holds them.
pub(super) fn for_destination(host: &HostFacts, to: &DestinationUse) -> Vec<Cure> {
    let mut cures = match to.mostly() {
        Holder::Live => vec![fewer_connections()],
        Holder::SynSent => vec![shorter_connects(), look_there()],
        Holder::FinWait2 => vec![reset_instead_of_waiting(), shorter_fin_wait2(host), peer_closes()],
        // Without timestamps on the connections nothing takes a TIME_WAIT over.
        Holder::TimeWait if to.without_timestamps > to.with_timestamps => {
            vec![keep_alive(), server_closes(), reset()]
        }
        Holder::TimeWait => return [for_ports(host), vec![kill_time_waits(to)]].concat(),
    };
    cures.extend(wide_range(host));
    cures.push(more_addresses());
    if to.mostly() == Holder::TimeWait {
        cures.push(kill_time_waits(to));
    }
    cures
}

pub(super) fn keep_alive() -> Cure {
    let what = "keep connections and send many requests on each (in a proxy: a connection pool towards its servers)";
    let command = "quintet stress URL --close keep";
    Cure::by_hand(Invasiveness::ClientSetting, what, command).elsewhere(&elsewhere::KEEP)
}

pub(super) fn server_closes() -> Cure {
    Cure::by_hand(
        Invasiveness::ClientSetting,
        "let the server close first: ask for close, then wait for its FIN; TIME_WAIT stays there and costs no port here",
        "quintet stress URL --close wait",
    )
}

/// Only where timestamps are on: without them a TIME_WAIT cannot be taken over.
pub(super) fn own_ports(host: &HostFacts) -> Option<Cure> {
    host.timestamps().then(|| {
        Cure::by_hand(
            Invasiveness::ClientSetting,
            "choose ports yourself, oldest first, outside of ip_local_port_range: bind(address, port) with SO_REUSEADDR takes a \
             TIME_WAIT over at once, whatever tcp_tw_reuse says, where timestamps had been negotiated",
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

fn reset_instead_of_waiting() -> Cure {
    let what = "close by reset once the response is whole (SO_LINGER with zero seconds): no FIN_WAIT2 is left";
    Cure::by_hand(Invasiveness::ClientSetting, what, "quintet stress URL --close rst").elsewhere(&elsewhere::RESET)
}

/// `tcp_fin_timeout`: the one thing it does.
fn shorter_fin_wait2(host: &HostFacts) -> Cure {
    let now = host.sysctls.number("net.ipv4.tcp_fin_timeout").unwrap_or(60);
    let what =
        format!("wait shorter for peers that do not close (tcp_fin_timeout, {now} s now); slow ones are cut off");
    Cure::by_hand(Invasiveness::HostSetting, what, "sysctl -w net.ipv4.tcp_fin_timeout=10")
}

fn peer_closes() -> Cure {
    let what = "make the peer close when it sees our FIN (its half-close time-out; its sockets are in CLOSE_WAIT)";
    Cure::by_hand(Invasiveness::ServerSetting, what, "ss -tnp state close-wait   # over there")
}

fn fewer_connections() -> Cure {
    let what = "hold fewer connections to this destination: bound the pool, and end what nobody uses";
    Cure::by_hand(Invasiveness::ClientSetting, what, "quintet stress URL -c FEWER").elsewhere(&elsewhere::FEWER)
}

pub(super) fn shorter_connects() -> Cure {
    let what = "give connects up sooner: each holds its port for the whole of the connect time-out (the kernel's own is over \
                two minutes)";
    Cure::by_hand(Invasiveness::ClientSetting, what, "").elsewhere(&elsewhere::CONNECT_TIMEOUT)
}

fn look_there() -> Cure {
    let what = "look why the destination does not answer: accept queue, firewall, host down";
    Cure::by_hand(Invasiveness::ServerSetting, what, "quintet doctor   # on the destination")
}

/// Against ports that are held by bind().
pub(super) fn leave_ports_to_connect() -> Cure {
    let what = "leave the choice of the port to connect(): no bind(), or bind(address, 0) with IP_BIND_ADDRESS_NO_PORT, so that \
                one port serves every destination; `ss` names the programs";
    Cure::by_hand(Invasiveness::ClientSetting, what, "ss -tanp; ss -tanpB   # B: bound only (iproute2 6.8)")
        .elsewhere(&elsewhere::NO_PORT)
}

pub(super) fn more_addresses() -> Cure {
    Cure::by_hand(
        Invasiveness::Topology,
        "use more source addresses (bind with IP_BIND_ADDRESS_NO_PORT) or more destination addresses or ports: each pair \
         brings the whole range again",
        "quintet stress URL --source-ip ADDRESS,ADDRESS",
    )
    .elsewhere(&elsewhere::ADDRESSES)
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
    let side = match to.remote.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("'[{address}]'"),
    };
    Cure::by_hand(
        Invasiveness::Emergency,
        "delete the TIME_WAIT entries at once (SOCK_DESTROY, as root): stray segments may then hit new connections",
        format!("ss -K state time-wait dst {side} dport = {}", to.remote.port()),
    )
}

pub(super) fn timestamps_on() -> Cure {
    Cure::sysctl("switch timestamps on", "net.ipv4.tcp_timestamps", "1")
}
