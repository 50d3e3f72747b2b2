//! Private namespaces on the running kernel.
//!
//! Without the usual harness: `unshare(CLONE_NEWUSER)` wants a process with one thread, so every test
//! is this program started again with the test's name.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, ExitCode, Stdio};
use sys::counters::Counters;
use sys::link::{RouteSocket, VethPeer};
use sys::netns::{self, Namespace};
use sys::packet::PacketSocket;
use sys::sock_diag::{End, Filter, SockDiag, States, TcpState};
use sys::{offload, sysctl};
use testkit::{PATIENCE, eventually, own_process, skip};

#[derive(Clone, Copy)]
enum Test {
    /// In two namespaces with a cable between them.
    Inside(fn(&Pair)),
    /// Where we are.
    Outside(fn()),
}

use Test::{Inside, Outside};

/// Each runs in a process of its own, in fresh namespaces.
const TESTS: [(&str, Test); 8] = [
    ("veth_carries_both_families", Inside(veth_carries_both_families)),
    ("sysctls_belong_to_one_namespace", Inside(sysctls_belong_to_one_namespace)),
    ("sock_diag_agrees_with_proc_net_tcp", Inside(sock_diag_agrees_with_proc_net_tcp)),
    ("errors_name_the_link", Inside(errors_name_the_link)),
    ("a_guest_program_runs_inside", Inside(a_guest_program_runs_inside)),
    ("frames_are_whole_without_offloads", Inside(frames_are_whole_without_offloads)),
    ("packet_errors_name_the_interface", Inside(packet_errors_name_the_interface)),
    ("a_killed_process_leaves_nothing", Outside(a_killed_process_leaves_nothing)),
];

const LEFT: &str = "10.9.0.1";
const RIGHT: &str = "10.9.0.2";
const LEFT6: &str = "fd09::1";
const RIGHT6: &str = "fd09::2";

fn main() -> ExitCode {
    if own_process::is_started_with("--linger") {
        return linger();
    }
    own_process::run(&TESTS, |_, test| match test {
        Inside(test) => own_process::in_private(|| test(&Pair::new())),
        Outside(test) => {
            test();
            ExitCode::SUCCESS
        }
    })
}

/// Two namespaces and a cable.
struct Pair {
    left: Namespace,
    right: Namespace,
}

impl Pair {
    fn new() -> Self {
        let left = Namespace::new().expect("we are root inside");
        let right = Namespace::new().expect("we are root inside");
        let peer = VethPeer { name: "port", namespace: right.as_fd() };
        left.run(|| RouteSocket::open()?.add_veth("port", peer, 1500)).expect("enters").expect("veth");
        configure(&left, LEFT, LEFT6);
        configure(&right, RIGHT, RIGHT6);
        Self { left, right }
    }
}

fn configure(namespace: &Namespace, v4: &str, v6: &str) {
    let work = || {
        let mut socket = RouteSocket::open()?;
        socket.set_up("lo")?;
        socket.set_up("port")?;
        socket.add_address("port", ip(v4), 24)?;
        socket.add_address("port", ip(v6), 64)
    };
    namespace.run(work).expect("enters").expect("addresses");
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn veth_carries_both_families(pair: &Pair) {
    for (client, server) in [(LEFT, RIGHT), (LEFT6, RIGHT6)] {
        let listen = || TcpListener::bind(SocketAddr::new(ip(server), 0)).expect("its address");
        let listener = pair.right.run(listen).expect("enters");
        let address = listener.local_addr().expect("bound");
        let connect = || TcpStream::connect_timeout(&address, PATIENCE).expect("connects");
        let mut near = pair.left.run(connect).expect("enters");
        let (mut far, peer) = listener.accept().expect("accepts");
        assert_eq!(peer.ip(), ip(client));
        near.write_all(b"hello").expect("sends");
        let mut got = [0; 5];
        far.read_exact(&mut got).expect("receives");
        assert_eq!(&got, b"hello");
    }
}

fn sysctls_belong_to_one_namespace(pair: &Pair) {
    const NAME: &str = "net.ipv4.tcp_timestamps";
    let write = || sysctl::write(NAME, "0");
    let read = || sysctl::read_u64(NAME).expect("every Linux has it");
    let before = read();
    pair.left.run(write).expect("enters").expect("we own it");
    assert_eq!(pair.left.run(read).expect("enters"), 0);
    assert_eq!(pair.right.run(read).expect("enters"), 1, "a fresh namespace has the default");
    assert_eq!(read(), before, "ours is untouched");
}

fn sock_diag_agrees_with_proc_net_tcp(pair: &Pair) {
    const CONNECTIONS: usize = 40;
    let listen = || TcpListener::bind(SocketAddr::new(ip(RIGHT), 0)).expect("its address");
    let listener = pair.right.run(listen).expect("enters");
    let address = listener.local_addr().expect("bound");
    let connect = || TcpStream::connect(address).expect("connects");
    let near: Vec<TcpStream> = (0..CONNECTIONS).map(|_| pair.left.run(connect).expect("enters")).collect();
    let far: Vec<TcpStream> = (0..CONNECTIONS).map(|_| listener.accept().expect("accepts").0).collect();
    // Half of them closed by the left side first: TIME_WAIT there.
    drop(near.into_iter().step_by(2).collect::<Vec<_>>());
    for mut stream in far {
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    }
    let diag = pair.left.run(|| states_by_diag(address)).expect("enters");
    let proc = pair.left.run(|| states_by_proc(address)).expect("enters");
    assert_eq!(diag, proc);
    let opened = pair.left.run(|| Counters::read().expect("/proc").get("Tcp.ActiveOpens"));
    assert_eq!(opened.expect("enters"), Some(CONNECTIONS as u64));
}

fn states_by_diag(remote: SocketAddr) -> BTreeSet<(u16, u8)> {
    let mut seen = BTreeSet::new();
    let filter = Filter { states: States::ALL, local: End::Any, remote: End::Exact(remote) };
    let mut diag = SockDiag::open().expect("sock_diag");
    diag.for_each(&filter, |entry| {
        seen.insert((entry.local.port(), entry.state as u8));
    })
    .expect("a dump");
    assert!(seen.iter().any(|(_, state)| *state == TcpState::TimeWait as u8));
    seen
}

/// `sl local_address rem_address st`, hexadecimal; the address in memory order.
fn states_by_proc(remote: SocketAddr) -> BTreeSet<(u16, u8)> {
    let text = std::fs::read_to_string("/proc/thread-self/net/tcp").expect("/proc");
    let hex = |text: &str| u16::from_str_radix(text, 16).expect("hexadecimal");
    let port = |end: &str| hex(end.split_once(':').expect("address:port").1);
    let rows = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| port(row[2]) == remote.port()).map(|row| (port(row[1]), hex(row[3]) as u8)).collect()
}

fn errors_name_the_link(pair: &Pair) {
    let up = || RouteSocket::open().expect("netlink").set_up("nowhere");
    let error = pair.left.run(up).expect("enters").expect_err("there is no such link");
    assert!(error.to_string().contains("nowhere"), "{error}");
    let again = || RouteSocket::open().expect("netlink").add_address("port", ip(LEFT), 24);
    let error = pair.left.run(again).expect("enters").expect_err("it has that address");
    assert!(error.to_string().contains("10.9.0.1/24"), "{error}");
    let route = || RouteSocket::open().expect("netlink").add_default_route(ip("192.0.2.1"));
    assert!(pair.left.run(route).expect("enters").is_err(), "the gateway is on no link");
}

fn a_guest_program_runs_inside(pair: &Pair) {
    let mut command = Command::new("cat");
    command.arg("/proc/self/net/fib_trie").stdout(Stdio::piped());
    let mut guest = pair.left.start_program(command).expect("cat starts");
    let mut text = String::new();
    let mut out = guest.child().stdout.take().expect("piped");
    out.read_to_string(&mut text).expect("UTF-8");
    assert!(text.contains(LEFT), "{text}");
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600");
    let mut guest = pair.left.start_program(sleeper).expect("sleep starts");
    let pid = guest.child().id();
    drop(guest);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "it was killed and reaped");
}

/// A TCP stream's frames, read past the kernel at the far end: none longer than the MTU.
fn frames_are_whole_without_offloads(pair: &Pair) {
    pair.left.run(|| offload::turn_off("port")).expect("enters").expect("veth can");
    let listen = || TcpListener::bind(SocketAddr::new(ip(RIGHT), 0)).expect("its address");
    let listener = pair.right.run(listen).expect("enters");
    let address = listener.local_addr().expect("bound");
    let packets = pair.right.run(|| PacketSocket::open("port")).expect("enters").expect("we are root inside");
    let connect = || TcpStream::connect_timeout(&address, PATIENCE).expect("connects");
    let mut near = pair.left.run(connect).expect("enters");
    near.write_all(&[7; 20_000]).expect("fits the buffers");
    let (mut far, _) = listener.accept().expect("accepts");
    far.read_exact(&mut [0; 20_000]).expect("receives");
    let (mut frame, mut lens) = ([0; 65_536], Vec::new());
    while let Ok(len) = packets.recv(&mut frame) {
        let (ours, theirs): ([u8; 2], [u8; 2]) = ([0x08, 0x00], [frame[12], frame[13]]);
        lens.extend((ours == theirs).then_some(len));
    }
    assert_eq!(packets.take_counts().map(|counts| counts.lost), Ok(0));
    assert!(lens.len() >= 15, "20,000 bytes in {lens:?}");
    assert!(lens.iter().all(|len| *len <= 1514), "{lens:?}");
}

fn packet_errors_name_the_interface(pair: &Pair) {
    let open = || PacketSocket::open("nowhere").expect_err("there is no such link");
    let error = pair.left.run(open).expect("enters");
    assert!(error.to_string().contains("nowhere"), "{error}");
    let off = || offload::turn_off("nowhere").expect_err("there is no such link");
    let error = pair.left.run(off).expect("enters");
    assert!(error.to_string().contains("nowhere"), "{error}");
}

/// What a lingering process says where it may not.
const FORBIDDEN: &str = "forbidden: ";

/// Makes namespaces and a guest, names them on standard output, and stays.
fn linger() -> ExitCode {
    if let Err(why) = netns::enter_private() {
        println!("{FORBIDDEN}{why}");
        return ExitCode::SUCCESS;
    }
    let pair = Pair::new();
    let mut sleeper = Command::new("sleep");
    sleeper.arg("600");
    let mut guest = pair.left.start_program(sleeper).expect("sleep starts");
    let inode = |namespace: &Namespace| namespace.run(net_inode).expect("enters");
    println!("{} {} {}", inode(&pair.left), inode(&pair.right), guest.child().id());
    std::thread::sleep(10 * PATIENCE);
    ExitCode::FAILURE
}

fn net_inode() -> String {
    let link = std::fs::read_link("/proc/thread-self/ns/net").expect("/proc");
    link.display().to_string()
}

fn a_killed_process_leaves_nothing() {
    let mut child = own_process::again(&["--linger"]).stdout(Stdio::piped()).spawn().expect("this program starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("a line");
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    if let Some(why) = line.strip_prefix(FORBIDDEN) {
        return skip(why.trim());
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    let (left, right, guest) = (words[0], words[1], words[2]);
    eventually("the namespaces and the guest are gone", || {
        let used = namespaces_in_use();
        !used.contains(left) && !used.contains(right) && !std::path::Path::new("/proc").join(guest).exists()
    });
}

/// Network namespaces that any process is in.
fn namespaces_in_use() -> BTreeSet<String> {
    let processes = std::fs::read_dir("/proc").expect("/proc is mounted");
    let link = |entry: std::fs::DirEntry| std::fs::read_link(entry.path().join("ns/net")).ok();
    processes.flatten().filter_map(link).map(|link| link.display().to_string()).collect()
}
