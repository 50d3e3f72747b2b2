//! The access log: a line for each request, whatever comes of it, and none that a client could forge.

use crate::stage::{Stage, eventually};
use crate::wire::{PATIENCE, Wire};
use balancer::{AccessLog, Failed, Inheritance, LogFormat, LogTarget, Logging, SyslogForm, SyslogPlace};
use balancer_core::Protocol;
use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use testkit::Folder;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

fn to(path: &Path) -> AccessLog {
    AccessLog { to: LogTarget::File(path.to_owned()), format: LogFormat::Json, sample: 1 }
}

/// So many lines as are waited for, each of which is an object.
fn lines(path: &Path, count: usize) -> Vec<Value> {
    let text = || std::fs::read_to_string(path).unwrap_or_default();
    eventually("the lines are written", || text().lines().count() >= count);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let lines: Vec<Value> = text().lines().map(parse).collect();
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

fn exchange(client: &mut Wire, server: &mut Wire, request: &str) {
    client.sends(request);
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
}

/// Of a client and a server that go on from there.
fn first_exchange(stage: &Stage) -> (Wire, Wire) {
    let mut client = stage.client();
    client.sends(GET);
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
    (client, server)
}

#[test]
fn a_line_says_what_came_of_a_request() {
    let (folder, log) = (Folder::new(), |folder: &Folder| folder.path().join("access.log"));
    let mut stage = Stage::logged(to(&log(&folder)), |_| {});
    let mut client = stage.client();
    let asked = "GET /a?b=1 HTTP/1.1\nHost: a.example\nReferer: http://r/\nUser-Agent: me \"2\"\n\n";
    client.sends(asked);
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    client.sees(OK);
    exchange(&mut client, &mut server, "POST /p HTTP/1.1\nHost: a\nContent-Length: 3\n\nabc");
    let [first, second] = &lines(&log(&folder), 2)[..] else { unreachable!("counted") };
    let texts = ["method", "target", "host", "referer", "user_agent", "outcome", "closed"].map(|key| &first[key]);
    assert_eq!(texts, ["GET", "/a?b=1", "a.example", "http://r/", "me \"2\"", "responded", "kept"]);
    let names = ["listener", "backend_set", "server"].map(|key| first[key].as_str().expect("a name").to_owned());
    assert_eq!(names, ["web".to_owned(), "app".to_owned(), stage.origin_address().to_string()]);
    assert_eq!((&first["status"], &first["bytes_out"], &first["attempts"]), (&200.into(), &2.into(), &1.into()));
    assert_eq!((&first["reused"], &second["reused"], &second["bytes_in"]), (&false.into(), &true.into(), &3.into()));
    let took = |key: &str| first[key].as_f64().unwrap_or_else(|| panic!("{key} of {first}"));
    let sum = took("wait_ms") + took("connect_ms") + took("first_byte_ms");
    assert!(sum <= took("total_ms") + 0.004, "{first}");
    let counters = stage.balancer().counters();
    assert_eq!((counters.access_log_lines, counters.access_log_lost), (2, 0));
}

/// Who closed is known once somebody has: a line waits for that.
#[test]
fn the_end_of_a_connection_is_told_with_its_last_request() {
    let folder = Folder::new();
    let log = folder.path().join("access.log");
    let stage = Stage::logged(to(&log), |_| {});
    let mut client = stage.client();
    client.sends("GET /last HTTP/1.1\nHost: a\nConnection: close\n\n");
    let mut server = stage.server();
    server.reads_head();
    server.sends(OK);
    client.reads_head();
    let mut second = stage.client();
    second.sends("GET /gone HTTP/1.1\nHost: a\n\n");
    server.reads_head();
    second.resets();
    let lines = lines(&log, 2);
    let ends = ["target", "outcome", "closed", "closed_first"];
    assert_eq!(ends.map(|key| &lines[0][key]), ["/last", "responded", "exchange_over", "our_fin"]);
    assert_eq!(["target", "outcome", "closed"].map(|key| &lines[1][key]), ["/gone", "abandoned", "peer_aborted"]);
    stage.end();
}

#[test]
fn what_clients_send_stays_in_its_line() {
    let folder = Folder::new();
    let log = folder.path().join("access.log");
    let stage = Stage::logged(to(&log), |_| {});
    for bytes in [
        &b"GET /\" HTTP/1.1\r\nHost: a\r\nUser-Agent: \x1b[2J\"},{\"a\xff\xfe\r\n\r\n"[..],
        b"GET / HTTP/1.1\nHost: a\r\n{\"forged\":true}\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\"\n{}",
    ] {
        let mut client = stage.client();
        client.sends_bytes(bytes);
        client.sees_status(400);
    }
    for line in lines(&log, 3) {
        assert_eq!((&line["outcome"], &line["failure"]), (&"failed".into(), &"bad_request".into()), "{line}");
        assert!(line["rule"].is_string() && line["begins"].is_string() && line["forged"].is_null(), "{line}");
        assert_eq!((&line["status"], &line["listener"]), (&400.into(), &"web".into()), "{line}");
    }
    let text = std::fs::read(&log).expect("the log");
    assert!(text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')), "printable ASCII");
    stage.end();
}

#[test]
fn what_nobody_answered_is_told_with_why() {
    let folder = Folder::new();
    let log = folder.path().join("access.log");
    let stage = Stage::logged(to(&log), |settings| settings.backend_sets[0].retries_max = 0);
    let mut client = stage.client();
    client.sends(GET);
    drop(stage.server());
    client.sees_status(502);
    let [line] = &lines(&log, 1)[..] else { unreachable!("counted") };
    assert_eq!(["outcome", "failure", "closed"].map(|key| &line[key]), ["failed", "server_closed", "kept"]);
    assert_eq!((&line["status"], &line["server"]), (&502.into(), &stage.origin_address().to_string().into()));
    assert!(line["bytes_out"].as_u64().is_some_and(|bytes| bytes > 0), "{line}");
    stage.end();
}

#[test]
fn a_joined_connection_has_its_line_at_its_end() {
    let folder = Folder::new();
    let log = folder.path().join("access.log");
    let stage = Stage::logged(to(&log), |settings| settings.listeners[0].protocol = Protocol::Tcp);
    let mut client = stage.client();
    client.sends("hello");
    let mut server = stage.server();
    server.sees("hello");
    server.sends("hi");
    client.sees("hi");
    drop((client, server));
    let [line] = &lines(&log, 1)[..] else { unreachable!("counted") };
    assert_eq!((&line["bytes_in"], &line["bytes_out"], &line["outcome"]), (&5.into(), &2.into(), &"responded".into()));
    assert!(line["method"].is_null() && line["closed_first"].is_string(), "{line}");
    stage.end();
}

/// As logrotate does it: renamed, then a signal.
#[test]
fn a_file_that_was_renamed_is_opened_again_and_another_one_taken_with_a_reload() {
    let folder = Folder::new();
    let [log, old, other] = ["access.log", "access.log.1", "other.log"].map(|name| folder.path().join(name));
    let mut stage = Stage::logged(to(&log), |_| {});
    let (mut client, mut server) = first_exchange(&stage);
    lines(&log, 1);
    std::fs::rename(&log, &old).expect("renamed");
    exchange(&mut client, &mut server, GET);
    lines(&old, 2);
    let told = std::cell::Cell::new(2);
    let count = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().lines().count();
    // What is told at the very moment of a change may still go where lines went before it; none is lost, and none is twice.
    let go_to = |path: &Path, client: &mut Wire, server: &mut Wire| {
        let before = count(path);
        eventually("lines go there", || {
            exchange(client, server, GET);
            told.set(told.get() + 1);
            count(path) > before
        });
    };
    stage.balancer().reopen_log().expect("opened again");
    go_to(&log, &mut client, &mut server);
    let settings = stage.balancer().settings();
    let error = stage.balancer().apply_logged(&settings, Some(to(Path::new("/nowhere/access.log"))));
    let text = error.expect_err("there is no such folder").to_string();
    assert!(text.contains("/nowhere/access.log") && text.contains("access_log"), "{text}");
    go_to(&log, &mut client, &mut server);
    stage.balancer().apply_logged(&settings, Some(to(&other))).expect("another file");
    go_to(&other, &mut client, &mut server);
    let all = || [&log, &old, &other].map(|path| count(path)).iter().sum::<usize>();
    // Whoever turns it off may miss what is on its way.
    eventually("each is told before it is off", || all() >= told.get());
    stage.balancer().apply_logged(&settings, None).expect("off");
    exchange(&mut client, &mut server, GET);
    stage.balancer().apply_logged(&settings, Some(to(&other))).expect("on again");
    go_to(&other, &mut client, &mut server);
    eventually("each is told", || all() >= told.get());
    assert_eq!([&log, &old, &other].map(|path| lines(path, count(path)).len()).iter().sum::<usize>(), told.get());
}

/// The disk is full: requests are served, and what is missing is counted.
#[test]
fn lines_that_cannot_be_written_are_counted() {
    let stage = Stage::logged(to(Path::new("/dev/full")), |_| {});
    let (mut client, mut server) = first_exchange(&stage);
    stage.counts("the line is missed", |counters| counters.access_log_unwritten == 1);
    exchange(&mut client, &mut server, GET);
    assert_eq!(stage.end().access_log_unwritten, 2);
}

#[test]
fn one_in_so_many_is_told() {
    let folder = Folder::new();
    let log = folder.path().join("access.log");
    let stage = Stage::logged(AccessLog { sample: 1_000_000, ..to(&log) }, |_| {});
    let (mut client, mut server) = first_exchange(&stage);
    (0..20).for_each(|_| exchange(&mut client, &mut server, GET));
    let counters = stage.end();
    assert!(counters.responses == 21 && counters.access_log_lines <= 1, "{counters:?}");
}

/// A balancer without an access log, and where it tells what failed.
fn without_log(change: impl FnOnce(&mut balancer_core::Settings)) -> (Stage, Receiver<Failed>) {
    let (tell, told) = channel();
    let failures: balancer::FailureTeller = Box::new(move |failed| tell.send(failed).expect("somebody listens"));
    (Stage::telling(Logging { access: None, failures: Some(failures) }, change), told)
}

#[test]
fn what_failed_is_told_where_there_is_no_log() {
    let (stage, told) = without_log(|settings| settings.backend_sets[0].retries_max = 0);
    let next = || told.recv_timeout(PATIENCE).expect("a failure is told");
    let (mut client, server) = first_exchange(&stage);
    drop(server);
    stage.counts("the server has left", |counters| counters.servers_open == 0);
    client.sends("GET /lost?a HTTP/1.1\nHost: a\n\n");
    drop(stage.server());
    client.sees_status(502);
    let lost = next();
    assert_eq!((lost.failure, lost.status, lost.request.as_deref()), ("server_closed", 502, Some("GET /lost?a")));
    assert_eq!(lost.server, Some(stage.origin_address().to_string()));
    let mut client = stage.client();
    client.sends_bytes(b"GET /\n HTTP/1.1\r\n\r\n");
    client.sees_status(400);
    drop(client);
    let refused = next();
    assert!(refused.begins.is_some_and(|begins| begins.starts_with("GET /\\x0a")), "{:?}", refused.failure);
    // An upload of which nothing is kept any more still has a name.
    let mut client = stage.client();
    client.sends("PUT /up HTTP/1.1\nHost: a\nContent-Length: 300000\n\n");
    let mut server = stage.server();
    server.reads_head();
    client.sends_bytes(&[b'a'; 100_000]);
    server.reads(100_000);
    drop(server);
    client.sees_status(502);
    drop(client);
    assert_eq!(next().request.as_deref(), Some("PUT /up"));
    let counters = stage.end();
    assert_eq!((counters.failed_total(), counters.access_log_lines), (3, 0));
    assert!(told.try_recv().is_err(), "what went well is not told");
}

#[test]
fn where_nobody_is_there_the_set_is_named_and_why() {
    let (stage, told) = without_log(|settings| settings.backend_sets[0].servers[0].weight = 0);
    let mut client = stage.client();
    client.sends(GET);
    client.sees_status(503);
    drop(client);
    let failed = told.recv_timeout(PATIENCE).expect("a failure is told");
    assert_eq!((failed.failure, failed.backend_set.as_deref()), ("no_server", Some("app")));
    assert_eq!((failed.server, failed.servers.as_deref()), (None, Some("1 is drained")));
    assert_eq!(stage.end().failed_total(), 1);
}

fn to_daemon(place: SyslogPlace, form: SyslogForm) -> AccessLog {
    AccessLog { to: LogTarget::Syslog(place, form), format: LogFormat::Json, sample: 1 }
}

/// One request whose line goes to a log daemon.
fn one_request(stage: &Stage) {
    let mut client = stage.client();
    client.sends("GET /a HTTP/1.1\nHost: a\nConnection: close\n\n");
    let mut server = stage.server();
    server.reads_head();
    server.sends("HTTP/1.1 200 OK\nContent-Length: 2\nConnection: close\n\nok");
    client.reads_head();
}

fn message(text: &[u8], begins: &str, before: &str) -> Value {
    let text = std::str::from_utf8(text).expect("ASCII");
    assert!(text.starts_with(begins) && !text.ends_with('\n'), "{text}");
    let (_, json) = text.split_once(before).unwrap_or_else(|| panic!("{before:?} in {text}"));
    serde_json::from_str(&format!("{{{json}")).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A daemon that is started again is found again.
#[test]
fn lines_go_to_the_log_daemon_of_this_host() {
    let folder = Folder::new();
    let path = folder.path().join("log.sock");
    let daemon = || {
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        socket
    };
    let first = daemon();
    let stage = Stage::logged(to_daemon(SyslogPlace::Here(path.clone()), SyslogForm::Rfc3164), |_| {});
    let mut bytes = [0; 4096];
    one_request(&stage);
    let len = first.recv(&mut bytes).expect("a message");
    assert_eq!(message(&bytes[..len], "<134>", "]: {")["target"], "/a");
    drop(first);
    std::fs::remove_file(&path).expect("the daemon has ended");
    let second = daemon();
    one_request(&stage);
    let len = second.recv(&mut bytes).expect("a message");
    assert_eq!(message(&bytes[..len], "<134>", "]: {")["status"], 200);
    assert_eq!(stage.end().access_log_unwritten, 0);
}

#[test]
fn lines_go_to_a_log_daemon_over_udp() {
    let daemon = UdpSocket::bind("127.0.0.1:0").expect("a port");
    daemon.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let place = SyslogPlace::There(daemon.local_addr().expect("bound"));
    let stage = Stage::logged(to_daemon(place, SyslogForm::Rfc5424), |_| {});
    one_request(&stage);
    let mut bytes = [0; 4096];
    let len = daemon.recv(&mut bytes).expect("a message");
    assert_eq!(message(&bytes[..len], "<134>1 ", " access - {")["outcome"], "responded");
    stage.end();
}

#[test]
fn a_log_daemon_that_is_not_there_is_said_at_the_start() {
    let log = to_daemon(SyslogPlace::Here("/nowhere/log".into()), SyslogForm::default());
    let plan = balancer::Plan {
        settings: crate::stage::settings(&[testkit::free_address()]),
        workers: 1,
        reactor: Default::default(),
        pin: false,
    };
    let failed =
        balancer::start_with(&plan, Inheritance::default(), Logging { access: Some(log), failures: None }).err();
    let text = failed.expect("nobody listens there").to_string();
    assert!(text.contains("/nowhere/log") && text.contains("access_log"), "{text}");
}
