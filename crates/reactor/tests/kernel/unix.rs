//! Socket files: made, left behind, shared by event loops, removed; and connections through them.

use crate::loops::{accepted, next, reactor};
use ports::{ClosedFirst, FaultKind, UnixPath};
use reactor::epoll::{bind, listen};
use reactor::{
    Address, Close, CloseOutcome, Completion, ConnectPlan, FileRights, ListenPlan, Outgoing, Questions, Reactor,
    Received,
};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use testkit::Folder;

fn plan(path: &str) -> ListenPlan {
    ListenPlan::new(UnixPath::new(path).expect("a path"))
}

#[test]
fn a_file_comes_with_its_listener_and_goes_with_the_last_who_holds_it() {
    let folder = Folder::new();
    let path = folder.place("socket");
    let rights = FileRights { mode: Some(0o600), ..FileRights::default() };
    let sockets = listen(&ListenPlan { rights, ..plan(&path) }, 2).expect("listening");
    assert_eq!(std::fs::metadata(&path).expect("made").permissions().mode() & 0o777, 0o600);
    let mut loops = [reactor(), reactor()];
    let ids = [0, 1].map(|at| loops[at].adopt_listener(sockets[at].clone()).expect("adopted"));
    assert_eq!((loops[0].listener_address(ids[0]), loops[0].waiting(ids[0])), (None, Some(0)));
    drop(sockets);
    let mut client = UnixStream::connect(&path).expect("somebody listens");
    assert_eq!(loops[1].waiting(ids[1]), Some(1));
    let (conn, peer) = accepted(&mut loops[1]);
    assert_eq!(peer.to_string(), "127.0.0.1:0", "of this host");
    client.write_all(b"up").expect("sent");
    loops[1].recv(conn, None);
    match next(&mut loops[1]) {
        Completion::Received { result: Ok(Received::Data(buf)), .. } => loops[1].send(conn, Outgoing::bytes(buf)),
        other => panic!("{other:?}"),
    }
    let mut back = [0; 2];
    client.read_exact(&mut back).expect("echoed");
    assert_eq!(&back, b"up");
    loops[0].close_listener(ids[0]);
    let _other = UnixStream::connect(&path).expect("another loop listens on");
    loops[1].close_listener(ids[1]);
    assert!(!std::path::Path::new(&path).exists(), "nobody is left");
}

#[test]
fn what_was_left_behind_makes_way_and_nothing_else_does() {
    let folder = Folder::new();
    let path = folder.place("socket");
    drop(UnixListener::bind(&path).expect("made"));
    let sockets = listen(&plan(&path), 1).expect("nobody listens there");
    let taken = bind(&plan(&path), 1).expect_err("somebody listens there");
    assert_eq!(taken.fault.errno_name(), "EADDRINUSE");
    assert!(taken.to_string().starts_with(&format!("cannot listen on unix:{path}: it is in use")), "{taken}");
    assert!(taken.to_string().contains("`ss -lxp`"), "{taken}");
    // Another's in the same place is not ours to remove.
    std::fs::remove_file(&path).expect("ours");
    let other = UnixListener::bind(&path).expect("made");
    drop(sockets);
    drop((UnixStream::connect(&path).expect("still there"), other));
    std::fs::remove_file(&path).expect("ours");
    std::fs::write(&path, "no socket").expect("written");
    let told = format!("cannot listen on unix:{path}: there is a file that is no socket, and it is left alone");
    let refused = bind(&plan(&path), 1).expect_err("a file").to_string();
    assert!(refused.starts_with(&told), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).expect("still there"), "no socket");
    std::fs::remove_file(&path).expect("ours");
    // Neither is a link that leads nowhere.
    std::os::unix::fs::symlink("/nowhere/at/all", &path).expect("made");
    let refused = bind(&plan(&path), 1).expect_err("a link").to_string();
    assert!(refused.starts_with(&told), "{refused}");
    std::fs::remove_file(&path).expect("ours");
    let nowhere = bind(&plan("/nowhere/q.sock"), 1).expect_err("no folder");
    assert!(nowhere.to_string().contains("no such folder"), "{nowhere}");
}

#[test]
fn connections_go_to_files_as_well() {
    let folder = Folder::new();
    let path = folder.place("socket");
    let server = UnixListener::bind(&path).expect("made");
    let mut io = reactor();
    let to = ConnectPlan::to(Address::Unix(UnixPath::new(&path).expect("a path")));
    let mut first = io.take_buf().expect("a buffer");
    first.append(b"hello").expect("fits");
    let conn = io.connect(&to, Outgoing::bytes(first)).expect("it stands");
    assert!(matches!(next(&mut io), Completion::Connected { result: Ok(()), .. }));
    assert!(matches!(next(&mut io), Completion::Sent { result: Ok(()), .. }));
    let (mut accepted, _) = server.accept().expect("accepted");
    let mut hello = [0; 5];
    accepted.read_exact(&mut hello).expect("sent");
    assert_eq!((&hello, io.local_address(conn), io.timestamps(conn)), (b"hello", None, None));
    assert_eq!(io.unacknowledged_bytes(conn), Some(0), "it was read");
    io.recv(conn, None);
    drop(accepted);
    assert!(matches!(next(&mut io), Completion::Received { result: Ok(Received::Eof(None)), .. }));
    assert_eq!(io.close(conn, Close::Fin), CloseOutcome::Closed(Some(ClosedFirst::PeerFin)));
    drop(server);
    let refused = io.connect(&to, Outgoing::default()).expect_err("nobody listens");
    assert_eq!((refused.kind, refused.errno_name()), (FaultKind::Refused, "ECONNREFUSED"));
    std::fs::remove_file(&path).expect("ours");
    let gone = io.connect(&to, Outgoing::default()).expect_err("no file");
    assert_eq!((gone.kind, gone.errno_name()), (FaultKind::Refused, "ENOENT"));
}
