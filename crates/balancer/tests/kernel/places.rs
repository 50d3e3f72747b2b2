//! Where clients come in, and servers are reached: several addresses of one listener, and socket files.

use crate::stage::{self, accept, eventually};
use crate::wire::{PATIENCE, Wire};
use balancer::Handle;
use balancer_core::{Bind, Protocol, ServerSettings, Settings};
use ports::{Address, UnixPath};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener, UnixStream};
use testkit::Folder;

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: 2\r\n\r\nok";

/// A file in this folder, and a place at it.
fn file(folder: &Folder, name: &str) -> (String, Address) {
    let path = folder.place(name);
    let address = Address::Unix(UnixPath::new(&path).expect("a path"));
    (path, address)
}

fn v6() -> Option<SocketAddr> {
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    match TcpListener::bind(address) {
        Ok(_) => Some(address),
        Err(error) => {
            testkit::skip(format!("no IPv6 here: {error}"));
            None
        }
    }
}

/// A request of this client, answered on a connection of its own; what the origin saw of it.
fn ask(mut client: impl Read + Write, origin: &TcpListener) -> String {
    client.write_all(GET.as_bytes()).expect("sent");
    let mut server = accept(origin, PATIENCE).expect("a connection of the balancer");
    let request = server.reads_head();
    server.sends_bytes(OK.as_bytes());
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("an answer");
        answer.extend(byte);
    }
    request
}

/// One server, to which each request has a connection of its own.
fn settings(origin: &TcpListener) -> Settings {
    let mut settings = stage::settings(&[stage::address(origin)]);
    settings.backend_sets[0].pool.idle_max = 0;
    settings
}

fn end(balancer: Handle) -> balancer_core::Counters {
    eventually("all clients are gone", || balancer.counters().clients_open == 0);
    stage::end_within(balancer, PATIENCE)
}

#[test]
fn a_listener_has_as_many_places_as_it_is_given() {
    let Some(v6) = v6() else { return };
    let origin = stage::listener();
    let mut settings = settings(&origin);
    settings.listeners[0].binds.push(v6.into());
    let balancer = stage::start(settings, 2, Default::default());
    assert_eq!(balancer.addresses().len(), 2);
    for address in balancer.addresses().to_vec() {
        let seen = ask(TcpStream::connect(address).expect("somebody listens"), &origin);
        assert!(seen.contains(&format!("X-Forwarded-For: {}\r\n", address.ip())), "{seen}");
    }
    assert_eq!(end(balancer).responses, 2);
}

/// What people write for "everywhere": both families on one port, each with a socket of its own.
#[test]
fn all_of_both_families_share_a_port() {
    let Some(_) = v6() else { return };
    let origin = stage::listener();
    let port = stage::address(&stage::listener()).port();
    let mut settings = settings(&origin);
    let everywhere = [format!("0.0.0.0:{port}"), format!("[::]:{port}")];
    settings.listeners[0].binds = everywhere.iter().map(|text| text.parse::<SocketAddr>().unwrap().into()).collect();
    let balancer = stage::start(settings, 2, Default::default());
    for address in [format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        ask(TcpStream::connect(&address).expect("somebody listens"), &origin);
    }
    assert_eq!(end(balancer).responses, 2);
}

#[test]
fn places_come_and_go_and_the_listener_stays() {
    let origin = stage::listener();
    let settings = settings(&origin);
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let first = balancer.addresses()[0];
    let kept = TcpStream::connect(first).expect("somebody listens");
    let mut two = settings;
    two.listeners[0].binds.push(SocketAddr::from(([127, 0, 0, 1], 0)).into());
    balancer.apply(&two).expect("it is good");
    assert_eq!((balancer.addresses().len(), balancer.addresses()[0]), (2, first), "the socket stays");
    let second = balancer.addresses()[1];
    let other = TcpStream::connect(second).expect("somebody listens");
    ask(&kept, &origin);
    ask(&other, &origin);
    let mut only = two;
    only.listeners[0].binds = vec![second.into()];
    balancer.apply(&only).expect("it is good");
    eventually("nobody listens there any more", || TcpStream::connect(first).is_err());
    // Its clients go on.
    ask(&kept, &origin);
    drop((kept, other));
    assert_eq!(end(balancer).responses, 3);
}

#[test]
fn clients_come_through_a_socket_file() {
    let folder = Folder::new();
    let (path, address) = file(&folder, "clients");
    drop(UnixListener::bind(&path).expect("left behind"));
    let origin = stage::listener();
    let mut settings = settings(&origin);
    settings.listeners[0].binds.push(Bind { mode: Some(0o600), ..Bind::from(address) });
    let mut balancer = stage::start(settings.clone(), 2, Default::default());
    let file = std::fs::metadata(&path).expect("made");
    assert_eq!(file.mode() & 0o777, 0o600);
    for _ in 0..8 {
        let seen = ask(UnixStream::connect(&path).expect("somebody listens"), &origin);
        assert!(seen.contains("X-Forwarded-For: 127.0.0.1\r\n"), "of this host: {seen}");
    }
    settings.listeners[0].limits.connections_max = 77;
    balancer.apply(&settings).expect("it is good");
    assert_eq!(std::fs::metadata(&path).expect("kept").ino(), file.ino(), "a reload keeps it");
    let taken = balancer::start(&plan(settings)).err().expect("somebody listens there").to_string();
    assert!(taken.contains(&format!("cannot listen on {address}: it is in use")), "{taken}");
    assert!(UnixStream::connect(&path).is_ok(), "it was left alone");
    let counters = end(balancer);
    assert_eq!(counters.responses, 8);
    assert!(!std::path::Path::new(&path).exists(), "it goes with the listener");
}

fn plan(settings: Settings) -> balancer::Plan {
    balancer::Plan { settings, workers: 1, reactor: Default::default(), pin: false }
}

#[test]
fn servers_are_reached_through_socket_files() {
    let folder = Folder::new();
    let (path, address) = file(&folder, "servers");
    let origin = UnixListener::bind(&path).expect("made");
    let mut settings = stage::settings(&[]);
    settings.backend_sets[0].servers = vec![ServerSettings::new(address)];
    settings.backend_sets[0].retries_max = 0;
    let balancer = stage::start(settings, 1, Default::default());
    let client = || TcpStream::connect(balancer.addresses()[0]).expect("somebody listens");
    let first = client();
    let (server, _) = std::thread::scope(|scope| {
        let accepted = scope.spawn(|| origin.accept().expect("a connection"));
        (&first).write_all(GET.as_bytes()).expect("sent");
        accepted.join().expect("accepted")
    });
    let mut head = [0; 20];
    (&server).read_exact(&mut head).expect("a request");
    (&server).write_all(OK.as_bytes()).expect("sent");
    let mut answer = vec![0; OK.len()];
    (&first).read_exact(&mut answer).expect("an answer");
    eventually("it is back in the pool", || balancer.counters().responses == 1);
    // Nothing of HTTP/1.0 says where: this host.
    (&first).write_all(b"GET /b HTTP/1.0\r\n\r\n").expect("sent");
    let mut request = vec![0; 4096];
    let mut got = 0;
    while !request[..got].ends_with(b"\r\n\r\n") || !request[..got].windows(6).any(|part| part == b"GET /b") {
        got += (&server).read(&mut request[got..]).expect("a request");
    }
    let request = String::from_utf8_lossy(&request[..got]).into_owned();
    assert!(request.contains("Host: localhost\r\n"), "{request}");
    (&server).write_all(OK.as_bytes()).expect("sent");
    (&first).read_exact(&mut answer).expect("an answer");
    drop((server, origin, first));
    eventually("its end was seen", || balancer.counters().servers_open == 0);
    std::fs::remove_file(&path).expect("ours");
    let mut told = Wire::new(client(), "the client");
    told.sends_bytes(GET.as_bytes());
    told.sees_status(502);
    drop(told);
    let counters = end(balancer);
    assert_eq!((counters.pooled, counters.connects, counters.connects_failed_there), (1, 1, 1));
}

#[test]
fn connections_are_joined_from_file_to_file() {
    let folder = Folder::new();
    let (outer, outer_address) = file(&folder, "outer");
    let (inner, inner_address) = file(&folder, "inner");
    let origin = UnixListener::bind(&inner).expect("made");
    let mut settings = stage::settings(&[]);
    settings.listeners[0].binds = vec![outer_address.into()];
    settings.listeners[0].protocol = Protocol::Tcp;
    settings.backend_sets[0].servers = vec![ServerSettings::new(inner_address)];
    let balancer = stage::start(settings, 1, Default::default());
    let mut client = UnixStream::connect(&outer).expect("somebody listens");
    let (mut server, _) = origin.accept().expect("at once");
    server.write_all(b"220 ready").expect("sent");
    let mut greeting = [0; 9];
    client.read_exact(&mut greeting).expect("passed on");
    client.write_all(b"QUIT").expect("sent");
    client.shutdown(std::net::Shutdown::Write).expect("half closed");
    let mut rest = String::new();
    server.read_to_string(&mut rest).expect("to its end");
    assert_eq!((&greeting, rest.as_str()), (b"220 ready", "QUIT"));
    drop(server);
    let mut none = Vec::new();
    assert_eq!(client.read_to_end(&mut none).expect("to its end"), 0);
    let counters = end(balancer);
    assert_eq!((counters.tunnels, counters.tunnel_bytes_up, counters.tunnel_bytes_down), (1, 4, 9));
}

/// A server may not be a socket file of ours.
#[test]
fn a_file_that_leads_back_is_found_out() {
    let folder = Folder::new();
    let (path, address) = file(&folder, "circle");
    let mut settings = stage::settings(&[]);
    settings.listeners[0].binds = vec![address.into()];
    settings.backend_sets[0].servers = vec![ServerSettings::new(address)];
    let error = balancer::start(&plan(settings)).err().expect("a circle").to_string();
    assert!(error.contains("is listener \"web\" of this balancer itself"), "{error}");
    assert!(!std::path::Path::new(&path).exists(), "nothing stays");
}
