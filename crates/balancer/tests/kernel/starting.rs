//! Starting: all workers or none, every address or none.

use crate::stage;
use crate::wire::{PATIENCE, Wire};
use balancer::{Plan, StartError};
use balancer_core::Router;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// Each worker has a connection pool of its own: as many server connections as workers that serve.
#[test]
fn all_workers_serve_and_their_counters_are_one() {
    let origin = stage::listener();
    let balancer = stage::start(stage::settings(&[stage::address(&origin)]), 2, Default::default());
    let mut servers: Vec<Wire> = Vec::new();
    for _ in 0..40 {
        let mut client = Wire::connect(balancer.addresses()[0], "a client");
        client.sends(GET);
        serve_one(&origin, &mut servers);
        client.sees(OK);
    }
    assert_eq!(servers.len(), 2, "connections to the server");
    let counters = stage::end(balancer);
    assert_eq!((counters.accepted, counters.responses, counters.connects, counters.pooled), (40, 40, 2, 38));
}

/// Answers the next request, on whichever connection it comes.
fn serve_one(origin: &TcpListener, servers: &mut Vec<Wire>) {
    let mut found = None;
    stage::eventually("a request comes", || {
        servers.extend(stage::accept(origin, Duration::ZERO));
        found = servers.iter().position(|server| sys::socket::peek(server.stream()).is_ok());
        found.is_some()
    });
    let server = &mut servers[found.expect("found")];
    server.reads_head();
    server.sends(OK);
}

#[test]
fn an_address_in_use_is_named_and_nothing_is_left_behind() {
    let taken = stage::listener();
    let mut settings = stage::settings(&[stage::address(&taken)]);
    let free = testkit::free_address();
    let mut second = settings.listeners[0].clone();
    settings.listeners[0].binds = vec![free.into()];
    second.name = "second".to_owned();
    second.binds = vec![stage::address(&taken).into()];
    settings.listeners.push(second);
    let error = start_fails(settings);
    let text = error.to_string();
    assert!(matches!(error, StartError::Listen { .. }), "{error:?}");
    for part in ["\"second\"", &stage::address(&taken).to_string(), "in use", "choose another"] {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
    TcpListener::bind(free).expect("the first listener's address is free again");
}

#[test]
fn an_address_of_another_host_is_named() {
    let mut settings = stage::settings(&["127.0.0.1:9".parse().expect("an address")]);
    settings.listeners[0].binds = vec![SocketAddr::from(([192, 0, 2, 1], 8080)).into()];
    let text = start_fails(settings).to_string();
    assert!(text.contains("192.0.2.1:8080") && text.contains("no interface"), "{text:?}");
}

#[test]
fn a_source_address_of_another_host_is_named() {
    let mut settings = stage::settings(&["127.0.0.1:9".parse().expect("an address")]);
    settings.backend_sets[0].ports.sources = vec!["127.0.0.1".parse().unwrap(), "192.0.2.1".parse().unwrap()];
    let text = start_fails(settings).to_string();
    assert!(text.contains("\"app\"") && text.contains("source 192.0.2.1") && text.contains("`sources`"), "{text:?}");
}

#[test]
fn two_balancers_do_not_share_an_address() {
    let settings = stage::settings(&["127.0.0.1:9".parse().expect("an address")]);
    let first = stage::start(settings.clone(), 2, Default::default());
    let mut again = settings;
    again.listeners[0].binds = vec![first.addresses()[0].into()];
    let text = start_fails(again).to_string();
    assert!(text.contains("in use"), "{text:?}");
    first.drain(Duration::ZERO);
}

fn start_fails(settings: balancer_core::Settings) -> StartError {
    let plan = Plan { settings, workers: 2, reactor: Default::default(), pin: false };
    balancer::start(&plan).err().expect("it cannot start")
}

/// Right after a run that left TIME_WAIT entries on its address, the next may start there.
#[test]
fn an_address_can_be_used_again_at_once() {
    let origin = stage::listener();
    let settings = stage::settings(&[stage::address(&origin)]);
    let first = stage::start(settings.clone(), 1, Default::default());
    let address = first.addresses()[0];
    let mut client = Wire::connect(address, "the client");
    client.sends("GET /a HTTP/1.0\n\n");
    let mut server = stage::accept(&origin, PATIENCE).expect("a request");
    server.reads_head();
    server.sends(OK);
    client.reads_head();
    client.sees("ok");
    client.sees_end(crate::wire::End::Eof);
    drop(client);
    first.drain(Duration::ZERO);
    let mut again = settings;
    again.listeners[0].binds = vec![address.into()];
    assert_eq!(stage::start(again, 2, Default::default()).addresses(), [address]);
}

#[test]
fn each_listener_has_its_own_servers() {
    let origins = [stage::listener(), stage::listener()];
    let mut settings = stage::settings(&[stage::address(&origins[0])]);
    let other = stage::settings(&[stage::address(&origins[1])]);
    settings.listeners.extend(other.listeners);
    settings.backend_sets.extend(other.backend_sets);
    settings.listeners[1].router = Router::everything_to(1);
    settings.listeners[1].name = "other".to_owned();
    let balancer = stage::start(settings, 1, Default::default());
    for (address, origin) in balancer.addresses().iter().zip(&origins) {
        let mut client = Wire::connect(*address, "a client");
        client.sends(GET);
        let mut server = stage::accept(origin, PATIENCE).expect("a request");
        server.reads_head();
        server.sends(OK);
        client.sees(OK);
    }
    stage::end(balancer);
}

/// Requests would go in a circle; what the file cannot tell (which addresses this host has) the start does.
#[test]
fn a_server_that_is_a_listener_of_the_same_balancer_fails_the_start() {
    let free = stage::address(&stage::listener());
    let mut settings = stage::settings(&[free]);
    settings.listeners[0].binds = vec![SocketAddr::from(([0, 0, 0, 0], free.port())).into()];
    let plan = Plan { settings, workers: 1, reactor: Default::default(), pin: false };
    let error = balancer::start(&plan).err().expect("nothing starts");
    assert!(matches!(&error, StartError::Circle { server, .. } if **server == free), "{error}");
    let words = error.to_string();
    assert!(words.contains("listener \"web\"") && words.contains(&free.to_string()), "{words}");
}
