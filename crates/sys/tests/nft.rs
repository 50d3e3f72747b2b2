//! A listener without TCP timestamps, on the running kernel.
//!
//! Without the usual harness: every test is this program started again, in private namespaces that want a process with
//! one thread.

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ExitCode, Stdio};
use sys::link::{RouteSocket, VethPeer};
use sys::netns::Namespace;
use sys::nft::{self, NftError, SynTimestampsOff};
use sys::sysctl;
use sys::tcp_info::{TcpInfo, tcp_info};
use testkit::{PATIENCE, eventually, own_process};

type Test = (&'static str, fn());

/// Each runs in a process of its own, in a fresh network namespace.
const TESTS: [Test; 9] = [
    ("only_that_listener_is_without", only_that_listener_is_without),
    ("ipv6_and_both_families", ipv6_and_both_families),
    ("only_that_address_is_without", only_that_address_is_without),
    ("connections_we_open_keep_them", connections_we_open_keep_them),
    ("forwarded_connections_keep_them", forwarded_connections_keep_them),
    ("the_counter_counts_syns", the_counter_counts_syns),
    ("other_tables_are_untouched", other_tables_are_untouched),
    ("a_killed_process_leaves_no_table", a_killed_process_leaves_no_table),
    ("without_permission_it_says_so", without_permission_it_says_so),
];

fn main() -> ExitCode {
    if own_process::is_started_with("--linger") {
        return linger();
    }
    own_process::run(&TESTS, |_, test| own_process::in_private(|| own_process::with_nf_tables(test)))
}

/// A listener, and the address to reach it at.
fn listen(bind: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(bind).expect("its address");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Connects; what client and server negotiated.
fn negotiated(listener: &TcpListener, address: SocketAddr) -> [TcpInfo; 2] {
    let client = TcpStream::connect_timeout(&address, PATIENCE).expect("connects");
    let (server, _) = listener.accept().expect("accepts");
    [&client, &server].map(|end| tcp_info(end).expect("TCP_INFO"))
}

/// Timestamps as expected on both ends; SACK and window scale in any case.
fn check(what: &str, listener: &TcpListener, address: SocketAddr, timestamps: bool) {
    for end in negotiated(listener, address) {
        assert_eq!(end.timestamps(), timestamps, "{what}: timestamps at {address}");
        assert!(end.sack() && end.window_scale(), "{what}: SACK and window scale at {address}: {end:?}");
    }
}

fn install(address: SocketAddr) -> SynTimestampsOff {
    SynTimestampsOff::install(address).expect("installs")
}

fn only_that_listener_is_without() {
    let ((with, with_at), (without, without_at)) = (listen("127.0.0.1:0"), listen("127.0.0.1:0"));
    check("before", &without, without_at, true);
    let rule = install(without_at);
    assert_eq!(nft::tables().expect("lists"), [rule.table()]);
    check("with the rule", &without, without_at, false);
    check("another port", &with, with_at, true);
    drop(rule);
    assert!(nft::tables().expect("lists").is_empty(), "the kernel removes it with the socket");
    check("after", &without, without_at, true);
}

fn ipv6_and_both_families() {
    let (six, six_at) = listen("[::1]:0");
    let six_rule = install(six_at);
    check("IPv6", &six, six_at, false);
    let (both, both_at) = listen("[::]:0");
    let _both_rule = install(both_at);
    let at = |ip: &str| SocketAddr::new(ip.parse().expect("an address"), both_at.port());
    check("both families", &both, at("::1"), false);
    check("both families", &both, at("127.0.0.1"), false);
    drop(six_rule);
    check("only its own is gone", &six, six_at, true);
    check("only the other is gone", &both, at("::1"), false);
}

fn only_that_address_is_without() {
    let (here, here_at) = listen("127.0.0.1:0");
    let beside_at = SocketAddr::from(([127, 0, 0, 2], here_at.port()));
    let beside = TcpListener::bind(beside_at).expect("the same port of another address");
    let rule = install(here_at);
    check("that address", &here, here_at, false);
    check("the other address", &beside, beside_at, true);
    drop(rule);
    let _any = install(SocketAddr::from(([0, 0, 0, 0], here_at.port())));
    check("every address", &here, here_at, false);
    check("every address", &beside, beside_at, false);
}

/// From the listener's own address and port number to another listener: what a balancer does upstream.
fn connections_we_open_keep_them() {
    let ((_front, front_at), (origin, origin_at)) = (listen("127.0.0.1:0"), listen("127.0.0.1:0"));
    let _rule = install(front_at);
    check("upstream", &origin, origin_at, true);
    // The SYN-ACK comes back *to* the port of the rule: it has ACK set, so that it is left alone.
    let fd = sys::socket::tcp_for(&origin_at).expect("a socket");
    sys::socket::bind_exact(&fd, &SocketAddr::from(([127, 0, 0, 3], front_at.port()))).expect("binds");
    let _any = install(SocketAddr::from(([0, 0, 0, 0], front_at.port())));
    sys::socket::connect(&fd, &origin_at).expect("connects");
    let (server, peer) = origin.accept().expect("accepts");
    assert_eq!(peer.port(), front_at.port());
    assert!(tcp_info(&server).expect("TCP_INFO").timestamps());
    assert!(tcp_info(&fd).expect("TCP_INFO").timestamps());
}

/// The rule of a listener at every address is for this host, not for what it passes on.
fn forwarded_connections_keep_them() {
    let [client, gateway, server] = [(); 3].map(|()| Namespace::new().expect("permitted inside"));
    for (end, other, ours, theirs) in
        [(&client, "client", "10.9.1.2", "10.9.1.1"), (&server, "server", "10.9.2.2", "10.9.2.1")]
    {
        let make = || {
            let peer = VethPeer { name: "uplink", namespace: end.as_fd() };
            let mut links = RouteSocket::open()?;
            links.add_veth(other, peer, 1500)?;
            links.add_address(other, ip(theirs), 24)?;
            links.set_up(other)
        };
        gateway.run(make).expect("enters").expect("a cable");
        let address = || {
            let mut links = RouteSocket::open()?;
            links.add_address("uplink", ip(ours), 24)?;
            links.set_up("uplink")?;
            links.add_default_route(ip(theirs))
        };
        end.run(address).expect("enters").expect("an address");
    }
    let forward = || sysctl::write("net.ipv4.ip_forward", "1").map(|()| install(SocketAddr::from(([0, 0, 0, 0], 80))));
    let mut rule = gateway.run(forward).expect("enters").expect("forwards");
    let port_80 = |host: &str| SocketAddr::new(ip(host), 80);
    for (place, host, timestamps) in [(&server, "10.9.2.2", true), (&gateway, "10.9.1.1", false)] {
        let listener = place.run(|| TcpListener::bind("0.0.0.0:80")).expect("enters").expect("a free port");
        client.run(|| check("through the gateway", &listener, port_80(host), timestamps)).expect("enters");
    }
    assert_eq!(rule.syns(), Ok(1), "the one for the gateway itself");
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn the_counter_counts_syns() {
    let (listener, address) = listen("127.0.0.1:0");
    let mut rule = install(address);
    assert_eq!(rule.syns(), Ok(0));
    for _ in 0..3 {
        negotiated(&listener, address);
    }
    assert_eq!(rule.syns(), Ok(3), "SYNs only, not the segments after them");
}

fn other_tables_are_untouched() {
    let (listener, address) = listen("127.0.0.1:0");
    make_user_table("users_own");
    let sorted = || {
        let mut names = nft::tables().expect("lists");
        names.sort();
        names
    };
    let first = install(address);
    let second = install(address);
    assert_ne!(first.table(), second.table(), "two of one listener do not meet");
    assert_eq!(sorted().len(), 3);
    drop(first);
    check("the second still works", &listener, address, false);
    drop(second);
    assert_eq!(sorted(), ["users_own"]);
    check("none is left", &listener, address, true);
}

/// A table without owner, as `nft add table` makes it: begin, NEWTABLE with its name, end.
fn make_user_table(name: &str) {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(rustix::net::netlink::NETFILTER),
    );
    let socket: OwnedFd = socket.expect("a netlink socket");
    let name = [name.as_bytes(), &[0]].concat();
    let mut attribute = (4 + name.len() as u16).to_ne_bytes().to_vec();
    attribute.extend(1u16.to_ne_bytes());
    attribute.extend(name);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    let batch = [message(16, 1, 10, &[]), message(10 << 8, 0x1 | 0x4 | 0x400, 0, &attribute), message(17, 1, 10, &[])];
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &batch.concat(), SendFlags::empty(), &kernel).expect("sends");
    let mut answer = [0u8; 4096];
    rustix::net::recv(&socket, &mut answer, RecvFlags::empty()).expect("an acknowledgement");
    assert_eq!(i32::from_ne_bytes(answer[16..20].try_into().expect("four bytes")), 0, "the table is made");
}

fn message(kind: u16, flags: u16, resource: u16, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = (20 + attributes.len() as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([2, 0]);
    bytes.extend(resource.to_be_bytes());
    bytes.extend(attributes);
    bytes
}

/// Makes the rule for the port it is given, says so, and stays.
fn linger() -> ExitCode {
    let port = std::env::args().nth(2).and_then(|port| port.parse().ok()).expect("a port");
    let _rule = install(SocketAddr::from(([127, 0, 0, 1], port)));
    println!("ready");
    std::thread::sleep(10 * PATIENCE);
    ExitCode::FAILURE
}

fn a_killed_process_leaves_no_table() {
    let (listener, address) = listen("127.0.0.1:0");
    let mut child = own_process::again(&["--linger", &address.port().to_string()]);
    let mut child = child.stdout(Stdio::piped()).spawn().expect("this program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), "ready");
    assert_eq!(nft::tables().expect("lists").len(), 1);
    check("another process's rule", &listener, address, false);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    eventually("the table ends with its owner", || nft::tables().expect("lists").is_empty());
    check("after SIGKILL", &listener, address, true);
}

fn without_permission_it_says_so() {
    let (listener, address) = listen("127.0.0.1:0");
    let nothing = CapabilitySet::empty();
    let sets = CapabilitySets { effective: nothing, permitted: nothing, inheritable: nothing };
    rustix::thread::set_capabilities(None, sets).expect("capabilities may be given up");
    assert_eq!(SynTimestampsOff::install(address).err(), Some(NftError::NoPermission));
    assert_eq!(nft::tables().err(), Some(NftError::NoPermission));
    check("nothing was done", &listener, address, true);
}
