//! A connection of the pool may be closed at the moment it is used: what may be repeated is, what may not is not.

use crate::script::Act::*;
use crate::script::play;
use balancer_core::Failure;
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
        let acts = [ClientSends(POST), OriginSees(POSTED), dying, ClientSeesStatus(502)];
        let counters = play(&[&WARM_UP[..], &acts].concat());
        assert_eq!((counters.retries, counters.failed(Failure::ServerClosed)), (0, 1), "{dying:?}");
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
    let acts = [
        ClientSends(GET),
        OriginSees(GOT),
        OriginSends("HTTP/1.1 2"),
        Pause(Duration::from_millis(20)),
        OriginCloses,
        ClientSeesStatus(502),
    ];
    let counters = play(&[&WARM_UP[..], &acts].concat());
    assert_eq!((counters.retries, counters.failed(Failure::ServerClosed)), (0, 1));
}
