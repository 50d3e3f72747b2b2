//! Things that happen within one turn of the event loop: the worker is driven step by step, so that their order is
//! ours to choose.

use crate::stage;
use crate::wire::{PATIENCE, Wire, crlf};
use balancer::orders::Snapshot;
use balancer::{Worker, WorkerShare};
use balancer_core::Settings;
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Inbox, ListenerId, Questions, Reactor, face};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const POST: &str = "POST /a HTTP/1.1\nHost: a\nContent-Length: 1\n\nx";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const POISON: &str = "HTTP/1.1 200 OK\nContent-Length: 6\n\npoison";
const PUT: &str = "PUT /a HTTP/1.1\nHost: a\nContent-Length: 10\n\n";

/// A worker and its reactor on this thread.
struct Rig {
    worker: Worker,
    io: EpollReactor,
}

impl Rig {
    fn new(servers: &[SocketAddr]) -> Self {
        Self::with(stage::settings(servers))
    }

    fn with(settings: Settings) -> Self {
        let mut worker =
            Worker::new(Snapshot::bind(settings).expect("free addresses"), WorkerShare::ALONE, Inbox::silent())
                .expect("ports for one");
        let mut io = EpollReactor::new(EpollConfig::default()).expect("an epoll file");
        worker.start(&mut io).expect("listening");
        Self { worker, io }
    }

    fn client(&self) -> Wire {
        Wire::connect(self.io.listener_address(ListenerId(0)).expect("it listens"), "the client")
    }

    /// Learns what happened; the worker hears of it with [`Rig::handle`].
    fn look(&mut self) {
        let soon = self.io.now() + Duration::from_millis(1);
        self.io.turn(Some(soon));
    }

    fn handle(&mut self) {
        face::handle_ready(&mut self.worker, &mut self.io);
    }

    /// Turns until nothing more happens at once.
    fn settle(&mut self) {
        for _ in 0..10 {
            self.look();
            self.handle();
        }
    }

    /// Turns until this end can read so many bytes without waiting: nobody turns the worker while a test waits.
    fn settle_for(&mut self, wire: &Wire, bytes: usize) {
        let until = Instant::now() + PATIENCE;
        loop {
            self.settle();
            if wire.can_read(bytes) {
                return;
            }
            assert!(Instant::now() < until, "{bytes} bytes do not come");
        }
    }

    /// The client gets [`OK`].
    fn answers(&mut self, client: &mut Wire) {
        self.settle_for(client, crlf(OK).len());
        client.sees(OK);
    }

    /// A request's head comes to the server.
    fn asks(&mut self, server: &mut Wire) {
        self.settle_for(server, 1);
        server.reads_head();
    }

    /// The next connection to this origin.
    fn server(&mut self, origin: &TcpListener) -> Wire {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(server) = stage::accept(origin, Duration::ZERO) {
                return server;
            }
            assert!(Instant::now() < until, "the worker does not connect");
            self.settle();
        }
    }

    /// A client and a server connection that have served one request and are kept.
    fn warm(&mut self, origin: &TcpListener) -> (Wire, Wire) {
        let mut client = self.client();
        client.sends(GET);
        let mut server = self.server(origin);
        self.asks(&mut server);
        server.sends(OK);
        self.answers(&mut client);
        (client, server)
    }
}

/// The server speaks out of turn just before the next request is read: that is no answer to it.
#[test]
fn what_came_before_the_request_is_not_its_answer() {
    for request in [GET, POST] {
        let origin = stage::listener();
        let mut rig = Rig::new(&[stage::address(&origin)]);
        let (mut client, mut server) = rig.warm(&origin);
        client.sends(request);
        server.sends(POISON);
        client.has_arrived();
        server.has_arrived();
        let mut fresh = rig.server(&origin);
        rig.asks(&mut fresh);
        fresh.sends(OK);
        rig.answers(&mut client);
    }
}

/// A kept connection breaks between the request and its sending: the repetition takes the rest of the body too.
#[test]
fn a_repeated_upload_is_whole() {
    let origin = stage::listener();
    let mut rig = Rig::new(&[stage::address(&origin)]);
    let (mut client, server) = rig.warm(&origin);
    client.sends(&format!("{PUT}01234"));
    client.has_arrived();
    rig.look();
    server.resets();
    rig.handle();
    let mut fresh = rig.server(&origin);
    rig.asks(&mut fresh);
    client.sends("56789");
    rig.settle_for(&fresh, 10);
    fresh.sees("0123456789");
    fresh.sends(OK);
    rig.answers(&mut client);
    client.sends(GET);
    rig.asks(&mut fresh);
}

/// A listener whose queue is full: connections to it hang until the one returned is accepted.
fn busy_listener() -> (TcpListener, TcpStream) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let fd: OwnedFd = sys::socket::listen(&any, 0, false).expect("listening");
    let listener = TcpListener::from(fd);
    let filler = TcpStream::connect(stage::address(&listener)).expect("queued");
    (listener, filler)
}

/// More of the body comes while the repetition still waits for its connection.
#[test]
fn a_body_waits_for_the_repetition_of_its_head() {
    let origin = stage::listener();
    let (other, _filler) = busy_listener();
    let mut settings = stage::settings(&[stage::address(&origin), stage::address(&other)]);
    settings.backend_sets[0].retries_max = 1; // the last attempt waits for its connection
    let mut rig = Rig::with(settings);
    let mut client = rig.client();
    client.sends(&format!("{PUT}01234"));
    let mut server = rig.server(&origin);
    rig.asks(&mut server);
    rig.settle_for(&server, 5);
    server.sees("01234");
    rig.settle();
    drop(server);
    rig.settle();
    client.sends("56789");
    client.has_arrived();
    rig.settle();
    stage::accept(&other, PATIENCE).expect("the one that filled the queue");
    let mut server = rig.server(&other);
    rig.asks(&mut server);
    rig.settle_for(&server, 10);
    server.sees("0123456789");
    server.sends(OK);
    rig.answers(&mut client);
}
