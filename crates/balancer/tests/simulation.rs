//! The whole balancer among scripted clients and origins on a simulated network, from many seeds.
//!
//! `QUINTET_SEEDS=10000 cargo test -p balancer --test simulation` widens the sweep; a failure prints the
//! command that replays its seed.

mod common;

use balancer_core::{AuthRule, BasicAuth, ClientClose, CloseReason, Failure, ListenerLimits, PaceRules};
use common::house::{Books, House};
use common::pattern;
use common::plan::{Expect, Session};
use common::scene::{play_scene, session, usual};
use common::world::{BALANCER, Mood, Outcome, play};
use reactor_sim::HostConfig;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use stress_core::{ClosePolicy, ErrorKind, PlanDraft};
use testkit::{Replay, sweep};

/// Sessions of one seed.
const SESSIONS: usize = 12;

/// Plays one seed and judges it. A seed that is replayed alone tells its whole story.
fn check(seed: u64, mood: Mood, judge: fn(&Outcome) -> Result<(), String>) -> Result<(), String> {
    let outcome = play(seed, mood, SESSIONS)?;
    judge(&outcome).map_err(|error| match std::env::var_os(testkit::sweep::SEED_VARIABLE) {
        Some(_) => format!("{error}\n{}", outcome.story),
        None => error,
    })
}

fn replay(test: &'static str) -> Replay {
    Replay { package: "balancer", target: "--test simulation", test }
}

#[test]
fn in_fair_weather_every_request_gets_what_it_must() {
    sweep(replay("in_fair_weather_every_request_gets_what_it_must"), 300, |seed| {
        check(seed, Mood::Fair, Outcome::check_fair)
    });
}

#[test]
fn in_rough_weather_every_failure_is_told_and_nothing_leaks() {
    sweep(replay("in_rough_weather_every_failure_is_told_and_nothing_leaks"), 300, |seed| {
        check(seed, Mood::Rough, Outcome::check_rough)
    });
}

#[test]
fn without_ports_the_balancer_blames_itself() {
    sweep(replay("without_ports_the_balancer_blames_itself"), 150, |seed| {
        check(seed, Mood::Tight, Outcome::check_tight)
    });
}

#[test]
fn a_drain_in_the_middle_ends_in_time_and_cleanly() {
    sweep(replay("a_drain_in_the_middle_ends_in_time_and_cleanly"), 200, |seed| {
        check(seed, Mood::Drain, Outcome::check_drain)
    });
}

/// Listeners, sets, servers, weights and policies change in the middle of traffic: nothing of what stays is lost.
#[test]
fn a_configuration_that_changes_loses_nothing() {
    sweep(replay("a_configuration_that_changes_loses_nothing"), 300, |seed| {
        check(seed, Mood::Change, Outcome::check_change)
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..10 {
        let hash = || play(seed, Mood::Rough, SESSIONS).map(|outcome| outcome.log_hash);
        assert_eq!(hash(), hash(), "seed {seed}");
    }
}

/// Plays a house with the real tester and real origins, and judges the books.
fn judge_house(house: House, judge: fn(&Books) -> Result<(), String>) -> Result<(), String> {
    let books = house.run()?;
    judge(&books).map_err(|error| match std::env::var_os(testkit::sweep::SEED_VARIABLE) {
        Some(_) => format!("{error}\n{}", books.story),
        None => error,
    })
}

#[test]
fn tester_balancer_and_origin_keep_the_same_books() {
    sweep(replay("tester_balancer_and_origin_keep_the_same_books"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Fair), Books::check_fair)
    });
}

#[test]
fn in_rough_weather_the_books_still_add_up() {
    sweep(replay("in_rough_weather_the_books_still_add_up"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Rough), Books::check_rough)
    });
}

/// Servers go down and come back while requests wait in line for their few places.
#[test]
fn who_waits_in_line_goes_on_with_a_server_that_comes_back() {
    sweep(replay("who_waits_in_line_goes_on_with_a_server_that_comes_back"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Fair).blinking(), Books::check_blinking)
    });
}

/// Much of it, which stays below: nothing is lost, and where the weather lets large pieces through it is not seen.
#[test]
fn bulk_is_joined_unseen() {
    let mut piped = 0;
    for (mood, judge) in [
        (Mood::Fair, Books::check_fair_joined as fn(&Books) -> Result<(), String>),
        (Mood::Rough, Books::check_rough_joined),
    ] {
        sweep(replay("bulk_is_joined_unseen"), 20, |seed| {
            let books = House::draw(seed, mood).joining().carrying_bulk().run()?;
            piped += books.balancer.tunnel_bytes_piped;
            judge(&books)
        });
    }
    assert!(piped > 0 || std::env::var_os(testkit::sweep::SEED_VARIABLE).is_some());
}

/// All go down while requests wait in line: whoever waits is told, and nobody waits until its time is over.
#[test]
fn who_waits_in_line_is_told_when_nobody_is_up() {
    sweep(replay("who_waits_in_line_is_told_when_nobody_is_up"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Fair).darkening(), Books::check_blinking)
    });
}

/// A set that takes fewer requests at once than come. After each turn of each run its number is that of who is under way.
#[test]
fn a_set_takes_no_more_at_once_than_it_may() {
    sweep(replay("a_set_takes_no_more_at_once_than_it_may"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Fair).crowded(), Books::check_crowded)
    });
}

/// TLS from end to end, and a balancer that only looks for the name.
#[test]
fn connections_are_joined_by_the_name_they_ask_for() {
    sweep(replay("connections_are_joined_by_the_name_they_ask_for"), 150, |seed| {
        judge_house(House::draw(seed, Mood::Fair).passing_tls(), Books::check_fair_joined)
    });
    sweep(replay("connections_are_joined_by_the_name_they_ask_for"), 150, |seed| {
        judge_house(House::draw(seed, Mood::Rough).passing_tls(), Books::check_rough_joined)
    });
}

#[test]
fn joined_connections_lose_nothing_in_fair_weather() {
    sweep(replay("joined_connections_lose_nothing_in_fair_weather"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Fair).joining(), Books::check_fair_joined)
    });
}

#[test]
fn joined_connections_keep_their_books_in_rough_weather() {
    sweep(replay("joined_connections_keep_their_books_in_rough_weather"), 300, |seed| {
        judge_house(House::draw(seed, Mood::Rough).joining(), Books::check_rough_joined)
    });
}

/// TLS on one stretch of the way or on both: the books are the same.
#[test]
fn over_tls_everybody_keeps_the_same_books() {
    sweep(replay("over_tls_everybody_keeps_the_same_books"), 150, |seed| {
        judge_house(House::draw(seed, Mood::Fair).secured(), Books::check_fair_secured)
    });
}

#[test]
fn in_rough_weather_the_books_add_up_over_tls() {
    sweep(replay("in_rough_weather_the_books_add_up_over_tls"), 150, |seed| {
        judge_house(House::draw(seed, Mood::Rough).secured(), Books::check_rough)
    });
}

/// Behind a proxy that announces every client, with TLS or without: the books are the same.
#[test]
fn announced_clients_keep_the_same_books() {
    sweep(replay("announced_clients_keep_the_same_books"), 200, |seed| {
        let house = House::draw(seed, Mood::Fair);
        let house = if seed % 2 == 0 { house.secured() } else { house };
        judge_house(house.announced(), Books::check_fair_announced)
    });
}

#[test]
fn in_rough_weather_the_books_of_announced_clients_add_up() {
    sweep(replay("in_rough_weather_the_books_of_announced_clients_add_up"), 200, |seed| {
        let house = House::draw(seed, Mood::Rough);
        let house = if seed % 2 == 0 { house.secured() } else { house };
        judge_house(house.announced(), Books::check_rough)
    });
}

/// A joined connection that a proxy announces loses nothing that comes behind the header.
#[test]
fn announced_connections_are_joined_whole() {
    sweep(replay("announced_connections_are_joined_whole"), 150, |seed| {
        judge_house(House::draw(seed, Mood::Fair).joining().announced(), Books::check_fair_joined)
    });
}

/// The guide's scene: a client with ten ports, a balancer without timestamps, `requests` connections.
fn scene(close: ClosePolicy, timestamps: bool, tw_reuse: bool, requests: u64) -> Books {
    let mut house = House::draw(1, Mood::Fair);
    let mut draft = PlanDraft::new(format!("http://{BALANCER}/bytes/100"));
    (draft.connections, draft.requests, draft.close) = (2, Some(requests), close);
    house.plan = draft.check().expect("a plan that can be");
    house.settings.listeners[0].close = ClientClose::BalancerFirst;
    house.settings.listeners[0].limits = ListenerLimits::default();
    house.client_host = HostConfig { ports: (50_000, 50_009), tw_reuse, ..HostConfig::default() };
    house.balancer_host = HostConfig { timestamps, ..HostConfig::default() };
    house.run().expect("the scene runs")
}

#[test]
fn a_client_that_closes_first_runs_out_of_ports_without_timestamps() {
    let books = scene(ClosePolicy::Fin, false, true, 30);
    assert_eq!((books.tester.ok, books.errors(ErrorKind::ClientPorts)), (10, 20));
    assert_eq!(books.time_waits[0], 10);
}

#[test]
fn timestamps_and_reuse_bring_the_ports_back_after_a_second() {
    let books = scene(ClosePolicy::Fin, true, true, 100);
    assert!(books.tester.ok > 10 && books.errors(ErrorKind::ClientPorts) > 0, "{}", books.tester.ok);
    assert_eq!(scene(ClosePolicy::Fin, true, false, 30).tester.ok, 10, "not without tcp_tw_reuse");
}

#[test]
fn the_cures_leave_no_time_wait_per_request_on_the_client() {
    // Close policy; TIME_WAIT entries on the client; and on the balancer, of its client connections.
    for (close, here, there) in [(ClosePolicy::Wait, 0, 200), (ClosePolicy::Rst, 0, 0), (ClosePolicy::Keep, 2, 0)] {
        let books = scene(close, false, false, 200);
        assert_eq!((books.tester.ok, books.time_waits[0]), (200, here), "{close:?}");
        assert_eq!(books.balancer.client_closes.time_waits_here(), there, "{close:?}");
    }
}

/// One client with six connections at once, of which it may have two: the others are reset at the door, and cost nobody a
/// port.
#[test]
fn a_client_has_no_more_connections_than_it_may() {
    let mut house = House::draw(1, Mood::Fair);
    let mut draft = PlanDraft::new(format!("http://{BALANCER}/delay/50"));
    (draft.connections, draft.requests, draft.close) = (6, Some(60), ClosePolicy::Wait);
    house.plan = draft.check().expect("a plan that can be");
    house.settings.listeners[0].close = ClientClose::ResetWhenSafe;
    house.settings.listeners[0].limits =
        ListenerLimits { connections_per_client_max: Some(2), ..ListenerLimits::default() };
    let books = house.run().expect("the scene runs");
    let (tester, balancer) = (&books.tester, &books.balancer);
    let turned_away = balancer.client_reasons[CloseReason::TooMany as usize];
    assert!(turned_away > 0 && tester.ok > 0, "{balancer:?}");
    assert_eq!((tester.ok + tester.failed(), balancer.responses), (60, tester.ok), "{balancer:?}");
    assert_eq!(balancer.client_closes.total(), balancer.accepted);
    assert_eq!((books.time_waits[0], balancer.client_closes.time_waits_here()), (0, 0), "a reset leaves none");
}

/// Three that hold a connection with a byte now and then, and one that is in no hurry, but fast enough.
#[test]
fn slow_clients_are_told_or_cut_and_others_are_not() {
    let mut settings = usual();
    let rate = NonZeroU32::new(20_000);
    let pace = PaceRules { request: rate, response: rate, grace: Duration::from_secs(5) };
    settings.listeners[0].timeouts.pace = pace;
    let second = Duration::from_secs(1);
    let drips = |first: &'static [u8]| [&[first][..], &[&b"x"[..]; 40]].concat();
    let told = || Expect::Fails(&[408]);
    let slowloris = session("GET", &drips(b"GET /plain/1/5 HTTP/1.1\r\nX: "), second, told());
    let post = b"POST /echo/1/500 HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n";
    let slow_body = session("POST", &drips(post), second, told());
    let get = b"GET /plain/1/400000 HTTP/1.1\r\nHost: a\r\n\r\n";
    let anything = Expect::Anything { body: pattern(1, 400_000) };
    let slow_read = Session { read_pause: Some(4 * second), ..session("GET", &[get], second, anything) };
    let whole = Expect::Whole { status: 200, body: pattern(1, 400_000) };
    let leisurely = Session { read_pause: Some(second / 10), ..session("GET", &[get], second, whole) };
    let (counters, tally) = play_scene(&settings, vec![slowloris, slow_body, slow_read, leisurely]);
    let failed = [Failure::HeadTimeout, Failure::BodyTooSlow].map(|failure| counters.failed(failure));
    let cut = counters.client_reasons[CloseReason::SlowReader as usize];
    assert_eq!((failed, cut, counters.responses), ([1, 1], 1, 1), "{counters:?}");
    assert_eq!((tally.told, tally.whole, tally.strange.len()), (2, 1, 0), "{tally:?}");
}

/// Passwords are compared elsewhere, while requests wait: who is known goes on, also with a body that came meanwhile; who is
/// not is told.
#[test]
fn whoever_has_to_say_who_he_is_waits_until_that_is_known() {
    let mut settings = usual();
    // "secret", and few rounds.
    let users = [("alice".to_owned(), "$2y$04$71mXJlD9I0aXGNGeaSGDuODkiRpZvIuqPMKYsyWrmKLysjR1Uxeqq".to_owned())];
    let basic = BasicAuth::new("Site", users, false).expect("users");
    settings.listeners[0].treatment.auth = Some(AuthRule::Basic(Arc::new(basic)));
    let get = |said: &str| format!("GET /plain/1/500 HTTP/1.1\r\nHost: a\r\n{said}\r\n").into_bytes();
    let whole = || Expect::Whole { status: 200, body: pattern(1, 500) };
    let (right, wrong) = ("Authorization: Basic YWxpY2U6c2VjcmV0\r\n", "Authorization: Basic YWxpY2U6d3Jvbmc=\r\n");
    let unknown = "Authorization: Basic bWFsbG9yeTpzZWNyZXQ=\r\n";
    let post = format!("POST /echo/1/500 HTTP/1.1\r\nHost: a\r\n{right}Content-Length: 500\r\n\r\n");
    let (body, pause) = (pattern(1, 500), Duration::from_millis(5));
    let mut sessions: Vec<Session> = [right, right, "", wrong, unknown]
        .into_iter()
        .map(|said| {
            let expect = if said == right { whole() } else { Expect::Fails(&[401]) };
            session("GET", &[&get(said)], pause, expect)
        })
        .collect();
    sessions.push(session("POST", &[post.as_bytes(), &body[..100], &body[100..]], pause, whole()));
    let (counters, tally) = play_scene(&settings, sessions);
    assert_eq!((counters.auth_compared, counters.auth_remembered), (3, 2), "{counters:?}");
    assert_eq!((counters.failed(Failure::Unauthorized), counters.responses), (3, 3), "{counters:?}");
    assert_eq!((tally.told, tally.whole, tally.strange.len()), (3, 3, 0), "{tally:?}");
}
