//! Listeners whose clients are announced by proxies: the header of the PROXY protocol as it comes in.

use crate::stage::{self, Stage};
use crate::tls::pki::Pki;
use crate::wire::{End, PATIENCE, Wire, crlf};
use balancer_core::{Access, CloseReason, Networks, Protocol, ProxyHeader, Reuse, Settings, parse_network};
use ports::Unannounced;
use std::io::Read;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;
use testkit::installed;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const V1: &str = "PROXY TCP4 192.0.2.7 203.0.113.9 40000 443\n";
/// The same in version 2, with something added that is for nobody here.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x11\xc0\0\x02\x07\xcb\0\x71\x09\x9c\x40\x01\xbb\x04\0\x02hi";
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

fn networks(list: &[&str]) -> Networks {
    list.iter().map(|network| parse_network(network).expect("a network")).collect()
}

/// Whoever comes from this host is a proxy.
fn announced(settings: &mut Settings) {
    settings.listeners[0].proxy_protocol = true;
    settings.listeners[0].requests.announcers = networks(&["127.0.0.0/8"]);
    settings.listeners[0].requests.tells.port = true;
}

fn joining(settings: &mut Settings) {
    announced(settings);
    settings.listeners[0].protocol = Protocol::Tcp;
}

/// The head the server sees has these lines.
#[track_caller]
fn serves(stage: &Stage, client: &mut Wire, lines: &[&str]) {
    let mut server = stage.server();
    let head = server.reads_head();
    for line in lines {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line} in\n{head}");
    }
    server.sends(OK);
    client.sees(OK);
}

fn refused(stage: &Stage, why: Unannounced) {
    stage.counts(why.name(), |counters| counters.announced_refused[why as usize] == 1);
}

#[test]
fn the_client_is_who_the_proxy_says() {
    for header in [crlf(V1), V2.to_vec()] {
        let stage = Stage::new(announced);
        let mut client = stage.client();
        client.sends_bytes(&[header, crlf(GET)].concat());
        let told = ["X-Forwarded-For: 192.0.2.7", "X-Forwarded-Port: 443"];
        let mut server = stage.server();
        for round in 0..2 {
            let head = server.reads_head();
            assert!(told.iter().all(|line| head.contains(line)), "{head}");
            server.sends(OK);
            client.sees(OK);
            if round == 0 {
                client.sends(GET);
            }
        }
        drop((client, server));
        let counters = stage.end();
        assert_eq!((counters.announced, counters.announced_own, counters.responses), (1, 0, 2));
    }
}

#[test]
fn a_header_may_come_byte_by_byte() {
    for header in [crlf(V1), V2.to_vec()] {
        let stage = Stage::new(announced);
        let mut client = stage.client();
        for byte in [header, crlf(GET)].concat() {
            client.sends_bytes(&[byte]);
        }
        serves(&stage, &mut client, &["X-Forwarded-For: 192.0.2.7"]);
        assert_eq!(stage.end().announced, 1);
    }
}

/// What the client says in X-Forwarded-For is believed where the proxy announces another proxy, and nowhere else.
#[test]
fn a_client_that_is_announced_is_no_proxy() {
    let claims = "GET /a HTTP/1.1\nHost: a\nX-Forwarded-For: 198.51.100.1\n\n";
    for (header, told) in [
        (V1, "X-Forwarded-For: 192.0.2.7"),
        ("PROXY TCP4 127.0.0.9 203.0.113.9 1 443\n", "X-Forwarded-For: 198.51.100.1, 127.0.0.9"),
    ] {
        let stage = Stage::new(|settings| {
            announced(settings);
            settings.listeners[0].requests.forwarded = balancer_core::ForwardedPolicy::Trust;
            settings.listeners[0].requests.trusted = networks(&["127.0.0.0/8"]);
        });
        let mut client = stage.client();
        client.sends(&format!("{header}{claims}"));
        serves(&stage, &mut client, &[told]);
        stage.end();
    }
}

/// Server and client are told both ends as if nobody stood between them.
#[test]
fn what_came_in_is_handed_on() {
    let stage = Stage::new(|settings| {
        joining(settings);
        settings.backend_sets[0].proxy_protocol = Some(ProxyHeader::V1);
        settings.backend_sets[0].pool.reuse = Reuse::Never;
    });
    let mut client = stage.client();
    client.sends_bytes(V2);
    let mut server = stage.server();
    server.sees(V1);
    server.sends("220 ready\n");
    client.sees("220 ready\n");
    client.sends("QUIT\n");
    server.sees("QUIT\n");
    drop((client, server));
    assert_eq!(stage.end().tunnels, 1);
}

/// What stands behind the header in the same segment is the first the server hears.
#[test]
fn a_joined_connection_loses_nothing_behind_the_header() {
    let stage = Stage::new(joining);
    let mut client = stage.client();
    client.sends_bytes(&[V2, b"hello"].concat());
    let mut server = stage.server();
    server.sees("hello");
    client.sends(" again");
    server.sees(" again");
    server.sends("yes");
    client.sees("yes");
    drop((client, server));
    assert_eq!(stage.end().tunnels, 1);
}

#[test]
fn without_a_header_nobody_gets_in() {
    for (said, why) in [
        (crlf(GET), Unannounced::NoHeader),
        (crlf("PROXY TCP4 a b c d\n"), Unannounced::Malformed),
        ([b"PROXY UNKNOWN ", &[b'x'; 100][..]].concat(), Unannounced::TooLong),
    ] {
        let stage = Stage::new(announced);
        let mut client = stage.client();
        client.sends_bytes(&said);
        refused(&stage, why);
        let told = stage.refused();
        let begins = format!("; it begins \"{}", said[..10].escape_ascii());
        assert!(matches!(&told[..], [one] if one.contains(why.name()) && one.contains(&begins)), "{told:?}");
        assert!(!matches!(client.stream().read(&mut [0]), Ok(1..)), "nothing is said to a stranger");
        stage.no_server();
        assert_eq!(stage.end().accepted, 0);
    }
}

#[test]
fn whoever_is_no_proxy_is_refused_whatever_he_says() {
    let stage = Stage::new(|settings| {
        announced(settings);
        settings.listeners[0].requests.announcers = networks(&["10.0.0.0/8"]);
    });
    // The reset may come before connect() is back.
    let end = TcpStream::connect(stage.address()).and_then(|mut stream| stream.read(&mut [0]));
    assert_eq!(end.expect_err("a reset").kind(), std::io::ErrorKind::ConnectionReset);
    refused(&stage, Unannounced::NotTrusted);
    assert!(stage.refused()[0].contains("refused (not_trusted): it is none of `trusted_proxies`"));
    assert_eq!(stage.end().accepted, 0);
}

/// Checks of other balancers: they connect and leave, or say that they speak for themselves.
#[test]
fn a_check_of_the_proxy_is_no_failure() {
    let stage = Stage::new(announced);
    drop(stage.client());
    stage.counts("a silent one", |counters| counters.announced_silent == 1);
    let mut client = stage.client();
    client.sends_bytes(LOCAL);
    drop(client);
    stage.counts("one of its own", |counters| counters.client_closes.total() == 1);
    let mut client = stage.client();
    client.sends_bytes(&[LOCAL, &crlf(GET)].concat());
    serves(&stage, &mut client, &["X-Forwarded-For: 127.0.0.1"]);
    drop(client);
    let counters = stage.end();
    assert_eq!((counters.announced_own, counters.accepted, counters.failed_total()), (2, 2, 0), "{counters:?}");
    assert_eq!(counters.announced_refused.iter().sum::<u64>(), 0);
}

/// At https as well, where a handshake would have followed.
#[test]
fn a_check_of_the_proxy_has_no_handshake_to_fail() {
    let pki = Pki::new();
    let stage = Stage::new(|settings| {
        pki.secure(settings, pki.certificate("site", &["127.0.0.1"]));
        announced(settings);
    });
    let mut client = stage.client();
    client.sends_bytes(LOCAL);
    drop(client);
    stage.counts("one of its own", |counters| counters.tls_silent == 1);
    let counters = stage.end();
    assert_eq!((counters.announced_own, counters.tls_failed.iter().sum::<u64>()), (1, 0), "{counters:?}");
}

#[test]
fn a_header_that_does_not_come_is_not_waited_for() {
    let stage = Stage::new(|settings| {
        announced(settings);
        settings.listeners[0].timeouts.head = Duration::from_millis(100);
    });
    let mut silent = stage.client();
    silent.sees_end(End::Eof);
    refused(&stage, Unannounced::TimedOut);
    let mut half = stage.client();
    half.sends_bytes(b"PROXY TCP4");
    half.half_closes();
    refused(&stage, Unannounced::PeerLeft);
    stage.end();
}

/// A drain does not wait until the patience with heads is over; who has announced himself is served.
#[test]
fn a_drain_waits_for_no_header() {
    let stage = Stage::new(announced);
    let strangers: Vec<Wire> = (0..3).map(|_| stage.client()).collect();
    let mut client = stage.client();
    client.sends_bytes(&[V2, &crlf(GET)].concat());
    let mut server = stage.server();
    let ending = std::thread::spawn(move || stage.end_with_patience(PATIENCE));
    server.reads_head();
    server.sends(OK);
    client.reads_head();
    let counters = ending.join().expect("it ends");
    assert_eq!(counters.announced_refused[Unannounced::Closing as usize], 3, "{counters:?}");
    assert_eq!((counters.accepted, counters.responses), (1, 1));
    drop(strangers);
}

/// Lists of addresses are about clients, not about the proxy.
#[test]
fn who_is_denied_is_the_client() {
    let stage = Stage::new(|settings| {
        announced(settings);
        let deny = networks(&["192.0.2.0/24"]);
        settings.listeners[0].treatment.access = vec![Access { deny, ..Access::default() }];
    });
    let mut denied = stage.client();
    denied.sends_bytes(V2);
    stage.counts("it was closed", |counters| counters.client_reasons[CloseReason::Denied as usize] == 1);
    let mut other = stage.client();
    other.sends(&format!("PROXY TCP6 2001:db8::7 ::1 1 2\n{GET}"));
    serves(&stage, &mut other, &["X-Forwarded-For: 2001:db8::7"]);
    drop((denied, other));
    assert_eq!(stage.end().announced, 2);
}

/// The header goes in front of TLS: as curl sends it, and with it in the segment of the ClientHello.
#[test]
fn over_tls_it_comes_first() {
    let Some(curl) = installed("curl") else { return };
    let pki = Pki::new();
    let stage = Stage::new(|settings| {
        pki.secure(settings, pki.certificate("site", &["127.0.0.1"]));
        announced(settings);
    });
    for plain in [false, true] {
        let mut command = Command::new(&curl);
        command.args(["--silent", "--max-time", "60", "--noproxy", "*", "--cacert"]).arg(pki.ca());
        command.args(if plain { &[][..] } else { &["--haproxy-protocol"] });
        let child = command.arg(format!("https://{}/", stage.address())).spawn().expect("curl runs");
        if !plain {
            let mut server = stage.server();
            let head = server.reads_head();
            assert!(head.contains("X-Forwarded-For: 127.0.0.1\r\n") && head.contains("Proto: https"), "{head}");
            server.sends(OK);
        }
        let output = child.wait_with_output().expect("curl ends");
        assert_eq!(output.status.success(), !plain);
    }
    refused(&stage, Unannounced::NoHeader);
    let counters = stage.end();
    assert_eq!((counters.announced, counters.tls_handshakes, counters.responses), (1, 1, 1), "{counters:?}");
}

/// A balancer that runs may be told that proxies stand in front from now on.
#[test]
fn a_running_balancer_takes_it_up() {
    let origin = stage::listener();
    let settings = stage::settings(&[stage::address(&origin)]);
    let mut balancer = stage::start(settings.clone(), 1, Default::default());
    let mut kept = Wire::connect(balancer.addresses()[0], "the client");
    kept.sends(GET);
    let mut server = stage::accept(&origin, PATIENCE).expect("a connection of the balancer");
    let mut is_told = |client: &mut Wire, address: &str| {
        let head = server.reads_head();
        assert!(head.contains(&format!("X-Forwarded-For: {address}\r\n")), "{head}");
        server.sends(OK);
        client.sees(OK);
    };
    is_told(&mut kept, "127.0.0.1");
    let mut other = settings;
    announced(&mut other);
    balancer.apply(&other).expect("it is good");
    let mut client = Wire::connect(balancer.addresses()[0], "the client");
    client.sends(&format!("{V1}{GET}"));
    is_told(&mut client, "192.0.2.7");
    kept.sends(GET);
    is_told(&mut kept, "127.0.0.1");
    assert_eq!(balancer.counters().announced, 1);
}
