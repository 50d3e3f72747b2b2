//! `timestamps = "off"` of a listener, on the running kernel.
//!
//! Without the usual harness: every test is this program started again, in private namespaces that want a process with
//! one thread.

use balancer::{Handle, Plan, StartError, TimestampsError, Warning};
use balancer_core::{BackendSetSettings, ListenerSettings, ListenerStage, ServerSettings, Settings, Timestamps};
use reactor::epoll::EpollConfig;
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{ExitCode, Stdio};
use std::time::Duration;
use sys::netns::Namespace;
use sys::nft::{self, NftError};
use sys::tcp_info::tcp_info;
use testkit::{PATIENCE, eventually, own_process};

type Test = (&'static str, fn());

/// Each runs in a process of its own, in a fresh network namespace.
const TESTS: [Test; 10] = [
    ("only_the_listener_that_asks_is_without", only_the_listener_that_asks_is_without),
    ("servers_are_reached_with_timestamps", servers_are_reached_with_timestamps),
    ("every_family_and_worker", every_family_and_worker),
    ("one_that_is_drained_by_order_opens_again_without", one_that_is_drained_by_order_opens_again_without),
    ("the_rule_ends_with_drain_and_drop", the_rule_ends_with_drain_and_drop),
    ("the_rule_ends_with_sigkill", the_rule_ends_with_sigkill),
    ("what_cannot_be_verified_does_not_start", what_cannot_be_verified_does_not_start),
    ("what_cannot_be_verified_is_a_warning", what_cannot_be_verified_is_a_warning),
    ("without_permission_nothing_starts", without_permission_nothing_starts),
    ("without_permission_there_is_a_warning", without_permission_there_is_a_warning),
];

const ANY_PORT: &str = "127.0.0.1:0";

fn main() -> ExitCode {
    if own_process::is_started_with("--linger") {
        return linger();
    }
    own_process::run(&TESTS, |_, test| own_process::in_private(|| own_process::with_nf_tables(test)))
}

/// A balancer with these listeners before one server.
fn start(listeners: &[(&str, Timestamps)], server: SocketAddr, workers: usize) -> Result<Handle, StartError> {
    let listener = |(at, (bind, timestamps)): (usize, &(&str, Timestamps))| ListenerSettings {
        timestamps: *timestamps,
        ..ListenerSettings::new(&format!("listener-{at}"), bind.parse::<SocketAddr>().expect("an address"), 0)
    };
    let settings = Settings {
        listeners: listeners.iter().enumerate().map(listener).collect(),
        backend_sets: vec![BackendSetSettings::new("app", vec![ServerSettings::new(server)])],
    };
    balancer::start(&Plan { settings, workers, reactor: EpollConfig::default(), pin: false })
}

/// Nobody listens there.
fn no_server() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

fn tables() -> usize {
    nft::tables().expect("lists").len()
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("connects");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    stream
}

/// What a client of this listener negotiates; SACK and window scale in any case.
fn check(address: SocketAddr, timestamps: bool) {
    let info = tcp_info(connect(address)).expect("TCP_INFO");
    assert_eq!(info.timestamps(), timestamps, "timestamps at {address}");
    assert!(info.sack() && info.window_scale(), "SACK and window scale at {address}: {info:?}");
}

fn only_the_listener_that_asks_is_without() {
    let listeners = [(ANY_PORT, Timestamps::Off), (ANY_PORT, Timestamps::On), (ANY_PORT, Timestamps::OffIfPossible)];
    let balancer = start(&listeners, no_server(), 1).expect("starts");
    assert_eq!(balancer.warnings(), []);
    assert_eq!(tables(), 2);
    for (address, timestamps) in balancer.addresses().iter().zip([false, true, false]) {
        check(*address, timestamps);
    }
}

fn servers_are_reached_with_timestamps() {
    let origin = TcpListener::bind(ANY_PORT).expect("a free port");
    let server = origin.local_addr().expect("bound");
    let balancer = start(&[(ANY_PORT, Timestamps::Off)], server, 1).expect("starts");
    let mut client = connect(balancer.addresses()[0]);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sends");
    let (mut upstream, _) = origin.accept().expect("the balancer connects");
    assert!(tcp_info(&upstream).expect("TCP_INFO").timestamps(), "towards the server");
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("answers");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("the whole answer");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok"), "{answer}");
    assert!(!tcp_info(&client).expect("TCP_INFO").timestamps(), "towards the client");
}

fn every_family_and_worker() {
    let balancer = start(&[("[::]:0", Timestamps::Off), ("[::1]:0", Timestamps::Off)], no_server(), 3).expect("starts");
    let port = balancer.addresses()[0].port();
    for _ in 0..20 {
        check(SocketAddr::from(([127, 0, 0, 1], port)), false);
        check(balancer.addresses()[1], false);
    }
    let all = balancer.drain(Duration::ZERO);
    assert_eq!(tables(), 0, "{all:?}");
}

/// Nobody can be connected to while it accepts nobody: it is tried when it does again.
fn one_that_is_drained_by_order_opens_again_without() {
    let mut balancer = start(&[(ANY_PORT, Timestamps::Off)], no_server(), 2).expect("starts");
    let address = balancer.addresses()[0];
    let mut settings = Settings::clone(&balancer.settings());
    settings.listeners[0].stage = ListenerStage::Shut;
    balancer.apply(&settings).expect("it is good");
    eventually("nobody is accepted any more", || TcpStream::connect(address).is_err());
    balancer.apply(&settings).expect("the same once more");
    settings.listeners[0].stage = ListenerStage::Open;
    balancer.apply(&settings).expect("it accepts again");
    check(address, false);
}

fn the_rule_ends_with_drain_and_drop() {
    let listeners = [(ANY_PORT, Timestamps::Off)];
    let balancer = start(&listeners, no_server(), 2).expect("starts");
    assert_eq!(tables(), 1);
    balancer.drain(Duration::from_millis(100));
    assert_eq!(tables(), 0, "after a drain");
    let balancer = start(&listeners, no_server(), 2).expect("starts again");
    assert_eq!(tables(), 1);
    drop(balancer);
    assert_eq!(tables(), 0, "after a drop");
}

/// A balancer that says where it listens, and stays.
fn linger() -> ExitCode {
    let balancer = start(&[(ANY_PORT, Timestamps::Off)], no_server(), 2).expect("starts");
    println!("{}", balancer.addresses()[0]);
    std::thread::sleep(10 * PATIENCE);
    ExitCode::FAILURE
}

fn the_rule_ends_with_sigkill() {
    let mut child = own_process::again(&["--linger"]).stdout(Stdio::piped()).spawn().expect("this program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    check(line.trim().parse().expect("an address"), false);
    assert_eq!(tables(), 1);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    eventually("the table ends with its owner", || tables() == 0);
}

/// Runs it where the loopback is down, so that nobody can connect to himself.
fn without_loopback(work: impl FnOnce() + Send) {
    Namespace::new().expect("permitted inside").run(work).expect("enters");
}

fn what_cannot_be_verified_does_not_start() {
    without_loopback(|| {
        let error = start(&[("0.0.0.0:0", Timestamps::Off)], no_server(), 1).err().expect("does not start");
        let StartError::Timestamps { name, reason: TimestampsError::NotVerified { at, .. }, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((name.as_str(), at.ip().to_string().as_str()), ("listener-0", "127.0.0.1"));
        let text = error.to_string();
        assert!(text.contains("could not be verified") && text.contains("off-if-possible"), "{text}");
        assert_eq!(tables(), 0, "nothing is left of a failed start");
    });
}

fn what_cannot_be_verified_is_a_warning() {
    without_loopback(|| {
        let balancer = start(&[("0.0.0.0:0", Timestamps::OffIfPossible)], no_server(), 1).expect("starts");
        let [warning] = balancer.warnings() else { panic!("{:?}", balancer.warnings()) };
        assert!(warning.to_string().contains("timestamps may be on"), "{warning}");
        assert_eq!(tables(), 1, "the rule stays: it is likely to work");
    });
}

fn give_up_capabilities() {
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    rustix::thread::set_capabilities(None, sets).expect("capabilities may be given up");
}

fn without_permission_nothing_starts() {
    give_up_capabilities();
    let listeners = [(ANY_PORT, Timestamps::OffIfPossible), (ANY_PORT, Timestamps::Off)];
    let error = start(&listeners, no_server(), 1).err().expect("does not start");
    let reason = TimestampsError::Rule(NftError::NoPermission);
    assert!(
        matches!(&error, StartError::Timestamps { name, reason: found, .. } if name == "listener-1" && *found == reason),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(text.starts_with("listener \"listener-1\": timestamps = \"off\" cannot be had on 127.0.0.1:"), "{text}");
    assert!(text.contains("CAP_NET_ADMIN") && text.contains("off-if-possible"), "{text}");
}

fn without_permission_there_is_a_warning() {
    give_up_capabilities();
    let balancer = start(&[(ANY_PORT, Timestamps::OffIfPossible)], no_server(), 1).expect("starts");
    let address = balancer.addresses()[0];
    let reason = TimestampsError::Rule(NftError::NoPermission);
    let expect = Warning::Timestamps { name: "listener-0".to_owned(), address, reason };
    assert_eq!(balancer.warnings(), [expect]);
    assert!(balancer.warnings()[0].to_string().contains("timestamps stay on"), "{}", balancer.warnings()[0]);
    check(address, true);
}
