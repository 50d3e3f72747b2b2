//! Joined connections that carry much: its bytes stay in the kernel on their way, and every one of them arrives.

use crate::stage::{self, accept, eventually};
use crate::streaming::{read_body, write_body};
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{CloseReason, Counters, Protocol};
use reactor::epoll::EpollConfig;
use rustix::net::SendFlags;
use std::io::Read;
use std::net::{Shutdown, TcpListener};
use std::sync::atomic::AtomicUsize;
use std::thread::scope;

/// So much that nobody could take it for a message.
const BULK: usize = 8 << 20;

/// More than the kernel takes ahead of a reader that has stopped after its beginning.
const FLOOD: u64 = 100 << 20;
const BEGINNING: u64 = 1 << 20;

/// A balancer that joins connections, and the servers that it joins them with.
struct Hall {
    balancer: Handle,
    origin: TcpListener,
}

impl Hall {
    fn new() -> Self {
        Self::with(EpollConfig::default())
    }

    fn with(reactor: EpollConfig) -> Self {
        let origin = stage::listener();
        let mut settings = stage::settings(&[stage::address(&origin)]);
        settings.listeners[0].protocol = Protocol::Tcp;
        Self { balancer: stage::start(settings, 1, reactor), origin }
    }

    fn pair(&self) -> (Wire, Wire) {
        let client = Wire::connect(self.balancer.addresses()[0], "the client");
        (client, accept(&self.origin, PATIENCE).expect("a connection of the balancer"))
    }

    fn end(self) -> Counters {
        stage::end_within(self.balancer, PATIENCE)
    }
}

fn writes(wire: &Wire, len: usize) {
    write_body(wire.stream(), len, &AtomicUsize::new(0));
}

/// Writes, then sends FIN.
fn pours(wire: &Wire, len: usize) {
    writes(wire, len);
    wire.stream().shutdown(Shutdown::Write).expect("FIN");
}

/// Reads to the end, which comes after so many bytes.
fn drains(wire: &Wire, len: usize) {
    read_body(wire.stream(), len);
    assert_eq!(wire.stream().read(&mut [0]).expect("an end"), 0, "more than {len} bytes");
}

fn why(counters: &Counters, reason: CloseReason) -> (u64, u64) {
    (counters.client_reasons[reason as usize], counters.server_reasons[reason as usize])
}

/// More than anybody takes whose reader does not: how far it came.
fn floods(wire: &Wire) -> std::io::Result<u64> {
    std::io::copy(&mut std::io::repeat(7).take(FLOOD), &mut wire.stream())
}

/// Reads that, and stops.
fn begins(wire: &Wire) {
    std::io::copy(&mut wire.stream().take(BEGINNING), &mut std::io::sink()).expect("the beginning");
}

/// Both ways at once, each with its own end.
#[test]
fn any_amount_goes_through_both_ways() {
    const SIZES: [usize; 8] = [0, 1, 17 * 1024 - 1, 256 * 1024, 300_001, 1 << 20, 3_000_017, BULK];
    let hall = Hall::new();
    for (up, down) in SIZES.into_iter().zip(SIZES.into_iter().rev()) {
        let (client, server) = hall.pair();
        scope(|threads| {
            threads.spawn(|| pours(&client, up));
            threads.spawn(|| pours(&server, down));
            threads.spawn(|| drains(&server, up));
            drains(&client, down);
        });
    }
    let counters = hall.end();
    let sum = SIZES.iter().sum::<usize>() as u64;
    assert_eq!((counters.tunnel_bytes_up, counters.tunnel_bytes_down), (sum, sum));
    assert!((1 << 20..2 * sum).contains(&counters.tunnel_bytes_piped), "{}", counters.tunnel_bytes_piped);
    assert_eq!(why(&counters, CloseReason::TunnelOver), (SIZES.len() as u64, SIZES.len() as u64));
    assert_eq!(counters.pipes_missing, 0);
}

/// A reset in the middle is one for the other side, too, whoever it comes from.
#[test]
fn a_reset_in_the_middle_is_passed_on() {
    for from_client in [true, false] {
        let hall = Hall::new();
        let (client, server) = hall.pair();
        let (from, to) = if from_client { (client, server) } else { (server, client) };
        scope(|threads| {
            let writer = threads.spawn(|| floods(&from));
            begins(&to);
            eventually("it is piped", || hall.balancer.counters().tunnel_bytes_piped > 0);
            to.resets();
            let error = writer.join().expect("no panic").expect_err("the reader has gone");
            assert!(
                matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe),
                "{error}"
            );
        });
        let counters = hall.end();
        let (client, server) = (why(&counters, CloseReason::PeerAborted), why(&counters, CloseReason::OtherSideFailed));
        let expect = if from_client { ((0, 1), (1, 0)) } else { ((1, 0), (0, 1)) };
        assert_eq!((client, server), expect, "from the client: {from_client}");
    }
}

/// What a writer that resets had sent before may arrive; that it was all must not be believed.
#[test]
fn a_writer_that_resets_is_not_taken_for_whole() {
    for from_client in [true, false] {
        let hall = Hall::new();
        let (client, server) = hall.pair();
        let (from, to) = if from_client { (client, server) } else { (server, client) };
        scope(|threads| {
            threads.spawn(|| writes(&from, BULK));
            read_body(to.stream(), 3 * BULK / 4);
            assert!(hall.balancer.counters().tunnel_bytes_piped > 0);
        });
        from.resets();
        let error = to.stream().read_to_end(&mut Vec::new()).expect_err("no end");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        hall.end();
    }
}

/// Readers that take nothing hold the pipes there are; others are served all the same, by copying, and that is counted.
#[test]
fn who_has_no_pipe_is_copied_for() {
    for (pipes_max, slow) in [(0, 0), (1, 2)] {
        let hall = Hall::with(EpollConfig { pipes_max, ..EpollConfig::default() });
        let stuck_pairs: Vec<_> = (0..slow).map(|_| hall.pair()).collect();
        let (client, server) = hall.pair();
        scope(|threads| {
            for (client, server) in &stuck_pairs {
                threads.spawn(|| floods(client).expect("it is taken"));
                begins(server);
            }
            if slow > 0 {
                eventually("no pipe is left", || hall.balancer.counters().pipes_missing > 0);
            }
            threads.spawn(|| pours(&client, BULK));
            drains(&server, BULK);
            for (_, server) in &stuck_pairs {
                std::io::copy(&mut server.stream().take(FLOOD - BEGINNING), &mut std::io::sink()).expect("the rest");
            }
        });
        drop((stuck_pairs, client, server));
        let counters = hall.end();
        assert!(counters.pipes_missing > 0);
        assert_eq!(counters.tunnel_bytes_piped > 0, pipes_max > 0);
    }
}

/// A splice stops at urgent data, and says nothing of it. What lies behind it is passed on all the same; the urgent byte is not,
/// by whoever reads no urgent data.
#[test]
fn urgent_data_holds_nothing_up() {
    let hall = Hall::new();
    let (client, server) = hall.pair();
    scope(|threads| {
        threads.spawn(|| writes(&client, BULK));
        read_body(server.stream(), BULK);
        eventually("it is piped", || hall.balancer.counters().tunnel_bytes_piped > 0);
        rustix::net::send(client.stream(), b"urgent!", SendFlags::OOB).expect("taken");
        let mut seen = [0; 6];
        server.stream().read_exact(&mut seen).expect("it goes on");
        assert_eq!(&seen, b"urgent");
        threads.spawn(|| pours(&client, BULK));
        drains(&server, BULK);
        pours(&server, 0);
    });
    hall.end();
}
