//! Attempts: another server, another try, a wait for a port or a place.

use super::scene::In::{self, *};
use super::scene::{CLOSING, GET, POST, SERVER, USUAL, With, check, check_with, facts, play, scene, word};
use balancer_core::exchange::{Exchange, Fact, Opening};
use balancer_core::{Failure, Reuse, Trust};
use std::time::Duration;

#[test]
fn a_failed_attempt_goes_elsewhere_while_it_may() {
    check(
        GET,
        &[Connecting(0), Refused(0), Connecting(1), Refused(1), Nobody],
        "pick, -, pick-not-0, -, pick-not-1, read-client",
    );
    check(POST, &[Refused(0), Connecting(1)], "pick, pick-not-0, -");
    check(
        GET,
        &[Pooled(3), ServerFin, Connecting(3), Connected, ServerFin],
        "pick, -, drop(PeerAborted) fresh-3, -, read-server, drop(PeerAborted) pick-not-3",
    );
    check(
        GET,
        &[Pooled(3), HeadBegins, ServerFin, Connecting(1)],
        "pick, -, read-server, drop(PeerAborted) pick-not-3, -",
    );
    check(POST, &[Pooled(0), In::Took, ServerFin], "pick, -, read-client, drop(PeerAborted) 502+close");
    check_with(GET, With { retries_max: 0, ..USUAL }, &[Refused(0)], "pick, 502");
    assert_eq!(check(GET, &[Refused(0), Connecting(1)], "pick, pick-not-0, -").record().retries, 1);
}

#[test]
fn what_goes_out_at_once_is_as_what_is_told_of_later() {
    let answered = [Head(200), Whole, Sent];
    let (cut, again) = ([Part, In::Took, ServerFin], [ServerFin, Connecting(0)]);
    for (opening, rest) in [(GET, &answered[..]), (POST, &cut), (GET, &again)] {
        let after = |start: &[In]| play(opening, USUAL, &[start, rest].concat());
        let ((later, one), (at_once, other)) = (after(&[Pooled(0), In::Took]), after(&[AtOnce(0)]));
        assert_eq!((one.deadline(), one.record()), (other.deadline(), other.record()));
        let orders = |text: &str| text.replace("-, ", "");
        assert_eq!(orders(&later), orders(&at_once));
    }
    check(POST, &[AtOnce(0), Part], "pick, read-client, up");
}

#[test]
fn what_was_answered_or_let_go_is_not_repeated() {
    let post = Opening { idempotent: false, ..GET };
    check(post, &[Pooled(0), In::Took, HeadBegins, ServerFin], "pick, -, -, read-server, drop(PeerAborted) 502");
    let hints = [Pooled(0), In::Took, Head(103), Sent, ServerFin];
    check(GET, &hints, "pick, -, -, down, read-server, drop(PeerAborted) 502");
    check(GET, &[Pooled(0), Scarce, ServerFin], "pick, -, -, drop(PeerAborted) 502");
    let put = Opening { idempotent: true, ..POST };
    check(put, &[Pooled(0), In::Took, Part, ServerFin], "pick, -, read-client, up, drop(PeerAborted) 502+close");
}

#[test]
fn without_a_local_port_it_queues_and_nobody_is_blamed() {
    let exchange = check(GET, &[NoPort(0), Nobody, Turn, Pooled(1)], "pick, pick-not-0, queue, pick, -");
    assert_eq!((exchange.record().retries, exchange.record().queued), (0, true));
    check(GET, &[NoPort(0), Nobody, Full], "pick, pick-not-0, queue, 503");
    check(GET, &[NoPort(0), Nobody, After(1)], "pick, pick-not-0, queue, 503");
    let again = [NoPort(0), Nobody, Fin, Turn, NoPort(1), Nobody];
    check(GET, &again, "pick, pick-not-0, queue, -, pick, pick-not-1, queue-again");
    check(POST, &[NoPort(0), Nobody, Fin], "pick, pick-not-0, queue, END cut(PeerAborted)");
}

#[test]
fn ports_used_up_towards_one_server_lead_to_another() {
    let events = [NoPort(0), NoPort(1), NoPort(2), Connecting(3), Connected];
    let exchange = check(GET, &events, "pick, pick-not-0, pick-not-1, pick-not-2, -, read-server");
    assert_eq!((exchange.record().retries, exchange.record().queued), (0, false), "that was no attempt");
    let many: Vec<In> = (0..16).map(NoPort).collect();
    assert!(play(GET, USUAL, &many).0.ends_with("pick-not-13, pick-not-14, queue"), "the search is bounded");
}

#[test]
fn a_sick_servers_request_goes_to_another() {
    let late = [Pooled(0), In::Took, After(30), Connecting(1), Connected, In::Took, Head(200), Whole];
    check(GET, &late, "pick, -, -, drop(TimedOut) pick-not-0, -, read-server, -, KeepAlive, pool down");
    check(GET, &[Pooled(0), In::Took, After(30), Nobody], "pick, -, -, drop(TimedOut) pick-not-0, 504");
    check(GET, &[Pooled(0), In::Took, BadBody, Nobody], "pick, -, -, drop(ProtocolError) pick-not-0, 502");
    let post = Opening { idempotent: false, ..GET };
    check(post, &[Pooled(0), In::Took, After(30)], "pick, -, -, drop(TimedOut) 504");
    check(post, &[Pooled(0), In::Took, BadBody], "pick, -, -, drop(ProtocolError) 502");
}

#[test]
fn a_handshake_that_hangs_makes_room_for_another_server() {
    let hangs = [Hurrying(0), After(1), TimedOut(0), Connecting(1), Connected];
    check(GET, &hangs, "pick, -, abandon, pick-not-0, -, read-server");
    // The last attempt has all the time there is.
    let last = play(GET, USUAL, &[Refused(0), Refused(1), Hurrying(2)]).1;
    assert_eq!(last.deadline(), SERVER.connect);
    let only = play(GET, USUAL, &[Connecting(0)]).1;
    assert_eq!(only.deadline(), SERVER.connect);
}

#[test]
fn where_nobody_takes_connections_it_waits_a_moment_between_attempts() {
    let (mut exchange, _) = Exchange::begin(GET, &scene(USUAL, Duration::ZERO));
    let mut now = Duration::ZERO;
    let mut waits = Vec::new();
    loop {
        let mut step = exchange.handle(facts(Refused(0)), &scene(USUAL, now));
        if step.up.is_some() {
            step = exchange.handle(Fact::NobodyElse, &scene(USUAL, now));
        }
        if step.down.is_some() {
            assert_eq!(word(&step), "502");
            break;
        }
        assert_eq!(exchange.check(), Ok(()));
        waits.push((exchange.deadline() - now).as_millis());
        now = exchange.deadline();
        assert_eq!(word(&exchange.handle(Fact::Deadline, &scene(USUAL, now))), "pick");
    }
    assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000, 1000]);
    assert!(now < SERVER.connect);
    assert_eq!(exchange.record().retries, 8);
    // Whoever wants no second attempt does not wait for one either.
    check_with(GET, With { retries_max: 0, ..USUAL }, &[Connecting(0), Refused(0)], "pick, -, 502");
    check(
        POST,
        &[Connecting(0), Part, Refused(0), Nobody, After(1), Connecting(0), Connected, In::Took],
        "pick, -, -, pick-not-0, -, pick, -, read-server, up",
    );
    check(POST, &[Connecting(0), Refused(0), Nobody, Fin], "pick, -, pick-not-0, -, END cut(PeerAborted)");
}

#[test]
fn what_may_not_be_repeated_takes_a_proven_connection_and_ends_without_a_word() {
    let trust = |request, reuse| Exchange::begin(request, &scene(USUAL, Duration::ZERO)).0.trust(reuse);
    let again = Opening { kept: true, ..POST };
    assert_eq!([trust(POST, Reuse::Safe), trust(POST, Reuse::Always)], [Trust::Proven, Trust::Any]);
    assert_eq!([trust(GET, Reuse::Safe), trust(again, Reuse::Safe)], [Trust::Any, Trust::Any]);
    let kept = Opening { idempotent: false, kept: true, ..GET };
    let end = check(kept, &[Pooled(0), In::Took, ServerFin], "pick, read-client, -, drop(PeerAborted) END fin");
    assert_eq!(end.record().failure, Option::Some(Failure::ServerClosed));
    check(again, &[Pooled(0), In::Took, ServerFin], "pick, -, read-client, drop(PeerAborted) END drain");
    // The server had the request, or the client's connection is new: it is told.
    let fresh = [Connecting(0), Connected, In::Took, ServerFin];
    check(kept, &fresh, "pick, read-client, read-server, -, drop(PeerAborted) 502");
    check(kept, &[Pooled(0), HeadBegins, ServerFin], "pick, read-client, read-server, drop(PeerAborted) 502");
}

/// A place at a server is waited for within a time, all waits together; then the client is told which limit that was.
#[test]
fn a_place_at_a_server_is_waited_for() {
    check(GET, &[NoPlace, Turn, Connecting(0)], "pick, line read-client, pick, -");
    check(GET, &[NoPlace, Turn, NoPlace, Turn, Pooled(0)], "pick, line read-client, pick, line-again, pick, -");
    check(GET, &[NoPlace, In::LineFull], "pick, line read-client, 503");
    // A set with as many under way as may be is waited for by nobody.
    check(GET, &[In::SetFull, Sent], "pick, 503, END keep");
    let (words, exchange) = play(GET, USUAL, &[NoPlace, After(5), Sent]);
    assert_eq!(words, "pick, line read-client, 503, END keep");
    assert_eq!(exchange.record().failure, Option::Some(Failure::QueueTimeout));
    // A request that failed elsewhere waits as well, and so does one whose kept connection was closed.
    check(
        GET,
        &[Connecting(0), Refused(0), NoPlace, Turn, Connecting(1)],
        "pick, -, pick-not-0, line read-client, pick, -",
    );
    check(CLOSING, &[NoPlace, Broken], "pick, line read-client, END cut(PeerAborted)");
}
