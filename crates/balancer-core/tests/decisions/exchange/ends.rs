//! Exchanges that fail on their way, and clients that leave.

use super::scene::In::{self, *};
use super::scene::{GET, POST, USUAL, With, check, check_with};
use balancer_core::Failure;
use balancer_core::exchange::Opening;

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
