//! Sources of a prefix that is routed here, on the running kernel: no interface has them.
//!
//! Without the usual harness: every test is this program started again, in a private namespace.

use balancer::{Handle, Plan, StartError};
use balancer_core::{BackendSetSettings, ListenerSettings, PortChoice, ServerSettings, Settings};
use reactor::epoll::EpollConfig;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use testkit::{PATIENCE, installed, own_process};

type Test = (&'static str, fn());

const TESTS: [Test; 4] = [
    ("an_ipv6_prefix_is_used_by_the_kernels_choice", || is_used("[::1]:0", "fd00:1::/64", PortChoice::Kernel)),
    ("an_ipv6_prefix_is_used_by_our_own_choice", || is_used("[::1]:0", "fd00:1::/64", PortChoice::Own)),
    ("an_ipv4_network_is_used", || is_used("127.0.0.1:0", "10.9.0.0/28", PortChoice::Kernel)),
    ("without_a_route_nothing_starts", without_a_route_nothing_starts),
];

fn main() -> ExitCode {
    own_process::run(&TESTS, |_, test| own_process::in_private(test))
}

fn start(server: SocketAddr, sources: &str, choice: PortChoice) -> Result<Handle, StartError> {
    let mut set = BackendSetSettings::new("app", vec![ServerSettings::new(server)]);
    set.ports.sources = ports::expand_sources(sources).expect("sources");
    set.ports.choice = choice;
    let listener = ListenerSettings::new("web", "127.0.0.1:0".parse::<SocketAddr>().expect("an address"), 0);
    let settings = Settings { listeners: vec![listener], backend_sets: vec![set] };
    balancer::start(&Plan { settings, workers: 1, reactor: EpollConfig::default(), pin: false })
}

/// Each connection to the server comes from the next address of the network.
fn is_used(server: &str, network: &str, choice: PortChoice) {
    let Some(ip) = installed("ip") else { return };
    let family = if server.starts_with('[') { "-6" } else { "-4" };
    let routed = Command::new(ip).args([family, "route", "add", "local", network, "dev", "lo"]).status();
    assert!(routed.expect("ip runs").success(), "the route is there");
    let origin = TcpListener::bind(server).expect("a free port");
    let balancer = start(origin.local_addr().expect("bound"), network, choice).expect("starts");
    let sources: Vec<IpAddr> = ports::expand_sources(network).expect("sources");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let mut client = TcpStream::connect_timeout(&balancer.addresses()[0], PATIENCE).expect("connects");
        client.set_read_timeout(Some(PATIENCE)).expect("a time-out");
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
