//! How bytes move: windows, corks, buffers, and what a reset leaves readable.

use super::*;

#[test]
fn what_arrived_before_a_reset_can_be_read() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    Bench::send(&mut bench.server, theirs, b"answer", After::Keep);
    bench.wait_ms(10);
    bench.server.close(theirs, Close::Reset);
    bench.wait_ms(10);
    assert_eq!(recv_now(&mut bench.client, ours), Some(Ok(b"answer".to_vec())));
    let fault = recv_now(&mut bench.client, ours).expect("it ends").expect_err("by the reset");
    assert_eq!(fault.kind, FaultKind::Reset);
    bench.finish(&[(true, ours)]);
}

#[test]
fn a_send_completes_only_when_the_peer_makes_room() {
    let mut bench = Bench::calm();
    let (ours, theirs) = bench.pair();
    let (mut sent, mut received) = (0, 0);
    for _ in 0..2 {
        Bench::send(&mut bench.client, ours, &[7; 16 << 10], After::Keep);
        bench.wait_ms(100);
        sent += usize::from(bench.client.poll_completion().is_some());
    }
    assert_eq!(sent, 1, "8 KiB of window and 16 KiB of send buffer hold the second back");
    assert_eq!(bench.client.unacknowledged_bytes(ours), Some(16 << 10));
    while let Some(Ok(bytes)) = recv_now(&mut bench.server, theirs) {
        received += bytes.len();
        bench.wait_ms(100);
        if received == 32 << 10 {
            break;
        }
    }
    assert!(matches!(bench.client.poll_completion(), Some(Completion::Sent { result: Ok(()), .. })));
    assert_eq!(bench.client.unacknowledged_bytes(ours), Some(0));
    bench.finish(&[(true, ours), (false, theirs)]);
}

#[test]
fn more_holds_bytes_back_for_what_follows_or_200_ms() {
    for (more_follows, arrives_ms) in [(true, 10), (false, 250)] {
        let mut bench = Bench::calm();
        let (ours, theirs) = bench.pair();
        Bench::send(&mut bench.client, ours, b"head", After::More);
        bench.wait_ms(100);
        assert_eq!(bench.server.probe(theirs), Probe::Quiet);
        while bench.client.poll_completion().is_some() {}
        if more_follows {
            Bench::send(&mut bench.client, ours, b" body", After::Keep);
        }
        bench.wait_ms(arrives_ms);
        let text: &[u8] = if more_follows { b"head body" } else { b"head" };
        assert_eq!(recv_now(&mut bench.server, theirs), Some(Ok(text.to_vec())));
        bench.finish(&[(true, ours), (false, theirs)]);
    }
}

#[test]
fn a_recv_waits_for_a_buffer_and_appends_to_a_partial_one() {
    let mut bench = Bench::calm();
    bench.net.0.borrow_mut().hosts[1].buffers = reactor::buf::BufPool::new(1);
    let (ours, theirs) = bench.pair();
    Bench::send(&mut bench.client, ours, b"one", After::Keep);
    bench.wait_ms(10);
    let mut only: Buf = bench.server.take_buf().expect("there is one");
    assert_eq!(recv_now(&mut bench.server, theirs), None, "no buffer is free");
    only.append(b"partial ").expect("it fits");
    drop(only);
    let received = bench.server.poll_completion();
    let Some(Completion::Received { result: Ok(Received::Data(buf)), .. }) = received else {
        panic!("got {received:?}")
    };
    while bench.client.poll_completion().is_some() {}
    Bench::send(&mut bench.client, ours, b" two", After::Keep);
    bench.wait_ms(10);
    bench.server.recv(theirs, Some(buf));
    match bench.server.poll_completion() {
        Some(Completion::Received { result: Ok(Received::Data(buf)), .. }) => {
            assert_eq!(&*buf, b"one two");
        }
        other => panic!("got {other:?}"),
    }
    bench.finish(&[(true, ours), (false, theirs)]);
}
