//! Answers of the balancer itself.

use super::scene::In::{self, *};
use super::scene::{CLOSING, GET, OLD, POST, USUAL, With, check_reply, scene, word};
use balancer_core::Failure;
use balancer_core::exchange::{DISCARD_BYTES_MAX, Exchange, Fact, Opening, Outcome, Reply};
use std::time::Duration;

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
