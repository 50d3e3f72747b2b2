//! What a running balancer tells of its ports, its pools and its servers.

use super::elsewhere;
use crate::balancer::{BalancerFacts, PortUse, ServerUse, SetUse, Standing};
use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};

/// Connections that have to be closed before they say something of a server.
const CLOSED_MIN: u64 = 100;
/// Connections that have to be cut in the middle of a request.
const ABORTED_MIN: u64 = 10;
/// Destinations or servers named in one piece of evidence.
const NAMED_MAX: usize = 3;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "balancer.ports-gone",
        title: "the balancer has no port left towards a server",
        story: "Between one address of the balancer and one server there are as many connections as ports to choose from. Each that \
the balancer closes first by FIN keeps its port for 60 s in TIME_WAIT. When all are taken connect() fails with \
EADDRNOTAVAIL: requests wait for a port, then get a 503 that says so. The server is not at fault, and quintet does not mark it down. \
The figures are the kernel's, of the host that the balancer runs on; other programs' connections there are among them.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT, &beliefs::BUCKETS, &beliefs::PORTS_IN_TOTAL],
        look: ports_gone,
    },
    Rule {
        id: "balancer.ports-going",
        title: "the balancer opens connections faster than its ports pay for",
        story: "A port in TIME_WAIT is lost for 60 to 62 s, so n ports towards one server carry n / 62 connections per second \
(28,232 ports: 455) when the balancer closes first. Here more are opened, and the time is what remains until the last port is \
taken at this rate.",
        wrong_cures: &[&beliefs::FIN_TIMEOUT, &beliefs::BUCKETS, &beliefs::PORTS_IN_TOTAL],
        look: ports_going,
    },
    Rule {
        id: "balancer.time-wait",
        title: "more than half of the balancer's ports towards a server are in TIME_WAIT",
        story: "Nothing fails yet, but connect() looks at the ports of one parity first, and finds none: from half of the ports on it \
takes up to a millisecond of CPU time instead of 20 us. It also says that connections are not kept: a pool that works leaves few \
TIME_WAITs. Kernel: __inet_hash_connect().",
        wrong_cures: &[&beliefs::FIN_TIMEOUT],
        look: time_wait,
    },
    Rule {
        id: "balancer.inert-pool",
        title: "a connection pool is configured, and its connections are never used again",
        story: "The set keeps connections (`idle_max` of its pool), yet fewer than one request of a hundred uses one: each request \
pays for a handshake and a port. Most often the server answers `Connection: close` or speaks HTTP/1.0, or it closes what is idle \
after a second or two. The reason is what most of the closed connections were closed for, by the balancer's own count.",
        wrong_cures: &[&beliefs::HEADER_ALONE],
        look: inert_pool,
    },
    Rule {
        id: "balancer.server-closes-early",
        title: "a server closes kept connections before the balancer does",
        story: "Most connections to it ended because the server closed them between two requests. A request that is sent at that \
moment is lost: what may be repeated is (retries count it), a POST is not. The balancer retires connections a little before \
the time after which it has seen a server close; a server that closes after a changing time defeats that. The longer one has to \
be the server's.",
        wrong_cures: &[],
        look: server_closes_early,
    },
    Rule {
        id: "balancer.server-aborts",
        title: "a server closes connections in the middle of requests",
        story: "More than one of a hundred requests met a connection that the server ended before its answer was whole: it crashes, is \
restarted without a drain, runs into a time-out or a limit of its own, or closes a kept connection just as the request arrives. \
What may be repeated was sent again.",
        wrong_cures: &[],
        look: server_aborts,
    },
    Rule {
        id: "balancer.connects-fail-here",
        title: "connects to servers failed for want of something at the balancer",
        story: "A local port, a file descriptor or memory was missing when a connection was to be opened. That is a shortage of the \
balancer's host and no failure of the server, which is why it is counted apart, and no server is set aside for it.",
        wrong_cures: &[],
        look: fails_here,
    },
    Rule {
        id: "balancer.servers-out",
        title: "servers are not asked",
        story: "A server is down when its checks fail, and set aside for a growing while when requests fail at it. Where none of a \
set is left, its requests are answered with 503.",
        wrong_cures: &[],
        look: servers_out,
    },
    Rule {
        id: "balancer.files-near",
        title: "the balancer has nearly as many files open as it may",
        story: "Each connection is a file, a request through a balancer two. When RLIMIT_NOFILE is reached accept() and connect() \
fail with EMFILE. The balancer raises its soft limit to the hard one at its start, and bounds its listeners by it.",
        wrong_cures: &[],
        look: files_near,
    },
];

fn asked<'a>(case: &Case<'a>) -> Option<&'a BalancerFacts> {
    case.balancer
}

/// The first few, one behind the other; `None` where there are none.
fn listed(all: Vec<String>) -> Option<String> {
    let left_out = all.len().saturating_sub(NAMED_MAX);
    let mut shown: Vec<String> = all.into_iter().take(NAMED_MAX).collect();
    if left_out > 0 {
        shown.push(format!("and {left_out} more"));
    }
    (!shown.is_empty()).then(|| shown.join("; "))
}

fn is_gone(port: &PortUse) -> bool {
    port.ports > 0 && port.free * 50 < u64::from(port.ports)
}

fn port_in_words(port: &PortUse) -> String {
    format!(
        "{} to {}: {} of {} ports taken, {} of them in TIME_WAIT; {:.0} connections per second, {:.0} are paid for",
        port.source,
        port.destination,
        port.taken(),
        port.ports,
        port.time_wait,
        port.rate_per_s,
        port.rate_per_s_max
    )
}

fn ports_that(case: &Case<'_>, fits: impl Fn(&PortUse) -> bool) -> Option<String> {
    listed(asked(case)?.ports.iter().filter(|port| fits(port)).map(port_in_words).collect())
}

/// Ways out of too few ports, in the words of its configuration.
fn port_cures() -> [Cure; 4] {
    let ours = |what: &str, command: &str| Cure::by_hand(Invasiveness::ClientSetting, what, command);
    [
        ours(
            "keep connections: more room in the pool of the set, and servers that keep them, too",
            "[backend_set.pool] idle_max = 1000",
        ),
        ours(
            "let the balancer choose ports, the longest at rest first: TIME_WAIT is taken over where timestamps are on",
            "[[backend_set]] ports = \"own\"",
        ),
        ours(
            "retire connections by reset where nothing can be lost: no TIME_WAIT is left",
            "[backend_set.pool] close = \"reset-when-safe\"",
        ),
        Cure::by_hand(
            Invasiveness::Topology,
            "more source addresses: each brings all ports again",
            "[[backend_set]] sources = [\"10.0.0.2\", \"10.0.0.3\"]",
        ),
    ]
}

fn ports_gone(case: &Case<'_>) -> Option<Found> {
    Some(Found::new(Severity::Error, ports_that(case, is_gone)?).cures(port_cures()))
}

fn ports_going(case: &Case<'_>) -> Option<Found> {
    let soon = |port: &&PortUse| !is_gone(port) && port.exhausted_in_s.is_some();
    let ahead = asked(case)?.ports.iter().filter(soon);
    let words =
        ahead.map(|port| format!("{}; gone in {:.0} s", port_in_words(port), port.exhausted_in_s.unwrap_or_default()));
    let found = Found::new(Severity::Warning, listed(words.collect())?).certainty(Certainty::Derived);
    Some(found.cures(port_cures()))
}

fn time_wait(case: &Case<'_>) -> Option<Found> {
    let half =
        |port: &PortUse| !is_gone(port) && port.exhausted_in_s.is_none() && port.time_wait * 2 > u64::from(port.ports);
    Some(Found::new(Severity::Warning, ports_that(case, half)?).cures(port_cures()))
}

fn inert_pool(case: &Case<'_>) -> Option<Found> {
    let inert =
        || asked(case).into_iter().flat_map(|told| &told.sets).filter_map(|set| Some((set, set.inert_pool.as_ref()?)));
    let words = inert().map(|(set, pool)| {
        let why = pool.why.as_deref().map_or("nobody knows why", why_in_words);
        format!("set {}: none of {} connections was used again: {why}", set.name, pool.opened)
    });
    let evidence = listed(words.collect())?;
    let has = |reason: &str| inert().any(|(_, pool)| pool.why.as_deref() == Some(reason));
    let mut found = Found::new(Severity::Warning, evidence);
    if has("exchange_over") {
        let what = "let the servers keep connections: HTTP/1.1, and no Connection: close";
        found = found.cure(Cure::by_hand(Invasiveness::ServerSetting, what, "").elsewhere(&elsewhere::KEEP_THERE));
    }
    if has("peer_left") {
        found = found.cure(kept_longer());
    }
    if has("pool_retired") {
        let what = "give the pool room, and time";
        let command = "[backend_set.pool] idle_max = 1000, idle_timeout = \"50s\"";
        found = found.cure(Cure::by_hand(Invasiveness::ClientSetting, what, command));
    }
    Some(found)
}

/// By the balancer's name of the reason.
fn why_in_words(reason: &str) -> &str {
    match reason {
        "exchange_over" => "the servers answer Connection: close, or HTTP/1.0",
        "peer_left" => "the servers close them as soon as they are idle",
        "pool_retired" => "the pool has no room, or keeps them too shortly",
        "timed_out" => "requests time out",
        "other_side_failed" => "clients leave before they are answered",
        other => other,
    }
}

fn kept_longer() -> Cure {
    let what = "keep idle connections longer at the server than the pool of the set does (its idle_timeout, 50 s)";
    Cure::by_hand(Invasiveness::ServerSetting, what, "").elsewhere(&elsewhere::REST_LONGER)
}

/// What is to be said of servers, each under its set.
fn servers_that(case: &Case<'_>, words: impl Fn(&SetUse, &ServerUse) -> Option<String>) -> Option<String> {
    let told = asked(case)?.servers().filter_map(|(set, server)| {
        words(set, server).map(|words| format!("{}/{}: {words}", set.name, server.address))
    });
    listed(told.collect())
}

fn server_closes_early(case: &Case<'_>) -> Option<Found> {
    let evidence = servers_that(case, |set, server| {
        // A pool that is inert for that is told as such.
        let early = set.inert_pool.is_none() && server.closed >= CLOSED_MIN && server.left * 2 > server.closed;
        early.then(|| {
            format!("{} of {} closed connections were ended there while they were idle", server.left, server.closed)
        })
    })?;
    let sooner = "retire idle connections a little before the server does";
    let sooner = Cure::by_hand(Invasiveness::ClientSetting, sooner, "[backend_set.pool] idle_timeout = \"4s\"");
    Some(Found::new(Severity::Warning, evidence).cure(sooner).cure(kept_longer()))
}

fn server_aborts(case: &Case<'_>) -> Option<Found> {
    let evidence = servers_that(case, |_, server| {
        let requests = server.opened + server.reused;
        (server.aborted >= ABORTED_MIN && server.aborted * 100 > requests)
            .then(|| format!("{} of about {requests} requests met a connection that was ended there", server.aborted))
    })?;
    let what = "look there: crashes and restarts without a drain, its time-outs and limits";
    let there = Cure::by_hand(Invasiveness::ServerSetting, what, "");
    Some(Found::new(Severity::Warning, evidence).certainty(Certainty::Likely).cure(there))
}

fn fails_here(case: &Case<'_>) -> Option<Found> {
    let evidence = servers_that(case, |_, server| {
        (server.failed_here > 0).then(|| format!("{} connects since its start", server.failed_here))
    })?;
    Some(Found::new(Severity::Warning, evidence).cures(port_cures()))
}

fn servers_out(case: &Case<'_>) -> Option<Found> {
    let is_out = |server: &ServerUse| matches!(server.standing, Standing::Aside | Standing::Down);
    let evidence = servers_that(case, |_, server| is_out(server).then(|| server.standing.name().to_owned()))?;
    let nobody = asked(case)?.sets.iter().any(|set| set.servers.iter().all(is_out) && !set.servers.is_empty());
    let severity = if nobody { Severity::Error } else { Severity::Warning };
    let look = Cure::by_hand(
        Invasiveness::ServerSetting,
        "see why: its checks and the lines of failed requests name the reason",
        "quintet ctl events",
    );
    Some(Found::new(severity, evidence).cure(look))
}

fn files_near(case: &Case<'_>) -> Option<Found> {
    let told = asked(case)?;
    (told.files_max > 0 && told.open_files * 10 >= told.files_max * 9).then(|| {
        let evidence = format!("{} of {} files are open", told.open_files, told.files_max);
        let what = "let it have more (its unit, or the shell it is started from)";
        let command = "LimitNOFILE=1048576   # or ulimit -n";
        Found::new(Severity::Warning, evidence).cure(Cure::by_hand(Invasiveness::HostSetting, what, command))
    })
}
