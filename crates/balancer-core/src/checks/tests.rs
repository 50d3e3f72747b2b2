//! Checks as tables: outcomes in, turns out; and the rota over a long time.

use super::*;
use crate::settings::{BackendSetSettings, ServerSettings, Settings};
use core::time::Duration;
use std::collections::BTreeMap;
use std::net::SocketAddr;

fn rules() -> CheckRules {
    CheckRules { rise: 2, fall: 3, ..CheckRules::new(CheckKind::Tcp) }
}

/// `+` good, `-` bad, `?` ours; behind each what it turned: `U`, `D` with so many in a row, or nothing.
fn check(timeline: &str) {
    let mut course = Course::default();
    for (number, step) in timeline.split_whitespace().enumerate() {
        let (outcome, expect) = step.split_at(1);
        let turn = match outcome {
            "+" => course.handle_outcome(Outcome::Good, &rules()),
            "-" => course.handle_outcome(Outcome::Bad("no".to_owned()), &rules()),
            _ => course.handle_outcome(Outcome::Ours("no port".to_owned()), &rules()),
        };
        let turn = match turn {
            None => String::new(),
            Some(Turn::Up { in_a_row }) => format!("U{in_a_row}"),
            Some(Turn::Down { in_a_row, .. }) => format!("D{in_a_row}"),
        };
        assert_eq!(turn, expect, "step {number} of {timeline}");
    }
}

#[test]
fn rise_and_fall() {
    check("+ - - -D3 + - + +U2 - - + - - -D3");
}

#[test]
fn the_first_check_decides_alone() {
    check("-D1 + +U2");
    check("? -D1 - - +");
    check("+ + - -");
}

#[test]
fn a_shortage_of_ours_says_nothing() {
    check("+ - ? - ? ? -D3 ? + ? +U2");
}

fn settings(ports: &[u16], rules: Option<CheckRules>) -> Settings {
    let server = |port: &u16| ServerSettings::new(SocketAddr::from(([10, 0, 0, 1], *port)));
    let set = BackendSetSettings::new("app", ports.iter().map(server).collect());
    Settings { listeners: vec![], backend_sets: vec![BackendSetSettings { check: rules, ..set }] }
}

/// Who is checked until then, each answering at once: port and time.
fn checked(rota: &mut Rota, until: Duration, outcome: impl Fn(u16) -> Outcome) -> Vec<(u16, Duration)> {
    let mut all = Vec::new();
    while let Some(now) = rota.next_check().filter(|due| *due <= until) {
        let (id, target) = rota.poll_check(now).expect("it is due");
        let port = target.server.address.ip().expect("an address").port();
        all.push((port, now));
        rota.handle_outcome(id, outcome(port), now);
    }
    all
}

#[test]
fn each_has_its_interval_and_one_that_is_down_a_shorter_one() {
    let mut rota = Rota::new(7);
    rota.set_servers(&settings(&[1, 2], Some(rules())), Duration::ZERO);
    let bad = |port| if port == 2 { Outcome::Bad(String::new()) } else { Outcome::Good };
    let all = checked(&mut rota, Duration::from_secs(100), bad);
    let mut times: BTreeMap<u16, Vec<Duration>> = BTreeMap::new();
    all.iter().for_each(|(port, at)| times.entry(*port).or_default().push(*at));
    for (port, interval) in [(1, rules().interval), (2, rules().interval_down)] {
        let times = &times[&port];
        assert!(times[0] <= Duration::from_millis(100), "quick at the start: {times:?}");
        let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (least, most) = (gaps.iter().min().expect("some"), gaps.iter().max().expect("some"));
        assert!(*least >= interval * 9 / 10 && *most <= interval * 11 / 10, "{port}: {least:?} to {most:?}");
        assert!(most > least, "by chance");
    }
}

#[test]
fn the_seed_decides_and_servers_that_stay_keep_what_was_found() {
    let run = |seed| {
        let mut rota = Rota::new(seed);
        rota.set_servers(&settings(&[1, 2, 3], Some(rules())), Duration::ZERO);
        checked(&mut rota, Duration::from_secs(20), |_| Outcome::Good)
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));

    let mut rota = Rota::new(1);
    rota.set_servers(&settings(&[1], Some(rules())), Duration::ZERO);
    let (id, _) = rota.poll_check(Duration::from_secs(1)).expect("due");
    rota.set_servers(&settings(&[1, 2], Some(rules())), Duration::from_secs(1));
    // The check under way is of one that stays: its outcome counts.
    let turn = rota.handle_outcome(id, Outcome::Bad("no".to_owned()), Duration::from_secs(1));
    assert!(matches!(turn, Some((_, Turn::Down { in_a_row: 1, .. }))), "{turn:?}");
    let (newcomer, _) = rota.poll_check(Duration::from_secs(2)).expect("the new one is due at once");
    assert_ne!(newcomer, id);
    rota.set_servers(&settings(&[1, 2], None), Duration::from_secs(2));
    assert_eq!(rota.handle_outcome(newcomer, Outcome::Good, Duration::from_secs(2)), None);
    assert_eq!(rota.next_check(), None, "nobody is checked any more");
}

/// As many are under way as may be: those that begin when others have ended are late, and counted once.
#[test]
fn checks_that_begin_late_are_counted() {
    let mut rota = Rota::new(1);
    rota.set_servers(&settings(&[1, 2, 3], Some(rules())), Duration::ZERO);
    let (second, first) = (Duration::from_secs(1), rota.next_check().expect("one is due"));
    assert!(rota.poll_check(first).is_some() && rota.take_late() == 0);
    assert!(rota.poll_check(second).is_some() && rota.poll_check(second).is_some());
    assert_eq!((rota.take_late(), rota.take_late()), (2, 0));
}

#[test]
fn statuses() {
    let check = HttpCheck { statuses: vec![200..=299, 401..=401], ..HttpCheck::new("/health") };
    for (status, expect) in [(199, false), (200, true), (299, true), (302, false), (401, true), (503, false)] {
        assert_eq!(check.takes(status), expect, "{status}");
    }
}
