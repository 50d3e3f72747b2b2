//! Another configuration while the balancer runs, on the kernel's sockets: what stays by name keeps its connections.

use crate::stage::{self, eventually};
use crate::wire::{End, PATIENCE, Wire};
use balancer_core::{ListenerSettings, ServerSettings, Settings};
use std::cell::Cell;
use std::net::{SocketAddr, TcpListener, TcpStream};

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// One request and its answer, on a connection that the balancer opens to this origin.
fn served_by(origin: &TcpListener, client: &mut Wire) -> Wire {
    client.sends(GET);
    let mut server = stage::accept(origin, PATIENCE).expect("a connection of the balancer");
    answers(&mut server, client);
    server
}

fn answers(server: &mut Wire, client: &mut Wire) {
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
}

fn with_servers(settings: &Settings, servers: &[SocketAddr]) -> Settings {
    let mut settings = settings.clone();
    settings.backend_sets[0].servers = servers.iter().copied().map(ServerSettings::new).collect();
    settings
}

/// Servers change under a kept client connection; a request under way ends where it began.
#[test]
fn a_kept_client_goes_on_with_other_servers() {
    let (old, new) = (stage::listener(), stage::listener());
    let settings = stage::settings(&[stage::address(&old)]);
    let mut balancer = stage::start(settings.clone(), 1, Default::default());
    let mut kept = Wire::connect(balancer.addresses()[0], "the client");
    let mut server = served_by(&old, &mut kept);
    kept.sends(GET);
    server.reads_head();
    balancer.apply(&with_servers(&settings, &[stage::address(&new)])).expect("it is good");
    server.sends(OK);
    kept.sees(OK);
    server.sees_end(End::Eof);
    let mut server = served_by(&new, &mut kept);
    kept.sends(GET);
    answers(&mut server, &mut kept);
    let counters = balancer.counters();
    assert_eq!((counters.accepted, counters.responses, counters.failed_total()), (1, 4, 0), "{counters:?}");
}

/// A listener comes and goes; the one that stays is not touched, and an unknown one is refused whole.
#[test]
fn listeners_come_and_go() {
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&origin)]);
    settings.backend_sets[0].pool.idle_max = 0; // whichever worker it is, each request opens a connection
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let mut kept = Wire::connect(balancer.addresses()[0], "the client");
    let _server = served_by(&origin, &mut kept);
    let mut two = settings.clone();
    let extra = ListenerSettings { name: "extra".to_owned(), ..settings.listeners[0].clone() };
    two.listeners.push(extra);
    balancer.apply(&two).expect("it is good");
    let extra = balancer.addresses()[1];
    let mut other = Wire::connect(extra, "the other client");
    let _server = served_by(&origin, &mut other);

    let mut taken = two.clone();
    taken.listeners.push(ListenerSettings {
        name: "taken".to_owned(),
        binds: vec![stage::address(&origin).into()],
        ..two.listeners[0].clone()
    });
    let error = balancer.apply(&taken).expect_err("somebody listens there").to_string();
    assert!(error.starts_with("listener \"taken\": cannot listen on"), "{error}");
    assert_eq!(balancer.addresses().len(), 2, "nothing was changed");

    balancer.apply(&settings).expect("it is good");
    other.sees_end(End::Eof);
    // Who comes before the listener closes is let in.
    let probes = Cell::new(0);
    eventually("nobody listens there any more", || {
        let refused = TcpStream::connect(extra).is_err();
        probes.set(probes.get() + u64::from(!refused));
        refused
    });
    let _server = served_by(&origin, &mut kept);
    let accepted = balancer.counters().accepted;
    assert!((2..=2 + probes.get()).contains(&accepted), "{accepted} with {} probes", probes.get());
}

/// What is known of a server is known of it under the next configuration, too.
#[test]
fn a_server_that_is_aside_stays_aside() {
    let origin = stage::listener();
    let mut settings = stage::settings(&[testkit::free_address(), stage::address(&origin)]);
    settings.backend_sets[0].health.pause = PATIENCE;
    let mut balancer = stage::start(settings.clone(), 1, Default::default());
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    let mut server = served_by(&origin, &mut client);
    for _ in 0..3 {
        settings.backend_sets[0].retries_max += 1;
        balancer.apply(&settings).expect("it is good");
        for _ in 0..2 {
            client.sends(GET);
            answers(&mut server, &mut client);
        }
    }
    let counters = balancer.counters();
    assert_eq!(
        (counters.connects_failed_there, counters.set_aside, counters.failed_total()),
        (1, 1, 0),
        "{counters:?}"
    );
}
