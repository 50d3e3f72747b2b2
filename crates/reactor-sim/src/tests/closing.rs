//! How connections end: who pays, and what a close does to bytes that were not read.

use super::*;

#[test]
fn the_first_fin_pays_with_time_wait() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    let outcome = bench.client.close(ours, Close::Fin);
    assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
    bench.wait_ms(10);
    assert_eq!(bench.server.probe(theirs), Probe::PeerFin);
    assert_eq!(recv_now(&mut bench.server, theirs), Some(Ok(Vec::new())));
    let outcome = bench.server.close(theirs, Close::Fin);
    assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
    bench.wait_ms(10);
    assert_eq!((bench.client.time_waits(), bench.server.time_waits()), (1, 0));
    bench.wait_ms(60_000);
    assert_eq!(bench.client.time_waits(), 0);
    bench.finish(&[]);
}

#[test]
fn crossing_fins_leave_time_wait_on_both_sides() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    bench.client.shutdown_write(ours);
    bench.server.shutdown_write(theirs);
    bench.wait_ms(10);
    assert_eq!((bench.client.time_waits(), bench.server.time_waits()), (1, 1));
    let simultaneous = CloseOutcome::Closed(Some(ClosedFirst::Simultaneous));
    assert_eq!(bench.client.close(ours, Close::Fin), simultaneous);
    assert_eq!(bench.server.close(theirs, Close::Fin), simultaneous);
    bench.finish(&[]);
}

#[test]
fn unread_bytes_hold_a_fin_back_and_turn_a_discard_into_a_reset() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    Bench::send(&mut bench.client, ours, b"unread", After::Keep);
    bench.wait_ms(10);
    assert_eq!(bench.server.probe(theirs), Probe::Readable);
    assert_eq!(bench.server.close(theirs, Close::Fin), CloseOutcome::Unread);
    let outcome = bench.server.close(theirs, Close::Discard);
    assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::RstSent)));
    bench.wait_ms(10);
    assert!(matches!(bench.client.poll_completion(), Some(Completion::Sent { result: Ok(()), .. })));
    assert!(matches!(bench.client.probe(ours), Probe::Broken(_)));
    let outcome = bench.client.close(ours, Close::Fin);
    assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::RstReceived)));
    assert_eq!((bench.client.time_waits(), bench.server.time_waits()), (0, 0));
    bench.finish(&[]);
}

#[test]
fn data_after_the_peers_close_is_answered_with_a_reset() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    bench.server.close(theirs, Close::Fin);
    Bench::send(&mut bench.client, ours, b"too late", After::Keep);
    bench.wait_ms(10);
    while bench.client.poll_completion().is_some() {}
    assert_eq!(recv_now(&mut bench.client, ours), Some(Ok(Vec::new())), "the FIN came first");
    Bench::send(&mut bench.client, ours, b"again", After::Keep);
    let sent = bench.client.poll_completion();
    assert!(matches!(sent, Some(Completion::Sent { result: Err(_), .. })), "{sent:?}");
    bench.finish(&[(true, ours)]);
}

#[test]
fn send_and_close_says_closed_unless_something_is_unread() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    Bench::send(&mut bench.client, ours, b"request", After::Keep);
    bench.wait_ms(10);
    Bench::send(&mut bench.server, theirs, b"answer", After::Close);
    let closed = bench.server.poll_completion();
    assert!(matches!(closed, Some(Completion::Closed { outcome: CloseOutcome::Unread, .. })));
    assert_eq!(recv_now(&mut bench.server, theirs), Some(Ok(b"request".to_vec())));
    Bench::send(&mut bench.server, theirs, b"!", After::Close);
    match bench.server.poll_completion() {
        Some(Completion::Closed { outcome, .. }) => {
            assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
        }
        other => panic!("expected it closed, got {other:?}"),
    }
    bench.finish(&[(true, ours)]);
}

#[test]
fn a_dead_name_gets_no_completion_and_its_use_is_noticed() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    Bench::send(&mut bench.client, ours, b"x", After::Keep);
    bench.client.close(ours, Close::Reset);
    assert!(bench.client.poll_completion().is_none());
    bench.client.recv(ours, None);
    bench.server.close(theirs, Close::Reset);
    bench.net.settle();
    let says = bench.net.check_clean().expect_err("recv on a dead name is a bug").to_string();
    assert!(says.contains("recv on dead"), "{says}");
}
