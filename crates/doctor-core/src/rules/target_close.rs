//! How a probed target ends connections.

use super::cures;
use super::elsewhere;
use super::target_path::reached;
use crate::beliefs;
use crate::finding::{Certainty, Cure, Invasiveness, Severity};
use crate::rule::{Case, Found, Rule};
use crate::target::{ClosedBy, Closing, Probe, Response};

/// An idle connection closed by then races with the next request of nearly every pool.
const IDLE_SHORT_MS: u64 = 10_000;
/// Pools keep connections for 60 to 90 s (balancers of clouds, Go): who closes by then is first at times.
const IDLE_USUAL_MS: u64 = 75_000;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "target.waits-for-client",
        title: "the target does not close when asked to: TIME_WAIT and its port stay with the client",
        story: "The request said `Connection: close`, the response was whole, and the target waited for us to close. Who sends FIN \
first keeps TIME_WAIT: every client spends a port for 60 s on each connection, about 455 connections per second to one \
destination. RFC 9112 9.6 wants the server to close after the response. HAProxy does so with `option httpclose`, nginx \
always, quintet with close = \"balancer-first\".",
        wrong_cures: &[&beliefs::HEADER_ALONE, &beliefs::FIN_TIMEOUT, &beliefs::REUSE_ON_SERVERS],
        look: waits_for_client,
    },
    Rule {
        id: "target.loses-data",
        title: "the target resets connections before the response is through: data is lost",
        story: "close() with unread bytes in the receive buffer sends a reset instead of a FIN (RFC 9293 3.10.4; counter \
TCPAbortOnClose), and a reset makes the client's kernel throw away what it had received but not yet handed out. It happens \
where a server answers early and closes while the request's body, or pipelined requests, still arrive. It has to stop \
sending first (shutdown), then drain for a while: \"lingering close\" (RFC 9112 9.6).",
        wrong_cures: &[&beliefs::RESET_EVERYWHERE],
        look: loses_data,
    },
    Rule {
        id: "target.resets",
        title: "the target ends connections by reset",
        story: "The whole response came, then a reset instead of a FIN, or behind it: no TIME_WAIT on either side, no port spent. It \
is safe only where everything had been acknowledged; a client that reads slowly, or whose system drops what it has received \
when a reset comes, may lose the tail. A reset behind the FIN means that the target closed while bytes were still on their \
way to it, without draining them (RFC 9112 9.6). HAProxy does it towards servers, quintet \
with close = \"reset-when-safe\".",
        wrong_cures: &[&beliefs::RESET_EVERYWHERE],
        look: resets,
    },
    Rule {
        id: "target.no-keep-alive",
        title: "the target closes after one request: keep-alive does not work",
        story: "HTTP/1.1 keeps a connection unless somebody says close (RFC 9112 9.3). Here the target closed although the request did \
not ask for it: every request needs a new connection. A connection pool in front of such a server is configured in vain. \
Often a keep-alive setting of 0, or HTTP/1.0 spoken by the server behind.",
        wrong_cures: &[],
        look: no_keep_alive,
    },
    Rule {
        id: "target.few-requests",
        title: "the target closes kept connections after few requests",
        story: "A low limit of requests per connection (nginx: keepalive_requests, 100 before 1.19.10; Apache: MaxKeepAliveRequests) turns \
keep-alive traffic into short connections again, and each end may meet a request that is already on its way. Clients see \
resets or have to repeat.",
        wrong_cures: &[],
        look: few_requests,
    },
    Rule {
        id: "target.idle-short",
        title: "the target closes idle connections sooner than many clients do",
        story: "A client that sends its next request just when the target closes gets a reset and must know whether a repeat is safe. \
The shorter the idle time-out, the more often. A pool in front of the target has to retire connections just before that \
time, or the target has to keep them longer than its clients. (node: 5 s by default, Apache: KeepAliveTimeout, 5 s; nginx: \
keepalive_timeout, 75 s.) Measured by waiting, `--patience` for how long, or read off its Keep-Alive field.",
        wrong_cures: &[],
        look: idle_short,
    },
];

fn ends<'a>(case: &'a Case<'_>, fits: impl Fn(&Closing) -> bool + 'a) -> Vec<(Probe, Closing)> {
    let all = reached(case).map(|target| target.closings.as_slice()).unwrap_or_default();
    all.iter().filter(|(_, closing)| fits(closing)).copied().collect()
}

fn named(ends: &[(Probe, Closing)]) -> String {
    let one = |(probe, closing): &(Probe, Closing)| {
        let behind = if closing.then_reset { ", a reset behind it" } else { "" };
        format!("{}: {}{behind}, response {}", probe.name(), closing.by.name(), closing.response.name())
    };
    ends.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn waits_for_client(case: &Case<'_>) -> Option<Found> {
    let target = reached(case)?;
    let waits = |(probe, closing): &&(Probe, Closing)| {
        matches!(probe, Probe::ConnectionClose | Probe::Http10) && closing.by == ClosedBy::ClientFin
    };
    let waiting: Vec<_> = target.closings.iter().filter(waits).copied().collect();
    waiting.iter().find(|(probe, _)| *probe == Probe::ConnectionClose)?;
    // Ports can still be taken over at once where timestamps allow it: costly, but not a dead end.
    let severity = if target.is_reusable_at_once() { Severity::Warning } else { Severity::Error };
    let what = "let the target close first when asked to";
    let there = Cure::by_hand(Invasiveness::ServerSetting, what, "close = \"balancer-first\"   # quintet serve")
        .elsewhere(&elsewhere::CLOSE_FIRST);
    let found = Found::new(severity, named(&waiting)).cure(cures::keep_alive()).cure(cures::reset()).cure(there);
    Some(if target.is_reusable_at_once() { found.cures(cures::own_ports(case.host)) } else { found })
}

fn loses_data(case: &Case<'_>) -> Option<Found> {
    let lost = ends(case, |closing| closing.by == ClosedBy::Rst && closing.response != Response::Whole);
    lost.first()?;
    let what = "make the target drain before it closes";
    let there = Cure::by_hand(Invasiveness::ServerSetting, what, "").elsewhere(&elsewhere::DRAIN);
    // A reset for what is no HTTP is rude, but nobody loses an answer that matters.
    let only_nonsense = lost.iter().all(|(probe, _)| *probe == Probe::Error);
    let severity = if only_nonsense { Severity::Note } else { Severity::Error };
    Some(Found::new(severity, named(&lost)).cure(there))
}

fn resets(case: &Case<'_>) -> Option<Found> {
    let by_reset = |closing: &Closing| closing.by == ClosedBy::Rst || closing.then_reset;
    let ended = ends(case, |closing| by_reset(closing) && closing.response == Response::Whole);
    ended.first()?;
    let risky = ended.iter().any(|(probe, _)| matches!(probe, Probe::Pipelined | Probe::Upload));
    let severity = if risky { Severity::Warning } else { Severity::Note };
    let certainty = if risky { Certainty::Likely } else { Certainty::Measured };
    let what = "close by FIN, and drain where bytes may still arrive";
    let found = Found::new(severity, named(&ended)).certainty(certainty);
    Some(found.cure(Cure::by_hand(Invasiveness::ServerSetting, what, "close = \"balancer-first\"   # quintet serve")))
}

fn no_keep_alive(case: &Case<'_>) -> Option<Found> {
    let kept = &reached(case)?.keep_alive;
    (kept.asked > 1 && kept.served == 1).then(|| {
        let what = "switch keep-alive on at the target";
        let evidence = format!("{} of {} requests served on one connection", kept.served, kept.asked);
        let there = Cure::by_hand(Invasiveness::ServerSetting, what, "").elsewhere(&elsewhere::KEEP_THERE);
        Found::new(Severity::Warning, evidence).cure(there)
    })
}

fn few_requests(case: &Case<'_>) -> Option<Found> {
    let kept = &reached(case)?.keep_alive;
    (kept.served > 1 && kept.served < kept.asked).then(|| {
        let said = kept.announced.as_ref().map(|said| format!("; it said Keep-Alive: {said}")).unwrap_or_default();
        let evidence = format!("{} of {} requests served on one connection{said}", kept.served, kept.asked);
        let what = "allow more requests per connection at the target";
        let there = Cure::by_hand(Invasiveness::ServerSetting, what, "").elsewhere(&elsewhere::KEEP_THERE);
        Found::new(Severity::Note, evidence).cure(there)
    })
}

fn idle_short(case: &Case<'_>) -> Option<Found> {
    let target = reached(case)?;
    let idle = target.closing(Probe::Idle).filter(|idle| matches!(idle.by, ClosedBy::ServerFin | ClosedBy::Rst));
    // One that closes after every answer has no idle time; that is another finding.
    let idle = idle.filter(|_| target.keep_alive.served != 1);
    let announced_ms = target.keep_alive.announced_s().map(|seconds| seconds * 1000);
    let shortest_ms = idle.map(|idle| idle.after_ms).into_iter().chain(announced_ms).min()?;
    (shortest_ms <= IDLE_USUAL_MS).then(|| {
        let seen = idle.map(|idle| format!("an idle connection was closed after {} ms ({})", idle.after_ms, idle.by));
        let said = target.keep_alive.announced.as_ref().map(|said| format!("it says Keep-Alive: {said}"));
        let evidence: Vec<String> = seen.into_iter().chain(said.filter(|_| announced_ms.is_some())).collect();
        let severity = if shortest_ms <= IDLE_SHORT_MS { Severity::Warning } else { Severity::Note };
        let sooner = "retire idle connections at the client a little before the target does";
        let longer = "keep idle connections longer at the target than its clients do";
        Found::new(severity, evidence.join("; "))
            .cure(Cure::by_hand(Invasiveness::ClientSetting, sooner, "").elsewhere(&elsewhere::REST_SHORTER))
            .cure(Cure::by_hand(Invasiveness::ServerSetting, longer, "").elsewhere(&elsewhere::REST_LONGER))
    })
}
