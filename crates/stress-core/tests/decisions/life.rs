//! The life of a connection as tables: what comes in, what it answers.

use http::Method;
use ports::{Fault, FaultKind};
use std::num::NonZeroU32;
use stress_core::life::UNASKED_BYTES_MAX;
use stress_core::plan::ExpectDraft;
use stress_core::{CloseBy, ClosePolicy, Failure, Life, Next, Oddity, Outcome, Rules, Step};

/// What comes in.
#[derive(Clone, Copy)]
enum In<'a> {
    Connected,
    ConnectFails(FaultKind),
    Sent,
    SendFails,
    /// New bytes; those not consumed before are put in front.
    Data(&'a str),
    Eof,
    Broken,
    Timeout,
}
use In::*;

/// A response whose body is so long, a head and as much of it read; what then need not be seen.
fn unseen(head: &str, seen: &str, rules: &Rules) -> (Life, Option<u32>) {
    let mut life = Life::default();
    life.start_connecting(Method::Get);
    let _connected = life.handle_connected(Ok(()));
    life.handle_sent(Ok(()));
    let _more = life.handle_data(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{seen}").as_bytes(), rules);
    let ahead = life.unseen_ahead(rules).map(NonZeroU32::get);
    (life, ahead)
}

#[test]
fn bodies_pass_unseen_up_to_their_last_byte_unless_somebody_looks_at_them() {
    let keep = Rules::new(ClosePolicy::Keep);
    let check = |head: &str, seen: &str, expect: Option<u32>| assert_eq!(unseen(head, seen, &keep).1, expect, "{head}");
    check("Content-Length: 1000000", "abc", Some(999_996));
    check("Content-Length: 20000", "abc", None);
    check("Transfer-Encoding: chunked", "fffff\r\nabc", Some(0xfffff - 4));
    check("Transfer-Encoding: chunked", "5\r\nab", None);
    check("Transfer-Encoding: chunked", "fff", None);
    check("Connection: close", "abc", Some(1 << 30));
    let expecting = |body: Option<String>| {
        let statuses = vec!["200".into()];
        Rules::new(ClosePolicy::Keep)
            .expecting(&ExpectDraft { statuses, body, ..ExpectDraft::default() }.check().expect("good"))
    };
    let long = "Content-Length: 1000000";
    assert_eq!(unseen(long, "", &expecting(Some("end".into()))).1, None, "somebody looks for a text in it");
    assert_eq!(unseen(long, "", &expecting(None)).1, Some(999_999), "nobody does");

    let (mut life, _) = unseen(long, "abc", &keep);
    let step = life.handle_unseen(999_996);
    assert_eq!((step.body_bytes, step.next, life.unseen_ahead(&keep)), (999_996, Next::Read, None));
    let step = life.handle_data(b"zHTTP", &keep);
    assert_eq!((step.outcome, step.oddity), (Some(Outcome::Complete { status: 200 }), Some(Oddity::UnaskedBytes)));
}

fn rules(close: ClosePolicy, method: Method) -> (Rules, Method) {
    (Rules::new(close), method)
}

/// Feeds `events`; the answers as short words, one for each event that is answered.
fn play((rules, method): &(Rules, Method), events: &[In<'_>]) -> String {
    let (mut life, mut partial, mut words) = (Life::default(), Vec::new(), Vec::new());
    life.start_connecting(*method);
    for event in events {
        let step = match event {
            Connected => life.handle_connected(Ok(())),
            ConnectFails(kind) => life.handle_connected(Err(Fault::of(*kind))),
            Sent => {
                life.handle_sent(Ok(()));
                continue;
            }
            SendFails => {
                life.handle_sent(Err(Fault::of(FaultKind::Reset)));
                continue;
            }
            Data(text) => {
                partial.extend_from_slice(text.as_bytes());
                let step = life.handle_data(&partial, rules);
                let used = if step.next == stress_core::Next::ReadMore { step.consumed } else { partial.len() };
                partial.drain(..used);
                step
            }
            Eof => life.handle_eof(rules),
            Broken => life.handle_broken(Fault::of(FaultKind::Reset)),
            Timeout => life.handle_timeout(rules),
        };
        words.push(word(&step));
        if matches!(step.next, stress_core::Next::SendAgain(_)) {
            life.start_connecting(*method);
        }
        if step.next == stress_core::Next::Idle {
            life.start_request(*method);
            life.handle_sent(Ok(()));
        }
    }
    words.join(", ")
}

fn word(step: &Step) -> String {
    let outcome = match step.outcome {
        None => String::new(),
        Some(stress_core::Outcome::Complete { status }) => format!("{status} "),
        Some(stress_core::Outcome::LeadsOn { status }) => format!("{status} leads on "),
        Some(stress_core::Outcome::Failed(why)) => format!("{} ", failure(why)),
    };
    let mut odd = step.oddity.map(|what| format!(" ({what:?})")).unwrap_or_default();
    step.heads.dialects.iter().for_each(|dialect| odd.push_str(&format!(" [{}]", dialect.name())));
    if step.heads.is_large {
        odd.push_str(" [large]");
    }
    format!("{outcome}{:?}{odd}", step.next)
}

fn failure(why: Failure) -> &'static str {
    why.kind().name()
}

#[track_caller]
fn check(close: ClosePolicy, events: &[In<'_>], expect: &str) {
    assert_eq!(play(&rules(close, Method::Get), events), expect, "{close:?}");
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const OK_CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn each_policy_ends_a_connection_in_its_way() {
    use ClosePolicy::*;
    check(Keep, &[Connected, Sent, Data(OK), Data(OK)], "Read, 200 Idle, 200 Idle");
    check(Wait, &[Connected, Sent, Data(OK_CLOSE), Eof], "Read, 200 Read, Close(Fin)");
    check(Fin, &[Connected, Sent, Data(OK)], "Read, 200 Close(Fin)");
    check(Rst, &[Connected, Sent, Data(OK)], "Read, 200 Close(ResetWhenAcknowledged)");
}

#[test]
fn a_server_that_asks_for_close_is_obeyed() {
    check(ClosePolicy::Keep, &[Connected, Sent, Data(OK_CLOSE), Eof], "Read, 200 Read, Close(Fin)");
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok";
    check(ClosePolicy::Keep, &[Connected, Sent, Data(old), Eof], "Read, 200 Read, Close(Fin)");
}

/// Where redirects are followed, one has no other outcome: not even where another status is expected.
#[test]
fn an_answer_leads_on_where_that_is_wanted() {
    let found = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nok";
    let only_200 = ExpectDraft { statuses: vec!["200".into()], ..ExpectDraft::default() }.check().expect("good");
    let rules = |close| Rules::new(close).following(true).expecting(&only_200);
    let expect = |close, answer, words: &str| {
        assert_eq!(play(&(rules(close), Method::Get), &[Connected, Sent, Data(answer)]), words, "{close}");
    };
    expect(ClosePolicy::Keep, found, "Read, 302 leads on Idle");
    expect(ClosePolicy::Fin, found, "Read, 302 leads on Close(Fin)");
    let nowhere = "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nok";
    expect(ClosePolicy::Keep, nowhere, "Read, target.status Idle");
    let choice = "HTTP/1.1 300 Choose\r\nLocation: /x\r\nContent-Length: 2\r\n\r\nok";
    expect(ClosePolicy::Keep, choice, "Read, target.status Idle");
    check(ClosePolicy::Keep, &[Connected, Sent, Data(found)], "Read, 302 Idle");
}

#[test]
fn waiting_for_the_servers_fin_is_bounded() {
    let wait = ClosePolicy::Wait;
    check(wait, &[Connected, Sent, Data(OK_CLOSE), Timeout], "Read, 200 Read, Close(Fin) (WaitExpired)");
    check(wait, &[Connected, Sent, Data(OK_CLOSE), Broken], "Read, 200 Read, Close(Discard)");
    let events = [Connected, Sent, Data(OK_CLOSE), Data("more"), Data("and more"), Eof];
    check(wait, &events, "Read, 200 Read, Read (UnaskedBytes), Read, Close(Fin)");
    let flood = "x".repeat(stress_core::life::UNASKED_BYTES_MAX);
    let events = [Connected, Sent, Data(OK_CLOSE), Data(&flood), Data("x")];
    check(wait, &events, "Read, 200 Read, Read (UnaskedBytes), Close(Discard)");
}

/// Who resets at the end of a connection resets, too, where the server said more than enough before it closed.
#[test]
fn whoever_resets_does_so_after_a_flood_as_well() {
    for (close, how) in [(ClosePolicy::Rst, CloseBy::Reset), (ClosePolicy::Fin, CloseBy::Discard)] {
        let (rules, mut life) = (Rules::new(close), Life::default());
        life.start_connecting(Method::Get);
        // More requests were to follow, but the server closes now.
        life.expect_more();
        assert_eq!(life.handle_connected(Ok(())).next, Next::Read);
        life.handle_sent(Ok(()));
        assert_eq!(life.handle_data(OK_CLOSE.as_bytes(), &rules).next, Next::Read);
        assert_eq!(life.handle_data(&vec![b'x'; UNASKED_BYTES_MAX], &rules).next, Next::Read);
        assert_eq!(life.handle_data(b"x", &rules).next, Next::Close(how), "{close}");
    }
}

#[test]
fn responses_are_found_in_any_split() {
    let keep = ClosePolicy::Keep;
    let events =
        [Connected, Sent, Data("HTTP/1.1 2"), Data("00 OK\r\nContent-Length: 4\r\n\r\na"), Data("b"), Data("cd")];
    check(keep, &events, "Read, ReadMore, Read, Read, 200 Idle");
    let chunks = [
        Connected,
        Sent,
        Data("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r"),
        Data("\nok\r\n0\r\n"),
        Data("\r\n"),
    ];
    check(keep, &chunks, "Read, Read, Read, 200 Idle");
    let interim = [
        Connected,
        Sent,
        Data("HTTP/1.1 100 Continue\r\n\r\n"),
        Data("HTTP/1.1 103 X\r\n\r\nHTTP/1.1 204 No"),
        Data(" Content\r\n\r\n"),
    ];
    check(keep, &interim, "Read, Read, ReadMore, 204 Idle");
    let until_close = [Connected, Sent, Data("HTTP/1.1 200 OK\r\n\r\nab"), Data("c"), Eof];
    check(keep, &until_close, "Read, Read, Read, 200 Close(Fin)");
    check(ClosePolicy::Rst, &until_close, "Read, Read, Read, 200 Close(ResetWhenAcknowledged)");
}

#[test]
fn a_response_to_head_has_no_body() {
    let rules = rules(ClosePolicy::Keep, Method::Head);
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    assert_eq!(play(&rules, &[Connected, Sent, Data(head), Data(head)]), "Read, 200 Idle, 200 Idle");
}

#[test]
fn every_status_is_a_complete_response() {
    let events = [Connected, Sent, Data("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")];
    check(ClosePolicy::Keep, &events, "Read, 503 Idle");
    let switched = "HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    check(ClosePolicy::Keep, &[Connected, Sent, Data(switched), Eof], "Read, 101 Read, Close(Fin)");
}

#[test]
fn what_fails_is_named_and_closed() {
    let keep = ClosePolicy::Keep;
    check(keep, &[ConnectFails(FaultKind::Ports)], "client.ports Gone");
    check(keep, &[ConnectFails(FaultKind::Refused)], "target.refused Gone");
    check(keep, &[Timeout], "target.timeout Close(Fin)");
    check(keep, &[Connected, Sent, Timeout], "Read, target.timeout Close(Fin)");
    check(keep, &[Connected, Sent, Broken], "Read, target.reset Close(Discard)");
    check(keep, &[Connected, Sent, Eof], "Read, target.closed Close(Fin)");
    check(keep, &[Connected, Sent, Data(&OK[..OK.len() - 1]), Eof], "Read, Read, target.closed Close(Fin)");
    check(keep, &[Connected, Sent, Data("HTTP/1.1 2"), Eof], "Read, ReadMore, target.closed Close(Fin)");
    check(keep, &[Connected, Sent, Data("SMTP ready\r\n\r\n")], "Read, target.http Close(Fin)");
    check(ClosePolicy::Rst, &[Connected, Sent, Timeout], "Read, target.timeout Close(Reset)");
    let bad_chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n";
    check(keep, &[Connected, Sent, Data(bad_chunk)], "Read, target.http Close(Fin)");
    let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
    check(keep, &[Connected, Sent, Data(&endless)], "Read, target.http Close(Fin)");
}

#[test]
fn a_request_that_could_not_be_sent_may_still_be_answered() {
    let keep = ClosePolicy::Keep;
    check(keep, &[Connected, SendFails, Data(OK_CLOSE), Eof], "Read, 200 Read (EarlyResponse), Close(Fin)");
    check(keep, &[Connected, SendFails, Eof], "Read, target.reset Close(Fin)");
    check(keep, &[Connected, Data(OK)], "Read, 200 Close(Discard) (EarlyResponse)");
}

/// What user agents have to read (RFC 9112 sections 2.2, 5.2, 6.3) is read, and said.
#[test]
fn older_dialects_are_read_and_said() {
    let keep = |head: &str, expect: &str| {
        let text = format!("{head}ok");
        check(ClosePolicy::Keep, &[Connected, Sent, Data(&text)], &format!("Read, {expect}"));
    };
    keep("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n", "200 Idle [folded_line]");
    keep("HTTP/1.1 200 OK\nContent-Length: 2\n\n", "200 Idle [bare_lf]");
    keep("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n", "200 Idle [equal_lengths]");
    keep("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n", "200 Idle [equal_lengths]");
    keep("HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\n", "target.http Close(Fin)");
    let interim = "HTTP/1.1 103 Early\r\n\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    keep(interim, "200 Idle [empty_line_after_interim]");
    let field = format!("X: {}\r\n", "y".repeat(400));
    let head = |fields: usize| format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\n", field.repeat(fields));
    keep(&head(70), "200 Idle");
    keep(&head(90), "200 Idle [large]");
    keep(&head(255), "200 Idle [large]");
    keep(&head(256), "target.limit Close(Fin)");
    let longest = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(stress_core::life::HEAD_BYTES_MAX));
    keep(&longest, "target.limit Close(Fin)");
}

/// A server may close a kept connection at any time; whoever asks again then is no failure of the server.
#[test]
fn a_kept_connection_that_ends_unanswered_is_asked_again_once() {
    let keep = ClosePolicy::Keep;
    let again = "Read, 200 Idle, SendAgain(Fin) (SentAgain), Read, 200 Idle";
    check(keep, &[Connected, Sent, Data(OK), Eof, Connected, Sent, Data(OK)], again);
    let again = "Read, 200 Idle, SendAgain(Discard) (SentAgain), Read, 200 Idle";
    check(keep, &[Connected, Sent, Data(OK), Broken, Connected, Sent, Data(OK)], again);
    let twice = "Read, 200 Idle, SendAgain(Fin) (SentAgain), Read, target.closed Close(Fin)";
    check(keep, &[Connected, Sent, Data(OK), Eof, Connected, Sent, Eof], twice);
    let answered = "Read, 200 Idle, ReadMore, target.closed Close(Fin)";
    check(keep, &[Connected, Sent, Data(OK), Data("HTTP/1.1 2"), Eof], answered);
    let informed = "Read, 200 Idle, Read, target.closed Close(Fin)";
    check(keep, &[Connected, Sent, Data(OK), Data("HTTP/1.1 100 Go on\r\n\r\n"), Eof], informed);
    let rules = rules(keep, Method::Post);
    let words = play(&rules, &[Connected, Sent, Data(OK), Eof]);
    assert_eq!(words, "Read, 200 Idle, target.closed Close(Fin)", "a POST may have been done");
}

/// Whatever ends a connection in the end ends it after its last request only.
#[test]
fn more_requests_may_follow_before_the_end() {
    for (close, last) in [(ClosePolicy::Wait, "200 Read"), (ClosePolicy::Fin, "200 Close(Fin)")] {
        let (rules, mut life) = (Rules::new(close), Life::default());
        life.start_connecting(Method::Get);
        life.expect_more();
        let _read = life.handle_connected(Ok(()));
        life.handle_sent(Ok(()));
        assert_eq!(word(&life.handle_data(OK.as_bytes(), &rules)), "200 Idle", "{close:?}");
        life.start_request(Method::Get);
        life.handle_sent(Ok(()));
        assert_eq!(word(&life.handle_data(OK.as_bytes(), &rules)), last, "{close:?}");
    }
}

/// What is not as expected fails the request, and not its connection; what a head lacks is told before what a body lacks.
#[test]
fn a_response_has_to_be_as_expected() {
    let expect = ExpectDraft {
        statuses: vec!["2xx,304".into()],
        headers: vec!["x-kind: a".into(), "Date:".into()],
        body: Some("lo wo".into()),
    };
    let rules = Rules::new(ClosePolicy::Keep).expecting(&expect.check().expect("good"));
    let check = |status: u16, fields: &str, body: [&str; 2], expect: &str| {
        let len = body.concat().len();
        let head = format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {len}\r\n\r\n{}", body[0]);
        let words = play(&(rules.clone(), Method::Get), &[Connected, Sent, Data(&head), Data(body[1])]);
        assert_eq!(words, format!("Read, Read, {expect} Idle"), "{status} {fields} {body:?}");
    };
    let fields = "X-Kind: a\r\nDate: today\r\n";
    check(200, fields, ["hello w", "orld"], "200");
    check(204 + 1, "DATE: x\r\nx-kind: b\r\nx-kind: a\r\n", ["lo ", "wo"], "205");
    check(404, fields, ["hello ", "world"], "target.status");
    check(404, "", ["bye", "."], "target.status");
    check(200, "X-Kind: ab\r\nDate: x\r\n", ["hello ", "world"], "target.header");
    check(200, "X-Kind: a\r\n", ["hello ", "world"], "target.header");
    check(200, fields, ["hello", " World"], "target.body");
    check(200, fields, ["lo w", "lo w"], "target.body");
}

#[test]
fn compressed_responses_are_counted_where_they_were_asked_for() {
    let check = |asked: bool, coding: &str, expect: bool| {
        let (rules, mut life) = (Rules::new(ClosePolicy::Keep).asking_compressed(asked), Life::default());
        life.start_connecting(Method::Get);
        let _read = life.handle_connected(Ok(()));
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(life.handle_data(head.as_bytes(), &rules).heads.compressed, expect, "{asked} {coding}");
    };
    check(true, "gzip", true);
    check(true, "Identity", false);
    check(false, "gzip", false);
}

#[test]
fn a_half_closed_connection_is_read_to_its_end() {
    let half = ClosePolicy::Half;
    check(half, &[Connected, Sent, Data(OK), Eof], "Read, 200 Read, Close(Fin)");
    check(half, &[Connected, Sent, Data("HTTP/1.1 200 OK\r\n\r\nx"), Eof], "Read, Read, 200 Close(Fin)");
    check(half, &[Connected, Sent, Eof], "Read, target.closed Close(Fin)");
    check(half, &[Connected, Sent, Data(OK), Timeout], "Read, 200 Read, Close(Fin) (WaitExpired)");
    check(half, &[Connected, Data(OK), Eof], "Read, 200 Read (EarlyResponse), Close(Fin)");
}

#[test]
fn bytes_beyond_a_response_end_the_connection_not_the_request() {
    for close in ClosePolicy::ALL {
        let events = [Connected, Sent, Data("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc")];
        check(close, &events, "Read, 200 Close(Discard) (UnaskedBytes)");
    }
}

#[test]
fn any_split_of_a_response_ends_the_same() {
    let text = "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let rules = rules(ClosePolicy::Fin, Method::Get);
    for at in 1..text.len() {
        let (first, second) = text.split_at(at);
        let words = play(&rules, &[Connected, Sent, Data(first), Data(second)]);
        assert!(words.ends_with("200 Close(Fin)"), "split at {at}: {words}");
    }
}
