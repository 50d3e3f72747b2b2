//! How streams end, and what is said of them before.

use super::*;
use ports::ClosedFirst;

/// What a record of TLS 1.3 adds, and a close-notify.
const RECORD_BYTES: usize = 22;
const CLOSE_BYTES: usize = RECORD_BYTES + 2;
const PAYLOAD_BYTES_MAX: usize = 1 << 14;

#[test]
fn a_close_ends_the_stream_and_is_no_reset() {
    for how in [Close::Fin, Close::Discard] {
        let mut bench = Bench::pair();
        bench.server.recv();
        assert_eq!(bench.client.close(how), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
        check(&mut bench, "", "end");
        assert_eq!(bench.server.probe(), Probe::PeerFin);
        assert_eq!(bench.server.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
        assert_eq!((bench.client.io.time_waits(), bench.server.io.time_waits()), (0, 0));
        bench.pass(SOON);
        assert_eq!((bench.client.io.time_waits(), bench.server.io.time_waits()), (1, 0), "the first closer pays");
        bench.finish();
    }
}

#[test]
fn last_bytes_and_end_arrive_together() {
    let mut bench = Bench::pair();
    bench.server.recv();
    bench.client.send(3, After::Close);
    check(&mut bench, "closed", "xxx");
    assert_eq!(bench.client.sends_below().last(), Some(&(RECORD_BYTES + 3 + CLOSE_BYTES, After::Close)), "one segment");
    bench.server.recv();
    check(&mut bench, "", "end");
    bench.server.close(Close::Fin);
    assert_eq!(bench.server.sends_below().len(), 1, "nobody would read a close-notify");
    bench.finish();
}

/// More than one record: the end still rides on the last.
#[test]
fn a_full_buffer_is_two_records_and_the_end_one_more() {
    let mut bench = Bench::pair();
    bench.server.recv();
    let len = reactor::buf::BUF_BYTES;
    bench.client.send(len, After::Close);
    check(&mut bench, "closed", &format!("{PAYLOAD_BYTES_MAX} bytes"));
    bench.server.recv();
    check(&mut bench, "", &format!("{} bytes", len - PAYLOAD_BYTES_MAX));
    assert_eq!(bench.client.sends_below().last(), Some(&(len + 2 * RECORD_BYTES + CLOSE_BYTES, After::Close)));
    bench.server.close(Close::Fin);
    bench.finish();
}

#[test]
fn who_ends_his_side_still_reads() {
    let mut bench = Bench::pair();
    bench.server.recv();
    bench.client.act(|conn, io| io.shutdown_write(conn));
    bench.client.recv();
    check(&mut bench, "", "end");
    bench.server.send(5, After::Close);
    check(&mut bench, "xxxxx", "closed");
    bench.client.recv();
    check(&mut bench, "end", "");
    assert_eq!(bench.client.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
    bench.finish();
}

#[test]
fn bytes_of_the_application_forbid_the_fin() {
    let mut bench = Bench::pair();
    bench.client.send(3, After::Keep);
    check(&mut bench, "sent", "");
    assert_eq!((bench.server.probe(), bench.server.close(Close::Fin)), (Probe::Readable, CloseOutcome::Unread));
    bench.server.act(|conn, io| io.shutdown_write(conn));
    bench.server.recv();
    bench.client.recv();
    check(&mut bench, "end", "xxx");
    assert_eq!(bench.server.probe(), Probe::Quiet);
    bench.client.close(Close::Fin);
    bench.server.recv();
    check(&mut bench, "", "end");
    bench.server.close(Close::Fin);
    bench.finish();
}

/// Two records come in one segment: the first is read, the second lies opened in the layer, where the kernel knows
/// nothing of it.
#[test]
fn bytes_that_only_the_layer_holds_are_unread_too() {
    for how in [Close::Fin, Close::Discard] {
        let mut bench = Bench::pair();
        bench.client.send(3, After::More);
        bench.pass(Duration::from_millis(1));
        bench.client.send(4, After::Keep);
        bench.server.recv();
        check(&mut bench, "sent, sent", "xxx");
        assert_eq!(bench.server.probe(), Probe::Readable);
        bench.client.recv();
        if how == Close::Discard {
            assert_eq!(bench.server.close(how), CloseOutcome::Closed(Some(ClosedFirst::RstSent)));
            check(&mut bench, "connection reset (ECONNRESET)", "");
            bench.client.close(how);
            bench.finish();
            continue;
        }
        assert_eq!(bench.server.close(how), CloseOutcome::Unread);
        bench.server.send(2, After::Close);
        check(&mut bench, "xx", "unread");
        bench.server.act(|conn, io| io.shutdown_write(conn));
        bench.server.recv();
        bench.client.recv();
        check(&mut bench, "end", "xxxx");
        bench.client.close(Close::Fin);
        bench.server.close(Close::Fin);
        bench.finish();
    }
}

#[test]
fn a_reset_is_a_reset() {
    let mut bench = Bench::pair();
    bench.server.recv();
    assert_eq!(bench.client.close(Close::Reset), CloseOutcome::Closed(Some(ClosedFirst::RstSent)));
    check(&mut bench, "", "connection reset (ECONNRESET)");
    bench.server.close(Close::Discard);
    bench.finish();
}

/// The peer does not read, so the send stands still when its sender closes.
#[test]
fn what_was_cut_off_looks_cut_off() {
    let mut bench = Bench::pair();
    for _ in 0..3 {
        bench.client.send(16_000, After::Keep);
        bench.pass(SOON);
    }
    assert_eq!(bench.client.heard(), "sent, sent");
    assert_eq!(bench.client.close(Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
    let mut heard = String::new();
    while !heard.contains("cut off") {
        assert!(!heard.contains("end"), "{heard}");
        bench.server.recv();
        bench.pass(SOON);
        heard += &bench.server.heard();
    }
    bench.server.close(Close::Discard);
    bench.finish();
}

#[test]
fn nothing_is_received_until_bytes_of_the_application_are() {
    let mut bench = Bench::pair();
    bench.server.recv();
    assert!(bench.server.act(|conn, io| io.is_receiving(conn)));
    bench.client.send(1, After::Keep);
    check(&mut bench, "sent", "x");
    assert!(!bench.server.act(|conn, io| io.is_receiving(conn)));
    assert_eq!(bench.client.act(|conn, io| io.unacknowledged_bytes(conn)), Some(0));
    bench.server.close(Close::Fin);
    bench.client.close(Close::Fin);
    bench.finish();
}

#[test]
fn without_a_buffer_a_send_waits_and_is_not_lost() {
    let mut bench = Bench::pair_with(2);
    bench.server.recv();
    let kept = bench.client.act(|_, io| io.take_buf()).expect("the second buffer");
    bench.client.send(3, After::Keep);
    check(&mut bench, "", "");
    drop(kept);
    check(&mut bench, "sent", "xxx");
    bench.client.close(Close::Fin);
    bench.server.close(Close::Fin);
    bench.finish();
}
