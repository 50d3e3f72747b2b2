//! Listening sockets made by one and adopted by others, on the kernel.

use crate::loops::{accepted, reactor};
use reactor::epoll::{EpollReactor, FileOwner, beside, bind, duplicate, listen, listening_from, set_file_owner};
use reactor::{Address, Close, ListenPlan, ListenerId, Listening, Questions, Reactor};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;
use testkit::PATIENCE;

/// Where it can be connected to.
fn at(address: Address) -> SocketAddr {
    address.ip().expect("an address of the Internet's families")
}

fn any() -> ListenPlan {
    ListenPlan::new("127.0.0.1:0".parse::<SocketAddr>().expect("an address"))
}

fn one() -> Listening {
    listen(&any(), 1).expect("listening").pop().expect("one socket")
}

fn adopt(io: &mut EpollReactor, listening: &Listening) -> ListenerId {
    let id = io.adopt_listener(listening.clone()).expect("adopted");
    assert_eq!(io.listener_address(id), Some(at(listening.address())));
    id
}

/// How many connections these loops have once they have `count` together.
fn shares(loops: &mut [EpollReactor], count: usize) -> Vec<usize> {
    let until = loops[0].now() + PATIENCE;
    while loops.iter().map(EpollReactor::open_connections).sum::<usize>() < count {
        assert!(loops[0].now() < until, "fewer than {count} accepted");
        for io in loops.iter_mut() {
            let soon = io.now() + Duration::from_millis(1);
            io.turn(Some(soon));
            while io.poll_completion().is_some() {}
        }
    }
    loops.iter().map(EpollReactor::open_connections).collect()
}

fn crowd(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).expect("queued")).collect()
}

#[track_caller]
fn check_refused(address: SocketAddr) {
    let refused = TcpStream::connect(address).expect_err("nobody listens");
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn nobody_is_refused_from_listen_on_whoever_adopts_and_lets_go() {
    let listening = one();
    let early = TcpStream::connect(at(listening.address())).expect("queued");
    let (mut first, mut second) = (reactor(), reactor());
    let id = adopt(&mut first, &listening);
    accepted(&mut first);
    first.close_listener(id);
    assert_eq!(first.listener_address(id), None);
    let between = TcpStream::connect(at(listening.address())).expect("queued");
    first.turn(Some(first.now() + Duration::from_millis(5)));
    assert!(first.poll_completion().is_none(), "it is not the first's any more");
    adopt(&mut second, &listening);
    accepted(&mut second);
    drop((early, between));
}

#[test]
fn the_socket_closes_with_the_last_who_holds_it() {
    let listening = one();
    let address = at(listening.address());
    let mut io = reactor();
    let id = adopt(&mut io, &listening);
    drop(listening);
    let _kept = TcpStream::connect(address).expect("the loop listens on");
    let (conn, _) = accepted(&mut io);
    io.close_listener(id);
    check_refused(address);
    io.close(conn, Close::Discard);
}

/// Each with a socket of its own, or all with one: whether its port was asked for or chosen by the kernel.
#[test]
fn a_door_that_is_shut_refuses_until_it_is_adopted_again() {
    for (port, count) in [(0, 2), (testkit::free_address().port(), 2), (0, 1)] {
        let plan = ListenPlan::new(SocketAddr::from(([127, 0, 0, 1], port)));
        let sockets = listen(&plan, count).expect("listening");
        let address = at(sockets[0].address());
        let mut loops = [reactor(), reactor()];
        let mine = |index: usize| &sockets[index % count];
        let adopt_all = |loops: &mut [EpollReactor; 2]| [adopt(&mut loops[0], mine(0)), adopt(&mut loops[1], mine(1))];
        let mut ids = adopt_all(&mut loops);
        for round in 1..3 {
            assert!(loops[0].shut_listener(ids[0]) && loops[1].shut_listener(ids[1]));
            check_refused(address);
            ids = adopt_all(&mut loops);
            let clients = crowd(address, 16);
            assert_eq!(shares(&mut loops, round * 16).iter().sum::<usize>(), round * 16, "{port} {count}");
            std::mem::forget(clients);
        }
    }
}

/// Who has not heard yet that it is shut, or hears too late that somebody else has opened it again.
#[test]
fn a_shared_door_is_as_who_speaks_last_says() {
    let (listening, mut loops) = (one(), [reactor(), reactor()]);
    let address = at(listening.address());
    let (first, _second) = (adopt(&mut loops[0], &listening), adopt(&mut loops[1], &listening));
    assert!(loops[0].shut_listener(first));
    testkit::eventually("the other one opens it again", || {
        let soon = loops[1].now() + Duration::from_millis(1);
        loops[1].turn(Some(soon));
        while loops[1].poll_completion().is_some() {}
        TcpStream::connect(address).is_ok()
    });
}

#[test]
fn a_file_cannot_be_shut() {
    let folder = testkit::Folder::new();
    let path = socket_path(&folder);
    let mut io = reactor();
    let id = io.listen(&ListenPlan::new(path)).expect("listening");
    assert!(!io.shut_listener(id) && std::os::unix::net::UnixStream::connect(path.as_str()).is_ok());
}

fn socket_path(folder: &testkit::Folder) -> ports::UnixPath {
    ports::UnixPath::new(folder.path().join("a.sock").to_str().expect("plain")).expect("a short path")
}

#[test]
fn a_bound_address_refuses_until_it_listens() {
    let bound = bind(&any(), 2).expect("bound");
    let address = at(bound.address());
    assert_ne!(address.port(), 0);
    check_refused(address);
    let sockets = bound.listen().expect("listening");
    assert_eq!(sockets.iter().map(Listening::address).collect::<Vec<_>>(), [address; 2]);
    drop(TcpStream::connect(address).expect("queued"));
}

#[test]
fn somebody_who_listens_first_is_named_in_the_error() {
    let bound = bind(&any(), 2).expect("bound");
    let _quicker = TcpListener::bind(at(bound.address())).expect("SO_REUSEADDR lets it in as long as nobody listens");
    let refused = bound.listen().expect_err("somebody listens");
    assert_eq!(refused.fault.errno_name(), "EADDRINUSE");
}

#[test]
fn with_a_socket_each_the_kernel_spreads_connections_over_workers() {
    let sockets = listen(&any(), 3).expect("listening");
    let clients = crowd(at(sockets[0].address()), 96);
    let mut loops: Vec<EpollReactor> = (0..3).map(|_| reactor()).collect();
    for (io, listening) in loops.iter_mut().zip(&sockets) {
        adopt(io, listening);
    }
    let shares = shares(&mut loops, clients.len());
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}

#[test]
fn workers_can_share_one_socket() {
    let listening = one();
    let mut loops: Vec<EpollReactor> = (0..3).map(|_| reactor()).collect();
    let ids: Vec<ListenerId> = loops.iter_mut().map(|io| adopt(io, &listening)).collect();
    let clients = crowd(at(listening.address()), 30);
    assert_eq!(shares(&mut loops, clients.len()).iter().sum::<usize>(), 30);
    loops[0].close_listener(ids[0]);
    let before = loops[0].open_connections();
    let more = crowd(at(listening.address()), 10);
    assert_eq!(shares(&mut loops, clients.len() + more.len())[0], before);
}

#[test]
fn an_address_where_somebody_listens_is_refused_however_they_share() {
    let stranger = listen(&any(), 2).expect("listening");
    let taken = at(stranger[0].address());
    let refused = bind(&ListenPlan::new(taken), 1).expect_err("taken");
    assert_eq!((*refused.address, refused.fault.errno_name()), (taken.into(), "EADDRINUSE"));
    assert!(refused.to_string().contains("it is in use: stop what listens there"), "{refused}");
    let elsewhere =
        bind(&ListenPlan::new("192.0.2.1:80".parse::<SocketAddr>().expect("an address")), 1).expect_err("not ours");
    assert!(elsewhere.to_string().contains("no interface of this host"), "{elsewhere}");
}

#[test]
fn a_socket_from_elsewhere_can_be_adopted() {
    let theirs = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = theirs.local_addr().expect("bound");
    let listening = listening_from(OwnedFd::from(theirs), FileOwner::Us).expect("it listens");
    assert_eq!(at(listening.address()), address);
    let mut io = reactor();
    adopt(&mut io, &listening);
    let _client = TcpStream::connect(address).expect("queued");
    accepted(&mut io);
    io.turn(Some(io.now()));
    assert!(io.poll_completion().is_none(), "an empty queue does not block the loop");
    let silent = sys::socket::tcp_for(&address).expect("a socket");
    assert!(listening_from(silent, FileOwner::Us).is_err(), "it does not listen");
}

/// As with a second process: the file goes with the last of those who have it, whoever made it.
#[test]
fn a_socket_file_that_was_handed_on_stays() {
    let folder = testkit::Folder::new();
    let path = folder.place("socket");
    let plan = ListenPlan::new(ports::UnixPath::new(&path).expect("a path"));
    let [first] = &listen(&plan, 1).expect("listening")[..] else { panic!("one was asked for") };
    let next = |owner| listening_from(duplicate(first).expect("a descriptor"), owner).expect("it listens");
    let (manager, heir) = (next(FileOwner::Maker), next(FileOwner::Maker));
    assert_eq!((heir.address(), manager.address()), (first.address(), first.address()));
    drop(manager);
    assert!(sys::unix::file_id(&path).is_some(), "whoever did not make it leaves it");
    set_file_owner(first, FileOwner::Maker);
    set_file_owner(&heir, FileOwner::Us);
    drop(heir);
    assert!(sys::unix::file_id(&path).is_none(), "it was the heir's");
}

#[test]
fn one_more_event_loop_has_a_socket_of_its_own() {
    let first = one();
    let second = beside(&any(), &first).expect("we may share it");
    assert_eq!(second.address(), first.address());
    let mut loops = [reactor(), reactor()];
    adopt(&mut loops[0], &first);
    adopt(&mut loops[1], &second);
    let _clients = crowd(at(first.address()), 64);
    // The kernel spreads them: the chance that one socket gets all is 2 in 2^64.
    assert!(shares(&mut loops, 64).iter().all(|share| *share > 0));
}
