//! Sources of a prefix that is routed here, on the running kernel: no interface has them.
//!
//! Without the usual harness: every test is this program started again, in a private namespace.

use balancer::{Handle, Plan, StartError, Warning};
use balancer_core::{BackendSetSettings, ListenerSettings, PortChoice, ServerSettings, Settings};
use reactor::epoll::EpollConfig;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};
use testkit::{PATIENCE, installed, own_process};

type Test = (&'static str, fn());

const TESTS: [Test; 5] = [
    ("an_ipv6_prefix_is_used_by_the_kernels_choice", || is_used("[::1]:0", "fd00:1::/64", PortChoice::Kernel)),
    ("an_ipv6_prefix_is_used_by_our_own_choice", || is_used("[::1]:0", "fd00:1::/64", PortChoice::Own)),
    ("an_ipv4_network_is_used", || is_used("127.0.0.1:0", "10.9.0.0/28", PortChoice::Kernel)),
    ("without_a_route_nothing_starts", without_a_route_nothing_starts),
    ("a_source_that_goes_away_is_told_and_the_rest_applied", a_source_that_goes_away_is_told_and_the_rest_applied),
];

fn main() -> ExitCode {
    own_process::run(&TESTS, |_, test| own_process::in_private(test))
}

fn start(server: SocketAddr, sources: &str, choice: PortChoice) -> Result<Handle, StartError> {
    start_by(settings(server, sources, choice))
}

fn start_by(settings: Settings) -> Result<Handle, StartError> {
    balancer::start(&Plan { settings, workers: 1, reactor: EpollConfig::default(), pin: false })
}

fn settings(server: SocketAddr, sources: &str, choice: PortChoice) -> Settings {
    let mut set = BackendSetSettings::new("app", vec![ServerSettings::new(server)]);
    set.ports.sources = ports::expand_sources(sources).expect("sources");
    set.ports.choice = choice;
    let listener = ListenerSettings::new("web", "127.0.0.1:0".parse::<SocketAddr>().expect("an address"), 0);
    Settings { listeners: vec![listener], backend_sets: vec![set] }
}

/// Each connection to the server comes from the next address of the network.
fn is_used(server: &str, network: &str, choice: PortChoice) {
    let Some(ip) = installed("ip") else { return };
    route(&ip, "add", network);
    let origin = TcpListener::bind(server).expect("a free port");
    let balancer = start(origin.local_addr().expect("bound"), network, choice).expect("starts");
    let sources: Vec<IpAddr> = ports::expand_sources(network).expect("sources");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut client = connect(&balancer);
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sends");
        let (mut upstream, from) = origin.accept().expect("the balancer connects");
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        upstream.write_all(answer).expect("answers");
        drop(upstream);
        let mut text = String::new();
        client.read_to_string(&mut text).expect("the whole answer");
        assert!(text.ends_with("ok"), "{text}");
        assert!(sources.contains(&from.ip()), "{from} is of {network}");
        seen.push(from.ip());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// Adds a route for all of a network to this host, or takes it away.
fn route(ip: &Path, what: &str, network: &str) {
    let family = if network.contains(':') { "-6" } else { "-4" };
    let done = Command::new(ip).args([family, "route", what, "local", network, "dev", "lo"]).status();
    assert!(done.expect("ip runs").success(), "ip route {what} {network}");
}

fn connect(balancer: &Handle) -> TcpStream {
    let client = TcpStream::connect_timeout(&balancer.addresses()[0], PATIENCE).expect("connects");
    client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    client
}

/// A request on `client`, answered on the kept connection `upstream`.
fn asked_and_answered(client: &mut TcpStream, upstream: &mut TcpStream) {
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sends");
    answered(client, upstream);
}

fn answered(client: &mut TcpStream, upstream: &mut TcpStream) {
    upstream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        upstream.read_exact(&mut byte).expect("a whole head");
        asked.extend(byte);
    }
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("answers");
    let mut text = Vec::new();
    while !text.ends_with(b"ok") {
        let mut byte = [0];
        client.read_exact(&mut byte).expect("a whole answer");
        text.extend(byte);
    }
}

/// While a route is away other changes are worked by, new connections start elsewhere, and kept ones stay the set's.
fn a_source_that_goes_away_is_told_and_the_rest_applied() {
    let Some(ip) = installed("ip") else { return };
    route(&ip, "add", "fd00:1::/127");
    let origin = TcpListener::bind("[::1]:0").expect("a free port");
    let mut settings = settings(origin.local_addr().expect("bound"), "fd00:1::/127", PortChoice::Kernel);
    settings.backend_sets[0].ports.sources.push("::1".parse().expect("an address"));
    let mut balancer = start_by(settings.clone()).expect("starts");
    let mut kept = connect(&balancer);
    kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sends");
    let (mut upstream, first) = origin.accept().expect("the balancer connects");
    answered(&mut kept, &mut upstream);
    assert!(!first.ip().is_loopback(), "{first} is of the prefix");

    route(&ip, "del", "fd00:1::/127");
    settings.backend_sets[0].retries_max = 1;
    balancer.apply(&settings).expect("the rest is applied");
    let told = balancer.warnings().iter().map(ToString::to_string).find(|told| told.contains("not of this host"));
    assert!(told.as_ref().is_some_and(|told| told.contains("2 of its sources")), "{told:?}");
    // Two clients at once: the kept connection is not for the second one, who comes from what is left.
    settings.backend_sets[0].pool.idle_max = 1;
    balancer.apply(&settings).expect("again");
    let mut new = connect(&balancer);
    route(&ip, "add", "fd00:1::/127");
    asked_and_answered(&mut kept, &mut upstream);
    route(&ip, "del", "fd00:1::/127");
    kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sends");
    new.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("sends");
    let (mut other, from) = origin.accept().expect("the balancer connects");
    assert!(from.ip().is_loopback(), "{from} is what is left");
    answered(&mut new, &mut other);

    route(&ip, "add", "fd00:1::/127");
    balancer.apply(&settings).expect("it is back");
    let still = balancer.warnings().iter().any(|warning| matches!(warning, Warning::SourcesAway { .. }));
    assert!(!still, "{:?}", balancer.warnings());
    // What is new has to be there, as at the start.
    settings.backend_sets[0].ports.sources.push("fd00:2::1".parse().expect("an address"));
    let error = balancer.apply(&settings).expect_err("nobody has it");
    assert!(matches!(error, StartError::SourceNotHere { .. }), "{error:?}");
}

fn without_a_route_nothing_starts() {
    for (server, network, way_out) in [
        ("[::1]:9", "fd00:1::/64", "ip -6 route add local fd00:1::1/128 dev lo"),
        ("127.0.0.1:9", "10.9.0.0/28", "ip route add local 10.9.0.1/32 dev lo"),
    ] {
        let error = start(server.parse().expect("an address"), network, PortChoice::Kernel).err().expect("no start");
        assert!(matches!(error, StartError::SourceNotHere { .. }), "{error:?}");
        assert!(error.to_string().contains(way_out), "{error}");
    }
}
