//! The way to a probed target: reachable, how fast, with which options.

use super::cures;
use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};
use crate::target::{Failed, Probe, ReuseTry, Speaks, TargetFacts};

/// A connect slower than this is worth a word, in us.
const SLOW_CONNECT_US: u64 = 200_000;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "target.unreachable",
        title: "the target cannot be probed",
        story: "No connection could be opened to the target, or it answered none of the requests with HTTP. What the kernel said is in \
the evidence: \"refused\" means that nothing listens there, \"timed out\" that nothing answers at all (a firewall, a wrong \
address, a full accept queue). What keeps connections from leaving this host is another finding, target.no-way-from-here.",
        wrong_cures: &[],
        look: unreachable,
    },
    Rule {
        id: "target.no-way-from-here",
        title: "no connection to the target leaves this host",
        story: "connect() failed at once and on this host: it has no free port towards the target (EADDRNOTAVAIL), no route \
(ENETUNREACH, EHOSTUNREACH), a route of type blackhole (EINVAL) or prohibit (EACCES), a firewall that forbids it (EPERM), or no \
file descriptor (EMFILE). The target has not seen a packet: nothing is to be looked for there. `ip route get` tells the way \
that the kernel would take.",
        wrong_cures: &[],
        look: no_way_from_here,
    },
    Rule {
        id: "target.dead-address",
        title: "an address of the target's name does not answer",
        story: "The name has several addresses, and not all of them take connections. Clients try them one after another or at random: \
some get an error or a delay (of a whole connect time-out where nothing answers), others nothing. A usual case is localhost \
with ::1 first, where the server listens on 127.0.0.1 only. The probes went to the first that answered.",
        wrong_cures: &[],
        look: dead_address,
    },
    Rule {
        id: "target.speaks-other",
        title: "the port does not speak plain HTTP",
        story: "The first bytes that came from there belong to another protocol, or a TLS hello was answered as TLS does. Plain HTTP to a \
TLS port ends in an alert, a close, or a 400 that says so; https is not probed. The rest of the probes says nothing \
about such a port.",
        wrong_cures: &[],
        look: speaks_other,
    },
    Rule {
        id: "target.errors",
        title: "the target answers with errors",
        story: "Every kind of probe asked for the URL as a browser would. 502, 503 and 504 are a balancer's own words: it has no server \
that answers, none that is free, or none that answers in time; 500 is the server's. How such a target closes connections is \
seen all the same, but a stress test of it measures the errors. 4xx speak of the path: name one that is served.",
        wrong_cures: &[],
        look: errors,
    },
    Rule {
        id: "target.syn-retransmits",
        title: "SYNs to the target had to be sent again",
        story: "Of the few connects of the probe, some needed more than one SYN: each costs at least a second. Under load this becomes \
the rule. Look at the target's accept queue (ListenOverflows), at loss, and at 5-tuples that a NAT re-uses while the target \
holds them in TIME_WAIT.",
        wrong_cures: &[&beliefs::BACKLOG_ONLY],
        look: syn_retransmits,
    },
    Rule {
        id: "target.slow-connect",
        title: "connects to the target are slow",
        story: "The median time of connect() is the round trip to whoever answers the SYN, usually the balancer itself. Where it is \
long, one connection per request costs that much on every request: keep connections. Measured on a handful of connects, \
without any load.",
        wrong_cures: &[],
        look: slow_connect,
    },
    Rule {
        id: "target.no-timestamps",
        title: "the target does not negotiate timestamps: ports that this side closes cannot be re-used for 60 s",
        story: "Our SYN offered timestamps, the SYN-ACK came without. A client's TIME_WAIT can then not be taken over, neither by \
tcp_tw_reuse=1 nor by explicit bind + SO_REUSEADDR (tcp_twsk_unique()): who closes first towards this target has ports / 60 s \
connections per second. It also means: no PAWS, and SYN cookies without window scale and SACK. It does not protect the \
target from re-used 5-tuples: the sequence-number test that is left fails for about half of them.",
        wrong_cures: &[&beliefs::REUSE_WITHOUT_TIMESTAMPS, &beliefs::TIMESTAMPS_OFF],
        look: no_timestamps,
    },
    Rule {
        id: "target.not-reusable",
        title: "a port in TIME_WAIT towards the target could not be used again",
        story: "The probe closed a connection first and connected again from the same address and port (bind + SO_REUSEADDR). It did \
not work at once, although timestamps were negotiated: another rule on the way (a firewall, a NAT, a middlebox that keeps \
state) stands against it. A stress test that relies on its own port allocator would stall.",
        wrong_cures: &[&beliefs::REUSE_WITHOUT_TIMESTAMPS],
        look: not_reusable,
    },
    Rule {
        id: "target.reopen-delayed",
        title: "a 5-tuple that the target closed first cannot be opened again at once",
        story: "After the target had closed first, the probe connected again from the same address and port. The target holds that \
5-tuple in TIME_WAIT and should reopen it for a newer timestamp or sequence number (RFC 9293 3.6.1, RFC 6191). Here a SYN had \
to be repeated or the connect failed: clients behind a NAT, which re-uses 5-tuples, will be delayed too. tcp_rfc1337=1, a \
filter that drops resets, or a kernel before 5.7 make it worse.",
        wrong_cures: &[&beliefs::RFC1337, &beliefs::TIMESTAMPS_OFF, &beliefs::ALWAYS_REFUSED],
        look: reopen_delayed,
    },
];

pub(super) fn reached<'a>(case: &Case<'a>) -> Option<&'a TargetFacts> {
    case.target.filter(|target| target.is_reached())
}

fn unreachable(case: &Case<'_>) -> Option<Found> {
    let target = case.target.filter(|target| !is_here(target) && target.speaks.is_none())?;
    let why = target.unreachable.as_ref()?;
    let (what, command) = match target.failed {
        Some(Failed::Refused) => ("start the service there, or correct the port", "ss -ltn   # over there"),
        Some(Failed::Silent) => (
            "look why nothing answers: address, firewall, host down, accept queue full",
            "quintet doctor   # over there",
        ),
        _ => ("check address, port and the service there", ""),
    };
    let evidence = format!("{}: {why}", target.url);
    Some(Found::new(Severity::Error, evidence).cure(Cure::by_hand(Invasiveness::ServerSetting, what, command)))
}

fn is_here(target: &TargetFacts) -> bool {
    target.failed.is_some_and(Failed::is_here)
}

fn no_way_from_here(case: &Case<'_>) -> Option<Found> {
    let target = case.target.filter(|target| is_here(target))?;
    let why = target.unreachable.as_ref()?;
    let found = Found::new(Severity::Error, format!("{}: {why}", target.url));
    let address = target.address.map_or_else(|| "ADDRESS".to_owned(), |address| address.ip().to_string());
    let route = |what: &str| Cure::by_hand(Invasiveness::HostSetting, what, format!("ip route get {address}"));
    Some(match target.failed {
        Some(Failed::NoPortHere) => found.cures(port_cures(case, target)),
        Some(Failed::ShortHere) => {
            let what = "raise the limit of open files, or end what holds them";
            found.cure(Cure::by_hand(Invasiveness::HostSetting, what, "ulimit -n 65536"))
        }
        Some(Failed::BlackholeHere) => {
            found.cure(route("delete the blackhole route of this host, or add a better one"))
        }
        Some(Failed::ForbiddenHere) => found
            .cure(route("look for a route of type prohibit, and for a firewall of this host that forbids it"))
            .cure(Cure::by_hand(
                Invasiveness::HostSetting,
                "the firewall's rules",
                "nft list ruleset; iptables -S OUTPUT",
            )),
        _ => found.cure(route("give this host a route there (or set the interface up)")),
    })
}

/// Where the ports towards the target are known to be taken, by whom they are; else nobody knows.
fn port_cures(case: &Case<'_>, target: &TargetFacts) -> Vec<Cure> {
    let towards = case.host.sockets.destinations.iter().find(|to| Some(to.remote) == target.address);
    let full = towards.filter(|to| to.taken() * 2 >= u64::from(case.host.capacity()));
    full.map_or_else(|| vec![cures::leave_ports_to_connect()], |to| cures::for_destination(case.host, to))
}

fn dead_address(case: &Case<'_>) -> Option<Found> {
    let target = case.target.filter(|target| !target.dead.is_empty() && target.unreachable.is_none())?;
    let dead: Vec<String> = target.dead.iter().map(|(address, why)| format!("{address}: {why}")).collect();
    let alive = target.address.map_or_else(String::new, |address| format!("; {address} answers"));
    let what = "listen on every address of the name, or take the dead one out of it (DNS, /etc/hosts); clients meanwhile name \
                the live address";
    let found = Found::new(Severity::Warning, format!("{}{alive}", dead.join("; ")));
    Some(found.cure(Cure::by_hand(Invasiveness::ServerSetting, what, "getent ahosts NAME; ss -ltn   # over there")))
}

fn speaks_other(case: &Case<'_>) -> Option<Found> {
    let target = case.target?;
    let speaks = target.speaks?;
    let what = match speaks {
        Speaks::Tls => "probe a port of plain HTTP: in front of the TLS terminator, or behind it",
        Speaks::Http2 => "probe a port that speaks HTTP/1.1: HTTP/2 without TLS is not probed",
        _ => "correct the port: another service listens there",
    };
    let evidence = format!("{}: it speaks {speaks}", target.url);
    Some(Found::new(Severity::Error, evidence).cure(Cure::by_hand(Invasiveness::ClientSetting, what, "")))
}

/// The probes that ask as a browser does.
const PLAIN: [Probe; 3] = [Probe::ConnectionClose, Probe::Http10, Probe::Idle];

fn errors(case: &Case<'_>) -> Option<Found> {
    let target = reached(case).filter(|target| target.speaks.is_none())?;
    let statuses: Vec<(Probe, u16)> =
        PLAIN.into_iter().filter_map(|probe| Some((probe, target.closing(probe)?.status?))).collect();
    let bad: Vec<&(Probe, u16)> = statuses.iter().filter(|(_, status)| *status >= 400).collect();
    let (_, worst) = bad.iter().max_by_key(|(_, status)| *status)?;
    let severity = match worst {
        500.. if bad.len() == statuses.len() => Severity::Error,
        500.. => Severity::Warning,
        _ => Severity::Note,
    };
    let shown: Vec<String> = bad.iter().map(|(probe, status)| format!("{probe}: {status}")).collect();
    let (what, command) = match worst {
        502..=504 => (
            "give the balancer a server that answers: see its log, and ask the server itself",
            "curl -i http://SERVER:PORT/",
        ),
        500.. => ("see the server's log", ""),
        401 | 403 | 407 => ("name a path that needs no permission", ""),
        _ => ("name a path that is served", ""),
    };
    let evidence = format!("{} of {} probes: {}", bad.len(), statuses.len(), shown.join(", "));
    Some(Found::new(severity, evidence).cure(Cure::by_hand(Invasiveness::ServerSetting, what, command)))
}

fn syn_retransmits(case: &Case<'_>) -> Option<Found> {
    let handshake = reached(case)?.handshake;
    let longest_us = handshake.connect_us_max?;
    (handshake.syn_retransmits > 0).then(|| {
        let evidence = format!(
            "{} SYNs sent again in {} connects; longest connect {} ms",
            handshake.syn_retransmits,
            handshake.connects,
            longest_us / 1000
        );
        let what = "look for ListenOverflows, loss and filters at the target";
        Found::new(Severity::Warning, evidence).cure(cures::keep_alive()).cure(Cure::by_hand(
            Invasiveness::ServerSetting,
            what,
            "quintet doctor   # on the target",
        ))
    })
}

fn slow_connect(case: &Case<'_>) -> Option<Found> {
    let handshake = reached(case)?.handshake;
    let median_us = handshake.connect_us_median.filter(|us| *us >= SLOW_CONNECT_US);
    median_us.map(|us| {
        let evidence = format!("median {} ms of {} connects", us / 1000, handshake.connects);
        Found::new(Severity::Note, evidence).cure(cures::keep_alive())
    })
}

fn no_timestamps(case: &Case<'_>) -> Option<Found> {
    let target = reached(case)?;
    (!target.handshake.timestamps && case.host.timestamps()).then(|| {
        let sack = if target.handshake.sack { "SACK yes" } else { "SACK no" };
        let scale = if target.handshake.window_scale.is_some() { "window scale yes" } else { "window scale no" };
        let what = "switch timestamps on at the target";
        Found::new(Severity::Warning, format!("TCP_INFO: timestamps no, {sack}, {scale}"))
            .cures([cures::server_closes(), cures::keep_alive(), cures::reset()])
            .cure(Cure::by_hand(
                Invasiveness::ServerSetting,
                what,
                "sysctl -w net.ipv4.tcp_timestamps=1   # on the target",
            ))
    })
}

fn tried(what: ReuseTry) -> String {
    match what {
        ReuseTry::Connected { connect_us, syn_retransmits } => {
            format!("connected after {:.1} ms, {syn_retransmits} SYNs sent again", connect_us as f64 / 1000.0)
        }
        ReuseTry::Refused { errno } => format!("failed: {}", ports::Fault::from_errno(errno)),
        ReuseTry::TimedOut => "no answer in time".to_owned(),
    }
}

fn not_reusable(case: &Case<'_>) -> Option<Found> {
    let target = reached(case)?;
    let seen = target.after_our_close.filter(|seen| !seen.worked_at_once() && target.handshake.timestamps)?;
    let evidence = format!("after our own close, same 5-tuple: {}", tried(seen));
    let found = Found::new(Severity::Warning, evidence).certainty(Certainty::Measured);
    Some(found.cures([cures::server_closes(), cures::keep_alive(), cures::reset()]))
}

fn reopen_delayed(case: &Case<'_>) -> Option<Found> {
    let seen = reached(case)?.after_server_close.filter(|seen| !seen.worked_at_once())?;
    let evidence = format!("after the target's close, same 5-tuple: {}", tried(seen));
    let what = "let TIME_WAIT take resets at the target, and let resets through the firewall";
    let there = Cure::by_hand(Invasiveness::ServerSetting, what, "sysctl -w net.ipv4.tcp_rfc1337=0   # on the target");
    Some(Found::new(Severity::Warning, evidence).cure(cures::keep_alive()).cure(there))
}
