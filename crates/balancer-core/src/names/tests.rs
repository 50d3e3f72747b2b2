//! Names as timelines: at so many seconds a question is answered, and then these are the servers.

use super::*;
use crate::settings::{BackendSetSettings, ServerSettings, Settings};
use core::time::Duration;
use std::net::SocketAddr;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn rules() -> ResolveRules {
    ResolveRules::default()
}

fn like(weight: u32) -> ServerSettings {
    ServerSettings { weight, ..ServerSettings::new(SocketAddr::from(([0, 0, 0, 0], 0))) }
}

fn host(name: &str, rules: ResolveRules) -> Member {
    Member { set: 0, whom: Whom::Host { name: name.into(), port: 80 }, like: like(3), rules }
}

fn service(name: &str) -> Member {
    Member { set: 0, whom: Whom::Service { name: name.into() }, like: like(1), rules: rules() }
}

fn v4(name: &str) -> Question {
    Question::V4(name.into())
}

fn v6(name: &str) -> Question {
    Question::V6(name.into())
}

fn srv(name: &str) -> Question {
    Question::Service(name.into())
}

/// So many seconds to live, and these addresses.
fn ips(ttl: u64, ips: &[&str]) -> Answer {
    let records = ips.iter().map(|ip| Record::Address(ip.parse().expect("an address"))).collect();
    Answer::Found { records, ttl: Some(secs(ttl)) }
}

fn targets(targets: &[(u16, u16, u16, &str)]) -> Answer {
    let target = |(priority, weight, port, host): &(u16, u16, u16, &str)| {
        Record::Target(Target { priority: *priority, weight: *weight, port: *port, host: (*host).into() })
    };
    Answer::Found { records: targets.iter().map(target).collect(), ttl: Some(secs(10)) }
}

fn nobody() -> Answer {
    Answer::Nobody { ttl: None }
}

fn failed() -> Answer {
    Answer::Failed { why: "Server Failure".to_owned() }
}

fn settings(addresses: &[&str]) -> Settings {
    let servers =
        addresses.iter().map(|address| ServerSettings::new(address.parse::<SocketAddr>().expect("an address")));
    Settings { listeners: vec![], backend_sets: vec![BackendSetSettings::new("app", servers.collect())] }
}

/// `address*weight`, `~` before those of a backup.
fn servers(book: &Book) -> Vec<String> {
    let mut settings = settings(&[]);
    book.add_servers(&mut settings);
    let said = |server: &ServerSettings| {
        let backup = if server.backup { "~" } else { "" };
        format!("{backup}{}*{}", server.address, server.weight)
    };
    settings.backend_sets[0].servers.iter().map(said).collect()
}

/// What is asked at that time.
fn asked(book: &mut Book, now: u64) -> Vec<Question> {
    std::iter::from_fn(|| book.poll_look(secs(now))).collect()
}

/// At this second this is answered; then these are the servers, and the next look is due at that second.
type Line<'a> = (u64, Question, Answer, &'a [&'a str], Option<u64>);

fn check(members: Vec<Member>, timeline: &[Line<'_>]) -> Book {
    let mut book = Book::new(members, Duration::ZERO);
    for (number, (at, question, answer, expect, due)) in timeline.iter().enumerate() {
        asked(&mut book, *at);
        book.handle_answer(question, answer.clone(), secs(*at));
        assert_eq!(servers(&book), *expect, "line {number}");
        assert_eq!(book.next_look(), due.map(secs), "line {number}: the next look");
    }
    book
}

#[test]
fn every_address_is_a_server_and_records_say_when_to_look_again() {
    let expect: &[&str] = &["10.0.0.7:80*3", "10.0.0.8:80*3", "[fd00::7]:80*3"];
    check(
        vec![host("app", rules())],
        &[
            // Both questions are asked once before anybody is a server.
            (0, v4("app"), ips(5, &["10.0.0.8", "10.0.0.7", "10.0.0.8"]), &[], Some(5)),
            (0, v6("app"), ips(9, &["fd00::7"]), expect, Some(5)),
            (5, v4("app"), ips(5, &["10.0.0.9"]), &["10.0.0.9:80*3", "[fd00::7]:80*3"], Some(9)),
        ],
    );
}

#[test]
fn looks_are_bounded_on_both_sides() {
    let one: &[&str] = &["10.0.0.7:80*3"];
    let only = ResolveRules { families: Families::Ipv4, ..rules() };
    check(
        vec![host("app", only)],
        &[(0, v4("app"), ips(0, &["10.0.0.7"]), one, Some(1)), (1, v4("app"), ips(3600, &["10.0.0.7"]), one, Some(31))],
    );
}

#[test]
fn a_name_that_fails_keeps_what_was_known_and_is_asked_less_often() {
    let one: &[&str] = &["10.0.0.7:80*3"];
    let only = ResolveRules { families: Families::Ipv4, ..rules() };
    let mut timeline = vec![(0, v4("app"), ips(10, &["10.0.0.7"]), one, Some(10))];
    let pauses = [(10, 11), (11, 13), (13, 17), (17, 25), (25, 41), (41, 71), (71, 101), (101, 131)];
    timeline.extend(pauses.map(|(at, due)| (at, v4("app"), failed(), one, Some(due))));
    timeline.push((131, v4("app"), ips(10, &["10.0.0.8"]), &["10.0.0.8:80*3"], Some(141)));
    timeline.push((141, v4("app"), failed(), &["10.0.0.8:80*3"], Some(142)));
    check(vec![host("app", only)], &timeline);
}

#[test]
fn nobody_is_believed_the_third_time() {
    let one: &[&str] = &["10.0.0.7:80*3"];
    let only = ResolveRules { families: Families::Ipv4, ..rules() };
    let found = |at| (at, v4("app"), ips(10, &["10.0.0.7"]), one, Some(at + 10));
    let no = |at, servers, due| (at, v4("app"), Answer::Nobody { ttl: Some(secs(5)) }, servers, Some(due));
    check(
        vec![host("app", only)],
        &[
            found(0),
            no(10, one, 15),
            no(15, one, 20),
            found(20),
            no(30, one, 35),
            // A failure says neither.
            (35, v4("app"), failed(), one, Some(36)),
            no(36, one, 41),
            no(41, &[], 46),
            found(46),
        ],
    );
}

/// That one family cannot be had, or is not there, says nothing of the other.
#[test]
fn families_are_known_apart() {
    let one: &[&str] = &["10.0.0.7:80*3"];
    check(
        vec![host("app", rules())],
        &[
            (0, v4("app"), ips(10, &["10.0.0.7"]), &[], Some(10)),
            (0, v6("app"), failed(), one, Some(1)),
            (1, v6("app"), nobody(), one, Some(10)),
            (10, v4("app"), failed(), one, Some(11)),
        ],
    );
}

#[test]
fn a_service_is_its_targets_by_priority_and_weight() {
    let both: &[&str] = &["10.0.0.7:81*20", "~10.0.0.8:82*1"];
    check(
        vec![service("_http._tcp.app")],
        &[
            (0, srv("_http._tcp.app"), targets(&[(1, 20, 81, "a"), (2, 0, 82, "b")]), &[], Some(0)),
            (0, v4("a"), ips(30, &["10.0.0.7"]), &[], Some(10)),
            (0, v6("a"), nobody(), &[], Some(10)),
            (0, v6("b"), nobody(), &[], Some(10)),
            (0, v4("b"), ips(30, &["10.0.0.8"]), both, Some(10)),
            // Another target: those before stay until its addresses are known.
            (10, srv("_http._tcp.app"), targets(&[(1, 0, 83, "c")]), both, Some(10)),
            (10, v4("c"), ips(30, &["10.0.0.9"]), both, Some(20)),
            (10, v6("c"), nobody(), &["10.0.0.9:83*1"], Some(20)),
            // The next one's host cannot be found out.
            (20, srv("_http._tcp.app"), targets(&[(1, 0, 84, "d")]), &["10.0.0.9:83*1"], Some(20)),
            (20, v4("d"), failed(), &["10.0.0.9:83*1"], Some(21)),
            (20, v6("d"), nobody(), &["10.0.0.9:83*1"], Some(21)),
        ],
    );
}

#[test]
fn weights_of_targets_keep_their_proportion() {
    let mut book = Book::new(vec![service("s")], Duration::ZERO);
    let weights = [(1, 65535, 81, "a"), (1, 32768, 82, "a"), (1, 1, 83, "a"), (1, 0, 84, "a")];
    for (question, answer) in [(srv("s"), targets(&weights)), (v4("a"), ips(9, &["10.0.0.7"])), (v6("a"), nobody())] {
        book.handle_answer(&question, answer, Duration::ZERO);
    }
    let mut servers = servers(&book);
    servers.sort();
    assert_eq!(servers, ["10.0.0.7:81*1000", "10.0.0.7:82*500", "10.0.0.7:83*1", "10.0.0.7:84*1"]);
}

#[test]
fn an_address_is_one_server_of_a_set_and_has_a_source() {
    let mut book = Book::new(vec![host("a", rules()), host("b", rules())], Duration::ZERO);
    for name in ["a", "b"] {
        book.handle_answer(&v4(name), ips(9, &["10.0.0.7", "10.0.0.8"]), Duration::ZERO);
        book.handle_answer(&v6(name), ips(9, &["fd00::7"]), Duration::ZERO);
    }
    let added = |sources: &[&str]| {
        let mut settings = settings(&["10.0.0.8:80"]);
        settings.backend_sets[0].ports.sources = sources.iter().map(|ip| ip.parse().expect("an address")).collect();
        book.add_servers(&mut settings);
        let servers = &settings.backend_sets[0].servers;
        servers.iter().map(|server| (server.address.to_string(), server.host.clone())).collect::<Vec<_>>()
    };
    let named = |address: &str| (address.to_owned(), Some("a".into()));
    let written = ("10.0.0.8:80".to_owned(), None);
    assert_eq!(added(&[]), [written.clone(), named("10.0.0.7:80"), named("[fd00::7]:80")]);
    assert_eq!(added(&["10.0.0.1"]), [written, named("10.0.0.7:80")]);
}

#[test]
fn what_two_sets_ask_is_asked_once_and_by_the_shorter_time() {
    let hasty = ResolveRules { longest: secs(2), families: Families::Ipv4, ..rules() };
    let mut book = Book::new(vec![host("app", rules()), Member { set: 1, ..host("app", hasty) }], Duration::ZERO);
    assert_eq!(asked(&mut book, 0), [v4("app"), v6("app")]);
    book.handle_answer(&v4("app"), ips(60, &["10.0.0.7"]), Duration::ZERO);
    assert_eq!(book.next_look(), Some(secs(2)));
}

#[test]
fn another_configuration_knows_what_was_known() {
    let only = |longest| ResolveRules { families: Families::Ipv4, longest: secs(longest), ..rules() };
    let book = check(
        vec![host("app", only(30)), host("old", only(5))],
        &[
            (0, v4("app"), ips(60, &["10.0.0.7"]), &["10.0.0.7:80*3"], Some(30)),
            (0, v4("old"), ips(60, &["10.0.0.8"]), &["10.0.0.7:80*3", "10.0.0.8:80*3"], Some(5)),
        ],
    );
    // Another set, another weight, and asked less often from then on.
    let mut members = vec![host("app", only(600)), host("new", only(30))];
    members[0].like = like(1);
    let mut next = book.with_members(members, secs(3));
    assert_eq!(servers(&next), ["10.0.0.7:80*1"]);
    assert!(!next.is_settled());
    assert_eq!(asked(&mut next, 3), [v4("new")], "what is known is not asked again, and what is gone is forgotten");
    next.handle_answer(&v4("new"), ips(60, &["10.0.0.9"]), secs(3));
    assert!(next.is_settled());
    assert_eq!(servers(&next), ["10.0.0.7:80*1", "10.0.0.9:80*3"]);
    assert_eq!(asked(&mut next, 30), [v4("app")]);
    // A look that is under way is answered to the other book: this one asks for itself.
    let mut third = next.with_members(vec![host("app", only(600))], secs(31));
    assert_eq!(asked(&mut third, 31), [v4("app")]);
    third.handle_answer(&v4("app"), ips(300, &["10.0.0.7"]), secs(31));
    assert_eq!(third.next_look(), Some(secs(331)));
}

#[test]
fn more_records_than_are_of_use_are_left_out_and_counted() {
    let mut book = Book::new(vec![host("app", ResolveRules { families: Families::Ipv4, ..rules() })], Duration::ZERO);
    let many: Vec<_> = (0..300).map(|n| Record::Address([10, 0, (n / 256) as u8, (n % 256) as u8].into())).collect();
    let change = book.handle_answer(&v4("app"), Answer::Found { records: many, ttl: None }, Duration::ZERO);
    let Some(Change::Moved { now, left_out, .. }) = change else { panic!("{change:?}") };
    assert_eq!((now.len(), left_out, servers(&book).len()), (watch::RECORDS_MAX, 44, watch::RECORDS_MAX));
}

#[test]
fn people_are_told_once_of_what_lasts() {
    let mut book = Book::new(vec![host("app", ResolveRules { families: Families::Ipv4, ..rules() })], Duration::ZERO);
    let mut tell = |answer| book.handle_answer(&v4("app"), answer, Duration::ZERO);
    assert!(matches!(tell(ips(9, &["10.0.0.7"])), Some(Change::Moved { .. })));
    assert_eq!(tell(ips(9, &["10.0.0.7"])), None);
    assert!(matches!(tell(failed()), Some(Change::Fails { kept: 1, .. })));
    assert_eq!(tell(failed()), None);
    assert_eq!(tell(ips(9, &["10.0.0.7"])), Some(Change::Answers { question: v4("app") }));
    let Some(Change::Moved { now, was, .. }) = tell(ips(9, &["10.0.0.8"])) else { panic!("it moved") };
    assert_eq!((now.join(" "), was.join(" ")), ("10.0.0.8".to_owned(), "10.0.0.7".to_owned()));
}

#[test]
fn a_name_that_leads_nowhere_says_why() {
    let mut book = Book::new(vec![host("app", rules()), host("nix", rules())], Duration::ZERO);
    for name in ["app", "nix"] {
        assert!(!book.is_settled());
        book.handle_answer(&v4(name), if name == "app" { failed() } else { nobody() }, Duration::ZERO);
        book.handle_answer(&v6(name), nobody(), Duration::ZERO);
    }
    assert!(book.is_settled());
    let why: Vec<_> = book.nowhere().into_iter().map(|one| (one.name.to_string(), one.why)).collect();
    assert_eq!(why[0], ("app".to_owned(), "A of app: Server Failure".to_owned()));
    assert_eq!(why[1], ("nix".to_owned(), "there is no such name, or it has no address".to_owned()));
}

#[test]
fn names_of_hosts() {
    let long = "a".repeat(64);
    for (text, expect) in [
        ("app.internal", Ok("app.internal")),
        ("APP", Ok("app")),
        ("app.internal.", Ok("app.internal.")),
        ("_http._tcp.app", Ok("_http._tcp.app")),
        ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
        ("10.0.0.300", Err(HostError::Number)),
        ("7", Err(HostError::Number)),
        ("", Err(HostError::Empty)),
        (".", Err(HostError::Empty)),
        ("a..b", Err(HostError::Empty)),
        ("app internal", Err(HostError::Character)),
        ("bücher.example", Err(HostError::Character)),
        ("http://app", Err(HostError::Character)),
        (&long, Err(HostError::TooLong)),
    ] {
        assert_eq!(host_name(text), expect.map(Into::into), "{text}");
    }
}
