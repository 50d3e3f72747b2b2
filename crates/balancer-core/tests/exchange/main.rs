//! The exchange as tables: what happens, what it orders. The invariants are checked after every fact.

mod attempts;
mod messages;
mod scene;

use balancer_core::exchange::{DISCARD_BYTES_MAX, Exchange, Fact, Opening, Outcome, Reply, Scene};
use balancer_core::{ClientTimeouts, Failure, ServerTimeouts, Verdict};
use scene::In::{self, *};
use scene::{
    CLIENT, CLOSING, GET, OLD, POST, SERVER, USUAL, With, check, check_reply, check_with, facts, head, play, scene,
    word,
};
use std::time::Duration;

#[test]
fn a_server_that_does_not_keep_or_says_too_much_is_not_pooled() {
    check(GET, &[Pooled(0), In::Took, HeadClose(200), Whole], "pick, -, -, KeepAlive, drop(ExchangeOver) down");
    check(GET, &[Pooled(0), In::Took, Head(200), WholeLeft], "pick, -, -, KeepAlive, drop(ExchangeOver) down");
}

#[test]
fn a_server_that_fails_in_the_middle_cuts_the_response() {
    let events = [Pooled(0), In::Took, Head(200), Some, Sent, ServerFin];
    let exchange = check(GET, &events, "pick, -, -, KeepAlive, down, read-server, drop(PeerAborted) END fin");
    assert!(exchange.record().truncated && !exchange.record().responded);
    check(
        GET,
        &[Pooled(0), In::Took, Head(200), Some, Sent, BadBody],
        "pick, -, -, KeepAlive, down, read-server, drop(ProtocolError) END fin",
    );
}

#[test]
fn while_nothing_was_sent_the_client_gets_a_clear_answer() {
    check(
        GET,
        &[Pooled(0), In::Took, Head(200), BadBody, Sent],
        "pick, -, -, KeepAlive, drop(ProtocolError) 502, END keep",
    );
    check(GET, &[Pooled(0), In::Took, Head(200), NoBuffer], "pick, -, -, KeepAlive, drop(OtherSideFailed) 503");
    check(GET, &[Shortage, Sent], "pick, 503, END keep");
    check(GET, &[Refused(0), Shortage, Shortage], "pick, pick-not-0, 503, END cut(Shortage)");
    let told = check(POST, &[Pooled(0), In::Took, BadChunk], "pick, -, read-client, drop(OtherSideFailed) 400+close");
    assert_eq!(told.is_reading(), (false, false), "the recv that brought it is over");
    check(
        POST,
        &[Pooled(0), In::Took, BadChunk, Sent],
        "pick, -, read-client, drop(OtherSideFailed) 400+close, END drain",
    );
}

/// What is said of servers along the way.
#[track_caller]
fn check_verdicts(request: Opening, with: With, events: &[In], expect: &[(u32, Verdict)]) {
    let (mut exchange, _) = Exchange::begin(request, &scene(with, Duration::ZERO));
    let mut now = Duration::ZERO;
    let mut verdicts = Vec::new();
    for event in events {
        if let After(seconds) = event {
            now += Duration::from_secs(*seconds);
        }
        match head(*event) {
            Option::Some(head) => _ = exchange.plan_head(&head, &scene(with, now)),
            None => verdicts.extend(exchange.handle(facts(*event), &scene(with, now)).verdict),
        }
    }
    assert_eq!(verdicts, expect, "{events:?}");
}

#[test]
fn what_an_attempt_came_to_is_said_of_its_server() {
    use Verdict::*;
    let well = [Pooled(1), In::Took, Head(200), Some, Sent, Whole, Sent];
    check_verdicts(GET, USUAL, &well, &[(1, Answered)]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, Head(500), Whole], &[(1, Answered)]);
    let strict = With { server_errors: true, ..USUAL };
    check_verdicts(GET, strict, &[Pooled(1), In::Took, Head(500), Whole], &[(1, Failed)]);
    check_verdicts(GET, strict, &[Pooled(1), In::Took, Head(404), Whole], &[(1, Answered)]);
    check_verdicts(GET, USUAL, &[Connecting(2), Refused(2)], &[(2, Unreachable)]);
    check_verdicts(GET, USUAL, &[Refused(2)], &[(2, Unreachable)]);
    check_verdicts(GET, USUAL, &[Hurrying(2), After(1), TimedOut(2)], &[(2, Failed)]);
    check_verdicts(GET, USUAL, &[Hurrying(2), Refused(2)], &[(2, Unreachable)]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, After(30)], &[(1, Failed)]);
    check_verdicts(GET, USUAL, &[Connecting(1), Connected, In::Took, ServerFin], &[(1, Failed)]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, HeadBegins, ServerFin], &[(1, Failed)]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, BadBody], &[(1, Failed)]);
    // A kept connection that was closed meanwhile, our own shortage, an impatient client: nobody's failure.
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, ServerFin], &[]);
    check_verdicts(GET, USUAL, &[NoPort(1), NoPort(2)], &[]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, Broken], &[]);
    check_verdicts(POST, USUAL, &[Pooled(1), In::Took, After(30)], &[]);
}

#[test]
fn a_server_connection_whose_answer_was_early_or_a_refusal_serves_nobody_else() {
    let upload = |status| [Pooled(0), In::Took, Last, In::Took, Head(status), Whole];
    let words = |end: &str| format!("pick, -, read-client, up, -, KeepAlive, {end} down");
    check(POST, &upload(200), &words("pool"));
    check(POST, &upload(413), &words("drop(ExchangeOver)"));
    check(POST, &upload(503), &words("drop(ExchangeOver)"));
    check(Opening { bodiless: true, idempotent: true, ..POST }, &upload(200), &words("drop(ExchangeOver)"));
    check(GET, &[Pooled(0), In::Took, Head(404), Whole], "pick, -, -, KeepAlive, pool down");
    let begun = [Pooled(0), In::Took, HeadBegins, Last, In::Took, Head(200), Whole];
    check(POST, &begun, "pick, -, read-client, read-server, up, -, KeepAlive, drop(ExchangeOver) down");
    let expects = Opening { expects_continue: true, ..POST };
    let unasked = [Pooled(0), In::Took, Head(200), Whole, Sent];
    check(expects, &unasked, "pick, -, read-client, Close, drop(ExchangeOver) down, END drain");
}

#[test]
fn a_client_that_leaves_ends_both() {
    check(GET, &[Pooled(0), In::Took, Fin, Head(200), Whole], "pick, -, -, -, Close, pool down+fin");
    check(GET, &[Pooled(0), In::Took, Broken], "pick, -, -, drop(OtherSideFailed) END cut(PeerAborted)");
    check(POST, &[Pooled(0), In::Took, Fin], "pick, -, read-client, drop(OtherSideFailed) END cut(PeerAborted)");
    check(Opening { eof: true, ..POST }, &[], "END cut(PeerAborted)");
}

#[test]
fn a_client_is_watched_at_once_where_that_is_free_and_on_patrol_elsewhere() {
    check(Opening { kept: true, ..GET }, &[Pooled(0)], "pick, read-client");
    check(GET, &[Pooled(0), In::Took, In::Patrol, In::Patrol], "pick, -, -, read-client, -");
    check(Opening { ahead: true, kept: true, ..GET }, &[Pooled(0), In::Patrol], "pick, -, -");
    check(GET, &[Pooled(0), Fin, In::Patrol], "pick, -, -, -");
}

#[test]
fn every_wait_has_its_time_out() {
    check(GET, &[Connecting(0), After(5)], "pick, -, abandon");
    check(GET, &[Pooled(0), In::Took, After(30)], "pick, -, -, drop(TimedOut) pick-not-0");
    check(POST, &[Pooled(0), In::Took, After(30)], "pick, -, read-client, drop(OtherSideFailed) 408+close");
    check(GET, &[Pooled(0), In::Took, After(300)], "pick, -, -, drop(TimedOut) 504");
    check(
        GET,
        &[Pooled(0), In::Took, Head(200), Some, After(30), Untold],
        "pick, -, -, KeepAlive, down, look-down, drop(OtherSideFailed) END cut(TimedOut)",
    );
    let connecting = play(GET, USUAL, &[Connecting(0), Connected, In::Took]).1;
    assert_eq!(connecting.deadline(), SERVER.response, "a connection that stands has the server's time");
}

/// Whoever takes some of what it is sent is not cut off, whatever the time of the send as a whole.
#[test]
fn a_send_that_makes_progress_has_time() {
    let down = [Pooled(0), In::Took, Head(200), Some, After(8), Owes(900), After(8), Owes(800), After(29), Owes(700)];
    let goes_on = "pick, -, -, KeepAlive, down, look-down, -, look-down, -, look-down, -";
    check(GET, &down, goes_on);
    let stuck = [&down[..], &[After(29), Owes(700), After(1), Owes(700)]].concat();
    let cut = "look-down, -, look-down, drop(OtherSideFailed) END cut(TimedOut)";
    check(GET, &stuck, &format!("{goes_on}, {cut}"));
    let up = [Pooled(0), After(8), Owes(900), After(29), Owes(800)];
    let once = Opening { idempotent: false, ..GET };
    check(once, &up, "pick, -, look-up, -, look-up, -");
    let stuck = [&up[..], &[After(30), Owes(800)]].concat();
    check(once, &stuck, "pick, -, look-up, -, look-up, -, look-up, drop(TimedOut) 504");
    let answer = [Shortage, After(20), Owes(9), After(20), Owes(8)];
    check(GET, &answer, "pick, 503, look-down, -, look-down, -");
}

/// A stream is silent between its events; a client that closed its side may be gone.
#[test]
fn a_silent_response_has_a_time_of_its_own() {
    let head = [Pooled(0), In::Took, Head(200), Some, Sent];
    let (_, exchange) = play(GET, USUAL, &head);
    assert_eq!(exchange.deadline(), SERVER.body);
    let silent = [&head[..], &[After(100)]].concat();
    check(GET, &silent, "pick, -, -, KeepAlive, down, read-server, drop(TimedOut) END fin");
    let left = [Pooled(0), In::Took, In::Patrol, Fin, Head(200), Some, Sent];
    assert_eq!(play(GET, USUAL, &left).1.deadline(), SERVER.response);
}

#[test]
fn a_time_out_that_is_off_never_comes() {
    let client = ClientTimeouts { body: units::OFF, request: units::OFF, ..CLIENT };
    let server = ServerTimeouts { response: units::OFF, body: units::OFF, ..SERVER };
    let now = Duration::from_secs(7);
    let scene = Scene { client: &client, server: &server, ..scene(USUAL, now) };
    let (mut exchange, _) = Exchange::begin(POST, &scene);
    for event in [Pooled(0), In::Took, Last, In::Took, HeadBegins] {
        exchange.handle(facts(event), &scene);
        assert_eq!(exchange.deadline(), Duration::MAX, "after {event:?}");
    }
    exchange.handle(facts(Shortage), &scene);
    assert_eq!(exchange.deadline(), Duration::MAX, "while our own answer is sent");
}

#[test]
fn a_failure_in_the_middle_of_a_send_waits_for_its_end() {
    let expects = Opening { expects_continue: true, ..POST };
    check(
        expects,
        &[Pooled(0), In::Took, Head(103), BadChunk, Sent, Sent],
        "pick, -, read-client, down, -, drop(OtherSideFailed) 400+close, END drain",
    );
}

#[test]
fn a_failed_rest_of_an_upload_leaves_the_response_whole() {
    let events = [Pooled(0), In::Took, Head(200), Whole, Sent, After(30)];
    let exchange = check(POST, &events, "pick, -, read-client, KeepAlive, down, -, drop(OtherSideFailed) END drain");
    assert!(exchange.record().responded);
    assert_eq!(exchange.record().failure, Option::Some(Failure::BodyTimeout));
}

#[test]
fn the_last_call_answers_who_has_no_answer() {
    let with = With { draining: true, ..USUAL };
    check_with(
        GET,
        with,
        &[Pooled(0), In::Took, In::LastCall, Sent],
        "pick, -, -, drop(OtherSideFailed) 503+close, END drain",
    );
    check_with(GET, with, &[NoPort(0), Nobody, In::LastCall], "pick, pick-not-0, queue, 503+close");
    let begun = [Pooled(0), In::Took, Head(200), Some, In::LastCall];
    check_with(GET, with, &begun, "pick, -, -, Close, down, drop(OtherSideFailed) END cut(Draining)");
    check_with(GET, with, &[Shortage, In::LastCall, Sent], "pick, 503+close, -, END close");
}

/// A connection that asks for nothing but a server: joined as soon as one takes it, wherever that is.
#[test]
fn a_stream_is_joined_with_the_first_server_that_takes_it() {
    let exchange = check(Opening::STREAM, &[Connecting(0), Connected], "pick, -, END relay");
    let record = exchange.record();
    assert_eq!((record.status, record.responded, record.server), (0, true, Option::Some(0)));
    let elsewhere = [Connecting(0), Refused(0), Connecting(1), Connected];
    check(Opening::STREAM, &elsewhere, "pick, -, pick-not-0, -, END relay");
    check(Opening::STREAM, &[Hurrying(0), After(1), TimedOut(0)], "pick, -, abandon, pick-not-0");
    let pauses = [Connecting(0), Refused(0), Nobody, After(1), Connecting(0), Connected];
    check(Opening::STREAM, &pauses, "pick, -, pick-not-0, read-client, pick, -, END relay");
    check(Opening::STREAM, &[NoPort(0), Nobody, Turn, Connecting(0)], "pick, pick-not-0, queue, pick, -");
}

/// What is sent to its server first is still under way as it is joined.
#[test]
fn a_stream_that_greets_is_sending() {
    let greets = Opening { greets: true, ..Opening::STREAM };
    for (opening, sending) in [(Opening::STREAM, false), (greets, true)] {
        let (_, exchange) = play(opening, USUAL, &[Connecting(0)]);
        assert_eq!(exchange.is_sending(), (false, sending));
    }
    check(greets, &[Connecting(0), Connected], "pick, -, END relay");
}

#[test]
fn a_stream_without_a_server_ends_by_a_reset() {
    let failed = |events: &[In], expect: &str, failure| {
        let exchange = check(Opening::STREAM, events, expect);
        assert_eq!(exchange.record().failure, Option::Some(failure), "{events:?}");
    };
    failed(&[Nobody], "pick, END reset", Failure::NoServer);
    let refused = [Connecting(0), Refused(0), Connecting(1), Refused(1), Connecting(0), Refused(0), After(9), Nobody];
    check(Opening::STREAM, &refused, "pick, -, pick-not-0, -, pick-not-1, -, read-client, pick, END reset");
    failed(&[Shortage], "pick, END reset", Failure::NoLocalResource);
    failed(&[NoPort(0), Nobody, Full], "pick, pick-not-0, queue, END reset", Failure::NoLocalPort);
    failed(&[Connecting(0), In::LastCall], "pick, -, drop(OtherSideFailed) END reset", Failure::Draining);
    let (_, step) = Exchange::refuse(Opening::STREAM, Failure::Draining, &scene(USUAL, Duration::ZERO));
    assert_eq!(word(&step), "END reset");
}

#[test]
fn what_a_stream_says_early_waits_and_its_fin_does_not_end_it() {
    let early = [Connecting(0), In::Patrol, Ahead, In::Patrol, Connected];
    check(Opening::STREAM, &early, "pick, -, read-client, -, -, END relay");
    check(Opening::STREAM, &[Connecting(0), In::Patrol, Fin, Connected], "pick, -, read-client, -, END relay");
    let left = [Connecting(0), In::Patrol, Broken];
    check(Opening::STREAM, &left, "pick, -, read-client, drop(OtherSideFailed) END cut(PeerAborted)");
}

#[test]
fn a_refused_head_is_an_exchange_too() {
    for (failure, expect) in
        [(Failure::BadRequest(http1::Error::HeadTooLong), "431+close"), (Failure::HeadTimeout, "408+close")]
    {
        let (mut exchange, step) = Exchange::refuse(Opening::NONE, failure, &scene(USUAL, Duration::ZERO));
        assert_eq!((word(&step).as_str(), exchange.check()), (expect, Ok(())));
        assert_eq!(word(&exchange.handle(Fact::ClientTook, &scene(USUAL, Duration::ZERO))), "END drain");
        assert_eq!(exchange.record().failure, Option::Some(failure));
    }
}

#[test]
fn a_route_that_answers_itself_asks_no_server() {
    let exchange = check_reply(GET, USUAL, &[Sent], "redirect, END keep");
    assert_eq!(exchange.record().outcome(), Outcome::Replied(Reply::Redirect));
    check_reply(GET, With { draining: true, ..USUAL }, &[Sent], "redirect+close, END close");
    check_reply(CLOSING, USUAL, &[Sent], "redirect+close, END close");
    check_reply(OLD, USUAL, &[Sent], "redirect+close, END fin");
    check_reply(Opening { eof: true, ..GET }, USUAL, &[Sent], "redirect+close, END fin");
    check_reply(Opening { requests_left: false, ..GET }, USUAL, &[Sent], "redirect+close, END close");
    check_reply(Opening { ahead: true, ..GET }, USUAL, &[Sent], "redirect, END keep");
    check_reply(Opening { ahead: true, ..CLOSING }, USUAL, &[Sent], "redirect+close, END drain");
    let left = check_reply(GET, USUAL, &[Broken], "redirect, END cut(PeerAborted)");
    assert_eq!(left.record().outcome(), Outcome::Abandoned, "it did not go out");
    let gone = check_reply(Opening { eof: true, ..POST }, USUAL, &[], "END cut(PeerAborted)");
    assert_eq!(gone.record().outcome(), Outcome::Abandoned);
}

#[test]
fn a_small_rest_of_a_request_that_was_answered_here_is_thrown_away() {
    let kept = check_reply(POST, USUAL, &[Sent, Part, Last], "redirect, read-client, toss read-client, toss END keep");
    assert_eq!(kept.record().outcome(), Outcome::Replied(Reply::Redirect));
    check_reply(POST, USUAL, &[Sent, LastAhead], "redirect, read-client, toss END keep");
    let timed_out = check_reply(POST, USUAL, &[Sent, After(30)], "redirect, read-client, END drain");
    assert_eq!(timed_out.record().outcome(), Outcome::Replied(Reply::Redirect), "it has its answer");
    check_reply(POST, USUAL, &[Sent, BadChunk], "redirect, read-client, END drain");
    check_reply(POST, USUAL, &[Sent, Fin], "redirect, read-client, END cut(PeerAborted)");
    check_reply(POST, USUAL, &[Sent, In::LastCall], "redirect, read-client, END cut(Draining)");
    check_reply(Opening { expects_continue: true, ..POST }, USUAL, &[Sent], "redirect+close, END drain");
    let (mut exchange, step) = Exchange::reply(POST, Reply::Fixed, false, &scene(USUAL, Duration::ZERO));
    assert_eq!(word(&step), "fixed+close", "a large one is not waited for");
    assert_eq!(word(&exchange.handle(Fact::ClientTook, &scene(USUAL, Duration::ZERO))), "END drain");
    let (mut exchange, _) = Exchange::reply(POST, Reply::Fixed, true, &scene(USUAL, Duration::ZERO));
    exchange.handle(Fact::ClientTook, &scene(USUAL, Duration::ZERO));
    let large = Fact::RequestBytes { len: DISCARD_BYTES_MAX, whole: false, ahead: false };
    assert_eq!(word(&exchange.handle(large, &scene(USUAL, Duration::ZERO))), "toss END drain");
}
