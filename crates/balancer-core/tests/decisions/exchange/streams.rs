//! Connections that ask for nothing but a server.

use super::scene::In::{self, *};
use super::scene::{USUAL, With, check, check_with, play, scene, word};
use balancer_core::Failure;
use balancer_core::exchange::{Exchange, Opening};
use std::time::Duration;

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
    let written = With { retries_max: 1, waits_for_restart: false, ..USUAL };
    let refused = [&pauses[..5], &[Refused(0)]].concat();
    let bounded =
        check_with(Opening::STREAM, written, &refused, "pick, -, pick-not-0, read-client, pick, -, END reset");
    assert_eq!(bounded.record().retries, 1);
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
