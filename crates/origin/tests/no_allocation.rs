//! A small answer costs no allocation once the origin is warm: it shall measure others, not itself.

use origin::{Origin, OriginPlan};
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Inbox, face};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use sys::alloc_count::{CountingAllocator, allocations_in};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Requests before counting starts: tables have their size then.
const WARM: u64 = 50;
/// Requests while allocations are counted.
const COUNTED: u64 = 500;
/// Turns before a step counts as stuck.
const TURNS_MAX: usize = 100_000;

/// Asks for `path` again and again on one connection until the origin is gone.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: o\r\n\r\n");
    let mut stream = TcpStream::connect(address)?;
    let mut answer = [0; 4096];
    for _ in 0..WARM + COUNTED {
        stream.write_all(request.as_bytes())?;
        if stream.read(&mut answer)? == 0 {
            break;
        }
    }
    Ok(())
}

fn turn_until(origin: &mut Origin, io: &mut EpollReactor, requests: u64) {
    for _ in 0..TURNS_MAX {
        if origin.counters().requests >= requests {
            return;
        }
        face::Reactor::turn(io, Some(face::Questions::now(io) + Duration::from_millis(100)));
        face::handle_ready(origin, io);
    }
    panic!("stuck at {} requests", origin.counters().requests);
}

#[track_caller]
fn check(path: &'static str) {
    let mut io = EpollReactor::new(EpollConfig::default()).expect("an event loop");
    let mut origin = Origin::new(OriginPlan::new("127.0.0.1:0".parse().unwrap()), Inbox::silent());
    origin.start(&mut io).expect("started");
    let address = origin.address().expect("it listens");
    let client = std::thread::spawn(move || ask(address, path));
    turn_until(&mut origin, &mut io, WARM);
    let ((), allocations) = allocations_in(|| turn_until(&mut origin, &mut io, WARM + COUNTED - 1));
    assert_eq!((allocations, origin.counters().refused), (0, 0), "{path}");
    // The client's last request may be under way: its connection ends with ours.
    drop((origin, io));
    let _cut_off = client.join().expect("no panic");
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations_in(|| vec![0u8; 100]).1, 1);
}

#[test]
fn small_answers_allocate_nothing() {
    for path in ["/bytes/100", "/chunked/100", "/", "/status/404", "/nowhere"] {
        check(path);
    }
}
