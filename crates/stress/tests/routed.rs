//! Sources of a prefix that is routed here, on the running kernel: no interface has them.
//!
//! Without the usual harness: every test is this program started again, in a private namespace.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};
use stress::{StopFlag, StressError};
use stress_core::{ClosePolicy, PlanDraft, PortMode, Report};
use testkit::{PATIENCE, installed, own_process};

type Test = (&'static str, fn());

const TESTS: [Test; 4] = [
    ("an_ipv6_prefix_is_used_by_the_kernels_choice", || is_used("[::1]:0", "fd00:1::/125", PortMode::Kernel)),
    ("an_ipv6_prefix_is_used_by_our_own_choice", || is_used("[::1]:0", "fd00:1::/125", PortMode::Own)),
    ("an_ipv4_network_is_used", || is_used("127.0.0.1:0", "10.9.0.0/29", PortMode::Kernel)),
    ("without_a_route_nothing_starts", without_a_route_nothing_starts),
];

fn main() -> ExitCode {
    own_process::run(&TESTS, |_, test| own_process::in_private(test))
}

const REQUESTS: u64 = 64;

fn run(server: SocketAddr, sources: &str, ports: PortMode) -> Result<Report, StressError> {
    let draft = PlanDraft::new(format!("http://{server}/"));
    let plan = PlanDraft {
        connections: 2,
        requests: Some(REQUESTS),
        threads: Some(1),
        timeout: 2 * PATIENCE,
        close: ClosePolicy::Wait,
        ports,
        sources: ports::expand_sources(sources).expect("sources"),
        ..draft
    };
    stress::run(&plan.check().expect("a good plan"), &StopFlag::new(), |_| {})
}

/// A server that answers one request of each connection, and remembers where they came from.
fn server(at: &str) -> (SocketAddr, Arc<Mutex<BTreeSet<IpAddr>>>) {
    let listener = TcpListener::bind(at).expect("a free port");
    let (address, seen) = (listener.local_addr().expect("bound"), Arc::<Mutex<BTreeSet<IpAddr>>>::default());
    let known = Arc::clone(&seen);
    std::thread::spawn(move || {
        while let Ok((stream, from)) = listener.accept() {
            known.lock().expect("nobody panicked").insert(from.ip());
            std::thread::spawn(move || answer(stream));
        }
    });
    (address, seen)
}

fn answer(mut stream: TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
        head.extend(byte);
    }
    let _whoever_left = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

/// Every address of the network begins connections, and nothing else does.
fn is_used(at: &str, network: &str, ports: PortMode) {
    let Some(ip) = installed("ip") else { return };
    let family = if network.contains(':') { "-6" } else { "-4" };
    let routed = Command::new(ip).args([family, "route", "add", "local", network, "dev", "lo"]).status();
    assert!(routed.expect("ip runs").success(), "the route is there");
    let (address, seen) = server(at);
    let report = run(address, network, ports).expect("a run");
    assert_eq!((report.requests.ok, report.requests.failed), (REQUESTS, 0), "{:?}", report.errors);
    let of_the_network: BTreeSet<IpAddr> = ports::expand_sources(network).expect("sources").into_iter().collect();
    let seen = seen.lock().expect("nobody panicked");
    // A look at the target before the run may come from elsewhere.
    let used: BTreeSet<IpAddr> = seen.intersection(&of_the_network).copied().collect();
    assert_eq!(used, of_the_network, "{seen:?}");
}

fn without_a_route_nothing_starts() {
    for (server, network, way_out) in [
        ("[::1]:9", "fd00:1::/125", "ip -6 route add local fd00:1::"),
        ("127.0.0.1:9", "10.9.0.0/29", "ip route add local 10.9.0."),
    ] {
        let error = run(server.parse().expect("an address"), network, PortMode::Kernel).expect_err("no start");
        assert!(matches!(error, StressError::SourceNotHere { .. }), "{error:?}");
        assert!(error.to_string().contains(way_out), "{error}");
    }
}
