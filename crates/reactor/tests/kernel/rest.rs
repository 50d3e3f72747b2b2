//! Sockets that are used again, and bytes that nobody looks at.

use crate::loops::next;
use ports::{ClosedFirst, Fault};
use reactor::epoll::{EpollConfig, EpollReactor, RESTING_MAX};
use reactor::{Close, CloseOutcome, Completion, ConnId, ConnectPlan, Outgoing, Questions, Reactor, Received, Source};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::mpsc::{Receiver, channel};
use testkit::PATIENCE;

/// How a server saw a connection end: by FIN, or by the error of its last read.
type Seen = Result<(), std::io::ErrorKind>;

/// Answers each connection's two bytes with three, then closes or waits for the client to; tells how each ended.
fn server(closes: bool) -> (SocketAddr, Receiver<Seen>) {
    let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (sender, seen) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if sender.send(serve(stream, closes)).is_err() {
                return;
            }
        }
    });
    (address, seen)
}

fn serve(mut stream: TcpStream, closes: bool) -> Seen {
    let kind = |error: std::io::Error| error.kind();
    stream.set_read_timeout(Some(PATIENCE)).map_err(kind)?;
    stream.read_exact(&mut [0; 2]).map_err(kind)?;
    stream.write_all(b"you").map_err(kind)?;
    if closes {
        stream.shutdown(std::net::Shutdown::Write).map_err(kind)?;
    }
    stream.read(&mut [0; 8]).map(|_| ()).map_err(kind)
}

fn reusing() -> EpollReactor {
    let config = EpollConfig { reuses_sockets: true, greets_late: true, ..EpollConfig::default() };
    EpollReactor::new(config).expect("an event loop")
}

fn received(io: &mut EpollReactor, conn: ConnId) -> Result<Received, Fault> {
    io.recv(conn, None);
    loop {
        match next(io) {
            Completion::Received { conn: of, result } if of == conn => return result,
            Completion::Connected { conn: of, result: Ok(()) } | Completion::Sent { conn: of, result: Ok(()) }
                if of == conn => {}
            other => panic!("{other:?}"),
        }
    }
}

/// One connection with an answer, up to its end; from which port, and who closed first.
fn live(io: &mut EpollReactor, plan: &ConnectPlan, waits: bool, how: Close) -> (u16, CloseOutcome) {
    let mut hello = io.take_buf().expect("within the bound");
    hello.append(b"me").expect("fits");
    let conn = io.connect(plan, Outgoing::bytes(hello)).expect("connecting");
    let answer = received(io, conn);
    assert!(matches!(&answer, Ok(Received::Data(buf)) if &**buf == b"you"), "{answer:?}");
    if waits {
        assert!(matches!(received(io, conn), Ok(Received::Eof(None))));
    }
    let port = io.local_address(conn).expect("connected").port();
    (port, io.close(conn, how))
}

#[test]
fn what_the_peer_closed_first_connects_again_from_another_port() {
    let (address, seen) = server(true);
    let mut io = reusing();
    let plan = ConnectPlan::to(address);
    let (mut ports, mut lives) = (BTreeSet::new(), 0);
    // A socket is used again as soon as the peer has seen our FIN, which is up to the host.
    while io.sockets_reused() < 20 {
        let (port, outcome) = live(&mut io, &plan, true, Close::Fin);
        assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
        assert_eq!(seen.recv_timeout(PATIENCE), Ok(Ok(())), "a FIN, and no reset");
        ports.insert(port);
        lives += 1;
        assert!(lives < 1000, "{} of {lives} sockets were used again", io.sockets_reused());
    }
    assert!(ports.len() > 1, "each connection has a port of its own: {ports:?}");
    assert_eq!(io.open_connections(), 0);
}

#[test]
fn a_reset_is_one_also_where_the_socket_stays() {
    let (address, seen) = server(false);
    let mut io = reusing();
    for life in 0..20 {
        let (_, outcome) = live(&mut io, &ConnectPlan::to(address), false, Close::Reset);
        assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::RstSent)));
        assert_eq!(seen.recv_timeout(PATIENCE), Ok(Err(std::io::ErrorKind::ConnectionReset)));
        assert_eq!(io.sockets_reused(), life, "the one socket, each time");
    }
}

#[test]
fn an_end_that_is_on_its_way_is_left_to_the_kernel_and_a_bound_port_to_its_turn() {
    let (address, seen) = server(false);
    let mut io = reusing();
    for _ in 0..3 {
        let (_, outcome) = live(&mut io, &ConnectPlan::to(address), false, Close::Fin);
        assert_eq!(outcome, CloseOutcome::Closed(Some(ClosedFirst::OurFin)));
        assert_eq!(seen.recv_timeout(PATIENCE), Ok(Ok(())), "a FIN, and no reset");
    }
    let (closing, _ends) = server(true);
    for _ in 0..3 {
        let any = TcpListener::bind((closing.ip(), 0)).expect("a free port").local_addr().expect("bound");
        let plan = ConnectPlan { source: Source::Exact(any), ..ConnectPlan::to(closing) };
        assert_eq!(live(&mut io, &plan, true, Close::Fin).0, any.port());
    }
    assert_eq!(io.sockets_reused(), 0);
}

/// Each source address has sockets of its own: one that is bound to another is never taken.
#[test]
fn a_socket_keeps_its_address() {
    let (address, _ends) = server(false);
    let mut io = reusing();
    let sources = [1, 2, 3].map(|last| IpAddr::from([127, 9, 0, last]));
    for turn in 0..9 {
        let source = sources[turn % 3];
        let plan = ConnectPlan { source: Source::Address(source), ..ConnectPlan::to(address) };
        let mut hello = io.take_buf().expect("within the bound");
        hello.append(b"me").expect("fits");
        let conn = io.connect(&plan, Outgoing::bytes(hello)).expect("connecting");
        assert!(matches!(received(&mut io, conn), Ok(Received::Data(_))));
        assert_eq!(io.local_address(conn).map(|local| local.ip()), Some(source));
        io.close(conn, Close::Reset);
        assert_eq!(io.sockets_reused(), turn.saturating_sub(2) as u64);
    }
}

/// However many end at once, no more rest than there may.
#[test]
fn so_many_sockets_rest_and_no_more() {
    let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let plan = ConnectPlan::to(listener.local_addr().expect("bound"));
    let mut io = reusing();
    let open = |io: &mut EpollReactor| {
        let conn = io.connect(&plan, Outgoing::default()).expect("connecting");
        assert!(matches!(next(io), Completion::Connected { result: Ok(()), .. }));
        listener.accept().expect("it came");
        conn
    };
    sys::limits::raise_file_limit();
    let all: Vec<_> = (0..RESTING_MAX + 8).map(|_| open(&mut io)).collect();
    for conn in all {
        io.close(conn, Close::Reset);
    }
    let before = io.sockets_reused();
    let again: Vec<_> = (0..RESTING_MAX + 8).map(|_| open(&mut io)).collect();
    assert_eq!((again.len(), io.sockets_reused() - before), (RESTING_MAX + 8, RESTING_MAX as u64));
}

#[test]
fn bytes_that_nobody_looks_at_are_counted_and_no_more_than_was_said() {
    const UNSEEN: usize = 300_000;
    let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let mut io = reusing();
    let conn =
        io.connect(&ConnectPlan::to(listener.local_addr().expect("bound")), Outgoing::default()).expect("connecting");
    let (mut peer, _) = listener.accept().expect("it came");
    let writing = std::thread::spawn(move || {
        peer.write_all(&[b'x'; UNSEEN]).expect("sent");
        peer.write_all(b"end").expect("sent");
    });
    assert!(matches!(next(&mut io), Completion::Connected { result: Ok(()), .. }));
    let (mut left, mut unseen, mut seen) = (UNSEEN as u64, 0, Vec::new());
    while let Some(bytes) = NonZeroU32::new(left as u32) {
        io.recv_away(conn, bytes);
        match next(&mut io) {
            Completion::Received { result: Ok(Received::Dropped(bytes)), .. } => {
                (left, unseen) = (left - bytes, unseen + bytes)
            }
            // What came between two calls is received as always.
            Completion::Received { result: Ok(Received::Data(buf)), .. } => {
                let of_those = buf.len().min(left as usize);
                left -= of_those as u64;
                seen.extend_from_slice(&buf[of_those..]);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(unseen > 0, "all of it was copied");
    while let Ok(Received::Data(buf)) = received(&mut io, conn) {
        seen.extend_from_slice(&buf);
    }
    writing.join().expect("written");
    assert_eq!(seen, b"end");
}
