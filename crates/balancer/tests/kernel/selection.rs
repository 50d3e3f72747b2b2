//! Which server a request goes to, as several workers choose together.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Balance, Settings};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const GET: &str = "GET /a HTTP/1.1\nHost: a\nConnection: close\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok";

/// A balancer before several servers that answer when they are told to.
struct Scene {
    balancer: Handle,
    origins: Vec<TcpListener>,
}

/// A request that waits for its answer.
struct Held {
    client: Wire,
    server: Wire,
    origin: usize,
}

impl Scene {
    fn new(servers: usize, workers: usize, change: impl FnOnce(&mut Settings)) -> Self {
        let origins: Vec<_> = (0..servers).map(|_| stage::listener()).collect();
        let mut settings = stage::settings(&origins.iter().map(stage::address).collect::<Vec<_>>());
        change(&mut settings);
        Self { balancer: stage::start(settings, workers, Default::default()), origins }
    }

    /// A client asks, and one of the servers is asked.
    fn ask(&self, request: &str) -> Held {
        let mut client = Wire::connect(self.balancer.addresses()[0], "the client");
        client.sends(request);
        let until = Instant::now() + PATIENCE;
        loop {
            let asked = |(origin, listener): (usize, &TcpListener)| {
                stage::accept(listener, Duration::ZERO).map(|server| (origin, server))
            };
            if let Some((origin, mut server)) = self.origins.iter().enumerate().find_map(asked) {
                server.reads_head();
                return Held { client, server, origin };
            }
            assert!(Instant::now() < until, "nobody is asked");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Held {
    fn ends(mut self) {
        self.server.sends(OK);
        self.client.sees_status(200);
    }
}

/// Whichever worker a client comes to: the servers always have equally much to do, and one that is done is next.
#[test]
fn least_connections_is_right_whichever_worker_is_asked() {
    let scene = Scene::new(3, 4, |settings| {
        settings.backend_sets[0].selection.balance = Balance::LeastConnections;
        settings.backend_sets[0].servers[2].weight = 2;
    });
    let mut held: Vec<Held> = (0..12).map(|_| scene.ask(GET)).collect();
    let count = |held: &[Held], origin| held.iter().filter(|held| held.origin == origin).count();
    assert_eq!([0, 1, 2].map(|origin| count(&held, origin)), [3, 3, 6]);
    for origin in [1, 1, 0, 2, 2] {
        let at = held.iter().position(|held| held.origin == origin).expect("it has some");
        held.swap_remove(at).ends();
    }
    // An end is counted when it is known here: with the next look at the counters it is.
    stage::eventually("five are answered", || scene.balancer.counters().responses == 5);
    (0..5).for_each(|_| held.push(scene.ask(GET)));
    assert_eq!([0, 1, 2].map(|origin| count(&held, origin)), [3, 3, 6]);
    held.into_iter().for_each(Held::ends);
    stage::check_books(&scene.balancer.drain(Duration::ZERO));
}
