//! Listeners that join connections by the name that TLS clients ask for, and see nothing else of what is said.

use crate::script::TIGHT;
use crate::stage::{self, Stage, accept};
use crate::tls::pki::Pki;
use crate::tls::servers::Server;
use crate::wire::{End, PATIENCE, Wire};
use balancer::Config;
use balancer_core::hello::Unmatched;
use balancer_core::{ClientCertificate, Counters, Failure, Settings};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use testkit::{curl, installed, run_well};

/// What openssl says first when it asks for `www.example.org`, and when it asks for nobody.
const NAMED: &[u8] = include_bytes!("../../../../fuzz/seeds/client_hello/named_openssl");
const NAMELESS: &[u8] = include_bytes!("../../../../fuzz/seeds/client_hello/nameless_openssl");

/// `www.example.org` is at `there`, everything else where `otherwise` says.
fn by_name(settings: &mut Settings, there: SocketAddr, otherwise: &str) {
    let origin = settings.backend_sets[0].servers[0].address;
    let text = format!(
        "[[listener]]\nname = \"sni\"\nbind = \"127.0.0.1:0\"\nprotocol = \"tcp\"\n{otherwise}\n\
         timeouts = {{ head = \"{}s\" }}\n\
         [[listener.route]]\nname = \"www\"\nhost = \"www.example.org\"\nbackends = \"there\"\n\
         [[backend_set]]\nname = \"app\"\nservers = [\"{origin}\"]\n\
         [[backend_set]]\nname = \"there\"\nservers = [\"{there}\"]\n",
        TIGHT.as_secs()
    );
    *settings = Config::parse("test.toml", &text).unwrap_or_else(|error| panic!("{error}")).settings;
}

fn stage(otherwise: &str) -> (Stage, TcpListener) {
    let there = stage::listener();
    let address = stage::address(&there);
    (Stage::new(|settings| by_name(settings, address, otherwise)), there)
}

fn client(stage: &Stage) -> TcpStream {
    let stream = TcpStream::connect(stage.address()).expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

#[track_caller]
fn sees(wire: Wire, bytes: &[u8]) {
    let mut seen = vec![0; bytes.len()];
    wire.stream().read_exact(&mut seen).expect("as many bytes");
    assert!(seen == bytes, "{}", String::from_utf8_lossy(&seen));
}

#[test]
fn a_name_chooses_the_servers_and_every_byte_arrives() {
    let (stage, there) = stage("backends = \"app\"");
    for step in [1000, 200, 7] {
        let mut client = client(&stage);
        for piece in NAMED.chunks(step) {
            client.write_all(piece).expect("taken");
            std::thread::yield_now();
        }
        let server = accept(&there, PATIENCE).expect("the server of that name is asked");
        client.write_all(b"more").expect("taken");
        server.stream().write_all(b"answer").expect("taken");
        sees(server, &[NAMED, b"more"].concat());
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("an answer and an end");
        assert_eq!(answer, b"answer");
    }
    stage.no_server();
    let routes = stage.report().routes;
    let counters = stage.end();
    assert_eq!((counters.tunnels, counters.unmatched), (3, [0; Unmatched::ALL.len()]));
    let www = routes.iter().find(|(_, name, _)| name == "www").expect("it is counted apart");
    assert_eq!(www.2.route_requests, 3);
}

/// What says no name that is known goes on as it came.
#[test]
fn who_asks_for_nobody_goes_to_backends() {
    let mut other = NAMED.to_vec();
    let at = other.windows(3).position(|part| part == b"www").expect("the name");
    other[at] = b'x';
    for (said, why) in [
        (NAMELESS, Unmatched::NoName),
        (&other, Unmatched::UnknownName),
        (b"SSH-2.0-x\r\n", Unmatched::NotTls),
        (&[], Unmatched::Silent),
    ] {
        let (stage, there) = stage("backends = \"app\"");
        let mut client = client(&stage);
        client.write_all(said).expect("taken");
        let server = stage.server();
        if said.is_empty() {
            server.stream().write_all(b"220 ready\r\n").expect("taken");
            let mut greeting = [0; 11];
            client.read_exact(&mut greeting).expect("whoever speaks first is heard");
        }
        sees(server, said);
        drop(client);
        assert!(accept(&there, std::time::Duration::ZERO).is_none());
        let counters = stage.end_with_patience(PATIENCE);
        assert_eq!((counters.tunnels, counters.unmatched[why as usize]), (1, 1), "{why}: {counters:?}");
    }
}

#[track_caller]
fn turned_away(stage: Stage, said: &[u8]) -> Counters {
    let mut client = client(&stage);
    client.write_all(said).expect("taken");
    Wire::new(client, "the client").sees_end(End::Reset);
    stage.no_server();
    let counters = stage.end();
    assert_eq!(counters.tunnels, 0);
    counters
}

#[test]
fn without_backends_who_asks_for_nobody_is_closed() {
    for (said, why) in [(NAMELESS, Unmatched::NoName), (b"GET / HTTP/1.1\r\n\r\n", Unmatched::NotTls)] {
        let counters = turned_away(stage("").0, said);
        assert_eq!((counters.failed(Failure::NoRoute), counters.unmatched[why as usize]), (1, 1), "{why}");
    }
}

/// Half a hello is nobody's: it would hold a place at a server for as long as it likes.
#[test]
fn a_hello_that_does_not_end_is_not_waited_for() {
    let counters = turned_away(stage("backends = \"app\"").0, &NAMED[..100]);
    assert_eq!((counters.failed(Failure::HeadTimeout), counters.unmatched), (1, [0; Unmatched::ALL.len()]));
    let (stage, _there) = stage("backends = \"app\"");
    client(&stage).write_all(&NAMED[..100]).expect("taken");
    stage.counts("it has left", |counters| counters.accepted == 1 && counters.clients_open == 0);
    stage.end();
}

#[test]
fn curl_and_openssl_meet_the_certificate_of_whom_they_ask_for() {
    let pki = Pki::new();
    let [www, other] = ["www.example.org", "other.example"]
        .map(|name| Server::new(&pki, pki.certificate(name, &[name]), ClientCertificate::None));
    let stage = Stage::new(|settings| {
        settings.backend_sets[0].servers[0].address = other.address().into();
        by_name(settings, www.address(), "backends = \"app\"");
    });
    let Some(openssl) = installed("openssl") else { return };
    for (asked, expect) in [("www.example.org", "www.example.org"), ("other.example", "other.example")] {
        let mut command = Command::new(&openssl);
        command.args(["s_client", "-connect", &stage.address().to_string(), "-servername", asked]);
        let output = command.stdin(Stdio::null()).output().expect("openssl runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(&format!("subject=CN = {expect}")), "{asked}: {text}");
    }
    let port = stage.address().port();
    for name in ["www.example.org", "other.example"] {
        let Some(mut command) = curl() else { return };
        command.arg("--cacert").arg(pki.ca()).args(["--resolve", &format!("*:{port}:127.0.0.1")]);
        command.args(["-o", "/dev/null", "-w", "%{http_code} %{size_download}"]);
        let got = run_well(command.arg(format!("https://{name}:{port}/bytes/300000")));
        assert_eq!(got, "200 300000", "{name}");
    }
    let counters = stage.end_with_patience(PATIENCE);
    assert_eq!((counters.tunnels, counters.unmatched[Unmatched::UnknownName as usize]), (4, 2));
}
