//! The doctor inside private network namespaces: what it finds there, and what it changes there on consent.
//!
//! Without the usual harness: `unshare(CLONE_NEWUSER)` wants a process with one thread, so every test is this
//! program started again with the test's name.

use doctor::{ApplyError, Consent, HostPlan, Patience, Watch, apply, gather, probe, revert};
use doctor_core::changes::{PlannedChange, plan, revert_text};
use doctor_core::facts::KernelVersion;
use doctor_core::target::Failed;
use doctor_core::{Diagnosis, HostFacts, Question, Severity, diagnose};
use origin::{CloseHabit, OriginPlan};
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use sys::link::{RouteSocket, VethPeer};
use sys::netns::Namespace;
use sys::sysctl;
use testkit::Folder;
use testkit::own_process;

type Test = (&'static str, fn());

/// Each runs in a process of its own, in a fresh namespace.
const TESTS: [Test; 20] = [
    ("a_loopback_that_is_down_is_found", a_loopback_that_is_down_is_found),
    ("routes_that_lead_nowhere_are_found", routes_that_lead_nowhere_are_found),
    ("no_port_towards_a_target_is_not_its_fault", no_port_towards_a_target_is_not_its_fault),
    ("this_host_is_read", this_host_is_read),
    ("bound_ports_over_many_destinations_are_found", bound_ports_over_many_destinations_are_found),
    ("sockets_that_are_only_bound_are_found", sockets_that_are_only_bound_are_found),
    ("unbound_connects_to_many_destinations_are_no_shortage", unbound_connects_to_many_destinations_are_no_shortage),
    ("a_used_up_slice_is_found", a_used_up_slice_is_found),
    ("connects_to_a_full_accept_queue_are_found", connects_to_a_full_accept_queue_are_found),
    ("orphans_that_wait_for_a_fin_are_found", orphans_that_wait_for_a_fin_are_found),
    ("a_storm_of_resets_is_found", a_storm_of_resets_is_found),
    ("own_ports_outside_of_the_range_are_no_finding", own_ports_outside_of_the_range_are_no_finding),
    ("used_up_ports_are_found", used_up_ports_are_found),
    ("accepted_connections_are_told_from_our_own", accepted_connections_are_told_from_our_own),
    ("a_target_without_timestamps_is_found", a_target_without_timestamps_is_found),
    ("one_that_waits_for_us_as_well_is_worse", one_that_waits_for_us_as_well_is_worse),
    ("a_watch_sees_ports_go", a_watch_sees_ports_go),
    ("changes_are_applied_and_taken_back", changes_are_applied_and_taken_back),
    ("a_refused_change_undoes_the_others", a_refused_change_undoes_the_others),
    ("nothing_is_overwritten", nothing_is_overwritten),
];

fn main() -> ExitCode {
    own_process::run(&TESTS, |_, test| own_process::in_private(test))
}

fn set(name: &str, value: &str) {
    sysctl::write(name, value).expect("our own namespace");
}

fn quick() -> HostFacts {
    gather(&HostPlan { window: Duration::from_millis(10), ..HostPlan::default() })
}

fn diagnosed() -> Diagnosis {
    diagnose(quick(), None, Question::default())
}

/// A listener whose every connection is closed by us first, until no port is left or `count` are made.
fn close_first(listener: &TcpListener, count: usize) -> (usize, Option<i32>) {
    let to = listener.local_addr().expect("bound");
    for made in 0..count {
        let client = match TcpStream::connect(to) {
            Ok(client) => client,
            Err(error) => return (made, error.raw_os_error()),
        };
        let (mut accepted, _) = listener.accept().expect("accepts");
        drop(client);
        assert_eq!(accepted.read(&mut [0; 1]).expect("our FIN"), 0);
    }
    (count, None)
}

fn this_host_is_read() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let server = listener.local_addr().expect("bound");
    let clients: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(server).expect("connects")).collect();
    let facts = quick();
    assert!(facts.kernel >= Some(KernelVersion::new(3, 0, 0)), "{}", facts.release);
    assert!(facts.capacity() > 0);
    let to = facts.sockets.destinations.iter().find(|to| to.remote == server).expect("our own connects");
    let inside = clients.iter().filter(|client| facts.ports.contains(client.local_addr().expect("connected").port()));
    assert_eq!(to.live, inside.count() as u64);
    assert_eq!(to.with_timestamps + to.without_timestamps, to.live, "every one was looked at: {to:?}");
    assert_eq!(to.with_timestamps > 0, facts.timestamps());
    let queue = facts.sockets.listeners.iter().find(|one| one.address == server).expect("our listener");
    assert_eq!(queue.waiting, 3);
    assert!(facts.counters.total("Tcp.ActiveOpens") >= 3);
    assert!(facts.files.expect("our own limits").open.expect("our own files") >= 4);
    assert!(facts.place.namespace > Some(0));
}

fn used_up_ports_are_found() {
    set("net.ipv4.ip_local_port_range", "40000 40099");
    set("net.ipv4.tcp_tw_reuse", "0");
    for listen in ["127.0.0.1:80", "[::1]:80"] {
        let listener = TcpListener::bind(listen).expect("root inside");
        // EADDRNOTAVAIL
        assert_eq!(close_first(&listener, 200), (100, Some(99)), "{listen}");
        let diagnosis = diagnosed();
        let found = diagnosis.findings.first().expect("nothing works any more");
        assert_eq!((found.id, found.severity), ("ports.exhausted", Severity::Error), "{listen}");
        let expect = format!("{listen} from");
        assert!(found.evidence.contains(&expect) && found.evidence.contains("100 of 100"), "{}", found.evidence);
        let outlook = diagnosis.outlooks.iter().find(|one| one.to.contains(listen)).expect("the fullest");
        assert_eq!((outlook.taken, outlook.time_wait, outlook.gone_in), (100, 100, Some(Duration::ZERO)));
        assert!(diagnosis.is_bad());
    }
}

fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&to, Duration::from_secs(5))
}

/// EADDRNOTAVAIL.
const NO_PORT: i32 = 99;

/// A hundred ports, and one listener on as many loopback addresses as anybody wants.
fn few_ports() -> TcpListener {
    set("net.ipv4.ip_local_port_range", "40000 40099");
    set("net.ipv4.tcp_tw_reuse", "0");
    TcpListener::bind("0.0.0.0:80").expect("root inside")
}

/// One of ten destinations.
fn destination(at: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 1, 1 + (at % 10) as u8], 80))
}

/// What stands first in a diagnosis: its id and its first cure.
#[track_caller]
fn first_of(diagnosis: &Diagnosis, id: &str) -> String {
    let found = diagnosis.findings.first().unwrap_or_else(|| panic!("nothing is found where {id} should be"));
    assert_eq!(found.id, id, "{:?}", diagnosis.findings);
    let cure = found.cures.first().expect("a cure");
    format!("{} {} {:?}", cure.what, cure.command, cure.elsewhere)
}

fn bound_ports_over_many_destinations_are_found() {
    let _listener = few_ports();
    let held: Vec<OwnedFd> = (40_000..=40_099)
        .map(|port| {
            let fd = sys::socket::tcp_for(&destination(port)).expect("a socket");
            sys::socket::bind(&fd, &SocketAddr::from(([127, 0, 0, 1], port))).expect("a free port");
            sys::socket::connect(&fd, &destination(port)).expect("somebody listens");
            fd
        })
        .collect();
    assert_eq!(connect(destination(0)).expect_err("no port is left").raw_os_error(), Some(NO_PORT));
    let diagnosis = diagnosed();
    assert!(first_of(&diagnosis, "ports.bound").contains("IP_BIND_ADDRESS_NO_PORT"));
    assert_eq!((diagnosis.host.sockets.ports_held, diagnosis.host.connect_try), (100, Some(Err(NO_PORT))));
    assert!(diagnosis.host.sockets.destinations.iter().all(|to| to.taken() <= 10), "towards none are they many");
    // Their TIME_WAITs hold the ports for everybody as well.
    drop(held);
    first_of(&diagnosed(), "ports.bound");
}

fn sockets_that_are_only_bound_are_found() {
    let _listener = few_ports();
    let _bound: Vec<OwnedFd> = (40_000..=40_099)
        .map(|port| {
            let fd = sys::socket::tcp_for(&destination(port)).expect("a socket");
            sys::socket::bind(&fd, &SocketAddr::from(([127, 0, 0, 1], port))).expect("a free port");
            fd
        })
        .collect();
    assert_eq!(connect(destination(0)).expect_err("no port is left").raw_os_error(), Some(NO_PORT));
    let facts = quick();
    let Some(alone) = facts.sockets.bound_only else {
        return testkit::skip(format!("Linux {} does not show bound sockets", facts.release));
    };
    assert_eq!((alone, facts.sockets.ports_held), (100, 100));
    let diagnosis = diagnosed();
    first_of(&diagnosis, "ports.bound");
    assert!(diagnosis.findings[0].evidence.contains("100 of them by sockets that are bound and go nowhere"));
}

fn unbound_connects_to_many_destinations_are_no_shortage() {
    let _listener = few_ports();
    let open: Vec<_> = (0..120).map(|at| connect(destination(at)).expect("a port")).collect();
    let diagnosis = diagnosed();
    assert!(!diagnosis.is_bad(), "{} connections: {:?}", open.len(), diagnosis.findings);
}

fn a_used_up_slice_is_found() {
    set("net.ipv4.ip_local_port_range", "40000 49999");
    set("net.ipv4.tcp_tw_reuse", "0");
    let _listener = TcpListener::bind("0.0.0.0:80").expect("root inside");
    let in_slice = || {
        let fd = sys::socket::tcp_for(&destination(0)).expect("a socket");
        sys::sockopt::set_local_port_range(&fd, 41_000, 41_099).map(|()| fd)
    };
    if let Err(errno) = in_slice() {
        return testkit::skip(format!("no IP_LOCAL_PORT_RANGE here: {errno}"));
    }
    let mut open = Vec::new();
    let error = loop {
        let fd = in_slice().expect("it went before");
        match sys::socket::connect(&fd, &destination(0)) {
            Ok(_) => open.push(fd),
            Err(errno) => break errno,
        }
    };
    assert_eq!((open.len(), error.raw_os_error()), (100, NO_PORT));
    assert!(first_of(&diagnosed(), "ports.slice").contains("IP_LOCAL_PORT_RANGE"));
}

fn connects_to_a_full_accept_queue_are_found() {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let _listener = sys::socket::listen(&address, 4, false).expect("root inside");
    let _waiting: Vec<OwnedFd> = (0..25)
        .map(|_| {
            let fd = sys::socket::tcp_for(&address).expect("a socket");
            sys::socket::connect(&fd, &address).expect("under way");
            fd
        })
        .collect();
    testkit::eventually("SYNs are sent again", || {
        diagnosed().findings.iter().any(|one| one.id == "connect.pending" && one.severity == Severity::Error)
    });
    let found = diagnosed().findings.into_iter().find(|one| one.id == "connect.pending").expect("seen before");
    assert!(found.evidence.contains("this host's own") && found.cures[0].what.contains("accept faster"), "{found:?}");
}

fn orphans_that_wait_for_a_fin_are_found() {
    let listener = few_ports();
    let mut kept = Vec::new();
    let error = loop {
        match connect(destination(0)) {
            Ok(client) => {
                kept.push(listener.accept().expect("accepts").0);
                drop(client);
            }
            Err(error) => break error,
        }
    };
    assert_eq!((kept.len(), error.raw_os_error()), (100, Some(NO_PORT)));
    testkit::eventually("every FIN is acknowledged", || quick().sockets.in_state("FIN_WAIT2") == 100);
    let diagnosis = diagnosed();
    let first = first_of(&diagnosis, "ports.exhausted");
    assert!(first.contains("resetAndDestroy"), "{first}: {:?}", diagnosis.host.sockets);
    let found = &diagnosis.findings[0];
    assert!(found.evidence.contains("100 in FIN_WAIT2"), "{}", found.evidence);
    assert!(found.cures.iter().any(|cure| cure.command.contains("tcp_fin_timeout")), "{:?}", found.cures);
}

fn a_storm_of_resets_is_found() {
    let over = AtomicBool::new(false);
    let diagnosis = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                connect(SocketAddr::from(([127, 0, 0, 1], 81))).expect_err("nobody listens");
            }
        });
        let found = || diagnose(gather(&HostPlan::default()), None, Question::default());
        let mut last = found();
        testkit::eventually("a storm is seen", || {
            last = found();
            last.findings.iter().any(|one| one.id == "resets.storm")
        });
        over.store(true, Ordering::Relaxed);
        last
    });
    let found = diagnosis.findings.iter().find(|one| one.id == "resets.storm").expect("seen");
    assert!(found.cures[0].what.contains("nobody listens"), "{found:?}");
}

fn probed(url: &str) -> doctor_core::TargetFacts {
    let patience =
        Patience { connect: Duration::from_secs(1), idle: Duration::from_millis(100), ..Patience::default() };
    probe(url, &patience).expect("a good URL")
}

/// Routes as ip(8) makes them; each fails connect() at once, here.
fn routes_that_lead_nowhere_are_found() {
    let kinds =
        [("blackhole", "10.66.0.1"), ("prohibit", "10.66.0.2"), ("unreachable", "10.66.0.3"), ("", "10.66.0.4")];
    for (kind, address) in kinds {
        let add = || std::process::Command::new("ip").args(["route", "add", kind, address]).status();
        if !kind.is_empty() && !add().is_ok_and(|status| status.success()) {
            return testkit::skip("ip(8) adds no routes here");
        }
        let target = probed(&format!("http://{address}/"));
        assert!(target.failed.is_some_and(Failed::is_here), "{kind}: {target:?}");
        let diagnosis = diagnose(quick(), Some(target), Question::default());
        assert!(first_of(&diagnosis, "target.no-way-from-here").contains(&format!("ip route get {address}")), "{kind}");
    }
}

/// As every namespace begins.
fn a_loopback_that_is_down_is_found() {
    let fresh = Namespace::new().expect("we are root inside");
    let diagnosis = fresh.run(diagnosed).expect("enters");
    assert!(first_of(&diagnosis, "loopback.down").contains("ip link set lo up"));
    assert_eq!(quick().loopback_up, Some(true), "the one we are in has it up");
}

fn no_port_towards_a_target_is_not_its_fault() {
    let listener = few_ports();
    let to = SocketAddr::from(([127, 0, 0, 1], 80));
    let mut open = Vec::new();
    while let Ok(client) = connect(to) {
        open.push((client, listener.accept().expect("accepts")));
    }
    let target = probed("http://127.0.0.1/");
    assert_eq!(target.failed, Some(Failed::NoPortHere), "{target:?}");
    let diagnosis = diagnose(quick(), Some(target), Question::default());
    let found = diagnosis.findings.iter().find(|one| one.id == "target.no-way-from-here").expect("found");
    assert!(found.cures[0].what.contains("fewer connections"), "{} open: {found:?}", open.len());
    assert!(diagnosis.findings.iter().all(|one| one.id != "target.unreachable"));
}

/// What our own cure leaves behind.
fn own_ports_outside_of_the_range_are_no_finding() {
    let listener = few_ports();
    for port in 20_000..20_200 {
        let fd = sys::socket::tcp_for(&destination(0)).expect("a socket");
        sys::socket::bind_exact(&fd, &SocketAddr::from(([127, 0, 0, 1], port))).expect("a free port");
        sys::socket::connect(&fd, &destination(0)).expect("somebody listens");
        let (mut accepted, _) = listener.accept().expect("accepts");
        drop(fd);
        assert_eq!(accepted.read(&mut [0; 1]).expect("our FIN"), 0);
    }
    let diagnosis = diagnosed();
    assert_eq!(diagnosis.host.sockets.in_state("TIME_WAIT"), 200);
    assert_eq!((diagnosis.host.sockets.ports_held, diagnosis.is_bad()), (0, false), "{:?}", diagnosis.findings);
}

fn accepted_connections_are_told_from_our_own() {
    let listener = TcpListener::bind("127.0.0.1:80").expect("root inside");
    let to = listener.local_addr().expect("bound");
    for _ in 0..30 {
        let mut client = TcpStream::connect(to).expect("connects");
        drop(listener.accept().expect("accepts"));
        assert_eq!(client.read(&mut [0; 1]).expect("its FIN"), 0);
    }
    assert_eq!(close_first(&listener, 20), (20, None));
    let facts = quick();
    assert_eq!((facts.sockets.time_waits.incoming, facts.sockets.time_waits.outgoing), (30, 20));
    assert_eq!(facts.sockets.in_state("TIME_WAIT"), 50);
    let towards = facts.sockets.destinations.iter().find(|one| one.remote == to).expect("our own connects");
    assert_eq!((towards.time_wait, towards.young, towards.taken()), (20, 20, 20));
    assert_eq!(facts.sockets.destinations.len(), 1, "{:?}", facts.sockets.destinations);
}

const HERE: &str = "10.9.0.1";
const THERE: &str = "10.9.0.2";

/// A second namespace behind a cable, where `habit` answers without timestamps.
fn origin_without_timestamps(habit: CloseHabit) -> (Namespace, origin::Handle) {
    let there = Namespace::new().expect("we are root inside");
    let peer = VethPeer { name: "port", namespace: there.as_fd() };
    let mut route = RouteSocket::open().expect("rtnetlink");
    route.add_veth("port", peer, 1500).expect("veth");
    let address = |text: &str| -> IpAddr { text.parse().expect("an address") };
    let configure = |route: &mut RouteSocket, ours: &str| {
        route.set_up("port")?;
        route.add_address("port", address(ours), 24)
    };
    configure(&mut route, HERE).expect("address");
    let work = || {
        configure(&mut RouteSocket::open().expect("rtnetlink"), THERE).expect("address");
        set("net.ipv4.tcp_timestamps", "0");
        let listen = SocketAddr::new(address(THERE), 80);
        origin::start(OriginPlan { close: habit, ..OriginPlan::new(listen) }).expect("an origin")
    };
    let origin = there.run(work).expect("enters");
    (there, origin)
}

fn a_target_without_timestamps_is_found() {
    check_without_timestamps(CloseHabit::Honour, false, "--close wait --ports kernel");
}

fn one_that_waits_for_us_as_well_is_worse() {
    check_without_timestamps(CloseHabit::Ignore, true, "--close rst --ports kernel");
}

fn check_without_timestamps(habit: CloseHabit, bad: bool, flags: &str) {
    let (_there, origin) = origin_without_timestamps(habit);
    let patience = Patience { idle: Duration::from_millis(100), ..Patience::default() };
    let target = probe(&format!("http://{}/bytes/10", origin.address()), &patience).expect("a good URL");
    assert_eq!(target.unreachable, None);
    assert!(!target.handshake.timestamps && target.handshake.sack, "{target:?}");
    // EADDRNOTAVAIL: without timestamps a TIME_WAIT of ours is never taken over.
    assert_eq!(target.after_our_close, Some(doctor_core::target::ReuseTry::Refused { errno: 99 }));
    let diagnosis = diagnose(quick(), Some(target), Question::default());
    assert!(diagnosis.findings.iter().any(|one| one.id == "target.no-timestamps"), "{:?}", diagnosis.findings);
    assert_eq!(diagnosis.is_bad(), bad, "{:?}", diagnosis.findings);
    assert_eq!(diagnosis.tactic.expect("reached").flags(), flags);
}

fn a_watch_sees_ports_go() {
    set("net.ipv4.ip_local_port_range", "40000 40999");
    set("net.ipv4.tcp_tw_reuse", "0");
    let listener = TcpListener::bind("127.0.0.1:80").expect("root inside");
    let mut watch = Watch::every(Duration::from_millis(100), None);
    let before = watch.next().expect("without end");
    assert_eq!((before.outlooks.len(), before.first_exhausted_in()), (0, None));
    assert_eq!(close_first(&listener, 300), (300, None));
    let after = watch.next().expect("without end");
    let outlook = after.outlooks.first().expect("one destination");
    assert_eq!((outlook.taken, outlook.capacity), (300, 1000));
    // 300 in the last five seconds are 60 a second; 700 are left.
    let gone_in = after.first_exhausted_in().expect("16 a second would last").as_secs_f64();
    assert!((11.0..12.0).contains(&gone_in), "{gone_in}");
    assert!(after.at > before.at);
}

fn changes_are_applied_and_taken_back() {
    set("net.ipv4.tcp_tw_reuse", "0");
    let question = Question { rate_per_s: Some(5000.0), ..Question::default() };
    let diagnosis = diagnose(quick(), None, question);
    let plan = plan(&diagnosis.findings, &diagnosis.host.sysctls);
    let names: Vec<&str> = plan.iter().map(|change| change.name).collect();
    assert_eq!(names, ["net.ipv4.tcp_tw_reuse", "net.ipv4.ip_local_port_range"]);
    let folder = Folder::new();
    let file = folder.path().join("revert");
    let before = sysctl::read(names[1]).expect("every Linux has it");
    let applied = apply(&plan, &file, Consent::given_by_the_user()).expect("we are root inside");
    assert_eq!(applied.changed, 2);
    assert_eq!(sysctl::read_u64(names[0]).expect("there"), 1);
    assert_eq!(sysctl::local_port_range().expect("there"), (10240, 65535));
    let after = diagnose(quick(), None, question);
    assert!(!after.is_bad(), "the cure cures: {:?}", after.findings);
    let back = revert(&file, Consent::given_by_the_user()).expect("our own file");
    assert_eq!(back.len(), 2);
    assert_eq!(sysctl::read_u64(names[0]).expect("there"), 0);
    assert_eq!(sysctl::read(names[1]).expect("there"), before);
    assert!(!file.exists());
}

fn change(name: &'static str, old: &str, new: &str) -> PlannedChange {
    PlannedChange { name, old: old.to_owned(), new: new.to_owned(), because: vec!["a test"] }
}

fn a_refused_change_undoes_the_others() {
    set("net.ipv4.tcp_tw_reuse", "0");
    set("net.ipv4.tcp_rfc1337", "0");
    // The kernel takes 0 to 2 only.
    let plan = [change("net.ipv4.tcp_rfc1337", "0", "1"), change("net.ipv4.tcp_tw_reuse", "0", "77")];
    let folder = Folder::new();
    let file = folder.path().join("revert");
    let error = apply(&plan, &file, Consent::given_by_the_user()).expect_err("77");
    assert!(matches!(error, ApplyError::Sysctl(_)) && error.to_string().contains("tcp_tw_reuse=77"), "{error}");
    assert_eq!(sysctl::read_u64("net.ipv4.tcp_rfc1337").expect("there"), 0, "set back");
    assert!(!file.exists());
}

fn nothing_is_overwritten() {
    let folder = Folder::new();
    let file = folder.path().join("revert");
    let yes = Consent::given_by_the_user;
    assert!(matches!(apply(&[], &file, yes()), Err(ApplyError::NothingToDo)));
    set("net.ipv4.tcp_tw_reuse", "2");
    let moved = apply(&[change("net.ipv4.tcp_tw_reuse", "0", "1")], &file, yes()).expect_err("it is 2");
    assert!(moved.to_string().contains("look again"), "{moved}");
    std::fs::write(&file, "# somebody's\n").expect("a file");
    let error = apply(&[change("net.ipv4.tcp_tw_reuse", "2", "1")], &file, yes()).expect_err("the file is there");
    assert!(error.to_string().contains("choose another name"), "{error}");
    assert_eq!(sysctl::read_u64("net.ipv4.tcp_tw_reuse").expect("there"), 2);
    let header = revert_text(&[]);
    std::fs::write(&file, format!("{header}net.ipv4.tcp_tw_reuse = 1\nkernel.core_pattern = x\n")).expect("a file");
    let error = revert(&file, yes()).expect_err("not ours");
    assert!(error.to_string().contains("line 3") && error.to_string().contains("kernel.core_pattern"), "{error}");
    assert_eq!(sysctl::read_u64("net.ipv4.tcp_tw_reuse").expect("there"), 2, "all of it or nothing");
    std::fs::write(&file, format!("{header}net.ipv4.tcp_rfc1337 = 1\nnet.ipv4.tcp_tw_reuse = 77\n")).expect("a file");
    let error = revert(&file, yes()).expect_err("0 to 2").to_string();
    assert!(error.contains("1 sysctls before it are set back") && error.contains("stays"), "{error}");
    assert!(file.exists(), "still there");
}
