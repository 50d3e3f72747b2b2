//! Bodies in awkward sizes and at awkward times: byte by byte, 100-continue, early answers.

use crate::script::Act::*;
use crate::script::{Act, PATH, TIGHT, play, play_with};
use crate::stage::Stage;
use crate::wire::End::*;
use crate::wire::{PATIENCE, crlf};
use balancer_core::{CloseReason, Counters};
use std::time::Duration;

const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
const EXPECTS: &str = "POST /a HTTP/1.1\nHost: a\nExpect: 100-continue\nContent-Length: 4\n\n";
const EXPECTED: &str = "POST /a HTTP/1.1\nHost: a\nExpect: 100-continue\n[path]\nContent-Length: 4\n\n";

#[test]
fn one_byte_at_a_time_is_as_good_as_all_at_once() {
    let request = "POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n4;x=y\nbody\n0\nDigest: 1\n\n";
    let seen = format!("POST /a HTTP/1.1\nHost: a\n{PATH}Transfer-Encoding: chunked\n\n4\nbody\n0\nDigest: 1\n\n");
    let answer = "HTTP/1.1 103 Early Hints\nLink: <x>\n\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n4;x=y\nbody\n0\nDigest: 1\n\n";
    let stage = Stage::new(|_| {});
    let mut client = stage.client();
    for byte in crlf(request) {
        client.sends_bytes(&[byte]);
        std::thread::sleep(Duration::from_micros(300));
    }
    let mut server = stage.server();
    server.sees(&seen);
    for byte in crlf(answer) {
        server.sends_bytes(&[byte]);
        std::thread::sleep(Duration::from_micros(300));
    }
    client.sees(&answer.replace(";x=y", ""));
    stage.end();
}

/// Extensions, and trailers that say what was decided already, end here, in both directions and however they are cut.
#[test]
fn what_is_for_nobody_is_not_passed_on() {
    let long = format!("{}: 1\n", "y".repeat(3000));
    let body = format!(
        "4;{}\nbody\n0;e\nX-Forwarded-For: 1\nDigest: 1\ncontent_length: 5\nAuthorization: x\n{long}\n",
        "e".repeat(900)
    );
    let plain = format!("4\nbody\n0\nDigest: 1\n{long}\n");
    let head = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n";
    for cut in [1, 2, 3, 7, 500, 910, 912, 920, 930, 950, 980, 2000, body.len()] {
        let (early, late) = body.split_at(cut.min(body.len()));
        let acts = [
            ClientSends("POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n"),
            OriginSees("POST /a HTTP/1.1\nHost: a\n[path]\nTransfer-Encoding: chunked\n\n"),
            ClientSends(early),
            Pause(Duration::from_millis(5)),
            ClientSends(late),
            OriginSees(&plain),
            OriginSends(head),
            ClientSees(head),
            OriginSends(early),
            Pause(Duration::from_millis(5)),
            OriginSends(late),
            ClientSees(&plain),
        ];
        let counters = play(&acts);
        assert_eq!((counters.responses, counters.failed_total()), (1, 0), "cut at {cut}");
    }
    let whole = format!("POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n{body}GET /b HTTP/1.1\nHost: a\n\n");
    play(&[
        ClientSends(&whole),
        OriginSees(&format!("POST /a HTTP/1.1\nHost: a\n[path]\nTransfer-Encoding: chunked\n\n{plain}")),
        OriginSends(OK),
        ClientSees(OK),
        OriginSees("GET /b HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(OK),
        ClientSees(OK),
    ]);
}

#[test]
fn hints_that_come_early_are_passed_on() {
    let hints = "HTTP/1.1 103 Early Hints\nLink: </x.css>; rel=preload\n\n";
    play(&[
        ClientSends("GET /a HTTP/1.1\nHost: a\n\n"),
        OriginSees("GET /a HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(hints),
        ClientSees(hints),
        OriginSends(hints),
        ClientSees(hints),
        OriginSends(&format!("HTTP/1.1 102 Processing\n\n{OK}")),
        ClientSees(&format!("HTTP/1.1 102 Processing\n\n{OK}")),
    ]);
}

#[test]
fn a_client_that_waits_for_100_gets_it() {
    play(&[
        ClientSends(EXPECTS),
        OriginSees(EXPECTED),
        OriginSends("HTTP/1.1 100 Continue\n\n"),
        ClientSees("HTTP/1.1 100 Continue\n\n"),
        ClientSends("body"),
        OriginSees("body"),
        OriginSends(OK),
        ClientSees(OK),
        // Both connections go on.
        ClientSends("GET /b HTTP/1.1\nHost: a\n\n"),
        OriginSees("GET /b HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(OK),
        ClientSees(OK),
    ]);
}

#[test]
fn a_client_that_waits_for_100_may_get_417() {
    let refused = "HTTP/1.1 417 Expectation Failed\nContent-Length: 0\n";
    let counters = play(&[
        ClientSends(EXPECTS),
        OriginSees(EXPECTED),
        OriginSends(&format!("{refused}Connection: close\n\n")),
        ClientSees(&format!("{refused}Connection: close\n\n")),
        ClientSeesEnd(Eof),
    ]);
    assert_eq!((counters.statuses[3], counters.responses), (1, 1));
}

/// Without a promise to read on, a body that was announced may or may not come: nobody could tell it from a request.
#[test]
fn an_answer_instead_of_100_ends_the_connection() {
    let refused = "HTTP/1.1 417 Expectation Failed\nContent-Length: 0\n";
    play(&[
        ClientSends(EXPECTS),
        OriginSees(EXPECTED),
        OriginSends(&format!("{refused}\n")),
        ClientSees(&format!("{refused}Connection: close\n\n")),
        ClientSends("GET /b HTTP/1.1\nHost: a\n\n"),
        ClientSeesEnd(Eof),
        OriginSeesEnd(Eof),
    ]);
}

const UPLOADS: &str = "POST /a HTTP/1.1\nHost: a\nContent-Length: 3000000\n\n";
const UPLOADED: &str = "POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 3000000\n\n";

/// An answer before the end of the upload from a server that keeps its connection and reads on; then these.
fn check_early(then: &[Act<'_>]) -> Counters {
    check_early_within(PATIENCE, then)
}

/// The same with a time-out for the upload.
fn check_early_within(body: Duration, then: &[Act<'_>]) -> Counters {
    let piece = "x".repeat(100_000);
    let early = [
        ClientSends(UPLOADS),
        OriginSees(UPLOADED),
        ClientSends(&piece),
        OriginSees(&piece),
        OriginSends(OK),
        ClientSees(OK),
        ClientSends(&piece),
        OriginSees(&piece),
    ];
    play_with(|settings| settings.listeners[0].timeouts.body = body, &[&early[..], then].concat())
}

#[test]
fn an_upload_goes_on_after_its_answer() {
    let rest = "x".repeat(2_800_000);
    let counters = check_early(&[
        ClientSends(&rest),
        OriginSees(&rest),
        // The client's connection is as good as ever; the server's is not trusted again.
        OriginSeesEnd(Eof),
        ClientSends("GET /b HTTP/1.1\nHost: a\n\n"),
        NewServer,
        OriginSees("GET /b HTTP/1.1\nHost: a\n[path]\n\n"),
        OriginSends(OK),
        ClientSees(OK),
    ]);
    assert_eq!((counters.accepted, counters.connects, counters.responses, counters.pooled), (1, 2, 2, 0));
}

#[test]
fn an_upload_that_fails_after_its_answer_does_not_spoil_it() {
    // The client leaves; the server leaves; the client stalls.
    let counters = check_early(&[ClientCloses, OriginSeesEnd(Reset)]);
    assert_eq!(counters.client_reasons[CloseReason::PeerAborted as usize], 1, "{counters:?}");
    let piece = "x".repeat(100_000);
    let gone = [OriginResets, ClientSends(&piece), Pause(Duration::from_millis(20)), ClientSends(&piece)];
    let counters = check_early(&[&gone[..], &[ClientSeesEnd(Eof)]].concat());
    assert_eq!((counters.responses, counters.truncated), (1, 0), "{counters:?}");
    let counters = check_early_within(TIGHT, &[ClientSeesEnd(Eof), NoSoonerThan(TIGHT), OriginSeesEnd(Reset)]);
    assert_eq!((counters.responses, counters.truncated), (1, 0), "{counters:?}");
    assert_eq!((counters.uploads_cut, counters.failed_total()), (1, 0), "{counters:?}");
}

#[test]
fn chunks_that_break_the_rules_after_the_answer_do_not_spoil_it() {
    let counters = play(&[
        ClientSends("POST /a HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2\nxx\n"),
        OriginSees("POST /a HTTP/1.1\nHost: a\n[path]\nTransfer-Encoding: chunked\n\n2\nxx\n"),
        OriginSends(OK),
        ClientSees(OK),
        ClientSends("nonsense"),
        ClientSeesEnd(Eof),
        OriginSeesEnd(Reset),
    ]);
    assert_eq!((counters.responses, counters.truncated), (1, 0));
    assert_eq!((counters.uploads_cut, counters.failed_total()), (1, 0));
}

/// RFC 9112 9.6: an answer must not be lost to the reset that unread request bytes would cause.
#[test]
fn an_answer_before_the_end_of_the_upload_arrives_whole() {
    let refused = "HTTP/1.1 413 Content Too Large\nContent-Length: 3\nConnection: close\n\nno!";
    let piece = "x".repeat(10_000);
    let head = "POST /a HTTP/1.1\nHost: a\nContent-Length: 500000\n\n";
    let counters = play(&[
        ClientSends(head),
        OriginSees("POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 500000\n\n"),
        ClientSends(&piece),
        OriginSees(&piece),
        OriginSends(refused),
        ClientSends(&piece),
        ClientSends(&piece),
        Pause(Duration::from_millis(50)),
        ClientSends(&piece),
        ClientSees(refused),
        ClientSends(&piece),
        ClientSeesEnd(Eof),
        ClientSends(&piece),
        ClientHalfCloses,
    ]);
    assert_eq!((counters.responses, counters.statuses[3]), (1, 1));
}

/// Uploads of any size can be refused: a client that reads only when it has written everything sees the answer.
#[test]
fn a_large_upload_that_is_refused_early_gets_its_answer() {
    const LARGE: usize = 40_000_000;
    let keeps = "HTTP/1.1 413 Content Too Large\nContent-Length: 3\n\nno!";
    let closes = "HTTP/1.1 413 Content Too Large\nContent-Length: 3\nConnection: close\n\nno!";
    // It says that it keeps its connection, and closes it with all that it has not read; or it closes its side and reads on.
    for (answer, reads_on) in [(keeps, false), (closes, true)] {
        let stage = Stage::new(|_| {});
        let mut client = stage.client();
        client.sends(&format!("POST /a HTTP/1.1\nHost: a\nContent-Length: {LARGE}\n\n"));
        let mut server = stage.server();
        server.reads_head();
        server.sends(answer);
        if reads_on {
            let _cut_by_the_balancer_already = server.stream().shutdown(std::net::Shutdown::Write);
        } else {
            client.sends_bytes(&vec![b'x'; LARGE / 8]);
            drop(server);
        }
        client.sends_bytes(&vec![b'x'; LARGE - if reads_on { 0 } else { LARGE / 8 }]);
        client.sees(answer);
        client.sees_end(Eof);
        let counters = stage.end();
        assert_eq!((counters.responses, counters.statuses[3]), (1, 1), "{answer}");
    }
}

/// The same where the answer is the balancer's own.
#[test]
fn a_failure_before_the_end_of_the_upload_is_told_whole() {
    let piece = "x".repeat(10_000);
    play(&[
        ClientSends("POST /a HTTP/1.1\nHost: a\nContent-Length: 500000\n\n"),
        ClientSends(&piece),
        OriginSees("POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 500000\n\n"),
        OriginSees(&piece),
        OriginResets,
        ClientSeesStatus(502),
        ClientSends(&piece),
        Pause(Duration::from_millis(20)),
        ClientSends(&piece),
        ClientSeesEnd(Eof),
    ]);
}

#[test]
fn a_client_that_leaves_in_the_middle_takes_its_server_connection_with_it() {
    let head = "POST /a HTTP/1.1\nHost: a\nContent-Length: 100\n\n";
    let seen = "POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 100\n\n";
    for leaving in [ClientCloses, ClientResets, ClientHalfCloses] {
        let counters = play(&[
            ClientSends(head),
            OriginSees(seen),
            ClientSends("some"),
            OriginSees("some"),
            leaving,
            OriginSeesEnd(Reset),
        ]);
        let aborted = counters.client_reasons[CloseReason::PeerAborted as usize];
        assert_eq!((aborted, counters.responses), (1, 0), "{leaving:?}");
    }
}

#[test]
fn a_client_that_leaves_while_it_waits_is_noticed() {
    let counters = play(&[
        ClientSends("GET /a HTTP/1.1\nHost: a\n\n"),
        OriginSees("GET /a HTTP/1.1\nHost: a\n[path]\n\n"),
        ClientResets,
        OriginSeesEnd(Reset),
    ]);
    assert_eq!(counters.client_closes.count(ports::ClosedFirst::RstReceived), 1, "{counters:?}");
}

/// Kept connections are watched from the start, first ones after a while (the balancer's patrol).
#[test]
fn a_client_that_leaves_a_kept_connection_is_noticed() {
    let (get, got) = ("GET /a HTTP/1.1\nHost: a\n\n", "GET /a HTTP/1.1\nHost: a\n[path]\n\n");
    let first = [ClientSends(get), OriginSees(got), OriginSends(OK), ClientSees(OK)];
    let counters =
        play(&[&first[..], &[ClientSends(get), OriginSees(got), ClientResets, OriginSeesEnd(Reset)]].concat());
    assert_eq!(counters.client_closes.count(ports::ClosedFirst::RstReceived), 1, "{counters:?}");
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_head_is_noticed() {
    let counters = play(&[ClientSends("GET /a HT"), Pause(Duration::from_millis(20)), ClientCloses]);
    assert_eq!(counters.client_reasons[CloseReason::PeerAborted as usize], 1);
}
