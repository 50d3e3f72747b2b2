//! Whatever the framing, and whoever closes, every answer counts once, with all of its bytes and its time.

use super::house::{Asked, Deed, Deeds, House};
use super::target;
use super::told::{FRESH, KEPT, Seen, Told, check, draft, hello, ms, play, polite, says_after, us};
use ports::ClosedFirst::{OurFin, PeerFin, RstReceived, RstSent};
use std::time::Duration;
use stress_core::ClosePolicy::{self, Fin, Half, Keep, Rst, Wait};
use stress_core::{ErrorKind, Oddity, PlanDraft, Verdict};

const REQUESTS: u64 = 40;

/// Forty requests of four connections, ten each, to a house that takes so long and answers with so many bytes of a body.
#[track_caller]
fn check_good(scene: &str, serve: fn(&Asked) -> Deeds, takes: Duration, body_bytes: u64) {
    for (close, who) in [(Keep, OurFin), (Wait, PeerFin), (Fin, OurFin), (Half, OurFin), (Rst, RstSent)] {
        let Seen { tally, house, .. } = play(draft(4, REQUESTS, close), House::new(&[target()], serve));
        let takes = takes.as_micros() as u64;
        let (fresh, kept, rounds): (&[_], _, _) = match close {
            Keep => (&[(4, FRESH + takes), (36, KEPT + takes)], 4, FRESH + takes + 9 * (KEPT + takes)),
            _ => (&[(REQUESTS, FRESH + takes)], REQUESTS, 10 * (FRESH + takes)),
        };
        let (body_bytes, closed) = (REQUESTS * body_bytes, &[(who, kept)]);
        check(&format!("{scene} --close {close}"), &tally, &Told { latencies: fresh, body_bytes, closed, failed: &[] });
        assert_eq!((house.requests, house.connections, tally.elapsed), (REQUESTS, kept, us(rounds)), "{scene} {close}");
        assert_eq!(Verdict::of(&tally), Verdict::Clean, "{scene} {close}");
        assert_eq!(tally.statuses().map(|(_, count)| count).sum::<u64>(), REQUESTS, "{scene} {close}");
    }
}

#[test]
fn good_answers_count_once() {
    check_good("at once", polite, Duration::ZERO, 5);
    check_good("after 20 ms", |asked| says_after(asked, ms(20), hello(asked)), ms(20), 5);
    check_good("in chunks behind an interim response", in_chunks, ms(3), 11);
    check_good("without a body", |asked| says_after(asked, Duration::ZERO, empty(asked)), Duration::ZERO, 0);
    check_good("300,000 bytes", large, ms(1), 300_000);
    check_good("a byte every 5 ms", drips, ms(25), 5);
    check_good("a head in two pieces", head_in_two, ms(7), 5);
}

fn connection(asked: &Asked) -> &'static str {
    if asked.closes { "Connection: close\r\n" } else { "" }
}

fn in_chunks(asked: &Asked) -> Deeds {
    let head = format!("HTTP/1.1 200 OK\r\n{}Transfer-Encoding: chunked\r\n\r\n", connection(asked));
    let mut deeds = vec![
        (ms(1), Deed::Says(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec())),
        (ms(1), Deed::Says(head.into_bytes())),
    ];
    deeds.extend(says_after(asked, ms(1), "5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nSum: 1\r\n\r\n"));
    deeds
}

fn empty(asked: &Asked) -> String {
    format!("HTTP/1.1 204 No Content\r\n{}\r\n", connection(asked))
}

fn large(asked: &Asked) -> Deeds {
    let head = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 300000\r\n\r\n", connection(asked));
    says_after(asked, ms(1), [head.as_bytes(), &[b'x'; 300_000]].concat())
}

fn drips(asked: &Asked) -> Deeds {
    let head = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 5\r\n\r\n", connection(asked));
    let mut deeds = vec![(Duration::ZERO, Deed::Says(head.into_bytes()))];
    deeds.extend((0..4).map(|_| (ms(5), Deed::Says(vec![b'x']))));
    deeds.extend(says_after(asked, ms(5), "x"));
    deeds
}

fn head_in_two(asked: &Asked) -> Deeds {
    let text = hello(asked);
    let (first, second) = text.split_at(20);
    [vec![(ms(3), Deed::Says(first.to_vec()))], says_after(asked, ms(4), second)].concat()
}

/// The end of a body is the FIN: of every answer, whatever was asked for.
#[test]
fn a_body_may_end_with_its_connection() {
    let until_close = |_: &Asked| {
        let text = b"HTTP/1.0 200 OK\r\n\r\nall there is".to_vec();
        vec![(ms(2), Deed::Says(text)), (ms(3), Deed::Closes)]
    };
    for close in [Keep, Wait, Fin] {
        let Seen { tally, .. } = play(draft(4, REQUESTS, close), House::new(&[target()], until_close));
        let (latencies, closed) = (&[(REQUESTS, FRESH + 5_000)], &[(PeerFin, REQUESTS)]);
        let told = Told { latencies, body_bytes: 12 * REQUESTS, closed, failed: &[] };
        check(&format!("until the end, --close {close}"), &tally, &told);
    }
}

/// Who closes is told even where it is not who was asked to.
#[test]
fn closes_are_told_as_they_were() {
    let check_ends = |scene: &str, close: ClosePolicy, serve: fn(&Asked) -> Deeds, who, oddities: &[_]| {
        let Seen { tally, .. } = play(draft(4, REQUESTS, close), House::new(&[target()], serve));
        let (latencies, closed) = (&[(REQUESTS, FRESH)], &[(who, REQUESTS)]);
        check(scene, &tally, &Told { latencies, body_bytes: 5 * REQUESTS, closed, failed: &[] });
        let odd: Vec<_> = Oddity::ALL.into_iter().map(|what| (what, tally.oddities(what))).collect();
        let odd: Vec<_> = odd.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(odd, oddities, "{scene}");
    };
    let silently = |asked: &Asked| [says(hello(&Asked { closes: false, ..*asked })), vec![now(Deed::Closes)]].concat();
    // Of each connection the first request is answered; nine of ten are sent on one that is closed already.
    check_ends("without a word, kept", Keep, silently, PeerFin, &[(Oddity::SentAgain, REQUESTS - 4)]);
    check_ends("without a word", Wait, silently, PeerFin, &[]);
    let never = |asked: &Asked| says(hello(asked));
    check_ends("never", Wait, never, OurFin, &[(Oddity::WaitExpired, REQUESTS)]);
    check_ends("never, and we do", Fin, never, OurFin, &[]);
    let resets = |asked: &Asked| [says(hello(asked)), vec![(ms(50), Deed::Resets)]].concat();
    check_ends("by a reset", Wait, resets, RstReceived, &[]);
    let more = |asked: &Asked| says([hello(asked), b", world".to_vec()].concat());
    check_ends("more than was announced", Keep, more, OurFin, &[(Oddity::UnaskedBytes, REQUESTS)]);
}

fn says(text: impl Into<Vec<u8>>) -> Deeds {
    vec![now(Deed::Says(text.into()))]
}

fn now(deed: Deed) -> (Duration, Deed) {
    (Duration::ZERO, deed)
}

/// A server that takes one request of each connection and closes 30 ms after it: the second is sent, waits for nothing, and is
/// sent again. It fails nobody, and the time is that of both.
#[test]
fn a_request_that_meets_a_close_is_sent_again_and_its_time_goes_on() {
    let serve = |asked: &Asked| match asked.nth {
        0 => [says(hello(asked)), vec![(ms(30), Deed::Closes)]].concat(),
        _ => Vec::new(),
    };
    let Seen { tally, house, .. } = play(draft(1, 10, Keep), House::new(&[target()], serve));
    // The FIN leaves 30 ms after the answer to the first; the other nine wait for it, then begin anew.
    let told = Told {
        latencies: &[(1, FRESH), (9, 30_000 + FRESH)],
        body_bytes: 50,
        // The last connection is closed by us, at the end of the run.
        closed: &[(PeerFin, 9), (OurFin, 1)],
        failed: &[],
    };
    check("30 ms later", &tally, &told);
    assert_eq!((tally.oddities(Oddity::SentAgain), house.requests), (9, 19));
}

/// A status of 400 or above is an answer, and told as what it is.
#[test]
fn statuses_are_answers() {
    let serve = |asked: &Asked| {
        let status = if asked.number % 4 == 3 { "503 Full" } else { "200 OK" };
        says_after(asked, ms(1), format!("HTTP/1.1 {status}\r\n{}Content-Length: 2\r\n\r\nok", connection(asked)))
    };
    let Seen { tally, .. } = play(draft(4, REQUESTS, Wait), House::new(&[target()], serve));
    let (latencies, closed) = (&[(REQUESTS, FRESH + 1_000)], &[(PeerFin, REQUESTS)]);
    check("every fourth", &tally, &Told { latencies, body_bytes: 80, closed, failed: &[] });
    assert_eq!(tally.statuses().collect::<Vec<_>>(), [(200, 30), (503, 10)]);
    assert_eq!(Verdict::of(&tally), Verdict::ErrorStatuses { count: 10 });
}

/// Both directions, to the byte.
#[test]
fn all_bytes_are_counted() {
    let body = vec![b'x'; 65_536];
    let posts = PlanDraft { body, ..draft(2, 20, Keep) };
    let Seen { tally, house, .. } = play(posts, House::new(&[target()], polite));
    let asked = Asked { number: 0, nth: 0, door: 0, at: Duration::ZERO, closes: false };
    assert_eq!((house.body_bytes, tally.received_bytes), (20 * 65_536, 20 * hello(&asked).len() as u64));
    check_latencies_of_posts(&tally);
}

/// However many buffers a request takes, it is one way.
fn check_latencies_of_posts(tally: &stress_core::Tally) {
    let told = Told { latencies: &[(2, FRESH), (18, KEPT)], body_bytes: 100, closed: &[(OurFin, 2)], failed: &[] };
    check("64 KiB a request", tally, &told);
    assert_eq!(tally.errors(ErrorKind::Other), 0);
}
