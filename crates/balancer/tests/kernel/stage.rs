//! A balancer between one client at a time and one origin, and its books.

use crate::wire::{PATIENCE, Wire};
use balancer::{AccessLog, Handle, Inheritance, Logging, Plan};
use balancer_core::{BackendSetSettings, CloseReason, Counters, ListenerSettings, Report, ServerSettings, Settings};
use origin::OriginPlan;
use reactor::epoll::EpollConfig;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};
pub(crate) use testkit::eventually;

/// A running balancer with its only server in our hands.
pub(crate) struct Stage {
    balancer: Handle,
    origin: TcpListener,
}

/// One listener and one backend set with these servers, defaults otherwise.
pub(crate) fn settings(servers: &[SocketAddr]) -> Settings {
    let listener = ListenerSettings::new("web", SocketAddr::from(([127, 0, 0, 1], 0)), 0);
    let servers = servers.iter().copied().map(ServerSettings::new).collect();
    Settings { listeners: vec![listener], backend_sets: vec![BackendSetSettings::new("app", servers)] }
}

/// Starts it, with reactors of this size.
pub(crate) fn start(settings: Settings, workers: usize, reactor: EpollConfig) -> Handle {
    balancer::start(&Plan { settings, workers, reactor, pin: false }).expect("the balancer starts")
}

/// An origin that answers by itself.
pub(crate) fn origin() -> origin::Handle {
    origin::start(OriginPlan::new(SocketAddr::from(([127, 0, 0, 1], 0)))).expect("an origin")
}

/// A listener that never blocks.
pub(crate) fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("non-blocking");
    listener
}

pub(crate) fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().expect("bound")
}

/// The next connection to this listener; `None` when none comes in time.
pub(crate) fn accept(listener: &TcpListener, patience: Duration) -> Option<Wire> {
    let until = Instant::now() + patience;
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Some(Wire::new(stream, "the origin")),
            Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(_) => return None,
        }
    }
}

impl Stage {
    pub(crate) fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let origin = listener();
        let mut settings = settings(&[address(&origin)]);
        change(&mut settings);
        Self { balancer: start(settings, 1, EpollConfig::default()), origin }
    }

    /// With an access log of its own.
    pub(crate) fn logged(log: AccessLog, change: impl FnOnce(&mut Settings)) -> Self {
        Self::telling(Logging { access: Some(log), failures: None }, change)
    }

    /// Which tells of requests.
    pub(crate) fn telling(logging: Logging, change: impl FnOnce(&mut Settings)) -> Self {
        let origin = listener();
        let mut settings = settings(&[address(&origin)]);
        change(&mut settings);
        let plan = Plan { settings, workers: 1, reactor: EpollConfig::default(), pin: false };
        Self {
            balancer: balancer::start_with(&plan, Inheritance::default(), logging).expect("the balancer starts"),
            origin,
        }
    }

    /// The running balancer.
    pub(crate) fn balancer(&mut self) -> &mut Handle {
        &mut self.balancer
    }

    pub(crate) fn client(&self) -> Wire {
        Wire::connect(self.address(), "the client")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.balancer.addresses()[0]
    }

    pub(crate) fn origin_address(&self) -> SocketAddr {
        address(&self.origin)
    }

    /// The balancer opens a connection to the origin.
    pub(crate) fn server(&self) -> Wire {
        accept(&self.origin, PATIENCE).expect("a connection of the balancer")
    }

    /// The origin for when the stage is another's.
    pub(crate) fn origin(&self) -> TcpListener {
        self.origin.try_clone().expect("a descriptor")
    }

    /// The balancer has not opened a connection to the origin.
    pub(crate) fn no_server(&self) {
        assert!(accept(&self.origin, Duration::ZERO).is_none(), "the balancer connected to the origin");
    }

    /// The last messages that were refused, in words.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.balancer.report().refused.iter().map(ToString::to_string).collect()
    }

    /// What was counted, by what it was counted for.
    pub(crate) fn report(&self) -> Report {
        self.balancer.report()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.balancer.counters()
    }

    /// Waits until the counters say so.
    pub(crate) fn counts(&self, what: &str, is_so: impl Fn(&Counters) -> bool) {
        eventually(what, || is_so(&self.counters()));
    }

    pub(crate) fn end(self) -> Counters {
        end(self.balancer)
    }

    pub(crate) fn end_with_patience(self, patience: Duration) -> Counters {
        self.end_with_grace(Duration::ZERO, patience)
    }

    pub(crate) fn end_with_grace(self, grace: Duration, patience: Duration) -> Counters {
        let counters = self.balancer.drain_after(grace, patience);
        check_books(&counters);
        counters
    }
}

/// Ends a balancer with everything closed, checks its books, and hands them out.
pub(crate) fn end(balancer: Handle) -> Counters {
    end_within(balancer, Duration::ZERO)
}

/// The same for one that may take so long to end what is in flight.
pub(crate) fn end_within(balancer: Handle, patience: Duration) -> Counters {
    let counters = balancer.drain(patience);
    check_books(&counters);
    counters
}

/// Every connection there was has been closed once, by somebody and for a reason.
pub(crate) fn check_books(counters: &Counters) {
    let sum = |reasons: &[u64; CloseReason::ALL.len()]| reasons.iter().sum::<u64>();
    assert_eq!((counters.clients_open, counters.servers_open), (0, 0), "still open: {counters:?}");
    assert_eq!(counters.accepted, sum(&counters.client_reasons), "clients by reason: {counters:?}");
    assert_eq!(counters.accepted, counters.client_closes.total(), "clients by who closed: {counters:?}");
    assert_eq!(counters.connects, counters.server_closes.total(), "servers by who closed: {counters:?}");
    assert_eq!(counters.requests, counters.ended(), "every request comes to one end: {counters:?}");
}
