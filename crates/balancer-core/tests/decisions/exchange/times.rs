//! Time-outs: gaps, not the whole.

use super::scene::In::{self, *};
use super::scene::{CLIENT, GET, POST, SERVER, USUAL, check, facts, play, scene};
use balancer_core::exchange::{Exchange, Opening, Scene};
use balancer_core::{ClientTimeouts, ServerTimeouts};
use std::time::Duration;

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
