//! The language of the tables: what happens, in a word each, and the orders it leads to, as words.

use balancer_core::exchange::{
    AttemptOrder, DownOrder, Exchange, Fact, HeadPlan, Opening, Reply, ResponseFacts, Said, Scene, ServerOrder, Step,
    Then, Took, UpOrder,
};
use balancer_core::statuses::Statuses;
use balancer_core::{ClientClose, ClientTimeouts, Failure, PaceRules, ServerTimeouts};
use http::Version;
use ports::{Fault, FaultKind};
use std::sync::LazyLock;
use std::time::Duration;

/// What happens, in words short enough for a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum In {
    /// The attempt found a pooled connection, or is connecting, to that server.
    Pooled(u32),
    /// The same, and the request went out at once.
    AtOnce(u32),
    Connecting(u32),
    /// Another server is tried after a second.
    Hurrying(u32),
    Connected,
    Refused(u32),
    NoPort(u32),
    /// The handshake was given up.
    TimedOut(u32),
    /// There is no other server.
    Nobody,
    /// The budget does not pay for the repetition.
    Spent,
    /// As many requests of the set are under way as may be.
    SetFull,
    /// Every server has as many connections as it may; no more may wait for one.
    NoPlace,
    LineFull,
    Turn,
    Full,
    Shortage,
    /// A send to the server ended.
    Took,
    Scarce,
    Stuck,
    /// Bytes of the request: more to come, the last, the last and more behind it.
    Part,
    Last,
    LastAhead,
    BadChunk,
    Ahead,
    Fin,
    Broken,
    /// A send to the client ended.
    Sent,
    SentClosed,
    /// A response's head: status; the server keeps its connection.
    Head(u16),
    HeadClose(u16),
    HeadUntilClose(u16),
    HeadBegins,
    /// A head with this status, for which another server is asked; all of its answer came.
    Declined(u16),
    DeclinedInPart(u16),
    /// Bytes of the response: more to come, the last, the last and something behind it.
    Some,
    Whole,
    WholeLeft,
    BadBody,
    NoBuffer,
    ServerFin,
    ServerFinEndsBody,
    ServerBroken,
    /// Seconds pass, then the deadline is due.
    After(u64),
    /// What a look at a send saw: bytes not acknowledged, or nothing to be told.
    Owes(usize),
    Untold,
    Patrol,
    LastCall,
}
use In::*;

/// A whole GET of a client that wants to keep its connection.
pub(crate) const GET: Opening = Opening {
    version: Version::Http11,
    idempotent: true,
    bodiless: true,
    head_only: false,
    keep_alive: true,
    requests_left: true,
    upgrade: false,
    expects_continue: false,
    whole: true,
    ahead: false,
    eof: false,
    kept: false,
    body_len: 0,
    stream: false,
    greets: false,
};
/// A POST whose body is still to come.
pub(crate) const POST: Opening = Opening { idempotent: false, bodiless: false, whole: false, ..GET };
pub(crate) const CLOSING: Opening = Opening { keep_alive: false, ..GET };
pub(crate) const OLD: Opening = Opening { version: Version::Http10, ..CLOSING };

pub(crate) const CLIENT: ClientTimeouts = ClientTimeouts {
    idle: Duration::from_secs(60),
    head: Duration::from_secs(10),
    body: Duration::from_secs(30),
    request: Duration::from_secs(300),
    tunnel: Duration::from_secs(3600),
    close: Duration::from_secs(5),
    pace: PaceRules::NONE,
};
pub(crate) const SERVER: ServerTimeouts = ServerTimeouts {
    connect: Duration::from_secs(5),
    response: Duration::from_secs(30),
    body: Duration::from_secs(100),
};

/// How a table's scene differs from the usual.
#[derive(Clone, Copy)]
pub(crate) struct With {
    pub(crate) close: ClientClose,
    pub(crate) retries_max: u32,
    pub(crate) waits_for_restart: bool,
    pub(crate) server_errors: bool,
    pub(crate) draining: bool,
}
/// Statuses that another server is asked for.
static RETRY_ON: LazyLock<Statuses> = LazyLock::new(|| [429, 503].into_iter().collect());

pub(crate) const USUAL: With = With {
    close: ClientClose::BalancerFirst,
    retries_max: 2,
    waits_for_restart: true,
    server_errors: false,
    draining: false,
};

pub(crate) fn scene(with: With, now: Duration) -> Scene<'static> {
    Scene {
        now,
        client: &CLIENT,
        server: &SERVER,
        close: with.close,
        retries_max: with.retries_max,
        waits_for_restart: with.waits_for_restart,
        retry_on: &RETRY_ON,
        queue_timeout: Duration::from_secs(5),
        server_errors: with.server_errors,
        draining: with.draining,
    }
}

pub(crate) fn facts(event: In) -> Fact {
    match event {
        Pooled(server) => Fact::AttemptStarted { server, pooled: true, hurry: None, took: Option::None },
        AtOnce(server) => Fact::AttemptStarted {
            server,
            pooled: true,
            hurry: None,
            took: Option::Some(balancer_core::exchange::Took::All),
        },
        Connecting(server) => Fact::AttemptStarted { server, pooled: false, hurry: None, took: Option::None },
        Hurrying(server) => Fact::AttemptStarted {
            server,
            pooled: false,
            hurry: Option::Some(Duration::from_secs(1)),
            took: Option::None,
        },
        Connected => Fact::Connected,
        Refused(server) => Fact::ConnectFailed { server, fault: Fault::of(FaultKind::Refused) },
        NoPort(server) => Fact::ConnectFailed { server, fault: Fault::of(FaultKind::Ports) },
        TimedOut(server) => Fact::ConnectFailed { server, fault: Fault::of(FaultKind::TimedOut) },
        Nobody => Fact::NobodyElse,
        Spent => Fact::BudgetSpent,
        In::NoPlace => Fact::NoPlace,
        In::LineFull => Fact::LineFull,
        In::SetFull => Fact::SetFull,
        Turn => Fact::TurnCame,
        Full => Fact::QueueFull,
        Shortage => Fact::Shortage,
        In::Took => Fact::ServerTook(Took::All),
        Scarce => Fact::ServerTook(Took::AllButScarce),
        Stuck => Fact::ServerTook(Took::Broken),
        Part => Fact::RequestBytes { len: 10, whole: false, ahead: false },
        Last => Fact::RequestBytes { len: 10, whole: true, ahead: false },
        LastAhead => Fact::RequestBytes { len: 10, whole: true, ahead: true },
        BadChunk => Fact::RequestUnwanted(Failure::BadRequest(http1::Error::ChunkSize)),
        Ahead => Fact::ClientAhead,
        Fin => Fact::ClientEof,
        Broken => Fact::ClientBroken,
        Sent => Fact::ClientTook,
        SentClosed => Fact::ClientClosed { unread: false },
        HeadBegins => Fact::ResponseBegun,
        Declined(status) => Fact::ResponseDeclined { status, spent: true },
        DeclinedInPart(status) => Fact::ResponseDeclined { status, spent: false },
        Some => Fact::ResponseBytes { len: 7, whole: false, leftover: false },
        Whole => Fact::ResponseBytes { len: 7, whole: true, leftover: false },
        WholeLeft => Fact::ResponseBytes { len: 7, whole: true, leftover: true },
        BadBody => Fact::ResponseMalformed(http1::Error::ChunkSize),
        NoBuffer => Fact::ResponseShortage,
        ServerFin => Fact::ServerEof { partial: false, ends_body: false },
        ServerFinEndsBody => Fact::ServerEof { partial: false, ends_body: true },
        In::ServerBroken => Fact::ServerBroken(FaultKind::Reset),
        In::Patrol => Fact::Patrol,
        In::LastCall => Fact::LastCall,
        After(_) => Fact::Deadline,
        Owes(bytes) => Fact::Unacknowledged(Option::Some(bytes)),
        Untold => Fact::Unacknowledged(None),
        Head(_) | HeadClose(_) | HeadUntilClose(_) => unreachable!("a head is planned, not told"),
    }
}

pub(crate) fn head(event: In) -> Option<ResponseFacts> {
    let plain =
        |status| ResponseFacts { status, keep_alive: true, chunked: false, until_close: false, switch_asked: true };
    match event {
        Head(status) => Option::Some(plain(status)),
        HeadClose(status) => Option::Some(ResponseFacts { keep_alive: false, ..plain(status) }),
        HeadUntilClose(status) => Option::Some(ResponseFacts { keep_alive: false, until_close: true, ..plain(status) }),
        _ => None,
    }
}

/// Plays `events`; the orders as words, one group for each event that is answered.
pub(crate) fn play(request: Opening, with: With, events: &[In]) -> (String, Exchange) {
    let begun = Exchange::begin(request, &scene(with, Duration::ZERO));
    play_on(begun, with, events)
}

/// The same where the route answers in a server's stead.
#[track_caller]
pub(crate) fn check_reply(request: Opening, with: With, events: &[In], expect: &str) -> Exchange {
    let begun = Exchange::reply(request, Reply::Redirect, true, &scene(with, Duration::ZERO));
    let (words, exchange) = play_on(begun, with, events);
    assert_eq!(words, expect, "{events:?}");
    exchange
}

pub(crate) fn play_on((mut exchange, first): (Exchange, Step), with: With, events: &[In]) -> (String, Exchange) {
    let mut now = Duration::ZERO;
    let mut words = vec![word(&first)];
    let mut ended = first.end.is_some();
    for event in events {
        assert!(!ended, "{event:?} after the end: {}", words.join(", "));
        if let After(seconds) = event {
            now += Duration::from_secs(*seconds);
        }
        if let Option::Some(head) = head(*event) {
            match exchange.plan_head(&head, &scene(with, now)) {
                HeadPlan::Skip => words.push(word(&exchange.handle(Fact::ResponseSkipped, &scene(with, now)))),
                HeadPlan::Interim(_) => words.push(word(&exchange.handle(Fact::ResponseInterim, &scene(with, now)))),
                HeadPlan::Final(edits) => words.push(format!("{:?}", edits.connection)),
                HeadPlan::Upgrade(_) => words.push(word(&exchange.handle(Fact::Upgraded, &scene(with, now)))),
                HeadPlan::Malformed => words.push("malformed".to_owned()),
            }
            continue;
        }
        if let Declined(status) | DeclinedInPart(status) = *event
            && !exchange.asks_elsewhere(status, &scene(with, now))
        {
            words.push("as-it-is".to_owned());
            continue;
        }
        let step = exchange.handle(facts(*event), &scene(with, now));
        ended = step.end.is_some();
        let waits_for_shell = matches!(step.up, Option::Some(UpOrder::Attempt(_) | UpOrder::Repeat(_)))
            || step.server == Option::Some(ServerOrder::Abandon);
        if !ended && !waits_for_shell {
            assert_eq!(exchange.check(), Ok(()), "after {event:?} in {events:?}: {exchange:?}");
        }
        words.push(word(&step));
    }
    (words.join(", "), exchange)
}

pub(crate) fn word(step: &Step) -> String {
    let mut words = Vec::new();
    match step.server {
        Option::Some(ServerOrder::Keep { .. }) => words.push("pool".to_owned()),
        Option::Some(ServerOrder::Close(why)) => words.push(format!("drop({why:?})")),
        Option::Some(ServerOrder::Abandon) => words.push("abandon".to_owned()),
        None => {}
    }
    match step.up {
        Option::Some(UpOrder::JoinLine { first: true }) => words.push("line".to_owned()),
        Option::Some(UpOrder::JoinLine { first: false }) => words.push("line-again".to_owned()),
        Option::Some(UpOrder::Attempt(AttemptOrder::Pick { not: None })) => words.push("pick".to_owned()),
        Option::Some(
            UpOrder::Attempt(AttemptOrder::Pick { not: Option::Some(not) })
            | UpOrder::Repeat(AttemptOrder::Pick { not: Option::Some(not) }),
        ) => {
            words.push(format!("pick-not-{not}"));
        }
        Option::Some(UpOrder::Attempt(AttemptOrder::Fresh { server })) => words.push(format!("fresh-{server}")),
        Option::Some(UpOrder::Queue { first }) => words.push(if first { "queue" } else { "queue-again" }.to_owned()),
        Option::Some(UpOrder::Send) => words.push("up".to_owned()),
        Option::Some(UpOrder::Drop) => words.push("toss".to_owned()),
        Option::Some(UpOrder::LookAtAcks) => words.push("look-up".to_owned()),
        Option::Some(UpOrder::Repeat(order)) => words.push(format!("repeat {order:?}")),
        None => {}
    }
    match step.down {
        Option::Some(DownOrder::Send { close: false }) => words.push("down".to_owned()),
        Option::Some(DownOrder::Send { close: true }) => words.push("down+fin".to_owned()),
        Option::Some(DownOrder::Answer(answer)) => {
            let kept = if answer.keep { "" } else { "+close" };
            words.push(match answer.said {
                Said::Failure(failure) => format!("{}{kept}", failure.status()),
                Said::Reply(reply) => format!("{reply}{kept}"),
            });
        }
        Option::Some(DownOrder::LookAtAcks) => words.push("look-down".to_owned()),
        None => {}
    }
    words.extend(step.read_client.then(|| "read-client".to_owned()));
    words.extend(step.read_server.then(|| "read-server".to_owned()));
    words.extend(step.end.map(|then| match then {
        Then::Cut { why, reset } => format!("END cut({why:?}{})", if reset { ", reset" } else { "" }),
        Then::Close(_) => "END close".to_owned(),
        Then::CloseByFin(_) => "END fin".to_owned(),
        Then::Reset(_) => "END reset".to_owned(),
        Then::Drain(_) => "END drain".to_owned(),
        other => format!("END {}", format!("{other:?}").to_lowercase()),
    }));
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

#[track_caller]
pub(crate) fn check(request: Opening, events: &[In], expect: &str) -> Exchange {
    check_with(request, USUAL, events, expect)
}

#[track_caller]
pub(crate) fn check_with(request: Opening, with: With, events: &[In], expect: &str) -> Exchange {
    let (words, exchange) = play(request, with, events);
    assert_eq!(words, expect, "{events:?}");
    exchange
}
