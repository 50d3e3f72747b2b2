//! Which server a request goes to, as several workers choose together.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Balance, HashBy, Settings, Sticky};
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
    /// What the server was asked.
    head: String,
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
                let head = server.reads_head();
                return Held { client, server, head, origin };
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
    stage::end(scene.balancer);
}

/// One request at a time: servers that have nothing to do are equal, and the turn goes by their weights.
#[test]
fn requests_that_come_alone_are_shared_by_weight() {
    for (balance, light) in [(Balance::LeastConnections, 10..=10), (Balance::Random, 3..=20)] {
        let scene = Scene::new(2, 1, |settings| {
            settings.backend_sets[0].selection.balance = balance;
            settings.backend_sets[0].servers[1].weight = 3;
        });
        let mut at_the_light_one = 0;
        for answered in 1..=40 {
            let held = scene.ask(GET);
            at_the_light_one += usize::from(held.origin == 0);
            held.ends();
            stage::eventually("it is answered", || scene.balancer.counters().responses == answered);
        }
        assert!(light.contains(&at_the_light_one), "{balance}: {at_the_light_one} of 40");
        stage::end(scene.balancer);
    }
}

/// A session keeps its server, whichever worker its connections come to; who has none is sent round robin, and counted.
#[test]
fn what_requests_have_in_common_leads_them_to_one_server() {
    let scene = Scene::new(4, 4, |settings| {
        let selection = &mut settings.backend_sets[0].selection;
        (selection.balance, selection.hash) = (Balance::Hash, Some(HashBy::Cookie("session".to_owned())));
    });
    let of = |session: &str| GET.replace("Host: a\n", &format!("Host: a\nCookie: a=b; session={session}\n"));
    let asked = |request: &str| {
        let held = scene.ask(request);
        let origin = held.origin;
        held.ends();
        origin
    };
    let mut seen = std::collections::BTreeSet::new();
    for session in ["ann", "bob", "cem", "dora", "eve", "fay", "gus"] {
        let first = asked(&of(session));
        assert!((0..4).all(|_| asked(&of(session)) == first), "{session}");
        seen.insert(first);
    }
    assert!(seen.len() > 1, "they do not all have the same");
    (0..3).for_each(|_| {
        asked(GET);
    });
    let counters = stage::end(scene.balancer);
    assert_eq!(counters.hash_key_missing, 3);
}

/// The quick one gets nearly all, until it has more to do than makes up for it.
#[test]
fn least_time_goes_to_whoever_answers_first() {
    let scene = Scene::new(2, 2, |settings| settings.backend_sets[0].selection.balance = Balance::LeastTime);
    let (first, second) = (scene.ask(GET), scene.ask(GET));
    let quick = first.origin;
    assert_ne!(quick, second.origin, "while nothing is known of either, whoever has nothing to do");
    first.ends();
    // Long against what a busy machine adds.
    std::thread::sleep(Duration::from_millis(700));
    second.ends();
    let held: Vec<_> = (0..4).map(|_| scene.ask(GET)).collect();
    assert!(held.iter().filter(|held| held.origin == quick).count() >= 3, "most of them");
    held.into_iter().for_each(Held::ends);
    stage::end(scene.balancer);
}

/// The first server is gone, the second takes nothing new: the backup is asked, and no more once the first is back.
#[test]
fn a_backup_is_asked_while_nobody_else_is_well() {
    let scene = Scene::new(3, 1, |settings| {
        let set = &mut settings.backend_sets[0];
        (set.servers[1].weight, set.servers[2].backup) = (0, true);
        set.health.pause = Duration::from_millis(1);
        set.health.pause_max = Duration::from_millis(1);
    });
    let asked = || {
        let held = scene.ask(GET);
        let origin = held.origin;
        held.ends();
        origin
    };
    assert_eq!([asked(), asked()], [0, 0]);
    let mut client = Wire::connect(scene.balancer.addresses()[0], "the client");
    client.sends(GET);
    drop(stage::accept(&scene.origins[0], PATIENCE).expect("its turn"));
    let mut server = stage::accept(&scene.origins[2], PATIENCE).expect("the backup");
    server.reads_head();
    server.sends(OK);
    client.sees_status(200);
    assert_eq!([asked(), asked()], [0, 0]);
    stage::end(scene.balancer);
}

/// A client stays with the server its cookie names, whatever the policy says, and is given another one where that is gone.
#[test]
fn a_cookie_keeps_a_client_with_its_server() {
    let mut scene = Scene::new(3, 2, |settings| {
        settings.backend_sets[0].selection.sticky = Some(Sticky::new("Q"));
        settings.backend_sets[0].health.pause = PATIENCE;
    });
    let mut held = scene.ask(GET);
    let server = held.origin;
    held.server.sends(OK);
    let head = held.client.reads_head();
    let cookie = head.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).expect("a cookie").to_owned();
    let (pair, rest) = cookie.split_once("; ").expect("with attributes");
    assert_eq!(rest, "Path=/; HttpOnly");
    assert!(!pair.contains("127"), "it does not say its address: {pair}");
    let again = GET.replace("Host: a\n", &format!("Host: a\nCookie: a=b; {pair}\n"));
    let check = |scene: &Scene, expect: bool| {
        let mut held = scene.ask(&again);
        held.server.sends(OK);
        let head = held.client.reads_head();
        assert_eq!((held.origin == server, head.contains("Set-Cookie")), (expect, !expect), "{head}");
        assert!(held.head.contains("Cookie: a=b\r\n"), "the server does not see it: {}", held.head);
    };
    (0..6).for_each(|_| check(&scene, true));
    // It works over another configuration, and where its server takes nothing new.
    let mut settings = stage::settings(&scene.origins.iter().map(stage::address).collect::<Vec<_>>());
    settings.listeners[0].binds = vec![scene.balancer.addresses()[0].into()];
    settings.backend_sets[0].selection.sticky = Some(Sticky::new("Q"));
    settings.backend_sets[0].servers[server].weight = 0;
    scene.balancer.apply(&settings).expect("it goes on by these");
    (0..3).for_each(|_| check(&scene, true));
    settings.backend_sets[0].servers.remove(server);
    scene.balancer.apply(&settings).expect("it goes on by these");
    check(&scene, false);
    stage::end(scene.balancer);
}
