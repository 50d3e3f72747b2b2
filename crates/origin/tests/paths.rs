//! The origin over real sockets: requests as bytes in, answers as bytes out.

use origin::{CloseHabit, OriginPlan, pattern};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use testkit::PATIENCE;

fn start(change: impl Fn(&mut OriginPlan)) -> origin::Handle {
    let mut plan = OriginPlan::new("127.0.0.1:0".parse().unwrap());
    change(&mut plan);
    origin::start(plan).expect("an origin on loopback")
}

fn connect(origin: &origin::Handle) -> TcpStream {
    let stream = TcpStream::connect(origin.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends `request`, then FIN, and reads to the end.
fn exchange(origin: &origin::Handle, request: &[u8]) -> String {
    let mut stream = connect(origin);
    stream.write_all(request).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

/// The answer without the fields every answer has.
#[track_caller]
fn check(origin: &origin::Handle, request: &str, expect: &str) {
    let answer = exchange(origin, request.as_bytes());
    let short = answer.replace("Server: quintet-origin\r\nX-Origin: origin\r\n", "").replace("\r\n", "|");
    assert_eq!(short, expect, "{request:?}");
}

#[test]
fn paths_answer_as_documented() {
    let origin = start(|_| {});
    let get = |path: &str, expect: &str| check(&origin, &format!("GET {path} HTTP/1.1\r\nHost: o\r\n\r\n"), expect);
    get("/", "HTTP/1.1 200 OK|Content-Length: 37||Hello from origin, a quintet origin.\n");
    get("/bytes/0", "HTTP/1.1 200 OK|Content-Length: 0||");
    get("/bytes/5?x=1", "HTTP/1.1 200 OK|Content-Length: 5||abcde");
    get("/chunked/5", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||5|abcde|0||");
    get("/chunked/0", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||0||");
    get("/delay/1", "HTTP/1.1 200 OK|Content-Length: 19||This took a while.\n");
    get("/status/503", "HTTP/1.1 503 Service Unavailable|Content-Length: 20||A status, as asked.\n");
    get("/status/204", "HTTP/1.1 204 No Content||");
    get("/status/304", "HTTP/1.1 304 Not Modified|Content-Length: 20||");
    get("/close", "HTTP/1.1 200 OK|Content-Length: 10|Connection: close||Good-bye.\n");
    get("/echo", "HTTP/1.1 200 OK|Content-Length: 0||");
    assert!(exchange(&origin, b"GET /x HTTP/1.1\r\nHost: o\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n"));
    assert!(exchange(&origin, b"GET /bytes/x HTTP/1.1\r\nHost: o\r\n\r\n").starts_with("HTTP/1.1 400 Bad Request\r\n"));
    assert_eq!(origin.stop().requests, 13);
}

#[test]
fn head_answers_without_a_body() {
    let origin = start(|_| {});
    let head = |path: &str, expect: &str| check(&origin, &format!("HEAD {path} HTTP/1.1\r\nHost: o\r\n\r\n"), expect);
    head("/bytes/5", "HTTP/1.1 200 OK|Content-Length: 5||");
    head("/chunked/5", "HTTP/1.1 200 OK|Transfer-Encoding: chunked||");
    head("/echo", "HTTP/1.1 200 OK|Content-Length: 0||");
}

#[test]
fn echo_gives_the_body_back_as_it_was_framed() {
    let origin = start(|_| {});
    check(
        &origin,
        "POST /echo HTTP/1.1\r\nHost: o\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK|Content-Length: 3||abc",
    );
    check(
        &origin,
        "POST /echo HTTP/1.1\r\nHost: o\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||3|abc|0||",
    );
    check(
        &origin,
        "POST /echo HTTP/1.1\r\nHost: o\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 100 Continue||HTTP/1.1 200 OK|Content-Length: 1||x",
    );
    check(
        &origin,
        "POST /bytes/1 HTTP/1.1\r\nHost: o\r\nContent-Length: 3\r\n\r\nabcGET /bytes/2 HTTP/1.1\r\nHost: o\r\n\r\n",
        "HTTP/1.1 200 OK|Content-Length: 1||aHTTP/1.1 200 OK|Content-Length: 2||ab",
    );
}

#[test]
fn http_1_0_closes_unless_asked() {
    let origin = start(|_| {});
    check(&origin, "GET /bytes/1 HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK|Content-Length: 1|Connection: close||a");
    check(
        &origin,
        "GET /bytes/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 200 OK|Content-Length: 1|Connection: keep-alive||a",
    );
    check(
        &origin,
        "GET /chunked/2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 200 OK|Connection: close||ab",
    );
}

#[test]
fn nonsense_is_refused_and_the_connection_closed() {
    let origin = start(|_| {});
    for (request, status) in [
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/3.0\r\nHost: o\r\n\r\n", "505"),
        ("POST / HTTP/1.1\r\nHost: o\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: o\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "400"),
    ] {
        let answer = exchange(&origin, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?} -> {answer:?}");
        assert!(answer.contains("Connection: close\r\n"), "{answer:?}");
    }
    assert_eq!(origin.stop().refused, 5);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = start(|_| {});
    let mut request = String::new();
    let mut expect = String::new();
    for len in 0..300 {
        request += &format!("GET /bytes/{len} HTTP/1.1\r\nHost: o\r\n\r\n");
        let body: String = (0..len).map(|at| char::from(pattern::byte_at(at))).collect();
        expect += &format!("HTTP/1.1 200 OK|Content-Length: {len}||{body}");
    }
    check(&origin, &request, &expect);
}

#[test]
fn a_long_body_is_streamed_and_whole() {
    const LEN: u64 = 20_000_000;
    let origin = start(|_| {});
    let mut stream = connect(&origin);
    write!(stream, "GET /bytes/{LEN} HTTP/1.1\r\nHost: o\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head_len = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(answer.len() - head_len, LEN as usize);
    assert_eq!(pattern::first_difference(0, &answer[head_len..]), None);
}

/// The client does not read until it has sent a good part: back-pressure, and no byte lost.
#[test]
fn a_long_echo_comes_back_whole() {
    const LEN: usize = 4_000_000;
    let origin = start(|_| {});
    let mut stream = connect(&origin);
    let mut body = vec![0; LEN];
    pattern::fill(0, &mut body);
    let mut writer = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        write!(writer, "PUT /echo HTTP/1.1\r\nHost: o\r\nConnection: close\r\nContent-Length: {LEN}\r\n\r\n").unwrap();
        writer.write_all(&body).unwrap();
    });
    std::thread::sleep(Duration::from_millis(50));
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    sender.join().unwrap();
    assert_eq!(pattern::first_difference(0, &answer[answer.len() - LEN..]), None);
}

/// Who closes after one request that asks for close (or not).
#[track_caller]
fn check_habit(close: CloseHabit, request: &str, expect_closed: bool) {
    let origin = start(|plan| plan.close = close);
    let mut stream = connect(&origin);
    stream.write_all(request.as_bytes()).unwrap();
    // A close is waited for as long as it takes; that none comes cannot be waited for.
    stream.set_read_timeout(Some(if expect_closed { PATIENCE } else { Duration::from_millis(300) })).unwrap();
    let closed = match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("{close:?} {request:?}: {error}"),
    };
    assert_eq!(closed, expect_closed, "{close:?} {request:?}");
}

#[test]
fn close_habits() {
    let plain = "GET /bytes/1 HTTP/1.1\r\nHost: o\r\n\r\n";
    let close = "GET /bytes/1 HTTP/1.1\r\nHost: o\r\nConnection: close\r\n\r\n";
    let path = "GET /close HTTP/1.1\r\nHost: o\r\n\r\n";
    for (habit, request, closed) in [
        (CloseHabit::Honour, plain, false),
        (CloseHabit::Honour, close, true),
        (CloseHabit::Honour, path, true),
        (CloseHabit::Ignore, close, false),
        (CloseHabit::Ignore, path, false),
        (CloseHabit::Always, plain, true),
    ] {
        check_habit(habit, request, closed);
    }
}

#[test]
fn delays_take_their_time() {
    let origin = start(|_| {});
    let begin = Instant::now();
    exchange(&origin, b"GET /delay/120 HTTP/1.1\r\nHost: o\r\nConnection: close\r\n\r\n");
    assert!(begin.elapsed() >= Duration::from_millis(120), "{:?}", begin.elapsed());
}

#[test]
fn an_idle_connection_is_closed() {
    let origin = start(|plan| plan.idle_timeout = Duration::from_millis(100));
    let mut stream = connect(&origin);
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    assert_eq!(origin.stop().idle, 1);
}

#[test]
fn workers_share_one_address_and_stop() {
    let origin = start(|plan| plan.workers = 3);
    let address = origin.address();
    for _ in 0..30 {
        let answer = exchange(&origin, b"GET /bytes/1 HTTP/1.1\r\nHost: o\r\n\r\n");
        assert!(answer.ends_with("\r\n\r\na"));
    }
    assert_eq!(origin.stop().requests, 30);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn what_cannot_start_is_named() {
    let taken = start(|_| {});
    let start_error = |change: &dyn Fn(&mut OriginPlan)| {
        let mut plan = OriginPlan::new("127.0.0.1:0".parse().unwrap());
        change(&mut plan);
        origin::start(plan).unwrap_err().to_string()
    };
    let address = taken.address();
    let used = start_error(&|plan| plan.listen = address);
    assert!(used.starts_with(&format!("cannot listen on {address}: it is in use")), "{used}");
    let foreign = start_error(&|plan| plan.listen = "192.0.2.1:80".parse().unwrap());
    assert!(foreign.contains("no interface of this host has that address"), "{foreign}");
    assert!(start_error(&|plan| plan.name = "a\r\nb".into()).starts_with("origin name"));
    assert!(start_error(&|plan| plan.workers = 0).starts_with("0 workers"));
}
