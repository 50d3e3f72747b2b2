//! Requests in a line over real sockets: how many are out together, and what becomes of them when a connection ends.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use stress::StopFlag;
use stress_core::plan::WireDraft;
use stress_core::{ErrorKind, Oddity, PlanDraft, Report};
use testkit::PATIENCE;

const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LAST: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// A server that has so many requests of a connection come before it answers any, and then does as `ends` says.
fn server(together: usize, ends: fn(&mut TcpStream) -> bool) -> SocketAddr {
    let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || while wait_for(&mut stream, together).is_some() && ends(&mut stream) {});
        }
    });
    address
}

fn wait_for(stream: &mut TcpStream, requests: usize) -> Option<()> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut came, mut bytes) = (Vec::new(), [0; 4096]);
    while came.windows(4).filter(|part| *part == b"\r\n\r\n").count() < requests {
        match stream.read(&mut bytes).ok()? {
            0 => return None,
            len => came.extend_from_slice(&bytes[..len]),
        }
    }
    Some(())
}

fn run(address: SocketAddr, most: u32, requests: u64) -> Report {
    let wire = WireDraft { pipeline: Some(most), ..WireDraft::default() };
    let draft = PlanDraft {
        connections: 1,
        requests: Some(requests),
        timeout: 2 * PATIENCE,
        wire,
        ..PlanDraft::new(format!("http://{address}/"))
    };
    stress::run(&draft.check().expect("a good plan"), &StopFlag::new(), |_| {}).expect("a run")
}

/// Nothing is answered before all of them are there: whoever sent them one by one would wait for ever.
#[test]
fn so_many_are_out_together() {
    let address = server(8, |stream| stream.write_all(ANSWER.repeat(8).as_bytes()).is_ok());
    let report = run(address, 8, 80);
    assert_eq!((report.requests.ok, &report.errors[..]), (80, &[][..]));
    assert_eq!((report.connections.opened, report.plan.wire.pipeline), (1, Some(8)));
    assert_eq!(report.body_bytes, 160);
}

/// Answers that come in pieces, and several in one.
#[test]
fn answers_are_found_in_any_split() {
    let address = server(4, |stream| {
        let all = ANSWER.repeat(4);
        stream.set_nodelay(true).is_ok() && all.as_bytes().chunks(7).all(|piece| stream.write_all(piece).is_ok())
    });
    assert_eq!(run(address, 4, 40).requests.ok, 40);
}

/// It says that it will close: those behind were not looked at, and go out again.
#[test]
fn those_behind_a_last_answer_go_out_again() {
    let address = server(2, |stream| stream.write_all(format!("{ANSWER}{LAST}").as_bytes()).is_err());
    let report = run(address, 4, 8);
    assert_eq!((report.requests.ok, report.connections.opened), (8, 4), "{:?}", report.errors);
    let again = report.oddities.iter().find(|(what, _)| *what == Oddity::SentAgain);
    assert!(again.is_some_and(|(_, count)| *count >= 2), "{:?}", report.oddities);
}

/// It says nothing: they may have been done, and have failed.
#[test]
fn those_behind_an_end_without_a_word_have_failed() {
    let address = server(1, |stream| stream.write_all(ANSWER.as_bytes()).is_err());
    let report = run(address, 4, 8);
    // One that closes with requests unread resets.
    let broken = |kind: &ErrorKind| matches!(kind, ErrorKind::Closed | ErrorKind::Reset);
    let failed: u64 = report.errors.iter().filter(|(kind, _)| broken(kind)).map(|(_, count)| count).sum();
    assert_eq!((report.requests.ok, failed, report.requests.failed), (2, 6, 6), "{:?}", report.errors);
}
