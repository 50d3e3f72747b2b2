//! The probes against servers and balancers whose settings are known, ours and other people's.

use balancer_core::{BackendSetSettings, ClientClose, ListenerSettings, ServerSettings, Settings};
use doctor::{Patience, probe};
use doctor_core::target::{ClosedBy, Failed, Probe, Response, Speaks};
use doctor_core::{HostFacts, Question, Severity, TargetFacts, diagnose};
use origin::{CloseHabit, OriginPlan};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use testkit::peers::{apache, files, haproxy, nginx};
use testkit::{Folder, free_address};

/// Shorter than for real: everything is on this machine.
fn patience() -> Patience {
    Patience { close: Duration::from_secs(1), idle: Duration::from_millis(1200), ..Patience::default() }
}

fn look(url: &str) -> TargetFacts {
    let facts = probe(url, &patience()).expect("a good URL");
    assert_eq!(facts.unreachable, None, "{url}");
    facts
}

/// Who closes first, in the order of [`Probe::ALL`]; every response but one that may be refused is whole.
#[track_caller]
fn check_closings(facts: &TargetFacts, expect: [ClosedBy; 6]) {
    let seen: Vec<(Probe, ClosedBy)> = facts.closings.iter().map(|(probe, end)| (*probe, end.by)).collect();
    let expect: Vec<(Probe, ClosedBy)> = Probe::ALL.into_iter().zip(expect).collect();
    assert_eq!(seen, expect, "{}: {:#?}", facts.url, facts.closings);
    for (probe, end) in &facts.closings {
        assert_eq!(end.response, Response::Whole, "{}: {probe:?} {end:?}", facts.url);
    }
}

/// What holds for every target on this machine's loopback.
#[track_caller]
fn check_path(facts: &TargetFacts) {
    let on = |name| sys::sysctl::read_u64(name).expect("every Linux has it") != 0;
    let timestamps = on("net.ipv4.tcp_timestamps");
    assert_eq!(facts.handshake.timestamps, timestamps);
    assert_eq!(facts.handshake.sack, on("net.ipv4.tcp_sack"));
    assert_eq!(facts.handshake.window_scale.is_some(), on("net.ipv4.tcp_window_scaling"));
    assert_eq!(facts.is_reusable_at_once(), timestamps, "{:?}", facts.after_our_close);
    assert_eq!(facts.handshake.syn_retransmits, 0);
    let (median, longest) = (facts.handshake.connect_us_median, facts.handshake.connect_us_max);
    assert!(median > Some(0) && median <= longest, "{median:?} {longest:?}");
    assert!((8..=20).contains(&facts.connections), "polite: {}", facts.connections);
}

fn tactic(facts: &TargetFacts) -> String {
    let mut host = HostFacts::default();
    host.sysctls.set("net.ipv4.tcp_timestamps", if facts.handshake.timestamps { "1" } else { "0" });
    diagnose(host, Some(facts.clone()), Question::default()).tactic.expect("a reached target").flags()
}

fn worst(facts: &TargetFacts) -> Option<Severity> {
    diagnose(HostFacts::default(), Some(facts.clone()), Question::default()).findings.first().map(|one| one.severity)
}

fn origin_that(close: CloseHabit) -> origin::Handle {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    origin::start(OriginPlan { close, ..OriginPlan::new(listen) }).expect("an origin")
}

fn balancer_that(close: ClientClose, behind: SocketAddr) -> balancer::Handle {
    let bind = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = ListenerSettings { close, ..ListenerSettings::new("web", bind, 0) };
    let set = BackendSetSettings::new("app", vec![ServerSettings::new(behind)]);
    let settings = Settings { listeners: vec![listener], backend_sets: vec![set] };
    balancer::start(&balancer::Plan { settings, workers: 1, reactor: Default::default(), pin: false }).expect("starts")
}

use ClosedBy::{ClientFin, Rst, ServerFin, StaysOpen};

#[test]
fn our_balancer_closes_as_it_is_told() {
    let origin = origin_that(CloseHabit::Honour);
    // A client of HTTP/1.0 reads to the end of the connection: it gets a FIN under every policy.
    let all = |by| [by, ServerFin, StaysOpen, by, by, by];
    for (close, expect, flags) in [
        (ClientClose::BalancerFirst, all(ServerFin), "--close wait --ports kernel"),
        (ClientClose::ClientFirst, all(ClientFin), "--close fin --ports own"),
        (ClientClose::ResetWhenSafe, all(Rst), "--close wait --ports kernel"),
    ] {
        let balancer = balancer_that(close, origin.address());
        let facts = look(&format!("http://{}/bytes/1000", balancer.addresses()[0]));
        println!("{close:?}: {:#?}", facts.closings);
        check_path(&facts);
        assert_eq!(facts.keep_alive.served, 8);
        for probe in [Probe::ConnectionClose, Probe::Http10, Probe::Idle] {
            let at = Probe::ALL.iter().position(|known| *known == probe).expect("listed");
            assert_eq!(facts.closed_by(probe), Some(expect[at]), "{close:?} {probe:?}: {:#?}", facts.closings);
        }
        assert!(facts.closings.iter().all(|(_, end)| end.response == Response::Whole), "{:#?}", facts.closings);
        if facts.handshake.timestamps {
            assert_eq!(tactic(&facts), flags, "{close:?}");
        }
    }
}

#[test]
fn an_origin_that_never_closes_is_found_out() {
    let origin = origin_that(CloseHabit::Ignore);
    let facts = look(&format!("http://{}/bytes/1000", origin.address()));
    assert_eq!(facts.closed_by(Probe::ConnectionClose), Some(ClientFin));
    assert!(worst(&facts) >= Some(Severity::Warning));
    assert_eq!(facts.after_server_close, None, "it never closes, so there is nothing to try");
}

#[test]
fn an_origin_without_keep_alive_is_found_out() {
    let origin = origin_that(CloseHabit::Always);
    let facts = look(&format!("http://{}/bytes/1000", origin.address()));
    assert_eq!((facts.keep_alive.asked, facts.keep_alive.served), (8, 1));
    assert_eq!(facts.closed_by(Probe::Idle), Some(ServerFin));
    let diagnosis = diagnose(HostFacts::default(), Some(facts), Question::default());
    assert!(diagnosis.findings.iter().any(|one| one.id == "target.no-keep-alive"), "{:?}", diagnosis.findings);
}

#[test]
fn nginx_closes_first() {
    let folder = files();
    let Some(nginx) = nginx(&folder, "") else { return };
    let facts = look(&nginx.url("/small"));
    check_path(&facts);
    check_closings(&facts, [ServerFin, ServerFin, StaysOpen, ServerFin, ServerFin, ServerFin]);
    assert_eq!(facts.keep_alive.served, 8);
    assert_eq!(facts.closing(Probe::Error).and_then(|end| end.status), Some(400));
    assert_eq!(tactic(&facts), "--close wait --ports kernel");
}

#[test]
fn nginx_with_tight_limits_is_seen_as_such() {
    let folder = files();
    let settings = "keepalive_requests 3; keepalive_timeout 100ms;";
    let Some(nginx) = nginx(&folder, settings) else { return };
    let facts = look(&nginx.url("/small"));
    assert_eq!((facts.keep_alive.asked, facts.keep_alive.served), (8, 3));
    assert_eq!(facts.closed_by(Probe::Idle), Some(ServerFin));
    let ids: Vec<&str> =
        diagnose(HostFacts::default(), Some(facts), Question::default()).findings.iter().map(|one| one.id).collect();
    assert_eq!(ids, ["target.idle-short", "target.few-requests"]);
}

/// Answers every request as soon as its head is there and closes with the body unread, `connections` times.
fn rude_server(listener: &TcpListener, connections: usize) {
    for stream in listener.incoming().take(connections) {
        let mut stream = stream.expect("a connection");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
            head.push(byte[0]);
        }
        let has_body = head.windows(14).any(|word| word == b"Content-Length");
        // Until some of the body is here: closing then makes a reset of it.
        if has_body {
            let _or_the_end = stream.peek(&mut byte);
        }
        let _nobody_cares = stream.write_all(b"HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    }
}

#[test]
fn a_server_that_does_not_drain_is_found_out() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || rude_server(&listener, 32));
    let facts = look(&url);
    let upload = facts.closing(Probe::Upload).expect("probed");
    assert!(upload.by == Rst || upload.then_reset, "{upload:?}");
    assert_eq!(facts.closed_by(Probe::ConnectionClose), Some(ServerFin));
    let diagnosis = diagnose(HostFacts::default(), Some(facts), Question::default());
    let ids = ["target.resets", "target.loses-data"];
    assert!(diagnosis.findings.iter().any(|one| ids.contains(&one.id)), "{:?}", diagnosis.findings);
}

#[test]
fn haproxy_closes_first() {
    let folder = Folder::new();
    let origin = origin_that(CloseHabit::Honour);
    let Some(haproxy) = haproxy(&folder, origin.address()) else { return };
    let facts = look(&haproxy.url("/bytes/1000"));
    println!("{:#?}", facts.closings);
    check_path(&facts);
    assert_eq!(facts.closed_by(Probe::ConnectionClose), Some(ServerFin));
    assert_eq!(facts.closed_by(Probe::Http10), Some(ServerFin));
    assert_eq!(facts.closed_by(Probe::Idle), Some(StaysOpen));
    assert_eq!(facts.closing(Probe::Error).and_then(|end| end.status), Some(400));
    assert_eq!(facts.keep_alive.served, 8);
    assert_eq!(tactic(&facts), "--close wait --ports kernel");
}

#[test]
fn apache_closes_first() {
    let folder = files();
    let Some(apache) = apache(&folder) else { return };
    let facts = look(&apache.url("/small"));
    println!("{:#?}", facts.closings);
    check_path(&facts);
    assert_eq!(facts.closed_by(Probe::ConnectionClose), Some(ServerFin));
    assert_eq!(facts.closed_by(Probe::Http10), Some(ServerFin));
    assert_eq!(facts.closed_by(Probe::Idle), Some(ServerFin), "KeepAliveTimeout 200ms");
    // MaxKeepAliveRequests 4: Apache counts from the second request on.
    assert!((4..=5).contains(&facts.keep_alive.served), "{:?}", facts.keep_alive);
    assert!(facts.keep_alive.announced.as_ref().is_some_and(|said| said.contains("max=")), "{:?}", facts.keep_alive);
    assert_eq!(tactic(&facts), "--close wait --ports kernel");
}

#[test]
fn nobody_at_home_is_a_finding() {
    let free = free_address();
    let facts = probe(&format!("http://{free}/"), &patience()).expect("a good URL");
    let why = facts.unreachable.clone().expect("nobody listens");
    assert!(why.contains("ECONNREFUSED"), "{why}");
    assert_eq!(facts.failed, Some(Failed::Refused));
    assert_eq!(worst(&facts), Some(Severity::Error));
}

#[test]
fn a_listener_that_speaks_no_http_is_a_finding() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/", silent.local_addr().expect("bound"));
    let hasty = Patience { response: Duration::from_millis(200), ..patience() };
    let facts = probe(&url, &hasty).expect("a good URL");
    assert!(facts.unreachable.as_ref().is_some_and(|why| why.contains("no HTTP")), "{facts:?}");
    assert!(facts.connections <= 3);
}

/// Answers every connection by these bytes; those that come are read only.
fn server_that_says(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().take(64) {
            let mut stream = stream.expect("a connection");
            let mut scratch = [0; 4096];
            let (_somebody_asks, _or_left) = (stream.read(&mut scratch), stream.write_all(bytes));
        }
    });
    url
}

fn ids(facts: TargetFacts) -> Vec<(Severity, &'static str)> {
    let diagnosis = diagnose(HostFacts::default(), Some(facts), Question::default());
    diagnosis.findings.iter().map(|one| (one.severity, one.id)).collect()
}

#[test]
fn a_port_of_another_protocol_is_a_finding() {
    for (bytes, speaks) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], Some(Speaks::Ssh)),
        (b"\x15\x03\x01\x00\x02\x02\x46", Some(Speaks::Tls)),
        (b"220 mail.example ESMTP\r\n", Some(Speaks::Mail)),
        (b"-ERR unknown command\r\n", Some(Speaks::Redis)),
        (b"\x01\x02\x03 nobody knows this\n", None),
    ] {
        let facts = probe(&server_that_says(bytes), &patience()).expect("a good URL");
        assert_eq!((facts.failed, facts.speaks), (Some(Failed::NoHttp), speaks), "{facts:?}");
        let expect = if speaks.is_some() { "target.speaks-other" } else { "target.unreachable" };
        assert_eq!(ids(facts), [(Severity::Error, expect)]);
    }
}

/// As nginx and Go answer plain HTTP on a port of TLS: only a hello tells it.
#[test]
fn a_tls_port_that_says_400_to_http_is_a_finding() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().take(64) {
            let mut stream = stream.expect("a connection");
            let mut first = [0; 4096];
            let hello = matches!(stream.read(&mut first), Ok(1..)) && first[0] == 0x16;
            let plain = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
            let answer: &[u8] = if hello { b"\x15\x03\x03\x00\x02\x02\x46" } else { plain };
            let _or_left = stream.write_all(answer);
        }
    });
    let facts = probe(&url, &patience()).expect("a good URL");
    assert_eq!(facts.speaks, Some(Speaks::Tls), "{facts:?}");
    assert!(ids(facts).contains(&(Severity::Error, "target.speaks-other")));
}

#[test]
fn a_balancer_without_a_server_is_a_finding() {
    let folder = Folder::new();
    let settings = format!("location / {{ proxy_pass http://{}; }}", free_address());
    let Some(nginx) = nginx(&folder, &settings) else { return };
    let facts = look(&nginx.url("/"));
    assert_eq!(facts.closing(Probe::Http10).and_then(|end| end.status), Some(502), "{:#?}", facts.closings);
    assert!(ids(facts).contains(&(Severity::Error, "target.errors")));
}

/// `timeout=5` of node, without waiting for it.
#[test]
fn an_announced_idle_time_is_a_finding() {
    let answer = b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok";
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming().take(64) {
            let mut stream = stream.expect("a connection");
            std::thread::spawn(move || {
                let mut scratch = [0; 4096];
                while matches!(stream.read(&mut scratch), Ok(1..)) && stream.write_all(answer).is_ok() {}
            });
        }
    });
    let facts = look(&url);
    assert!(facts.keep_alive.served > 1 && facts.keep_alive.announced_s() == Some(5), "{:?}", facts.keep_alive);
    assert!(ids(facts).contains(&(Severity::Warning, "target.idle-short")));
}

#[test]
fn ipv6_targets_are_probed_too() {
    let Some(listener) = testkit::require(TcpListener::bind("[::1]:0")) else { return };
    let listen = listener.local_addr().expect("bound");
    drop(listener);
    let origin = origin::start(OriginPlan::new(listen)).expect("an origin");
    let facts = look(&format!("http://{}/bytes/10", origin.address()));
    check_path(&facts);
    assert_eq!(facts.closed_by(Probe::ConnectionClose), Some(ServerFin));
}
