//! What the face of a reactor promises, with plain blocking sockets as the other side.

use crate::loops::{accepted, next, reactor};
use ports::{ClosedFirst, FaultKind};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{
    After, Buf, Close, CloseOutcome, Completion, ConnId, ConnectPlan, ListenPlan, ListenerId, Outgoing, Probe,
    Questions, Reactor, Received, Source,
};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use testkit::PATIENCE;

fn buf(io: &mut EpollReactor, bytes: &[u8]) -> Buf {
    let mut buf = io.take_buf().expect("within the bound");
    buf.append(bytes).expect("fits");
    buf
}

fn address_of(io: &EpollReactor, listener: ListenerId) -> SocketAddr {
    io.listener_address(listener).expect("it listens")
}

/// A listening reactor, a client of it, and the accepted connection.
fn with_client() -> (EpollReactor, TcpStream, ConnId) {
    let mut io = reactor();
    let listener = io
        .listen(&ListenPlan::new("127.0.0.1:0".parse::<std::net::SocketAddr>().expect("address")))
        .expect("listening");
    let client = TcpStream::connect(address_of(&io, listener)).expect("connected");
    client.set_read_timeout(Some(PATIENCE)).expect("set");
    let (conn, peer) = accepted(&mut io);
    assert_eq!(peer, client.local_addr().expect("connected"));
    (io, client, conn)
}

fn received(io: &mut EpollReactor, conn: ConnId) -> Result<Received, ports::Fault> {
    match next(io) {
        Completion::Received { conn: of, result } if of == conn => result,
        other => panic!("{other:?}"),
    }
}

fn data(io: &mut EpollReactor, conn: ConnId) -> Buf {
    match received(io, conn) {
        Ok(Received::Data(buf)) => buf,
        other => panic!("{other:?}"),
    }
}

fn wait_until_readable(io: &mut EpollReactor, conn: ConnId) {
    let until = io.now() + PATIENCE;
    while io.probe(conn) == Probe::Quiet {
        assert!(io.now() < until, "nothing to read in {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn bytes_arrive_and_a_partial_buffer_is_appended_to() {
    let (mut io, mut client, conn) = with_client();
    io.recv(conn, None);
    client.write_all(b"one ").expect("sent");
    let partial = data(&mut io, conn);
    assert_eq!(&*partial, b"one ");
    io.recv(conn, Some(partial));
    client.write_all(b"two").expect("sent");
    assert_eq!(&*data(&mut io, conn), b"one two");
    io.recv(conn, None);
    client.shutdown(Shutdown::Write).expect("FIN");
    assert!(matches!(received(&mut io, conn), Ok(Received::Eof(None))));
    assert_eq!(io.close(conn, Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
}

#[test]
fn a_send_larger_than_the_window_completes_when_the_peer_has_read() {
    let (mut io, mut client, conn) = with_client();
    let reader = std::thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).expect("read");
        all
    });
    let mut expect = Vec::new();
    for round in 0..400u32 {
        let block: Vec<u8> = (0..16_000u32).map(|at| (at + round) as u8).collect();
        expect.extend_from_slice(&block);
        let out = Outgoing {
            head: Some(buf(&mut io, &block[..100])),
            body: Some(buf(&mut io, &block[100..])),
            ..Outgoing::default()
        };
        io.send(conn, out);
        assert!(matches!(next(&mut io), Completion::Sent { result: Ok(()), .. }));
    }
    let last = buf(&mut io, b"end");
    io.send(conn, Outgoing { after: After::Close, ..Outgoing::bytes(last) });
    assert!(matches!(
        next(&mut io),
        Completion::Closed { outcome: CloseOutcome::Closed(Some(ClosedFirst::OurFin)), .. }
    ));
    expect.extend_from_slice(b"end");
    assert!(reader.join().expect("reader") == expect, "all bytes, in order");
}

#[test]
fn unread_bytes_forbid_a_fin_and_discard_resets() {
    let (mut io, mut client, conn) = with_client();
    client.write_all(b"unread").expect("sent");
    wait_until_readable(&mut io, conn);
    assert_eq!(io.close(conn, Close::Fin), CloseOutcome::Unread);
    assert_eq!(io.close(conn, Close::Discard), CloseOutcome::Closed(Some(ClosedFirst::RstSent)));
    let error = client.read(&mut [0; 8]).expect_err("reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_is_told_apart_on_both_sides() {
    let (mut io, mut client, conn) = with_client();
    io.recv(conn, None);
    assert_eq!(io.close(conn, Close::Reset), CloseOutcome::Closed(Some(ClosedFirst::RstSent)));
    assert!(client.read(&mut [0; 8]).is_err(), "the peer sees a reset");
    assert!(io.poll_completion().is_none(), "no completion for a dead connection");

    let (mut io, mut client, conn) = with_client();
    // Unread bytes at the client's close turn its FIN into a reset.
    let hello = buf(&mut io, b"hello");
    io.send(conn, Outgoing::bytes(hello));
    assert!(matches!(next(&mut io), Completion::Sent { result: Ok(()), .. }));
    client.peek(&mut [0; 1]).expect("arrived");
    client.write_all(b"x").expect("sent");
    assert_eq!(client.peek(&mut [0; 8]).expect("still unread"), 5);
    drop(client);
    io.recv(conn, None);
    let fault = loop {
        match received(&mut io, conn) {
            Ok(Received::Data(_)) => io.recv(conn, None),
            Ok(Received::Eof(_) | Received::Piped(_) | Received::Dropped(_)) => panic!("a FIN where a reset was due"),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault.kind, FaultKind::Reset);
    assert_eq!(io.close(conn, Close::Discard), CloseOutcome::Closed(Some(ClosedFirst::RstReceived)));
}

#[test]
fn after_our_fin_the_peer_is_read_to_its_end() {
    let (mut io, mut client, conn) = with_client();
    io.shutdown_write(conn);
    assert_eq!(client.read(&mut [0; 8]).expect("FIN"), 0);
    client.write_all(b"late").expect("half-closed the other way only");
    drop(client);
    io.recv(conn, None);
    assert_eq!(&*data(&mut io, conn), b"late");
    io.recv(conn, None);
    assert!(matches!(received(&mut io, conn), Ok(Received::Eof(None))));
    assert_eq!(io.close(conn, Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
}

fn connected(io: &mut EpollReactor, plan: &ConnectPlan, first: &[u8]) -> ConnId {
    let first = if first.is_empty() { Outgoing::default() } else { Outgoing::bytes(buf(io, first)) };
    let conn = io.connect(plan, first).expect("started");
    assert!(matches!(next(io), Completion::Connected { result: Ok(()), .. }));
    conn
}

#[test]
fn the_first_bytes_go_with_the_handshake() {
    let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut io = reactor();
    let plan = ConnectPlan::to(origin.local_addr().expect("bound"));
    let conn = connected(&mut io, &plan, b"ping");
    assert!(matches!(next(&mut io), Completion::Sent { result: Ok(()), .. }));
    let (mut server, peer) = origin.accept().expect("accepted");
    assert_eq!(io.local_address(conn), Some(peer));
    let mut bytes = [0; 4];
    server.read_exact(&mut bytes).expect("read");
    assert_eq!(&bytes, b"ping");
    server.write_all(b"pong").expect("sent");
    io.recv(conn, None);
    assert_eq!(&*data(&mut io, conn), b"pong");
}

#[test]
fn an_empty_first_send_only_connects() {
    let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut io = reactor();
    let conn = connected(&mut io, &ConnectPlan::to(origin.local_addr().expect("bound")), b"");
    assert!(io.timestamps(conn).is_some());
    assert_eq!(io.close(conn, Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
}

#[test]
fn a_refused_connect_says_so() {
    let gone = testkit::free_address();
    let mut io = reactor();
    let first = buf(&mut io, b"x");
    match io.connect(&ConnectPlan::to(gone), Outgoing::bytes(first)) {
        Ok(_) => match next(&mut io) {
            Completion::Connected { result: Err(fault), .. } => assert_eq!(fault.kind, FaultKind::Refused),
            other => panic!("{other:?}"),
        },
        Err(fault) => assert_eq!(fault.kind, FaultKind::Refused),
    }
    assert_eq!(io.open_connections(), 0);
}

#[test]
fn a_port_range_that_is_used_up_is_our_shortage() {
    let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut io = reactor();
    let mut plan = ConnectPlan::to(origin.local_addr().expect("bound"));
    plan.port_range = Some((40_000, 40_001));
    let results: Vec<_> = (0..3).map(|_| io.connect(&plan, Outgoing::default())).collect();
    let faults: Vec<_> = results.iter().filter_map(|result| result.err()).collect();
    assert!(!faults.is_empty(), "three connects from two ports");
    assert!(faults.iter().all(|fault| fault.kind == FaultKind::Ports), "{faults:?}");
}

#[test]
fn an_exact_source_is_used() {
    let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut io = reactor();
    let mut plan = ConnectPlan::to(origin.local_addr().expect("bound"));
    let free = testkit::free_address();
    plan.source = Source::Exact(free);
    let conn = connected(&mut io, &plan, b"");
    assert_eq!(io.local_address(conn), Some(free));
    plan.source = Source::Address("127.0.0.2".parse().expect("address"));
    let conn = connected(&mut io, &plan, b"");
    assert_eq!(io.local_address(conn).map(|local| local.ip().to_string()), Some("127.0.0.2".to_owned()));
}

#[test]
fn a_port_the_kernel_chose_can_be_taken_over_from_time_wait() {
    let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let mut io = reactor();
    let mut plan = ConnectPlan::to(origin.local_addr().expect("bound"));
    // The port is the kernel's choice, the address is nobody else's: a port that others have left without SO_REUSEADDR,
    // towards whatever destination, is theirs for a minute.
    plan.source = Source::Address(testkit::own_loopback().into());
    let conn = connected(&mut io, &plan, b"");
    let (server, peer) = origin.accept().expect("accepted");
    let timestamps = io.timestamps(conn);
    assert_eq!(io.close(conn, Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
    drop(server);
    if timestamps != Some(true) {
        return testkit::skip("this host negotiates no TCP timestamps on the loopback");
    }
    plan.source = Source::Exact(peer);
    let again = connected(&mut io, &plan, b"");
    assert_eq!(io.local_address(again), Some(peer), "from TIME_WAIT, at once");
}

/// Two connections of one reactor, joined through pipes until one ends; what the reader got.
fn piped_through(written: &'static [u8], read_max: usize) -> (EpollReactor, Vec<u8>, usize) {
    let mut io = reactor();
    let listener =
        io.listen(&ListenPlan::new("127.0.0.1:0".parse::<SocketAddr>().expect("address"))).expect("listening");
    let address = address_of(&io, listener);
    let accept = |io: &mut EpollReactor| {
        let client = TcpStream::connect(address).expect("connected");
        client.set_read_timeout(Some(PATIENCE)).expect("set");
        let Completion::Accepted { conn, .. } = next(io) else { panic!("accepted first") };
        (client, conn)
    };
    let ((mut writer, from), (mut reader, to)) = (accept(&mut io), accept(&mut io));
    let writing = std::thread::spawn(move || {
        let _the_reader_may_leave = writer.write_all(written);
        drop(writer);
    });
    let reading = std::thread::spawn(move || {
        let mut seen = Vec::new();
        let _reset = std::io::Read::take(&mut reader, read_max as u64).read_to_end(&mut seen);
        seen
    });
    let mut through = 0;
    loop {
        io.recv_through(from, to);
        match received(&mut io, from) {
            Ok(Received::Piped(piped)) => {
                through += piped.len();
                io.send_piped(to, piped);
            }
            // It came between the two calls.
            Ok(Received::Data(buf)) => io.send(to, Outgoing::bytes(buf)),
            Ok(Received::Eof(None)) => break,
            other => panic!("{other:?}"),
        }
        let Completion::Sent { result, .. } = next(&mut io) else { panic!("sent next") };
        if result.is_err() {
            break;
        }
    }
    io.close(from, Close::Discard);
    io.close(to, Close::Discard);
    writing.join().expect("written");
    (io, reading.join().expect("read"), through)
}

#[test]
fn what_comes_through_a_pipe_goes_on_whole() {
    let written: &[u8] = (0..3_000_000u32).map(|at| (at / 7) as u8).collect::<Vec<u8>>().leak();
    let (io, seen, through) = piped_through(written, usize::MAX);
    assert!(seen == written, "{} of {} bytes", seen.len(), written.len());
    assert!(through > written.len() / 2, "{through}");
    assert_eq!(io.shortages().pipes_missing, 0);
    let (io, seen, _) = piped_through(written, 100_000);
    assert!(seen == written[..100_000], "a reader that leaves ends it, or the kernel has taken it all before");
    assert_eq!(io.open_connections(), 0);
}

#[test]
fn a_recv_waits_for_a_buffer_when_none_is_left() {
    let mut io = EpollReactor::new(EpollConfig { buffers_max: 1, ..EpollConfig::default() }).expect("epoll");
    let listener = io
        .listen(&ListenPlan::new("127.0.0.1:0".parse::<std::net::SocketAddr>().expect("address")))
        .expect("listening");
    let mut client = TcpStream::connect(address_of(&io, listener)).expect("connected");
    let Completion::Accepted { conn, .. } = next(&mut io) else { panic!("accepted first") };
    let held = io.take_buf().expect("the only one");
    client.write_all(b"hello").expect("sent");
    wait_until_readable(&mut io, conn);
    io.recv(conn, None);
    let soon = io.now() + Duration::from_millis(20);
    io.turn(Some(soon));
    assert!(io.poll_completion().is_none(), "no buffer, no data");
    assert!(io.shortages().recv_waited_for_buffer > 0);
    drop(held);
    assert_eq!(&*data(&mut io, conn), b"hello");
}

#[test]
fn beyond_the_bound_connections_wait_in_the_accept_queue() {
    let mut io = EpollReactor::new(EpollConfig { connections_max: 1, ..EpollConfig::default() }).expect("epoll");
    let listener = io
        .listen(&ListenPlan::new("127.0.0.1:0".parse::<std::net::SocketAddr>().expect("address")))
        .expect("listening");
    let address = address_of(&io, listener);
    let _first = TcpStream::connect(address).expect("connected");
    let _second = TcpStream::connect(address).expect("connected");
    let Completion::Accepted { conn, .. } = next(&mut io) else { panic!("accepted first") };
    assert!(matches!(next(&mut io), Completion::AcceptFailed { .. }));
    io.close(conn, Close::Discard);
    assert!(matches!(next(&mut io), Completion::Accepted { .. }), "room again");
}

#[test]
fn another_thread_wakes_the_reactor() {
    let mut io = reactor();
    let waker = io.waker();
    let thread = std::thread::spawn(move || waker.wake());
    assert!(matches!(next(&mut io), Completion::Woken));
    thread.join().expect("woke");
}

#[test]
fn no_more_means_no_more_even_in_the_middle_of_a_batch() {
    let mut io = reactor();
    let listener = io
        .listen(&ListenPlan::new("127.0.0.1:0".parse::<std::net::SocketAddr>().expect("address")))
        .expect("listening");
    let crowd: Vec<_> = (0..9).map(|_| TcpStream::connect(address_of(&io, listener)).expect("queued")).collect();
    // Batches grow: by now more than one would be taken at once.
    for _ in 0..4 {
        assert!(matches!(next(&mut io), Completion::Accepted { .. }));
    }
    io.set_accepting(listener, false);
    io.turn(Some(io.now() + Duration::from_millis(20)));
    assert!(io.poll_completion().is_none() && io.open_connections() == 4, "{} taken", io.open_connections());
    io.set_accepting(listener, true);
    for _ in 4..crowd.len() {
        assert!(matches!(next(&mut io), Completion::Accepted { .. }));
    }
}

/// One connection that is always ready must not keep new ones out.
#[test]
fn a_busy_connection_does_not_hold_up_accepting() {
    let (mut io, mut client, conn) = with_client();
    let listener = io
        .listen(&ListenPlan::new("127.0.0.1:0".parse::<std::net::SocketAddr>().expect("address")))
        .expect("listening");
    let reader = std::thread::spawn(move || while client.read(&mut [0; 65_536]).is_ok_and(|len| len > 0) {});
    let _other = TcpStream::connect(address_of(&io, listener)).expect("queued");
    let byte = buf(&mut io, b"x");
    io.send(conn, Outgoing::bytes(byte.clone()));
    io.turn(Some(io.now()));
    let mut others = 0;
    for _ in 0..reactor::face::COMPLETIONS_PER_TURN_MAX {
        match io.poll_completion() {
            Some(Completion::Sent { .. }) => io.send(conn, Outgoing::bytes(byte.clone())),
            Some(Completion::Accepted { .. }) => others += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(others, 1, "accepted within one turn");
    io.close(conn, Close::Discard);
    reader.join().expect("reader");
}

/// A server may answer early and close: its reset ends our sending, and what it said before can still be read.
#[test]
fn what_came_before_a_reset_is_received_after_a_send_failed() {
    let (mut io, mut client, conn) = with_client();
    client.write_all(&[7; 40_000]).expect("sent");
    wait_until_readable(&mut io, conn);
    sys::sockopt::set_linger_reset(&client).expect("set");
    drop(client);
    let last = buf(&mut io, b"x");
    io.send(conn, Outgoing::bytes(last));
    assert!(matches!(next(&mut io), Completion::Sent { result: Err(_), .. }));
    let mut got = 0;
    loop {
        io.recv(conn, None);
        match received(&mut io, conn) {
            Ok(Received::Data(buf)) => got += buf.len(),
            Ok(Received::Eof(_) | Received::Piped(_) | Received::Dropped(_)) => panic!("a reset is no end"),
            Err(fault) => break assert_eq!(fault.kind, FaultKind::Reset),
        }
    }
    assert_eq!(got, 40_000);
}

/// However many have sent something, what is received ahead of its telling has few buffers; and all of it is told.
#[test]
fn what_waits_to_be_told_holds_few_buffers() {
    const CONNECTIONS: usize = 700;
    const BUFFERS: usize = 300;
    sys::limits::raise_file_limit();
    let mut io = EpollReactor::new(EpollConfig { buffers_max: BUFFERS, ..EpollConfig::default() }).expect("epoll");
    let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let plan = ConnectPlan::to(listener.local_addr().expect("bound"));
    let mut peers = Vec::new();
    for _ in 0..CONNECTIONS {
        let conn = io.connect(&plan, Outgoing::default()).expect("connecting");
        assert!(matches!(next(&mut io), Completion::Connected { result: Ok(()), .. }));
        io.recv(conn, None);
        peers.push(listener.accept().expect("it came").0);
    }
    io.turn(Some(io.now()));
    peers.iter_mut().for_each(|peer| peer.write_all(b"x").expect("sent"));
    for _ in 0..16 {
        io.turn(Some(io.now()));
    }
    let mut told = 0;
    while told < CONNECTIONS {
        told += usize::from(matches!(next(&mut io), Completion::Received { result: Ok(Received::Data(_)), .. }));
    }
    assert_eq!(io.shortages().recv_waited_for_buffer, 0, "more than {BUFFERS} were received ahead");
}
