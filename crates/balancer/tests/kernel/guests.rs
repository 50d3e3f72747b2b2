//! How many connections one client may have.

use crate::stage::{self, Stage, accept, eventually};
use crate::tls::pki::Pki;
use crate::wire::{End, PATIENCE, Wire, crlf};
use balancer_core::{Access, CloseReason, Protocol, Settings, parse_network};
use reactor::epoll::EpollConfig;
use std::io::{ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;
use testkit::curl;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

/// What a proxy says of two clients.
const ONE: &str = "PROXY TCP4 192.0.2.7 203.0.113.9 40000 443\n";
const OTHER: &str = "PROXY TCP4 198.51.100.7 203.0.113.9 40000 443\n";

/// Whoever comes from this host is a proxy.
fn announced(settings: &mut Settings) {
    settings.listeners[0].proxy_protocol = true;
    settings.listeners[0].requests.announcers =
        [parse_network("127.0.0.0/8").expect("a network")].into_iter().collect();
}

/// A connection of somebody else on this host.
fn from(source: [u8; 4], to: SocketAddr) -> Wire {
    let fd = sys::socket::tcp_for(&to).expect("a socket");
    sys::socket::bind_address(&fd, IpAddr::from(source)).expect("a source");
    sys::socket::connect(&fd, &to).expect("a connection");
    Wire::new(TcpStream::from(fd), "another client")
}

/// One more than may be: the reset may come before connect() is back.
fn is_turned_away(to: SocketAddr) {
    let end = TcpStream::connect(to).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read(&mut [0])
    });
    assert_eq!(end.expect_err("a reset").kind(), ErrorKind::ConnectionReset);
}

fn two_each(settings: &mut Settings) {
    settings.listeners[0].limits.connections_per_client_max = Some(2);
}

/// Whatever workers they come to.
#[test]
fn a_client_has_so_many_connections_and_others_have_theirs() {
    let origin = stage::listener();
    let mut settings = stage::settings(&[stage::address(&origin)]);
    two_each(&mut settings);
    let balancer = stage::start(settings, 4, EpollConfig::default());
    let to = balancer.addresses()[0];
    let (first, mut second) = (Wire::connect(to, "first"), Wire::connect(to, "second"));
    eventually("both are here", || balancer.counters().clients_open == 2);
    (0..20).for_each(|_| is_turned_away(to));
    let mut other = from([127, 0, 0, 2], to);
    for client in [&mut second, &mut other] {
        client.sends(GET);
        let mut server = accept(&origin, PATIENCE).expect("a request");
        server.reads_head();
        server.sends("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok");
        client.sees(OK);
    }
    drop(first);
    eventually("it has left", || balancer.counters().clients_open == 2);
    let mut third = Wire::connect(to, "third");
    third.sees_nothing(Duration::from_millis(50));
    let counters = stage::end(balancer);
    assert_eq!(counters.client_reasons[CloseReason::TooMany as usize], 20, "{counters:?}");
    assert_eq!((counters.accepted, counters.responses), (24, 2));
}

#[test]
fn connections_of_tcp_listeners_are_counted_as_well() {
    let stage = Stage::new(|settings| {
        two_each(settings);
        settings.listeners[0].protocol = Protocol::Tcp;
    });
    let clients = [stage.client(), stage.client()];
    let servers = [stage.server(), stage.server()];
    is_turned_away(stage.address());
    stage.no_server();
    drop((clients, servers));
    stage.counts("both have left", |counters| counters.clients_open == 0);
    let mut client = stage.client();
    client.sends("hello");
    stage.server().sees("hello");
    assert_eq!(stage.end().client_reasons[CloseReason::TooMany as usize], 1);
}

/// It speaks for others, and is known to.
#[test]
fn a_trusted_proxy_is_not_counted() {
    let stage = Stage::new(|settings| {
        two_each(settings);
        settings.listeners[0].requests.trusted =
            [parse_network("127.0.0.1").expect("an address")].into_iter().collect();
    });
    let mut clients: Vec<Wire> = (0..5).map(|_| stage.client()).collect();
    stage.counts("all are here", |counters| counters.clients_open == 5);
    clients[4].sends(GET);
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    clients[4].sees(OK);
    let others = [from([127, 0, 0, 2], stage.address()), from([127, 0, 0, 2], stage.address())];
    let mut third = from([127, 0, 0, 2], stage.address());
    third.sees_end(End::Reset);
    drop(others);
    assert_eq!(stage.end().client_reasons[CloseReason::TooMany as usize], 1);
}

/// With TLS nobody has to have a handshake to be counted, or to be turned away: these clients say nothing at all.
#[test]
fn clients_that_are_still_to_be_secured_are_counted() {
    for headers in [["", ""], [ONE, OTHER]] {
        let pki = Pki::new();
        let stage = Stage::new(|settings| {
            pki.secure(settings, pki.certificate("site", &["127.0.0.1"]));
            two_each(settings);
            if !headers[0].is_empty() {
                announced(settings);
            }
        });
        let [one, other] = headers.map(crlf);
        let come = |header: &[u8]| {
            let mut client = stage.client();
            client.sends_bytes(header);
            client
        };
        let two = [come(&one), come(&one)];
        if one.is_empty() {
            is_turned_away(stage.address());
        } else {
            stage.counts("both are announced", |counters| counters.announced == 2);
            come(&one).sees_end(End::Reset);
        }
        stage.counts("it was one too many", |counters| {
            counters.client_reasons[CloseReason::TooMany as usize] == 1 && counters.accepted == 1
        });
        if !other.is_empty() {
            come(&other).sees_nothing(Duration::from_millis(50));
        }
        drop(two);
        stage.counts("they have left", |counters| counters.tls_silent == 2 + u64::from(!other.is_empty()));
        come(&one).sees_nothing(Duration::from_millis(50));
        let counters = stage.end();
        assert_eq!((counters.accepted, counters.tls_handshakes), (1, 0), "{counters:?}");
    }
}

/// By the address that the proxy announces, where one does.
#[test]
fn who_is_denied_gets_no_handshake() {
    for (denied, header) in [("127.0.0.0/8", ""), ("192.0.2.0/24", ONE)] {
        let pki = Pki::new();
        let stage = Stage::new(|settings| {
            pki.secure(settings, pki.certificate("site", &["127.0.0.1"]));
            let deny = [parse_network(denied).expect("a network")].into_iter().collect();
            settings.listeners[0].treatment.access = vec![Access { deny, ..Access::default() }];
            if !header.is_empty() {
                announced(settings);
            }
        });
        if header.is_empty() {
            is_turned_away(stage.address());
        } else {
            let mut client = stage.client();
            client.sends(header);
            client.sees_end(End::Reset);
        }
        stage.counts("it was told", |counters| counters.client_reasons[CloseReason::Denied as usize] == 1);
        let counters = stage.end();
        assert_eq!((counters.accepted, counters.tls_failed.iter().sum::<u64>()), (1, 0), "{counters:?}");
    }
}

/// Handshakes have places; those that do not go on are given to whoever wants them.
#[test]
fn silent_handshakes_keep_nobody_out() {
    let Some(mut command) = curl() else { return };
    let pki = Pki::new();
    let stage = Stage::new(|settings| {
        pki.secure(settings, pki.certificate("site", &["127.0.0.1"]));
        settings.listeners[0].limits.connections_max = 2;
    });
    let silent = [stage.client(), stage.client(), stage.client()];
    command.arg("--cacert").arg(pki.ca()).arg(format!("https://{}/", stage.address()));
    let child = command.stdout(Stdio::piped()).spawn().expect("curl runs");
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    assert_eq!(child.wait_with_output().expect("curl ends").stdout, b"ok");
    drop(silent);
    let counters = stage.end();
    assert!(counters.client_reasons[CloseReason::MadeRoom as usize] >= 2, "{counters:?}");
    assert_eq!(counters.tls_handshakes, 1);
}
