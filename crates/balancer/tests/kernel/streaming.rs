//! Large bodies: every byte right, memory bounded, a slow reader slows its writer down.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Protocol, Settings};
use reactor::buf::BUF_BYTES;
use reactor::epoll::EpollConfig;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use sys::sock_diag::{End, Filter, SockDiag};

const LARGE: usize = 50_000_000;

/// What the balancer may hold of one direction: the buffer that is being sent, the one behind it, and what a joined connection
/// has in a pipe. What it does not hold lies in the kernel, which bounds each socket by `tcp_rmem` and `tcp_wmem`: those of the
/// host, up to 32 MB where a reader was fast for a while, whichever way it reads.
const HELD_MAX: u64 = 2 * BUF_BYTES as u64 + 256 * 1024;

/// What the memory of this process may grow by while other tests run in it.
const GROWTH_MAX: usize = 30_000_000;

/// What the balancer may keep in its own buffers: enough for a few connections, nothing next to a body.
const BUFFERS: usize = 16;

/// The byte at this place of every body here: a period that no buffer size divides.
fn byte_at(place: usize) -> u8 {
    (place % 251) as u8
}

pub(crate) fn write_body(mut to: impl Write, len: usize, written: &AtomicUsize) {
    let mut block = Vec::with_capacity(65_536);
    for start in (0..len).step_by(65_536) {
        block.clear();
        block.extend((start..len.min(start + 65_536)).map(byte_at));
        to.write_all(&block).unwrap_or_else(|error| panic!("at byte {start}: {error}"));
        written.fetch_add(block.len(), Ordering::Relaxed);
    }
}

/// Reads and compares.
pub(crate) fn read_body(mut from: impl Read, len: usize) {
    let mut block = vec![0; 65_536];
    let mut place = 0;
    while place < len {
        let want = block.len().min(len - place);
        let got = from.read(&mut block[..want]).unwrap_or_else(|error| panic!("at byte {place}: {error}"));
        assert!(got > 0, "the end came at byte {place} of {len}");
        let wrong = (0..got).find(|at| block[*at] != byte_at(place + at));
        assert_eq!(wrong, None, "a wrong byte after {place}");
        place += got;
    }
}

/// Resident memory of this process.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: usize = statm.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a number");
    pages * 4096
}

struct Rig {
    balancer: Handle,
    origin: TcpListener,
}

impl Rig {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let origin = stage::listener();
        let reactor = EpollConfig { buffers_max: BUFFERS, ..EpollConfig::default() };
        let mut settings = stage::settings(&[stage::address(&origin)]);
        change(&mut settings);
        Self { balancer: stage::start(settings, 1, reactor), origin }
    }

    /// A request whose head has arrived at the origin.
    fn begin(&self, request: &str) -> (Wire, Wire) {
        let mut client = Wire::connect(self.balancer.addresses()[0], "the client");
        client.sends(request);
        let mut server = stage::accept(&self.origin, PATIENCE).expect("a request");
        server.reads_head();
        (client, server)
    }

    fn end(self) {
        let counters = stage::end_within(self.balancer, Duration::from_secs(1));
        assert_eq!((counters.responses, counters.truncated, counters.failed_total()), (1, 0, 0));
    }
}

/// Moves a body from one thread to another, through the balancer; the reader begins when the writer is stuck.
fn move_body(from: &Wire, to: &Wire) {
    let written = AtomicUsize::new(0);
    let before = resident_bytes();
    std::thread::scope(|scope| {
        scope.spawn(|| write_body(from.stream(), LARGE, &written));
        let ahead = when_stuck(&written);
        let held = (ahead as u64).saturating_sub(in_the_kernel(from, to));
        assert!(held <= HELD_MAX, "{held} of {ahead} bytes are held while nobody reads");
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < GROWTH_MAX, "memory grew by {grown} bytes");
        read_body(to.stream(), LARGE);
    });
}

/// How far the writer has come when it comes no further.
fn when_stuck(written: &AtomicUsize) -> usize {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    let mut seen = 0;
    stage::eventually("the writer is stuck", || {
        std::thread::sleep(LOOK_EVERY);
        let before = std::mem::replace(&mut seen, written.load(Ordering::Relaxed));
        seen > 0 && seen == before
    });
    seen
}

/// Bytes in the four sockets of one direction. They are asked in the order in which bytes pass, so that none is missed.
fn in_the_kernel(from: &Wire, to: &Wire) -> u64 {
    let ends = |wire: &Wire| {
        let stream = wire.stream();
        (stream.local_addr().expect("an address"), stream.peer_addr().expect("an address"))
    };
    let ((writer, near), (reader, far)) = (ends(from), ends(to));
    let (sent, _) = queues(writer, near);
    let (_, waiting) = queues(near, writer);
    let (passed_on, _) = queues(far, reader);
    let (_, arrived) = queues(reader, far);
    sent + waiting + passed_on + arrived
}

/// Bytes of a socket that are not acknowledged, and that are not read.
fn queues(local: SocketAddr, remote: SocketAddr) -> (u64, u64) {
    let filter = Filter { local: End::Exact(local), remote: End::Exact(remote), ..Filter::default() };
    let mut queues = None;
    let mut tables = SockDiag::open().expect("sock_diag");
    tables
        .for_each(&filter, |entry| queues = Some((entry.send_queue.into(), entry.receive_queue.into())))
        .expect("asked");
    queues.unwrap_or_else(|| panic!("no socket from {local} to {remote}"))
}

#[test]
fn a_large_response_waits_for_its_reader() {
    let rig = Rig::new();
    let (mut client, mut server) = rig.begin("GET / HTTP/1.1\nHost: a\n\n");
    let head = format!("HTTP/1.1 200 OK\nContent-Length: {LARGE}\n\n");
    server.sends(&head);
    client.sees(&head);
    move_body(&server, &client);
    rig.end();
}

#[test]
fn a_large_upload_waits_for_its_server() {
    let rig = Rig::new();
    let (mut client, mut server) = rig.begin(&format!("POST / HTTP/1.1\nHost: a\nContent-Length: {LARGE}\n\n"));
    move_body(&client, &server);
    server.sends("HTTP/1.1 204 No Content\n\n");
    client.sees("HTTP/1.1 204 No Content\n\n");
    rig.end();
}

#[test]
fn a_tunnel_waits_for_its_readers() {
    let rig = Rig::new();
    let (mut client, mut server) = rig.begin("GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: x\n\n");
    let switch = "HTTP/1.1 101 Switching Protocols\nUpgrade: x\nConnection: upgrade\n\n";
    server.sends(switch);
    client.sees(switch);
    std::thread::scope(|scope| {
        scope.spawn(|| move_body(&client, &server));
        scope.spawn(|| move_body(&server, &client));
    });
    client.half_closes();
    server.sees_end(crate::wire::End::Eof);
    server.half_closes();
    client.sees_end(crate::wire::End::Eof);
    rig.end();
}

/// Response and request at once on the same connections, as an echo does.
#[test]
fn both_directions_stream_at_once() {
    let len = 5_000_000;
    let rig = Rig::new();
    let (mut client, mut server) = rig.begin(&format!("POST / HTTP/1.1\nHost: a\nContent-Length: {len}\n\n"));
    let head = format!("HTTP/1.1 200 OK\nContent-Length: {len}\n\n");
    let written = AtomicUsize::new(0);
    server.sends(&head);
    client.sees(&head);
    std::thread::scope(|scope| {
        scope.spawn(|| write_body(client.stream(), len, &written));
        scope.spawn(|| read_body(client.stream(), len));
        scope.spawn(|| std::io::copy(&mut server.stream().take(len as u64), &mut server.stream()).expect("echoed"));
    });
    // Both ends saw the whole exchange: the connection is kept.
    client.sees_nothing(Duration::from_millis(20));
    rig.end();
}

/// Many bodies share few buffers: some wait, none is lost.
#[test]
fn a_shortage_of_buffers_is_waited_out() {
    let len = 1_000_000;
    let rig = Rig::new();
    let head = format!("HTTP/1.1 200 OK\nContent-Length: {len}\n\n");
    let written = AtomicUsize::new(0);
    let pairs: Vec<_> = (0..2 * BUFFERS / 3).map(|_| rig.begin("GET / HTTP/1.1\nHost: a\n\n")).collect();
    let (clients, servers): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let count = clients.len() as u64;
    std::thread::scope(|scope| {
        let (head, written) = (&head, &written);
        for mut server in servers {
            scope.spawn(move || {
                server.sends(head);
                write_body(server.stream(), len, written);
            });
        }
        when_stuck(written);
        for mut client in clients {
            scope.spawn(move || {
                client.sees(head);
                read_body(client.stream(), len);
            });
        }
    });
    let counters = stage::end_within(rig.balancer, Duration::from_secs(1));
    assert_eq!((counters.responses, counters.truncated, counters.failed_total()), (count, 0, 0));
}

/// A request that waits for its answer keeps a copy of its head, to be repeated: only while buffers are plenty.
#[test]
fn requests_that_wait_do_not_use_up_the_buffers() {
    let rig = Rig::new();
    let waiting: Vec<_> = (0..4 * BUFFERS).map(|_| rig.begin("GET / HTTP/1.1\nHost: a\n\n")).collect();
    for (mut client, mut server) in waiting {
        server.sends("HTTP/1.1 204 No Content\n\n");
        client.sees("HTTP/1.1 204 No Content\n\n");
    }
    let counters = stage::end_within(rig.balancer, Duration::from_secs(1));
    assert_eq!((counters.responses, counters.failed_total()), (4 * BUFFERS as u64, 0));
}

/// A time-out, and what a slow reader takes of what was written within a fraction of it. The kernel says that a third of
/// a buffer of 2.5 MB is free long after the time-out.
const GAP: Duration = Duration::from_secs(3);
const SIP: usize = 32_768;
const SIPS: usize = 32;
const SIP_EVERY: Duration = Duration::from_millis(200);

fn sip(mut from: impl Read) {
    let mut block = vec![0; SIP];
    for _ in 0..SIPS {
        from.read_exact(&mut block).expect("it goes on");
        std::thread::sleep(SIP_EVERY);
    }
}

/// Time-outs bound gaps: what makes progress, however slowly, is not cut off.
#[test]
fn a_slow_download_is_not_cut_off() {
    let rig = Rig::with(|settings| settings.listeners[0].timeouts.body = GAP);
    let (mut client, mut server) = rig.begin("GET / HTTP/1.1\nHost: a\n\n");
    server.sends(&format!("HTTP/1.1 200 OK\nContent-Length: {LARGE}\n\n"));
    let writer = std::thread::spawn(move || write_body(server.stream(), LARGE, &AtomicUsize::new(0)));
    client.reads_head();
    sip(client.stream());
    std::io::copy(&mut client.stream().take((LARGE - SIP * SIPS) as u64), &mut std::io::sink()).expect("all of it");
    writer.join().expect("all was taken");
}

/// Who has asked all and reads the answer is not silent, either: joined connections whose one end has closed wait no longer
/// than this for anything to happen.
#[test]
fn a_slow_reader_of_a_half_closed_connection_is_not_cut_off() {
    let rig = Rig::with(|settings| {
        settings.listeners[0].protocol = Protocol::Tcp;
        settings.listeners[0].timeouts.body = GAP;
    });
    let (mut client, mut server) = rig.begin("GET / HTTP/1.1\nHost: a\n\n");
    client.half_closes();
    server.sees_end(crate::wire::End::Eof);
    let writer = std::thread::spawn(move || write_body(server.stream(), LARGE, &AtomicUsize::new(0)));
    sip(client.stream());
    std::io::copy(&mut client.stream().take((LARGE - SIP * SIPS) as u64), &mut std::io::sink()).expect("all of it");
    writer.join().expect("all was taken");
    client.sees_end(crate::wire::End::Eof);
}

#[test]
fn a_slow_upload_is_not_cut_off() {
    let rig = Rig::with(|settings| {
        settings.backend_sets[0].timeouts.response = GAP;
        settings.listeners[0].timeouts.body = GAP;
    });
    let (client, mut server) = rig.begin(&format!("POST / HTTP/1.1\nHost: a\nContent-Length: {LARGE}\n\n"));
    let writer = std::thread::spawn(move || {
        write_body(client.stream(), LARGE, &AtomicUsize::new(0));
        client
    });
    sip(server.stream());
    std::io::copy(&mut server.stream().take((LARGE - SIP * SIPS) as u64), &mut std::io::sink()).expect("all of it");
    server.sends("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
    let mut client = writer.join().expect("all was taken");
    client.sees("HTTP/1.1 200 OK\nContent-Length: 0\n\n");
}

/// Events come now and then. No time-out but that of the response's body has to do with it.
#[test]
fn a_silent_stream_of_events_is_not_cut_off() {
    const SHORT: Duration = Duration::from_millis(150);
    let rig = Rig::with(|settings| {
        let times = &mut settings.listeners[0].timeouts;
        (times.idle, times.body) = (SHORT, SHORT);
    });
    let (mut client, mut server) = rig.begin("GET /events HTTP/1.1\nHost: a\n\n");
    server.sends("HTTP/1.1 200 OK\nContent-Type: text/event-stream\nTransfer-Encoding: chunked\n\n");
    client.reads_head();
    for _ in 0..2 {
        std::thread::sleep(3 * SHORT);
        server.sends("9\ndata: 1\n\n");
        client.sees("9\ndata: 1\n\n");
    }
}
