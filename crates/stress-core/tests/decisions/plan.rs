//! Drafts become plans or errors that name the thing and the way out; plans become request bytes.

use std::time::Duration;
use stress_core::Ends;
use stress_core::plan::{ReachDraft, TlsDraft, TlsSessions, WireDraft};
use stress_core::{ClosePolicy, Course, LoadDraft, Pace, Phase, PlanDraft, PortMode, Rate, Spread};

fn draft() -> PlanDraft {
    PlanDraft::new("http://example.org/a?b")
}

#[track_caller]
fn check_error(draft: PlanDraft, expect: &str) {
    let error = draft.check().expect_err(expect).to_string();
    assert_eq!(error, expect);
}

#[test]
fn a_draft_that_cannot_be_run_is_refused() {
    let tls = TlsDraft { sessions: Some(TlsSessions::Full), ..TlsDraft::default() };
    check_error(
        PlanDraft { tls, ..draft() },
        "--tls-full is about TLS, and an http:// URL is asked in the clear: write https://, or leave it out",
    );
    let own = PlanDraft { recycle: true, close: ClosePolicy::Rst, ports: PortMode::Own, ..draft() };
    let unix_socket = Some("/run/x".into());
    let file = ReachDraft { unix_socket, ..ReachDraft::default() };
    check_error(
        PlanDraft { recycle: true, close: ClosePolicy::Rst, reach: file, ..draft() },
        "--recycle: the socket of a connection to a socket file cannot be used again: leave it out",
    );
    check_error(
        own,
        "--recycle: a port of our own choice stays bound to its socket, and would be used again at once, before its turn: use \
         --ports kernel, with a --port-range inside of net.ipv4.ip_local_port_range if any",
    );
    check_error(PlanDraft { connections: 0, ..draft() }, "0 connections: use 1 to 1000000");
    check_error(PlanDraft { connections: 2_000_000, ..draft() }, "2000000 connections: use 1 to 1000000");
    check_error(PlanDraft { threads: Some(0), ..draft() }, "0 threads: use 1 to 1024");
    check_error(PlanDraft { requests: Some(0), ..draft() }, "0 requests: use at least 1");
    check_error(
        PlanDraft { timeout: Duration::ZERO, ..draft() },
        "the timeout must be longer than 0 and at most a day",
    );
    check_error(
        PlanDraft { duration: Some(Duration::ZERO), ..draft() },
        "the duration must be longer than 0 and at most a day",
    );
    check_error(
        PlanDraft { body: vec![0; 2 << 20], ..draft() },
        "a body of 2097152 bytes: at most 1048576 are supported",
    );
    check_error(
        PlanDraft { port_range: Some((9, 1)), ..draft() },
        "port range 9-1: give two ports from 1 to 65535, the lower first",
    );
    let method = |name: &str| PlanDraft { method: Some(name.into()), ..draft() };
    let way_out = "use GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH or a token";
    check_error(method("GE T"), &format!("method \"GE T\": {way_out}"));
    check_error(method("CONNECT"), &format!("method \"CONNECT\": {way_out}"));
    let header = |text: &str| PlanDraft { headers: vec![text.into()], ..draft() };
    check_error(header("no colon"), "header \"no colon\": write it as 'Name: value'");
    check_error(header("bad name: x"), "header \"bad name: x\": write it as 'Name: value'");
    check_error(header("X: a\r\nY: b"), "header \"X: a\\r\\nY: b\": write it as 'Name: value'");
    check_error(
        header("Content-length: 5"),
        "header Content-length: the tester frames the request itself; leave it out",
    );
    let waits = |headers: &[&str]| PlanDraft {
        headers: headers.iter().map(|text| (*text).to_owned()).collect(),
        close: ClosePolicy::Wait,
        ..draft()
    };
    check_error(
        waits(&["connection: keep-alive"]),
        "header Connection: keep-alive: --close wait needs `Connection: close`, or the server never closes; \
         leave the field out",
    );
    assert!(waits(&["Connection: upgrade", "Connection: TE, Close"]).check().is_ok());
    let long = check_long_head();
    assert!(long.starts_with("a request head of 2") && long.ends_with("use fewer headers"), "{long}");
}

fn check_long_head() -> String {
    let headers = vec![format!("X: {}", "y".repeat(20_000))];
    PlanDraft { headers, ..draft() }.check().expect_err("too long").to_string()
}

#[test]
fn without_a_bound_there_are_two_hundred_requests() {
    assert_eq!(draft().check().unwrap().requests, Some(200));
    let timed = PlanDraft { duration: Some(Duration::from_secs(1)), ..draft() };
    assert_eq!(timed.check().unwrap().requests, None);
}

#[track_caller]
fn check_head(draft: PlanDraft, expect: &[&str]) {
    let plan = draft.check().expect("a good draft");
    let bytes = plan.script.requests()[0].plain().expect("plain");
    let head = &bytes[..bytes.len() - plan.body.len()];
    let expect = expect.join("\r\n") + "\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(head).replace(env!("CARGO_PKG_VERSION"), "V"), expect);
}

#[test]
fn the_request_says_what_the_policy_needs() {
    let usual = ["GET /a?b HTTP/1.1", "Host: example.org", "User-Agent: quintet/V", "Accept: */*"];
    check_head(draft(), &usual);
    for close in [ClosePolicy::Fin, ClosePolicy::Rst] {
        check_head(PlanDraft { close, ..draft() }, &usual);
    }
    let wait = PlanDraft { close: ClosePolicy::Wait, ..draft() };
    check_head(wait, &[&usual[..], &["Connection: close"]].concat());
}

#[test]
fn a_proxy_is_asked_for_the_whole_url() {
    let proxy = ReachDraft { proxy: Some("proxy:3128".into()), ..ReachDraft::default() };
    check_head(
        PlanDraft { reach: proxy, ..draft() },
        &["GET http://example.org/a?b HTTP/1.1", "Host: example.org", "User-Agent: quintet/V", "Accept: */*"],
    );
}

/// Which requests of a connection say what about its end, in each version.
#[test]
fn the_last_request_of_a_connection_differs() {
    let has = |http10: bool, close, last: bool| {
        let wire = WireDraft { per_connection: Some((3, 3)), http10, pipeline: None };
        let plan = PlanDraft { close, wire, ..draft() }.check().expect("a good draft");
        let mut bytes = plan.script.requests()[0].plain().expect("plain").to_vec();
        Ends::of(&plan).trim(last, &mut bytes);
        let head = String::from_utf8_lossy(&bytes).into_owned();
        assert!(head.starts_with(&format!("GET /a?b HTTP/1.{}\r\n", u8::from(!http10))), "{head}");
        assert!(head.ends_with("Accept: */*\r\n\r\n") || head.contains("\r\nConnection: "), "{head}");
        let field = head.lines().find(|line| line.starts_with("Connection: ")).unwrap_or_default();
        field.trim_start_matches("Connection: ").to_owned()
    };
    use ClosePolicy::*;
    for (close, ends) in [(Keep, "close"), (Wait, "close"), (Fin, ""), (Rst, ""), (Half, "")] {
        let said = [has(false, close, false), has(false, close, true), has(true, close, false), has(true, close, true)];
        assert_eq!(said, ["", ends, "keep-alive", ""], "{close:?}");
    }
}

/// Only in the head, and only where it is ours.
#[test]
fn a_body_or_a_field_of_ones_own_stays() {
    let body = b"\r\nConnection: keep-alive\r\n".to_vec();
    let wire = WireDraft { http10: true, ..WireDraft::default() };
    let trimmed = |draft: PlanDraft| {
        let plan = draft.check().expect("a good draft");
        let mut bytes = plan.script.requests()[0].plain().expect("plain").to_vec();
        Ends::of(&plan).trim(true, &mut bytes);
        String::from_utf8_lossy(&bytes).matches("Connection: keep-alive").count()
    };
    assert_eq!(trimmed(PlanDraft { wire, body: body.clone(), ..draft() }), 1);
    assert_eq!(trimmed(PlanDraft { wire, headers: vec!["Connection: keep-alive".into()], ..draft() }), 1);
}

/// RFC 9112 section 9.6: who says close sends no other request on that connection.
#[test]
fn a_connection_field_of_ones_own_decides_how_many_requests_there_are() {
    let check = |close, field: &str, expect| {
        let plan = PlanDraft { headers: vec![field.to_owned()], close, ..draft() }.check().expect("a good draft");
        assert_eq!(plan.close, expect, "{close:?} {field}");
        let head = String::from_utf8_lossy(plan.script.requests()[0].plain().expect("plain")).to_ascii_lowercase();
        assert_eq!(head.matches("connection:").count(), 1, "{head}");
    };
    use ClosePolicy::*;
    check(Keep, "Connection: close", Wait);
    check(Keep, "connection: TE, Close", Wait);
    check(Keep, "Connection: keep-alive", Keep);
    check(Keep, "Connection: x-close", Keep);
    check(Fin, "Connection: close", Fin);
    check(Rst, "Connection: close", Rst);
}

#[test]
fn given_fields_replace_ours() {
    let headers =
        ["host: other", "User-Agent:me", "X-A: 1", "X-A: 2", "Connection:  close "].map(String::from).to_vec();
    check_head(
        PlanDraft { headers, close: ClosePolicy::Wait, method: Some("PURGE".into()), ..draft() },
        &[
            "PURGE /a?b HTTP/1.1",
            "Accept: */*",
            "host: other",
            "User-Agent: me",
            "X-A: 1",
            "X-A: 2",
            "Connection: close",
        ],
    );
}

#[test]
fn a_body_is_framed() {
    let first = |method: &str| format!("{method} /a?b HTTP/1.1");
    let usual = ["Host: example.org", "User-Agent: quintet/V", "Accept: */*"];
    let body = PlanDraft { body: b"hello".to_vec(), ..draft() };
    check_head(body, &[&[first("POST").as_str()], &usual[..], &["Content-Length: 5"]].concat());
    let empty = PlanDraft { method: Some("PUT".into()), ..draft() };
    check_head(empty, &[&[first("PUT").as_str()], &usual[..], &["Content-Length: 0"]].concat());
}

#[test]
fn a_course_and_a_warm_up_fit_into_the_plan_or_say_why() {
    let secs = Duration::from_secs;
    let course = || Some(Course::phases(&[Phase::even(secs(2), 10.0), Phase::even(secs(2), 30.0)]).expect("a course"));
    let record = || Some(Course::recorded(&[secs(0), secs(1)], 1.0).expect("a course"));
    let load = |course, warm_up| LoadDraft { course, warm_up: secs(warm_up), ..LoadDraft::default() };
    let plan = PlanDraft { load: load(course(), 0), ..draft() }.check().expect("a good plan");
    let rate = Rate::new(80, secs(4)).expect("a rate");
    assert_eq!((plan.pace, plan.duration, plan.requests), (Pace::Open(rate, Spread::Constant), Some(secs(4)), None));
    let plan = PlanDraft { load: load(record(), 0), ..draft() }.check().expect("a good plan");
    assert_eq!((plan.duration, plan.requests), (None, Some(2)));
    let pace = Pace::Open(rate, Spread::Constant);
    check_error(
        PlanDraft { load: load(course(), 0), pace, ..draft() },
        "one rate and a course of rates contradict each other: leave one of them out",
    );
    let of_count =
        "a warm-up comes before a run that is measured by time: give its duration (-z), and no number of requests";
    check_error(PlanDraft { load: load(None, 1), requests: Some(5), ..draft() }, of_count);
    check_error(PlanDraft { load: load(None, 1), ..draft() }, of_count);
    check_error(
        PlanDraft { load: load(record(), 1), ..draft() },
        "a record has no rate to warm up with: leave the warm-up out",
    );
}
