//! No allocation per request on the hot path: a worker on the kernel's sockets, driven step by step from one thread,
//! with every allocation counted.

use balancer::orders::Snapshot;
use balancer::{AccessLog, LogFormat, LogTarget, Worker, WorkerShare};
use balancer_core::router::{Condition, Conditions, HostPattern, PathPattern, Pattern, Rewrite, Route, Wanted};
use balancer_core::{
    Access, Action, BackendSetSettings, LimitName, ListenerSettings, Rate, RateBy, RateLimit, RequestIds, RouteRules,
    Router, ServerSettings, Settings, parse_network,
};
use http::Template;
use http::forward::Message;
use reactor::epoll::{EpollConfig, EpollReactor};
use reactor::{App, Inbox, ListenerId, Questions, Reactor, face};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;
use sys::alloc_count::{CountingAllocator, allocations_in};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: a.example\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n";
const REQUEST_CLOSE: &[u8] = b"GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: test\r\n\r\nhello";

/// Turns before the rig gives up on something that should have happened.
const TURNS_MAX: usize = 200;

struct Rig {
    worker: Worker,
    io: EpollReactor,
    origin: TcpListener,
    server: Option<TcpStream>,
    allocated: u64,
}

impl Rig {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::logged(change, None)
    }

    fn logged(change: impl FnOnce(&mut Settings), log: Option<&AccessLog>) -> Self {
        let origin = TcpListener::bind("127.0.0.1:0").expect("a free port");
        origin.set_nonblocking(true).expect("non-blocking");
        let address = origin.local_addr().expect("bound");
        let mut settings = settings(address);
        change(&mut settings);
        let snapshot = Snapshot::bind(settings).expect("free addresses");
        snapshot.boards.note_for(log);
        let mut worker = Worker::new(snapshot, WorkerShare::ALONE, Inbox::silent()).expect("ports for one");
        let mut io = EpollReactor::new(EpollConfig::default()).expect("an epoll file");
        worker.start(&mut io).expect("listening");
        Self { worker, io, origin, server: None, allocated: 0 }
    }

    fn connect(&self) -> TcpStream {
        let client =
            TcpStream::connect(self.io.listener_address(ListenerId(0)).expect("it listens")).expect("accepted");
        client.set_nonblocking(true).expect("non-blocking");
        client
    }

    /// Lets the worker do what it can, counting what it allocates.
    fn pump(&mut self) {
        let (worker, io) = (&mut self.worker, &mut self.io);
        let soon = io.now() + Duration::from_millis(1);
        let ((), allocations) = allocations_in(|| {
            io.turn(Some(soon));
            face::handle_ready(worker, io);
        });
        self.allocated += allocations;
    }

    /// One request and its response; whether the server connection had to be opened first.
    fn exchange(&mut self, client: &mut TcpStream, request: &[u8]) {
        client.write_all(request).expect("sent");
        let mut bytes = [0u8; 4096];
        for _ in 0..TURNS_MAX {
            self.pump();
            if let Ok((server, _)) = self.origin.accept() {
                server.set_nonblocking(true).expect("non-blocking");
                self.server = Some(server);
            }
            if let Some(server) = &mut self.server
                && server.read(&mut bytes).is_ok_and(|len| len > 0)
            {
                server.write_all(RESPONSE).expect("answered");
            }
            if let Ok(len) = client.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..len]);
                assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("hello"), "{text:?}");
                return;
            }
        }
        panic!("no response after {TURNS_MAX} turns");
    }

    /// Once it is warm, requests on one connection allocate nothing.
    #[track_caller]
    fn keeps_quiet_on_one_connection(&mut self) {
        let mut client = self.connect();
        self.keeps_quiet("requests", |rig| rig.exchange(&mut client, REQUEST));
    }

    /// Once it is warm, neither does a connection for each.
    #[track_caller]
    fn keeps_quiet_over_short_connections(&mut self) {
        self.keeps_quiet("short connections", |rig| {
            let mut client = rig.connect();
            rig.exchange(&mut client, REQUEST_CLOSE);
        });
    }

    #[track_caller]
    fn keeps_quiet(&mut self, what: &str, mut once: impl FnMut(&mut Self)) {
        (0..20).for_each(|_| once(self));
        self.allocated = 0;
        (0..200).for_each(|_| once(self));
        assert_eq!(self.allocated, 0, "allocations in 200 {what}");
    }
}

fn settings(origin: SocketAddr) -> Settings {
    let listener = ListenerSettings::new("web", SocketAddr::from(([127, 0, 0, 1], 0)), 0);
    let server = ServerSettings::new(origin);
    Settings { listeners: vec![listener], backend_sets: vec![BackendSetSettings::new("app", vec![server])] }
}

#[test]
fn a_warm_keep_alive_request_allocates_nothing() {
    let mut rig = Rig::new();
    let mut client = rig.connect();
    for _ in 0..20 {
        rig.exchange(&mut client, REQUEST);
    }
    assert!(rig.allocated > 0, "warming up allocates, or the counter does not count");
    rig.allocated = 0;
    for _ in 0..200 {
        rig.exchange(&mut client, REQUEST);
    }
    assert_eq!(rig.allocated, 0, "allocations in 200 keep-alive requests");
}

/// Nobody writes, so that at last lines are left out: that costs nothing either.
#[test]
fn a_request_that_is_told_in_the_access_log_allocates_nothing() {
    let log = AccessLog { to: LogTarget::Stdout, format: LogFormat::Json, sample: 1 };
    let mut rig = Rig::logged(|_| {}, Some(&log));
    rig.keeps_quiet_on_one_connection();
    rig.keeps_quiet_over_short_connections();
    assert_eq!(rig.worker.counters().access_log_lines, 440);
}

#[test]
fn a_warm_short_connection_allocates_nothing() {
    let mut rig = Rig::new();
    rig.keeps_quiet_over_short_connections();
}

/// Rules for fields of both ways, lists of addresses, a limit of rate and of bodies; an id for each request.
fn with_treatment(settings: &mut Settings) {
    let [listener] = &mut settings.listeners[..] else { panic!("one listener") };
    listener.requests.ids = RequestIds::Make;
    listener.requests.trusted = [parse_network("127.0.0.0/8").expect("a network")].into_iter().collect();
    let treatment = &mut listener.treatment;
    for rules in
        [(&mut treatment.headers.requests, Message::Request), (&mut treatment.headers.responses, Message::Response)]
    {
        rules.0.set("X-Who", "{client} {request_id} {uri} {header:User-Agent}", rules.1).expect("a rule");
        rules.0.remove("Server", rules.1).expect("a rule");
    }
    treatment.access = vec![Access { allow: listener.requests.trusted.clone(), ..Access::default() }];
    let rate = Rate::new(1_000_000, Duration::from_secs(1), 1_000_000).expect("a rate");
    treatment.rates = vec![RateLimit { rate, by: RateBy::Client, dry_run: false, name: LimitName::default() }];
    treatment.body_bytes_max = Some(1000);
}

#[test]
fn a_request_that_is_treated_allocates_nothing() {
    let mut rig = Rig::with(with_treatment);
    rig.keeps_quiet_on_one_connection();
}

/// A thousand routes that do not fit, and one that does, by a path that has to be decoded.
fn with_routes(settings: &mut Settings) {
    let forward = Action::Forward { set: 0 };
    let route = |asks: Conditions| Route { conditions: asks, rules: RouteRules::new("", forward.clone()) };
    let prefix = |text: String| vec![PathPattern::Prefix(text)];
    let host = |text: &str| vec![HostPattern::parse(text).expect("a host")];
    let mut routes: Vec<_> = (0..1000)
        .map(|at| match at % 4 {
            0 => Conditions { hosts: host(&format!("h{at}.example")), ..Conditions::default() },
            1 => Conditions { hosts: host(&format!("*.w{at}.example")), ..Conditions::default() },
            2 => Conditions { paths: prefix(format!("/p{at}/x")), ..Conditions::default() },
            _ => Conditions {
                paths: prefix("/a".to_owned()),
                further: vec![Condition::Header(format!("X-{at}"), Wanted::Present)],
                ..Conditions::default()
            },
        })
        .map(route)
        .collect();
    let pattern = |text: &str| vec![PathPattern::Pattern(Pattern::parse(text).expect("a pattern"))];
    routes
        .extend((0..10).map(|at| route(Conditions { paths: pattern(&format!("^/n{at}$")), ..Conditions::default() })));
    let rewrite = Some(Rewrite::Prefix { of: vec!["/strip".to_owned()], to: String::new() });
    let conditions = Conditions { paths: prefix("/strip".to_owned()), ..Conditions::default() };
    routes.push(Route { conditions, rules: RouteRules { rewrite, ..RouteRules::new("strip", forward.clone()) } });
    let rewrite = Pattern::parse("^/re/(.*)").ok().zip(Template::parse_with_groups("/{1}", Some(1)).ok());
    let rewrite = rewrite.map(|(pattern, to)| Rewrite::Pattern { pattern, to });
    let conditions = Conditions { paths: prefix("/re".to_owned()), ..Conditions::default() };
    routes.push(Route { conditions, rules: RouteRules { rewrite, ..RouteRules::new("re", forward.clone()) } });
    settings.listeners[0].router = Router::new(routes, RouteRules::new("", forward));
}

#[test]
fn a_request_among_a_thousand_routes_allocates_nothing() {
    let mut rig = Rig::with(with_routes);
    let mut client = rig.connect();
    for path in ["/a", "/nowhere/at/all", "/x/../%61", "/strip/%61//b?c", "/re/x/y"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
        for _ in 0..20 {
            rig.exchange(&mut client, request.as_bytes());
        }
        rig.allocated = 0;
        for _ in 0..100 {
            rig.exchange(&mut client, request.as_bytes());
        }
        assert_eq!(rig.allocated, 0, "allocations in 100 requests for {path}");
    }
}
