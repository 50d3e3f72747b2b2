//! Requests that wait to be let in, as tables.

use balancer_core::exchange::{
    Admitted, AttemptOrder, DownOrder, Exchange, Fact, Opening, Reply, Said, Scene, Step, UpOrder,
};
use balancer_core::{BackendSetSettings, ClientClose, ClientTimeouts, Failure, ServerTimeouts};
use std::time::Duration;

const GET: Opening = Opening { idempotent: true, keep_alive: true, requests_left: true, ..Opening::NONE };
const POST: Opening = Opening { idempotent: false, whole: false, ..GET };

/// What is told after so many seconds, and what comes of it.
#[track_caller]
fn check(request: Opening, then: Admitted, facts: &[(u64, Fact)], expect: &str) {
    let (client, server) = (ClientTimeouts::default(), BackendSetSettings::new("", Vec::new()).timeouts);
    let (mut exchange, first) = Exchange::hold(request, then, &scene(0, &client, &server));
    let mut words = vec![word(&first)];
    for (after_s, fact) in facts {
        assert!(exchange.is_held() || words.len() > 1);
        assert_eq!(exchange.check(), Ok(()), "{exchange:?}");
        if *fact == Fact::Deadline {
            assert!(exchange.deadline() <= Duration::from_secs(*after_s), "{:?}", exchange.deadline());
        }
        words.push(word(&exchange.handle(*fact, &scene(*after_s, &client, &server))));
    }
    assert_eq!(words.join(", "), expect, "{facts:?}");
}

fn scene<'a>(now: u64, client: &'a ClientTimeouts, server: &'a ServerTimeouts) -> Scene<'a> {
    Scene {
        now: Duration::from_secs(now),
        client,
        server,
        close: ClientClose::BalancerFirst,
        retries_max: 2,
        waits_for_restart: true,
        queue_timeout: Duration::from_secs(5),
        server_errors: false,
        retry_on: &balancer_core::statuses::Statuses::NONE,
        draining: false,
    }
}

fn word(step: &Step) -> String {
    if let Some(DownOrder::Answer(answer)) = step.down {
        let kept = if answer.keep { "" } else { "+close" };
        return match answer.said {
            Said::Failure(failure) => format!("{}{kept}", failure.status()),
            Said::Reply(reply) => format!("{reply}{kept}"),
        };
    }
    match (step.up, step.end) {
        (Some(UpOrder::Attempt(AttemptOrder::Pick { not: None })), None) => "pick".to_owned(),
        (None, None) if step.read_client => "watch".to_owned(),
        (None, None) => "-".to_owned(),
        (_, end) => format!("{end:?}"),
    }
}

#[test]
fn who_is_let_in_goes_on_as_ever() {
    let answered = Admitted::Answered { reply: Reply::Redirect, rest_is_small: true };
    check(GET, Admitted::Asks, &[(1, Fact::Admission(Ok(())))], "watch, pick");
    check(POST, Admitted::Asks, &[(1, Fact::Admission(Ok(())))], "-, pick");
    check(GET, answered, &[(1, Fact::Admission(Ok(())))], "watch, redirect");
}

#[test]
fn who_is_not_is_told_and_may_ask_again() {
    let refused = Fact::Admission(Err(Failure::Unauthorized));
    check(GET, Admitted::Asks, &[(1, refused)], "watch, 401");
    check(POST, Admitted::Asks, &[(1, refused)], "-, 401+close");
    check(GET, Admitted::Asks, &[(0, Fact::Admission(Err(Failure::PasswordsBusy)))], "watch, 503");
}

#[test]
fn nobody_waits_for_ever_and_who_leaves_is_gone() {
    check(GET, Admitted::Asks, &[(10, Fact::Deadline)], "watch, 503");
    check(GET, Admitted::Asks, &[(1, Fact::LastCall)], "watch, 503");
    check(POST, Admitted::Asks, &[(1, Fact::ClientEof)], "-, Some(Cut { why: PeerAborted, reset: false })");
    // It has said all, and still wants its answer.
    check(GET, Admitted::Asks, &[(1, Fact::ClientEof), (2, Fact::Admission(Ok(())))], "watch, -, pick");
}
