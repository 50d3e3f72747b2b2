//! Tunnels through a proxy that writes down what it is asked.

use crate::scribe::Scribe;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use stress::StopFlag;
use stress_core::plan::ReachDraft;
use stress_core::{ClosePolicy, ErrorKind, PlanDraft, Report};
use testkit::PATIENCE;

/// Heads that the proxy was asked by.
type Asked = Arc<Mutex<Vec<String>>>;

/// A proxy whose answer to CONNECT is this; where it is a good one, it goes on as it should.
fn proxy(answer: &'static str) -> (SocketAddr, Asked) {
    let listener = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let (address, asked) = (listener.local_addr().expect("bound"), Asked::default());
    let known = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let asked = Arc::clone(&known);
            std::thread::spawn(move || serve(client, answer, &asked));
        }
    });
    (address, asked)
}

fn serve(mut client: TcpStream, answer: &str, asked: &Mutex<Vec<String>>) -> Option<()> {
    client.set_read_timeout(Some(PATIENCE)).ok()?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let to = head.split(' ').nth(1)?.to_owned();
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    client.write_all(answer.as_bytes()).ok()?;
    if !answer.contains(" 200 ") {
        return Some(());
    }
    let mut server = TcpStream::connect(to).ok()?;
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(std::net::Shutdown::Write)
    });
    let _ended = std::io::copy(&mut server, &mut client);
    client.shutdown(std::net::Shutdown::Write).ok()
}

fn run(url: &str, proxy: SocketAddr, close: ClosePolicy) -> Report {
    let reach = ReachDraft {
        proxy: Some(format!("http://{proxy}")),
        proxy_tunnel: true,
        proxy_authorization: Some("Basic bWU6c2VjcmV0".into()),
        ..ReachDraft::default()
    };
    let draft =
        PlanDraft { connections: 2, requests: Some(20), timeout: 2 * PATIENCE, close, reach, ..PlanDraft::new(url) };
    stress::run(&draft.check().expect("a good plan"), &StopFlag::new(), |_| {}).expect("a run")
}

/// The target is asked as without a proxy, and is not told who asks that.
#[test]
fn what_goes_through_a_tunnel_is_the_targets() {
    for close in ClosePolicy::ALL {
        let target = Scribe::start(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned());
        let (proxy, asked) =
            proxy("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n");
        let report = run(&target.url("/x"), proxy, close);
        assert_eq!((report.requests.ok, &report.errors[..]), (20, &[][..]), "{close}");
        let connections = if close == ClosePolicy::Keep { 2 } else { 20 };
        assert_eq!((report.connections.opened, report.closed_first.total()), (connections, connections), "{close}");
        let asked = asked.lock().expect("nobody panicked");
        assert_eq!(asked.len() as u64, connections, "{close}");
        let head = format!("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target.address());
        assert!(asked.iter().all(|one| one.starts_with(&head)), "{asked:?}");
        assert!(asked.iter().all(|one| one.contains("\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n")), "{asked:?}");
        for one in target.asked() {
            assert_eq!((one.target(), one.field("proxy-authorization")), ("/x", None), "{close}");
        }
    }
}

#[test]
fn a_proxy_that_opens_none_is_a_failure_of_its_own() {
    #[track_caller]
    fn check(answer: &'static str, why: &str) {
        let (proxy, _) = proxy(answer);
        let report = run("http://a.invalid/", proxy, ClosePolicy::Keep);
        assert_eq!((report.requests.ok, &report.errors[..]), (0, &[(ErrorKind::Proxy, 20)][..]), "{answer:?}");
        assert!(
            matches!(&report.led.refusals[..], [(seen, 20)] if seen.contains(why)),
            "{answer:?}: {:?}",
            report.led.refusals
        );
        assert_eq!((report.connections.opened, report.closed_first.total()), (0, 0), "{answer:?}");
    }
    check("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "it answered 403 Forbidden to CONNECT");
    check("HTTP/1.1 407 Who Are You\r\n\r\n", "--proxy-user");
    check("SSH-2.0-OpenSSH_9.9\r\n\r\n", "no HTTP");
    check("", "closed before it answered");
}

/// One that never answers: the connection to it was none to the target.
#[test]
fn a_proxy_that_says_nothing_is_waited_for_no_longer_than_a_request() {
    let silent = TcpListener::bind((testkit::own_loopback(), 0)).expect("a free port");
    let proxy = Some(format!("http://{}", silent.local_addr().expect("bound")));
    let reach = ReachDraft { proxy, proxy_tunnel: true, ..ReachDraft::default() };
    let timeout = std::time::Duration::from_millis(200);
    let draft = PlanDraft { connections: 1, requests: Some(1), timeout, reach, ..PlanDraft::new("http://a.invalid/") };
    let report = stress::run(&draft.check().expect("a good plan"), &StopFlag::new(), |_| {}).expect("a run");
    assert_eq!(report.errors, [(ErrorKind::Timeout, 1)]);
    assert_eq!((report.connections.opened, report.closed_first.total()), (0, 0));
}
