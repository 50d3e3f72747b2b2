//! Requests and responses where nothing fails: which piece goes where, and who closes.

use super::scene::In::{self, *};
use super::scene::{CLOSING, GET, OLD, POST, USUAL, With, check, check_with};
use balancer_core::ClientClose;
use balancer_core::exchange::Opening;

#[test]
fn a_request_goes_out_and_its_response_comes_back() {
    check(GET, &[Pooled(0), In::Took, Head(200), Whole, Sent], "pick, -, -, KeepAlive, pool down, END keep");
    let fresh = [Connecting(0), Connected, In::Took, Head(200), Whole, Sent];
    check(GET, &fresh, "pick, -, read-server, -, KeepAlive, pool down, END keep");
    let pieces = [Pooled(0), In::Took, Head(200), Some, Sent, Some, Sent, Whole, Sent];
    check(GET, &pieces, "pick, -, -, KeepAlive, down, read-server, down, read-server, pool down, END keep");
    let record =
        *check(GET, &pieces[..8], "pick, -, -, KeepAlive, down, read-server, down, read-server, pool down").record();
    assert_eq!((record.status, record.down_bytes, record.retries, record.server), (200, 21, 0, Option::Some(0)));
}

#[test]
fn a_head_that_comes_in_pieces_is_read_on() {
    check(GET, &[Pooled(0), In::Took, HeadBegins, HeadBegins], "pick, -, -, read-server, read-server");
}

#[test]
fn who_does_not_keep_is_closed_with_the_last_byte_unless_policy_says_otherwise() {
    let events = [Pooled(0), In::Took, Head(200), Whole];
    check(CLOSING, &[&events[..], &[SentClosed]].concat(), "pick, -, -, Close, pool down+fin, END closed");
    for close in [ClientClose::ClientFirst, ClientClose::ResetWhenSafe] {
        let with = With { close, ..USUAL };
        check_with(CLOSING, with, &[&events[..], &[Sent]].concat(), "pick, -, -, Close, pool down, END close");
    }
    let ahead = [Pooled(0), In::Took, Ahead, Head(200), Whole, Sent];
    check(CLOSING, &ahead, "pick, -, -, -, Close, pool down, END drain");
    let none_left = Opening { requests_left: false, ..GET };
    let upload = [Pooled(0), In::Took, LastAhead, In::Took, Head(200), Whole, Sent];
    check(Opening { keep_alive: false, ..POST }, &upload, "pick, -, read-client, up, -, Close, pool down, END drain");
    check(none_left, &events, "pick, -, -, Close, pool down+fin");
    check_with(GET, With { draining: true, ..USUAL }, &events, "pick, -, -, Close, drop(ExchangeOver) down+fin");
}

/// Whatever the policy: a reset would be an error to them, and they never close first.
#[test]
fn clients_that_read_to_the_end_of_the_connection_get_a_fin() {
    for close in [ClientClose::ClientFirst, ClientClose::ResetWhenSafe] {
        let with = With { close, ..USUAL };
        let old = [Pooled(0), In::Took, Head(200), Whole, Sent];
        check_with(OLD, with, &old, "pick, -, -, Close, pool down, END fin");
        let half_closed = [Pooled(0), In::Took, In::Patrol, Fin, Head(200), Whole, Sent];
        check_with(GET, with, &half_closed, "pick, -, -, read-client, -, Close, pool down, END fin");
        check_with(OLD, with, &[Shortage, Sent], "pick, 503+close, END fin");
        check_with(CLOSING, with, &[Shortage, Sent], "pick, 503+close, END close");
    }
}

#[test]
fn a_body_until_close_ends_with_a_fin_only_a_fin_can_tell() {
    let events = [Pooled(0), In::Took, HeadUntilClose(200), Some, Sent, ServerFinEndsBody];
    let with = With { close: ClientClose::ResetWhenSafe, ..USUAL };
    check_with(GET, with, &events, "pick, -, -, Close, down, read-server, drop(ExchangeOver) END fin");
    let broken = [Pooled(0), In::Took, HeadUntilClose(200), Some, Sent, In::ServerBroken];
    check(GET, &broken, "pick, -, -, Close, down, read-server, drop(PeerAborted) END cut(OtherSideFailed, reset)");
}

#[test]
fn an_upload_goes_piece_by_piece() {
    let events = [Connecting(0), Connected, In::Took, Part, In::Took, Last, In::Took, Head(200), Whole, Sent];
    let expect = "pick, -, read-server, read-client, up, read-client, up, -, KeepAlive, pool down, END keep";
    assert_eq!(check(POST, &events[..9], &expect[..expect.len() - 10]).record().up_bytes, 20);
    check(POST, &events, expect);
}

#[test]
fn an_early_answer_lets_the_upload_go_on_where_the_server_reads_on() {
    let early = [Pooled(0), In::Took, Head(413), Whole, Sent, Part, In::Took, Last, In::Took];
    let expect = "pick, -, read-client, KeepAlive, down, -, up, read-client, up, drop(ExchangeOver) END keep";
    check(POST, &early, expect);
    let gone = [Pooled(0), In::Took, Head(413), Whole, Sent, Part, Stuck];
    check(POST, &gone, "pick, -, read-client, KeepAlive, down, -, up, drop(ExchangeOver) END drain");
    let closing = [Pooled(0), In::Took, HeadClose(413), Whole, Sent];
    check(POST, &closing, "pick, -, read-client, Close, drop(ExchangeOver) down, END drain");
}

#[test]
fn what_comes_while_nothing_can_be_sent_is_held() {
    let events = [Pooled(0), In::Took, In::ServerBroken];
    let put = Opening { idempotent: true, ..POST };
    check(put, &events, "pick, -, read-client, drop(PeerAborted) fresh-0");
    let held = [Pooled(0), In::Took, In::ServerBroken, Connecting(0), Part, Connected, In::Took];
    check(put, &held, "pick, -, read-client, drop(PeerAborted) fresh-0, -, -, read-server, up");
}

#[test]
fn interim_responses_are_passed_on_or_left_out() {
    let expects = Opening { expects_continue: true, ..POST };
    let events = [Pooled(0), In::Took, Head(100), Sent, Last, In::Took, Head(200), Whole, Sent];
    let expect = "pick, -, read-client, down, read-server, up, -, KeepAlive, pool down, END keep";
    check(expects, &events, expect);
    check(OLD, &[Pooled(0), In::Took, Head(103), Head(200)], "pick, -, -, read-server, Close");
}

#[test]
fn only_a_100_ends_the_wait_for_100() {
    let expects = Opening { expects_continue: true, ..POST };
    let close = [Pooled(0), In::Took, Head(103), Sent, Head(200), Whole, Sent];
    check(expects, &close, "pick, -, read-client, down, read-server, Close, drop(ExchangeOver) down, END drain");
    let goes_on = [Pooled(0), In::Took, Head(100), Sent, Head(200), Whole, Sent];
    check(expects, &goes_on, "pick, -, read-client, down, read-server, KeepAlive, down, -");
}

#[test]
fn an_upgrade_hands_over_where_it_was_asked_for() {
    let upgrade = Opening { upgrade: true, ..GET };
    check(upgrade, &[Pooled(0), In::Took, Head(101)], "pick, -, -, END relay");
    check(GET, &[Pooled(0), In::Took, Head(101)], "pick, -, -, malformed");
}
