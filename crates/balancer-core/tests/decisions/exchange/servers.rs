//! What is said of servers, and which of their connections are used again.

use super::scene::In::{self, *};
use super::scene::{GET, POST, USUAL, With, check, facts, head, scene};
use balancer_core::exchange::{Exchange, Opening};
use balancer_core::{Cause, Verdict};
use ports::FaultKind;
use std::time::Duration;

#[test]
fn a_server_that_does_not_keep_or_says_too_much_is_not_pooled() {
    check(GET, &[Pooled(0), In::Took, HeadClose(200), Whole], "pick, -, -, KeepAlive, drop(ExchangeOver) down");
    check(GET, &[Pooled(0), In::Took, Head(200), WholeLeft], "pick, -, -, KeepAlive, drop(ExchangeOver) down");
}

/// What is said of servers along the way.
#[track_caller]
fn check_verdicts(request: Opening, with: With, events: &[In], expect: &[(u32, Verdict)]) {
    let (mut exchange, _) = Exchange::begin(request, &scene(with, Duration::ZERO));
    let mut now = Duration::ZERO;
    let mut verdicts = Vec::new();
    for event in events {
        if let After(seconds) = event {
            now += Duration::from_secs(*seconds);
        }
        match head(*event) {
            Option::Some(head) => _ = exchange.plan_head(&head, &scene(with, now)),
            None => verdicts.extend(exchange.handle(facts(*event), &scene(with, now)).verdict),
        }
    }
    assert_eq!(verdicts, expect, "{events:?}");
}

#[test]
fn what_an_attempt_came_to_is_said_of_its_server() {
    use Verdict::Answered;
    let failed = |cause| Verdict::Failed(cause);
    let refused = Verdict::Unreachable(Cause::Connect(FaultKind::Refused));
    let well = [Pooled(1), In::Took, Head(200), Some, Sent, Whole, Sent];
    check_verdicts(GET, USUAL, &well, &[(1, Answered)]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, Head(500), Whole], &[(1, Answered)]);
    let strict = With { server_errors: true, ..USUAL };
    check_verdicts(GET, strict, &[Pooled(1), In::Took, Head(500), Whole], &[(1, failed(Cause::Status(500)))]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, Declined(503)], &[(1, Answered)]);
    check_verdicts(GET, strict, &[Pooled(1), In::Took, Declined(503)], &[(1, failed(Cause::Status(503)))]);
    check_verdicts(GET, strict, &[Pooled(1), In::Took, Head(404), Whole], &[(1, Answered)]);
    check_verdicts(GET, USUAL, &[Connecting(2), Refused(2)], &[(2, refused)]);
    check_verdicts(GET, USUAL, &[Refused(2)], &[(2, refused)]);
    check_verdicts(
        GET,
        USUAL,
        &[Hurrying(2), After(1), TimedOut(2)],
        &[(2, failed(Cause::Connect(FaultKind::TimedOut)))],
    );
    check_verdicts(GET, USUAL, &[Hurrying(2), Refused(2)], &[(2, refused)]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, After(30)], &[(1, failed(Cause::Silent))]);
    check_verdicts(GET, USUAL, &[Connecting(1), Connected, In::Took, ServerFin], &[(1, failed(Cause::Closed))]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, HeadBegins, ServerFin], &[(1, failed(Cause::Closed))]);
    check_verdicts(
        GET,
        USUAL,
        &[Pooled(1), In::Took, BadBody],
        &[(1, failed(Cause::Malformed(http1::Error::ChunkSize)))],
    );
    let broken = [Connecting(1), Connected, In::Took, In::ServerBroken];
    check_verdicts(GET, USUAL, &broken, &[(1, failed(Cause::Broken(FaultKind::Reset)))]);
    // A kept connection that was closed meanwhile, our own shortage, an impatient client: nobody's failure.
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, ServerFin], &[]);
    check_verdicts(GET, USUAL, &[NoPort(1), NoPort(2)], &[]);
    check_verdicts(GET, USUAL, &[Pooled(1), In::Took, Broken], &[]);
    check_verdicts(POST, USUAL, &[Pooled(1), In::Took, After(30)], &[]);
}

#[test]
fn a_server_connection_whose_answer_was_early_or_a_refusal_serves_nobody_else() {
    let upload = |status| [Pooled(0), In::Took, Last, In::Took, Head(status), Whole];
    let words = |end: &str| format!("pick, -, read-client, up, -, KeepAlive, {end} down");
    check(POST, &upload(200), &words("pool"));
    check(POST, &upload(413), &words("drop(ExchangeOver)"));
    check(POST, &upload(503), &words("drop(ExchangeOver)"));
    check(Opening { bodiless: true, idempotent: true, ..POST }, &upload(200), &words("drop(ExchangeOver)"));
    check(GET, &[Pooled(0), In::Took, Head(404), Whole], "pick, -, -, KeepAlive, pool down");
    let begun = [Pooled(0), In::Took, HeadBegins, Last, In::Took, Head(200), Whole];
    check(POST, &begun, "pick, -, read-client, read-server, up, -, KeepAlive, drop(ExchangeOver) down");
    let expects = Opening { expects_continue: true, ..POST };
    let unasked = [Pooled(0), In::Took, Head(200), Whole, Sent];
    check(expects, &unasked, "pick, -, read-client, Close, drop(ExchangeOver) down, END drain");
}
