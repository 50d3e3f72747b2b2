//! A connection of the pool may be closed at the moment it is used: what may be repeated is, what may not is not.

use crate::script::Act::*;
use crate::script::{play, play_with};
use crate::wire::End::*;
use balancer_core::{Failure, Reuse};
use std::time::Duration;

const GET: &str = "GET /a HTTP/1.1\nHost: a\n\n";
const GOT: &str = "GET /a HTTP/1.1\nHost: a\n[path]\n\n";
const POST: &str = "POST /a HTTP/1.1\nHost: a\nContent-Length: 1\n\nx";
const POSTED: &str = "POST /a HTTP/1.1\nHost: a\n[path]\nContent-Length: 1\n\nx";
const OK: &str = "HTTP/1.1 200 OK\nContent-Length: 2\n\nok";

const WARM_UP: [crate::script::Act<'static>; 4] = [ClientSends(GET), OriginSees(GOT), OriginSends(OK), ClientSees(OK)];

#[test]
fn a_get_on_a_dying_connection_is_repeated_on_a_fresh_one() {
    for dying in [OriginCloses, OriginResets] {
        let acts =
            [ClientSends(GET), OriginSees(GOT), dying, NewServer, OriginSees(GOT), OriginSends(OK), ClientSees(OK)];
        let counters = play(&[&WARM_UP[..], &acts].concat());
        assert_eq!((counters.retries, counters.failed_total(), counters.responses), (1, 0, 2), "{dying:?}");
    }
}

#[test]
fn a_post_that_was_sent_is_not_repeated() {
    for dying in [OriginCloses, OriginResets] {
        // On a kept connection the client knows what a close without a word means; on a new one it is told.
        for (then, told) in [(vec![], ClientSeesEnd(Eof)), (vec![NewClient], ClientSeesStatus(502))] {
            let acts = [ClientSends(POST), OriginSees(POSTED), dying, told];
            let counters = play(&[&WARM_UP[..], &then[..], &acts].concat());
            assert_eq!((counters.retries, counters.failed(Failure::ServerClosed)), (0, 1), "{dying:?}");
        }
    }
}

/// A server that refuses an upload may close although it says that it does not, and an error may mean as much.
#[test]
fn a_refused_upload_does_not_spoil_the_next() {
    let refusal = "HTTP/1.1 413 Content Too Large\nContent-Length: 2\n\nno";
    let error = "HTTP/1.1 404 Not Found\nContent-Length: 2\n\nno";
    let next = [NewClient, ClientSends(POST), NewServer, OriginSees(POSTED), OriginSends(OK), ClientSees(OK)];
    for first in [
        [ClientSends(POST), OriginSees(POSTED), OriginSends(refusal), ClientSees(refusal)],
        [ClientSends(GET), OriginSees(GOT), OriginSends(error), ClientSees(error)],
    ] {
        let counters = play(&[&first[..], &next].concat());
        assert_eq!((counters.failed_total(), counters.pooled, counters.connects), (0, 0, 2));
    }
}

/// A POST that is its client's first, where a connection idles that answered a GET with an error.
#[test]
fn who_may_travel_on_a_used_connection_is_a_setting() {
    let error = "HTTP/1.1 404 Not Found\nContent-Length: 2\n\nno";
    let (got, posted) = (GOT.replace("[path]\n", "[path]\nConnection: close\n"), "Connection: close\n\nx");
    let posted = POSTED.replace("\n\nx", &format!("\n{posted}"));
    for (reuse, got, posted, shared) in
        [(Reuse::Safe, GOT, POSTED, false), (Reuse::Always, GOT, POSTED, true), (Reuse::Never, &got, &posted, false)]
    {
        let first = [ClientSends(GET), OriginSees(got), OriginSends(error), ClientSees(error)];
        let fresh: &[_] = if shared { &[] } else { &[NewServer] };
        let next = [OriginSees(posted), OriginSends(OK), ClientSees(OK)];
        let acts = [&first[..], &[NewClient, ClientSends(POST)], fresh, &next].concat();
        let counters = play_with(|settings| settings.backend_sets[0].pool.reuse = reuse, &acts);
        assert_eq!((counters.pooled > 0, counters.failed_total()), (shared, 0), "{reuse:?}");
    }
}

#[test]
fn a_post_does_not_meet_a_connection_that_was_closed_before() {
    for dying in [OriginCloses, OriginResets] {
        for pause in [0, 20] {
            let pause = Pause(Duration::from_millis(pause));
            let acts =
                [dying, pause, ClientSends(POST), NewServer, OriginSees(POSTED), OriginSends(OK), ClientSees(OK)];
            let counters = play(&[&WARM_UP[..], &acts].concat());
            assert_eq!((counters.failed_total(), counters.responses), (0, 2), "{dying:?}");
        }
    }
}

#[test]
fn an_answer_that_has_begun_is_not_repeated() {
    // Longer than the whole answer of the other connection.
    let begun = format!("HTTP/1.1 200 OK\nX: {}", "x".repeat(200));
    let mut acts =
        [ClientSends(POST), OriginSees(POSTED), OriginSends(&begun), Pause(Duration::from_millis(20)), OriginCloses];
    let told = [ClientSeesStatus(502)];
    let counters = play(&[&WARM_UP[..], &acts, &told].concat());
    assert_eq!((counters.retries, counters.failed(Failure::ServerClosed)), (0, 1));
    // Nothing of it was passed on, and a GET may be processed twice.
    acts[..2].copy_from_slice(&[ClientSends(GET), OriginSees(GOT)]);
    let again = [NewServer, OriginSees(GOT), OriginSends(OK), ClientSees(OK)];
    let counters = play(&[&WARM_UP[..], &acts, &again].concat());
    assert_eq!((counters.retries, counters.failed_total(), counters.responses), (1, 0, 2));
}
