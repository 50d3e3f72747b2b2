//! Redirects, followed over real sockets: against servers that write down what they were asked.

use crate::scribe::Scribe;
use std::time::Duration;
use stress::StopFlag;
use stress_core::{Astray, ClosePolicy, ErrorKind, PlanDraft, Redirects, Report};
use testkit::PATIENCE;

fn draft(url: &str, requests: u64) -> PlanDraft {
    let (requests, threads, follow) = (Some(requests), Some(1), Some(10));
    PlanDraft { connections: 2, requests, threads, follow, timeout: 2 * PATIENCE, ..PlanDraft::new(url) }
}

fn run(draft: PlanDraft) -> Report {
    let plan = draft.check().expect("a good plan");
    stress::run(&plan, &StopFlag::new(), |_| {}).expect("a run")
}

fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Elsewhere\r\nLocation: {to}\r\nContent-Length: 3\r\n\r\ngo\n")
}

fn ok() -> String {
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned()
}

/// On the connection that there is; what is expected is asked of the last answer.
#[test]
fn a_row_of_redirects_is_one_request() {
    let server = Scribe::start(|asked| match asked.target() {
        "/a/start" => redirect(301, "../b?x"),
        "/b?x" => redirect(307, "/c"),
        _ => ok(),
    });
    for close in ClosePolicy::ALL {
        let report = run(PlanDraft {
            close,
            expect: stress_core::plan::ExpectDraft { statuses: vec!["200".into()], ..Default::default() },
            ..draft(&server.url("/a/start"), 20)
        });
        assert_eq!((report.requests.ok, &report.errors[..]), (20, &[][..]), "{close}");
        assert_eq!(report.statuses, [(200, 20)], "{close}");
        assert_eq!(report.led.redirects, Some(Redirects { followed: 40, elsewhere: 0 }), "{close}");
        let connections = if close == ClosePolicy::Keep { 2 } else { 60 };
        assert_eq!(report.connections.opened, connections, "{close}: each hop is a request of its own on the wire");
    }
    assert_eq!(server.asked().iter().filter(|asked| asked.target() == "/c").count(), 20 * ClosePolicy::ALL.len());
}

/// A POST becomes a GET without its body where the RFC says so.
#[test]
fn methods_and_bodies_follow_the_rfc() {
    for (status, expect) in [(301, "GET"), (302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")] {
        let server = Scribe::start(move |asked| match asked.target() {
            "/" => redirect(status, "/next"),
            _ => ok(),
        });
        let report = run(PlanDraft { body: b"body".to_vec(), connections: 1, ..draft(&server.url("/"), 2) });
        assert_eq!(report.requests.ok, 2, "{status}: {:?}", report.errors);
        let asked = server.asked();
        let next: Vec<_> = asked.iter().filter(|asked| asked.target() == "/next").collect();
        assert_eq!(next.len(), 2, "{status}");
        for one in next {
            let length = if expect == "POST" { Some("4") } else { None };
            assert_eq!((one.method(), one.field("content-length")), (expect, length), "{status}: {one:?}");
        }
    }
}

/// A connection of its own beside the one that is kept, and nobody there is told who asks.
#[test]
fn another_host_is_not_told_who_asks() {
    let other = Scribe::start(|_| ok());
    let to = other.url("/there");
    let server = Scribe::start(move |_| redirect(302, &to));
    let report = run(PlanDraft {
        headers: vec!["Authorization: Basic x".into(), "Cookie: a=b".into(), "X-Kept: yes".into()],
        ..draft(&server.url("/"), 40)
    });
    assert_eq!((report.requests.ok, &report.errors[..]), (40, &[][..]));
    assert_eq!(report.led.redirects, Some(Redirects { followed: 40, elsewhere: 40 }));
    assert_eq!(report.connections.opened, 4, "two to each, all of them kept");
    assert_eq!(report.closed_first.total(), 4, "every connection has an end");
    assert!(server.asked().iter().all(|asked| asked.field("authorization") == Some("Basic x")));
    let there = other.asked();
    assert_eq!(there.len(), 40);
    for asked in there {
        let who = (asked.field("authorization"), asked.field("cookie"), asked.field("x-kept"));
        assert_eq!(who, (None, None, Some("yes")));
        assert_eq!(asked.field("host"), Some(other.address().to_string().as_str()));
    }
}

/// From one host to the next: the connection to the target is the one that stays.
#[test]
fn the_connection_to_the_target_is_kept_wherever_it_leads() {
    let last = Scribe::start(|_| ok());
    let to = last.url("/");
    let between = Scribe::start(move |_| redirect(302, &to));
    let to = between.url("/");
    let server = Scribe::start(move |_| redirect(302, &to));
    let report = run(PlanDraft { connections: 1, ..draft(&server.url("/"), 10) });
    assert_eq!((report.requests.ok, &report.errors[..]), (10, &[][..]));
    assert_eq!(report.led.redirects, Some(Redirects { followed: 20, elsewhere: 20 }));
    assert!(server.asked().iter().all(|asked| asked.connection == 0), "{:?}", server.asked());
    assert_eq!((report.connections.opened, report.closed_first.total()), (21, 21), "of the others one at a time");
}

#[test]
fn what_leads_nowhere_is_a_failure_of_its_own() {
    #[track_caller]
    fn check(to: &'static str, why: Astray, asked: usize) {
        let server = Scribe::start(move |_| redirect(302, to));
        let report = run(PlanDraft { follow: Some(3), connections: 1, ..draft(&server.url("/"), 2) });
        assert_eq!((report.requests.ok, &report.errors[..]), (0, &[(ErrorKind::Redirect, 2)][..]), "{to}");
        assert_eq!(report.led.astray, [(why, 2)], "{to}");
        assert_eq!(server.asked().len(), 2 * asked, "{to}");
        assert_eq!(report.connections.opened, 1, "{to}: the connection is none the worse for it");
    }
    check("/again", Astray::TooMany, 4);
    check("ftp://a/", Astray::NoUrl, 1);
    check("http://a.invalid/", Astray::Unresolved, 1);
}

/// A redirect without a place, and one nobody asked to follow, are answers like any other.
#[test]
fn what_is_not_followed_is_an_answer() {
    let nowhere = Scribe::start(|_| "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned());
    let report = run(draft(&nowhere.url("/"), 4));
    assert_eq!((report.statuses, report.led.redirects), (vec![(302, 4)], Some(Redirects::default())));
    let server = Scribe::start(|_| redirect(302, "/x"));
    let report = run(PlanDraft { follow: None, ..draft(&server.url("/"), 4) });
    assert_eq!((report.statuses, report.led.redirects), (vec![(302, 4)], None));
}

/// The time of a request is that of the whole row.
#[test]
fn a_row_of_redirects_has_one_time_out() {
    let server = Scribe::start(|asked| match asked.target() {
        "/silent" => String::new(),
        _ => redirect(302, "/silent"),
    });
    let report = run(PlanDraft { timeout: Duration::from_millis(300), connections: 1, ..draft(&server.url("/"), 1) });
    assert_eq!(report.errors, [(ErrorKind::Timeout, 1)]);
    assert_eq!(report.led.redirects, Some(Redirects { followed: 1, elsewhere: 0 }));
}

/// Each place is a client of its own: it gets a cookie with its first answer, and shows it from then on to whom it belongs.
#[test]
fn each_client_keeps_its_own_cookies() {
    let other = Scribe::start(|_| ok());
    let to = other.url("/there");
    let given = std::sync::atomic::AtomicU64::new(0);
    let server = Scribe::start(move |asked| match (asked.target(), asked.field("cookie")) {
        ("/in/a", None | Some("own=x")) => {
            let id = given.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let set =
                format!("Set-Cookie: id={id}\r\nSet-Cookie: sub=1; Path=/in/b\r\nSet-Cookie: old=1; Max-Age=0\r\n");
            format!("HTTP/1.1 302 Found\r\nLocation: /in/b\r\n{set}Content-Length: 0\r\n\r\n")
        }
        ("/in/a", Some(_)) => redirect(302, "/in/b"),
        _ => redirect(302, &to),
    });
    let headers = vec!["Cookie: own=x".into()];
    let cookies = Some(stress_core::client::Jar::default());
    let report = run(PlanDraft { cookies, headers, ..draft(&server.url("/in/a"), 30) });
    assert_eq!((report.requests.ok, &report.errors[..]), (30, &[][..]));
    assert_eq!(report.led.cookies, Some(6), "two clients, three each");
    let asked = server.asked();
    for client in 0..2 {
        let own = format!("id={client}; own=x");
        let below = format!("sub=1; {own}");
        // The other one may have made nearly all requests.
        let is_its = |cookie: Option<&str>| cookie.is_some_and(|cookie| cookie == own || cookie == below);
        let first = asked.iter().find(|one| is_its(one.field("cookie"))).expect("it was shown").connection;
        let shown: Vec<_> =
            asked.iter().filter(|one| one.connection == first).map(|one| one.field("cookie").unwrap_or("-")).collect();
        assert_eq!(shown[0], "own=x", "the first request of a client");
        assert!(
            shown[1..].iter().enumerate().all(|(at, cookie)| *cookie == if at % 2 == 0 { &below } else { &own }),
            "{shown:?}"
        );
    }
    assert!(other.asked().iter().all(|asked| asked.field("cookie").is_none()), "another host is shown nothing");
}
