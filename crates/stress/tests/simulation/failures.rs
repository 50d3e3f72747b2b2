//! Each failure is counted as what it was, and no other request suffers by it.

use super::house::{Asked, Deed, Deeds, House};
use super::told::{FRESH, KEPT, Seen, Told, check, draft, hello, ms, play, play_in, polite, still};
use super::{SERVER, target};
use ports::ClosedFirst::{self, OurFin, PeerFin, RstReceived, RstSent};
use reactor_sim::{HostConfig, Weather};
use std::net::SocketAddr;
use std::time::Duration;
use stress_core::ClosePolicy::{Fin, Keep, Wait};
use stress_core::{ErrorKind, Oddity, PlanDraft, Verdict};

/// Every fifth request, from the fifth, comes to nothing by these deeds; all others get their answer.
fn every_fifth(deeds: fn() -> Deeds) -> House {
    House::new(&[target()], move |asked: &Asked| if asked.number % 5 == 4 { deeds() } else { polite(asked) })
}

/// Forty requests, of which eight fail like this; so many bytes of each body came, and so ended their connections.
#[track_caller]
fn check_fails(scene: &str, deeds: fn() -> Deeds, kind: ErrorKind, bytes: u64, who: ClosedFirst) {
    let Seen { tally, house, .. } = play(draft(4, 40, Wait), every_fifth(deeds));
    let closed: &[_] = if who == PeerFin { &[(PeerFin, 40)] } else { &[(PeerFin, 32), (who, 8)] };
    let told = Told { latencies: &[(32, FRESH)], failed: &[(kind, 8)], body_bytes: 32 * 5 + 8 * bytes, closed };
    check(scene, &tally, &told);
    assert_eq!((house.requests, tally.connects_tried), (40, 40), "{scene}");
    assert_eq!(Verdict::of(&tally), Verdict::TargetFailed { by: kind, failed: 8 }, "{scene}");
}

fn says(text: &str) -> (Duration, Deed) {
    (Duration::ZERO, Deed::Says(text.as_bytes().to_vec()))
}

const HALF_A_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Le";
const HALF_A_BODY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe";
const HALF_OF_CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";

#[test]
fn resets_and_closes_are_told_apart() {
    use ErrorKind::{Closed, Reset};
    check_fails("reset", || vec![(ms(2), Deed::Resets)], Reset, 0, RstReceived);
    check_fails("reset in the head", || vec![says(HALF_A_HEAD), (ms(2), Deed::Resets)], Reset, 0, RstReceived);
    check_fails("reset in the body", || vec![says(HALF_A_BODY), (ms(2), Deed::Resets)], Reset, 2, RstReceived);
    check_fails("closed", || vec![(ms(2), Deed::Closes)], Closed, 0, PeerFin);
    check_fails("closed in the head", || vec![says(HALF_A_HEAD), (ms(2), Deed::Closes)], Closed, 0, PeerFin);
    check_fails("closed in the body", || vec![says(HALF_A_BODY), (ms(2), Deed::Closes)], Closed, 2, PeerFin);
    check_fails("no last chunk", || vec![says(HALF_OF_CHUNKS), (ms(2), Deed::Closes)], Closed, 5, PeerFin);
}

#[test]
fn whoever_says_nothing_more_runs_out_of_time() {
    use ErrorKind::Timeout;
    check_fails("hangs", Vec::new, Timeout, 0, OurFin);
    check_fails("hangs in the head", || vec![says(HALF_A_HEAD)], Timeout, 0, OurFin);
    check_fails("hangs in the body", || vec![says(HALF_A_BODY)], Timeout, 2, OurFin);
    check_fails("keeps the last chunk", || vec![says(HALF_OF_CHUNKS)], Timeout, 5, OurFin);
}

#[test]
fn what_is_no_http_is_none() {
    use ErrorKind::{Http, Limit};
    check_fails("another protocol", || vec![says("220 mail.example ESMTP\r\n\r\n")], Http, 0, OurFin);
    let bad_chunk = || vec![says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n")];
    check_fails("a chunk of no length", bad_chunk, Http, 0, OurFin);
    let two_lengths = || vec![says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")];
    check_fails("two lengths", two_lengths, Http, 0, OurFin);
    let interim = || vec![says(&"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17))];
    check_fails("no end of interim responses", interim, Http, 0, OurFin);
    let large = || vec![says(&format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(300_000)))];
    // Some of it is not read: closing it away is a reset.
    check_fails("a head of 300 KB", large, Limit, 0, RstSent);
}

/// All of them, and nothing but them.
#[test]
fn where_all_fail_nothing_is_measured() {
    let leaves = |_: &Asked| vec![(Duration::ZERO, Deed::Closes)];
    let Seen { tally, .. } = play(draft(4, 40, Fin), House::new(&[target()], leaves));
    let failed = &[(ErrorKind::Closed, 40)];
    check("all", &tally, &Told { failed, closed: &[(PeerFin, 40)], ..Told::default() });
}

/// Before anything was asked: the handshake went well, and that was all.
#[test]
fn a_connection_may_be_reset_before_it_asks() {
    let house = House::new(&[target()], polite).turning_away(|connection| connection % 5 == 4);
    let Seen { tally, .. } = play(draft(4, 40, Wait), house);
    let told = Told {
        latencies: &[(32, FRESH)],
        failed: &[(ErrorKind::Reset, 8)],
        body_bytes: 160,
        closed: &[(PeerFin, 32), (RstReceived, 8)],
    };
    check("reset before", &tally, &told);
}

/// On a kept connection nobody knows whether the server saw the request: it goes again, and only what fails on a new
/// connection has failed.
#[test]
fn what_a_kept_connection_loses_is_sent_again() {
    for deed in [Deed::Closes, Deed::Resets] {
        let ended = deed.clone();
        let serve = move |asked: &Asked| match asked.number % 5 {
            4 => vec![(Duration::ZERO, ended.clone())],
            _ => polite(asked),
        };
        let Seen { tally, house, .. } = play(draft(1, 40, Keep), House::new(&[target()], serve));
        // Of 49 that were sent every fifth is lost: 40 answers, and each but the first connection begins with a repetition.
        let ends = if matches!(deed, Deed::Closes) { PeerFin } else { RstReceived };
        let told = Told {
            latencies: &[(1, FRESH), (30, KEPT), (9, KEPT + FRESH)],
            body_bytes: 200,
            closed: &[(ends, 9), (OurFin, 1)],
            failed: &[],
        };
        check("lost on a kept connection", &tally, &told);
        assert_eq!((tally.oddities(Oddity::SentAgain), house.requests), (9, 49));
    }
}

/// Ten connections, and then nobody listens.
#[test]
fn a_target_that_leaves_in_the_middle_refuses_the_rest() {
    let house = House::new(&[target()], polite).leaving_after(10);
    let Seen { tally, .. } = play(draft(1, 40, Wait), house);
    let failed = &[(ErrorKind::Refused, 30)];
    check("refused", &tally, &Told { latencies: &[(10, FRESH)], failed, body_bytes: 50, closed: &[(PeerFin, 10)] });
    assert_eq!((tally.connects_tried, tally.connects_opened), (40, 10));
    assert_eq!(Verdict::of(&tally), Verdict::TargetFailed { by: ErrorKind::Refused, failed: 30 });
}

/// SYNs that nobody answers: the time-out of the request ends the wait, or, where that is longer, that of the kernel.
#[test]
fn a_black_hole_is_a_time_out() {
    let hole = || Weather { black_hole: 1.0, ..still() };
    for (timeout_s, errno) in [(1, None), (200, Some(110))] {
        let plan = PlanDraft { timeout: Duration::from_secs(timeout_s), ..draft(4, 8, Wait) };
        let house = House::new(&[target()], polite);
        let Seen { tally, done_at, .. } = play_in(hole(), HostConfig::default(), &[target()], plan, house);
        check("a black hole", &tally, &Told { failed: &[(ErrorKind::Timeout, 8)], ..Told::default() });
        assert_eq!(tally.faults().first().map(|(fault, _)| fault.errno), errno, "{:?}", tally.faults());
        let least = Duration::from_secs(2 * timeout_s.min(127));
        assert!((least..least + ms(100)).contains(&done_at), "two one after the other: {done_at:?}");
    }
}

/// Nobody has this address.
#[test]
fn no_way_to_a_target_is_told_as_such() {
    let nowhere = SocketAddr::from(([10, 9, 9, 9], 80));
    let house = House::new(&[target()], polite);
    let Seen { tally, .. } = play_in(still(), HostConfig::default(), &[nowhere], draft(2, 6, Wait), house);
    check("no route", &tally, &Told { failed: &[(ErrorKind::Unreachable, 6)], ..Told::default() });
}

/// A hundred connections and files for twenty: those that have one go on, the others fail, and it is this host's doing.
#[test]
fn files_that_are_used_up_are_this_hosts_failure() {
    let few = HostConfig { files_max: 20, ..HostConfig::default() };
    let house = House::new(&[target()], polite);
    // Twenty make the other two hundred, ten each, in 2.2 ms: before anybody who failed tries again.
    let Seen { tally, .. } = play_in(still(), few, &[target()], draft(100, 280, Keep), house);
    let told = Told {
        latencies: &[(20, FRESH), (180, KEPT)],
        failed: &[(ErrorKind::ClientFiles, 80)],
        body_bytes: 1_000,
        closed: &[(OurFin, 20)],
    };
    check("files", &tally, &told);
    assert_eq!(Verdict::of(&tally), Verdict::ClientLimited { by: ErrorKind::ClientFiles, failed: 80 });
}

/// Of two addresses each has its turn; the failures of one are not those of the other.
#[test]
fn every_address_has_its_turn() {
    let doors = [target(), SocketAddr::from((SERVER, 81))];
    let serve = |asked: &Asked| match asked.door {
        0 => polite(asked),
        _ => super::told::says_after(asked, ms(10), hello(asked)),
    };
    let play_both = |house| play_in(still(), HostConfig::default(), &doors, draft(1, 30, Wait), house);
    let Seen { tally, .. } = play_both(House::new(&doors, serve));
    let latencies = &[(15, FRESH), (15, FRESH + 10_000)];
    check("two", &tally, &Told { latencies, body_bytes: 150, closed: &[(PeerFin, 30)], failed: &[] });
    let Seen { tally, .. } = play_both(House::new(&doors[..1], polite));
    let told = Told {
        latencies: &[(15, FRESH)],
        failed: &[(ErrorKind::Refused, 15)],
        body_bytes: 75,
        closed: &[(PeerFin, 15)],
    };
    check("one of two", &tally, &told);
}
