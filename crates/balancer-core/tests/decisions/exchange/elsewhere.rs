//! Statuses that another server is asked for.

use super::scene::In::{self, *};
use super::scene::{GET, POST, USUAL, With, check, check_with, facts, scene};
use balancer_core::exchange::{Exchange, Opening, UpOrder};
use balancer_core::{Failure, RetryReason};
use std::time::Duration;

/// The connection goes back where nothing is left to come on it, else it is closed.
#[test]
fn another_server_is_asked_for_some_statuses() {
    let events = [Pooled(0), In::Took, Declined(503), Connecting(1), Connected, In::Took, Head(200), Whole, Sent];
    let expect = "pick, -, -, pool pick-not-0, -, read-server, -, KeepAlive, pool down, END keep";
    let record = *check(GET, &events, expect).record();
    assert_eq!((record.retries, record.retried[RetryReason::Status as usize], record.status), (1, 1, 200));
    let in_part = [Pooled(0), In::Took, HeadBegins, DeclinedInPart(429), Pooled(1)];
    check(GET, &in_part, "pick, -, -, read-server, drop(AskedElsewhere) pick-not-0, -");
    // It was to be asked, and is gone meanwhile.
    let gone = [Pooled(0), In::Took, Declined(503), Nobody, Sent];
    assert_eq!(check(GET, &gone, "pick, -, -, pool pick-not-0, 503, END keep").record().retries, 0);
    // An upload that is not whole yet goes there as well, as long as all that was sent is at hand.
    let put = Opening { idempotent: true, ..POST };
    let upload = [Pooled(0), In::Took, Declined(503), Connecting(1), Part, Connected, In::Took];
    check(put, &upload, "pick, -, read-client, drop(AskedElsewhere) pick-not-0, -, -, read-server, up");
}

#[test]
fn a_status_is_passed_on_where_nobody_else_may_be_asked() {
    let events = [Pooled(0), In::Took, Declined(503)];
    check(GET, &[Pooled(0), In::Took, Declined(500)], "pick, -, -, as-it-is");
    check(Opening { idempotent: false, ..GET }, &events, "pick, -, -, as-it-is");
    check_with(GET, With { retries_max: 0, ..USUAL }, &events, "pick, -, -, as-it-is");
    let twice = [&events[..], &[Pooled(1), In::Took, Declined(503), Pooled(2), Declined(503)]].concat();
    check(GET, &twice, "pick, -, -, pool pick-not-0, -, -, pool pick-not-1, -, as-it-is");
    let hints = [Pooled(0), In::Took, Head(103), Sent, Declined(503)];
    check(GET, &hints, "pick, -, -, down, read-server, as-it-is");
    let put = Opening { idempotent: true, ..POST };
    check(put, &[Pooled(0), In::Took, Part, Declined(503)], "pick, -, read-client, up, as-it-is");
    check(GET, &[Pooled(0), Scarce, Declined(503)], "pick, -, -, as-it-is");
}

/// Only what a server may have worked on has to be paid for.
#[test]
fn a_repetition_is_paid_for_where_a_server_may_have_worked() {
    let costs = |events: &[In]| {
        let (mut exchange, first) = Exchange::begin(GET, &scene(USUAL, Duration::ZERO));
        let last = events.iter().fold(first, |_, event| exchange.handle(facts(*event), &scene(USUAL, Duration::ZERO)));
        matches!(last.up, Option::Some(UpOrder::Repeat(_)))
    };
    assert!(!costs(&[Connecting(0), Refused(0)]) && !costs(&[Connecting(0), TimedOut(0)]));
    assert!(!costs(&[Pooled(0), In::Took, ServerFin]), "closed before the request came");
    assert!(costs(&[Connecting(0), Connected, In::Took, ServerFin]));
    assert!(costs(&[Pooled(0), In::Took, HeadBegins, ServerFin]));
    assert!(costs(&[Connecting(0), Connected, In::Took, BadBody]));
    let spent = [Connecting(0), Connected, In::Took, ServerFin, Spent, Sent];
    let told = check(GET, &spent, "pick, -, read-server, -, drop(PeerAborted) pick-not-0, 502, END keep");
    assert_eq!((told.record().failure, told.record().retries), (Option::Some(Failure::ServerClosed), 0));
}
