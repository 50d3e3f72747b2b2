//! How connections begin.

use super::*;
use toy_layer::HANDSHAKE_MAX;

#[test]
fn both_sides_know_what_was_agreed_on() {
    let mut bench = Bench::pair();
    let client = bench.client.act(|conn, io| io.session(conn).cloned()).expect("sealed");
    let server = bench.server.act(|conn, io| io.session(conn).cloned()).expect("sealed");
    assert!(client.secure && server.secure);
    assert_eq!((client.alpn.as_deref(), server.alpn.as_deref()), (Some(&b"toy"[..]), Some(&b"toy"[..])));
    assert_eq!((client.server_name, server.server_name.as_deref()), (None, Some("door.example")));
    bench.client.close(Close::Fin);
    bench.server.close(Close::Fin);
    bench.finish();

    let mut plain = Bench::new((false, false), 64);
    plain.connect(Outgoing::default());
    check(&mut plain, "connected", "accepted");
    assert_eq!(plain.client.act(|conn, io| io.session(conn).cloned()), None);
}

#[test]
fn first_bytes_follow_the_handshake() {
    let mut bench = Bench::new((true, true), 64);
    let mut first = bench.client.io.take_buf().expect("a buffer is free");
    first.append(b"first").expect("it fits");
    bench.connect(Outgoing::bytes(first));
    bench.pass(SOON);
    bench.server.recv();
    check(&mut bench, "connected, sent", "accepted, first");
    bench.client.close(Close::Fin);
    bench.server.close(Close::Fin);
    bench.finish();
}

/// A client that speaks plainly is turned away, and the application never hears of it.
#[test]
fn a_plain_client_is_turned_away() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    bench.client.recv();
    bench.client.send(10, After::Keep);
    check(&mut bench, "sent, end", "");
    assert_eq!(bench.server.app.app.counters().handshakes_failed, 1);
    bench.client.close(Close::Discard);
    bench.finish();
}

/// One that says nothing gets its time.
#[test]
fn a_silent_client_is_turned_away_in_time() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    bench.client.recv();
    bench.pass(HANDSHAKE_MAX - SOON * 2);
    assert_eq!(bench.client.heard(), "");
    check(&mut bench, "", "");
    check(&mut bench, "end", "");
    bench.client.close(Close::Fin);
    bench.finish();
}

/// A server that never answers the hello; and one that leaves.
#[test]
fn a_connection_without_a_handshake_was_never_there() {
    let mut bench = Bench::new((true, false), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    bench.pass(HANDSHAKE_MAX);
    check(&mut bench, "not connected: timed out", "");
    bench.server.close(Close::Discard);

    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    bench.server.close(Close::Discard);
    check(&mut bench, "not connected: connection reset (ECONNRESET)", "");
    bench.finish();
}

/// The application may lose its patience first.
#[test]
fn a_close_before_the_handshake_is_over_closes_what_never_stood() {
    let mut bench = Bench::new((true, false), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "", "accepted");
    assert_eq!(bench.client.close(Close::Fin), CloseOutcome::Closed(None));
    check(&mut bench, "", "");
    bench.server.close(Close::Discard);
    bench.finish();
}

#[test]
fn handshakes_end_with_their_listener() {
    let mut bench = Bench::new((false, true), 64);
    bench.connect(Outgoing::default());
    check(&mut bench, "connected", "");
    bench.server.act_as(|_, io| io.close_listener(reactor::ListenerId(0)));
    bench.client.recv();
    check(&mut bench, "end", "");
    bench.client.close(Close::Fin);
    bench.finish();
}
