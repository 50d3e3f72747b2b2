//! Slow clients, as tables: seconds pass, bytes come or are acknowledged, and who is too slow is told so where that can be.

use balancer_core::exchange::{Exchange, Fact, HeadPlan, Opening, ResponseFacts, Scene, Took};
use balancer_core::{
    BackendSetSettings, ClientClose, ClientTimeouts, CloseReason, Failure, PaceRules, ServerTimeouts,
    exchange::{DownOrder, Said, Then},
};
use std::num::NonZeroU32;
use std::time::Duration;

/// A hundred bytes in a second, and ten seconds of grace.
const RULES: PaceRules =
    PaceRules { request: NonZeroU32::new(100), response: NonZeroU32::new(100), grace: Duration::from_secs(10) };

/// One exchange, and the time.
struct Play {
    exchange: Exchange,
    now: Duration,
    client: ClientTimeouts,
    server: ServerTimeouts,
}

/// What became of it.
#[derive(Debug, PartialEq, Eq)]
enum End {
    GoesOn,
    Told(Failure),
    Cut(CloseReason),
}

impl Play {
    fn of(request: Opening, pace: PaceRules) -> Self {
        let client = ClientTimeouts { pace, ..ClientTimeouts::default() };
        let server = BackendSetSettings::new("", Vec::new()).timeouts;
        let exchange = Exchange::begin(request, &scene(Duration::ZERO, &client, &server)).0;
        let mut play = Self { exchange, now: Duration::ZERO, client, server };
        play.tells(Fact::AttemptStarted { server: 0, pooled: true, hurry: None, took: None });
        play.tells(Fact::ServerTook(Took::All));
        play
    }

    /// A whole GET whose response has begun to be sent.
    fn sending() -> Self {
        let mut play =
            Self::of(Opening { idempotent: true, keep_alive: true, requests_left: true, ..Opening::NONE }, RULES);
        let head =
            ResponseFacts { status: 200, keep_alive: true, chunked: false, until_close: false, switch_asked: false };
        let plan = play.exchange.plan_head(&head, &scene(play.now, &play.client, &play.server));
        assert!(matches!(plan, HeadPlan::Final(_)), "{plan:?}");
        play.tells(Fact::ResponseBytes { len: 1000, whole: false, leftover: false });
        play
    }

    fn tells(&mut self, fact: Fact) -> End {
        let step = self.exchange.handle(fact, &scene(self.now, &self.client, &self.server));
        match (step.down, step.end) {
            (_, Some(Then::Cut { why, .. })) => End::Cut(why),
            (Some(DownOrder::Answer(answer)), _) => match answer.said {
                Said::Failure(failure) => End::Told(failure),
                Said::Reply(reply) => panic!("{reply}"),
            },
            _ => End::GoesOn,
        }
    }

    /// Time passes, with a timer as the worker has one; then so many bytes of the body come, and the server takes them.
    fn uploads(&mut self, after_s: u64, len: usize) -> End {
        self.now += Duration::from_secs(after_s);
        if self.exchange.deadline() <= self.now {
            return self.tells(Fact::Deadline);
        }
        self.tells(Fact::RequestBytes { len, whole: false, ahead: false });
        self.tells(Fact::ServerTook(Took::All))
    }

    /// Time passes; whenever the send is looked at, that much is not acknowledged, less what is read in a second.
    fn reads(&mut self, seconds: u64, mut owed: usize, per_s: usize) -> End {
        for _ in 0..seconds {
            self.now += Duration::from_secs(1);
            owed -= per_s;
            if self.exchange.deadline() <= self.now {
                assert_eq!(self.tells(Fact::Deadline), End::GoesOn);
                match self.tells(Fact::Unacknowledged(Some(owed))) {
                    End::GoesOn => {}
                    end => return end,
                }
            }
        }
        End::GoesOn
    }
}

fn scene<'a>(now: Duration, client: &'a ClientTimeouts, server: &'a ServerTimeouts) -> Scene<'a> {
    Scene {
        now,
        client,
        server,
        close: ClientClose::BalancerFirst,
        retries_max: 2,
        waits_for_restart: true,
        retry_on: &balancer_core::statuses::Statuses::NONE,
        queue_timeout: Duration::from_secs(5),
        server_errors: false,
        draining: false,
    }
}

const POST: Opening = Opening { whole: false, keep_alive: true, requests_left: true, ..Opening::NONE };
const TOO_SLOW: End = End::Told(Failure::BodyTooSlow);

#[test]
fn a_body_byte_by_byte_is_told_so() {
    let mut play = Play::of(POST, RULES);
    let ends: Vec<End> = (0..12).map(|_| play.uploads(1, 1)).take_while(|end| *end == End::GoesOn).collect();
    assert_eq!((ends.len(), play.now.as_secs()), (10, 11), "each byte buys a hundredth of a second");
}

#[test]
fn a_body_at_the_rate_goes_on_and_a_pause_may_be_as_long_as_the_grace() {
    let mut play = Play::of(POST, RULES);
    assert!((0..100).all(|_| play.uploads(1, 100) == End::GoesOn));
    assert_eq!(play.uploads(9, 100), End::GoesOn);
    assert_eq!(play.uploads(3, 100), TOO_SLOW, "8 s behind, and 3 more");
    let mut play = Play::of(POST, RULES);
    assert_eq!((play.uploads(9, 10_000), play.uploads(10, 1)), (End::GoesOn, TOO_SLOW), "a head start is none");
}

#[test]
fn without_rules_only_the_gap_counts() {
    let mut play = Play::of(POST, PaceRules::NONE);
    assert!((0..100).all(|_| play.uploads(29, 1) == End::GoesOn));
    assert_eq!(play.uploads(30, 1), End::Told(Failure::BodyTimeout));
    let mut play = Play::of(POST, PaceRules { grace: Duration::from_secs(60), ..RULES });
    assert_eq!(play.uploads(30, 1), End::Told(Failure::BodyTimeout), "the gap is the nearer bound");
}

#[test]
fn while_the_server_is_waited_for_no_time_counts() {
    let mut play = Play::of(POST, RULES);
    assert_eq!(play.uploads(1, 100), End::GoesOn);
    // The server takes its time with a piece.
    play.tells(Fact::RequestBytes { len: 100, whole: false, ahead: false });
    play.now += Duration::from_secs(20);
    assert_eq!(play.tells(Fact::ServerTook(Took::All)), End::GoesOn);
    assert_eq!(play.uploads(9, 1000), End::GoesOn);
    // And with its 100.
    let mut play = Play::of(Opening { expects_continue: true, ..POST }, RULES);
    assert_eq!(play.uploads(20, 100), End::GoesOn);
}

#[test]
fn who_reads_too_slowly_is_cut_and_who_keeps_up_is_not() {
    assert_eq!(Play::sending().reads(600, 100_000, 100), End::GoesOn);
    let mut play = Play::sending();
    assert_eq!(play.reads(600, 100_000, 10), End::Cut(CloseReason::SlowReader));
    assert!((11..20).contains(&play.now.as_secs()), "{:?}", play.now);
    assert_eq!(Play::sending().reads(600, 100_000, 0), End::Cut(CloseReason::SlowReader), "before `body` is over");
}

/// Sends of so many bytes end after so many seconds each, as the kernel takes them. Whenever it is looked, the client has taken
/// `per_s` for each second that it was waited for.
fn sends(play: &mut Play, count: u64, seconds: u64, len: usize, per_s: u64) -> End {
    let (mut waited, mut sent) = (0, 1000);
    for _ in 0..count {
        for _ in 0..seconds {
            play.now += Duration::from_secs(1);
            waited += 1;
            if play.exchange.deadline() <= play.now {
                assert_eq!(play.tells(Fact::Deadline), End::GoesOn);
                let owed = sent as u64 - (waited * per_s).min(sent as u64);
                match play.tells(Fact::Unacknowledged(Some(owed as usize))) {
                    End::GoesOn => {}
                    end => return end,
                }
            }
        }
        assert_eq!(play.tells(Fact::ClientTook), End::GoesOn);
        // The server lets the client wait: that is not the client's fault.
        play.now += Duration::from_secs(20);
        play.tells(Fact::ResponseBytes { len, whole: false, leftover: false });
        sent += len;
    }
    End::GoesOn
}

/// However often the kernel takes a piece: what counts is what the client has taken.
#[test]
fn many_sends_that_end_in_time_are_reckoned_together() {
    for seconds in [1, 2, 3, 5] {
        let len = 100 * seconds as usize;
        assert_eq!(sends(&mut Play::sending(), 100, seconds, len, 100), End::GoesOn, "sends of {seconds} s");
        let mut play = Play::sending();
        let slow = sends(&mut play, 100, seconds, len / 10, 10);
        assert_eq!(slow, End::Cut(CloseReason::SlowReader), "sends of {seconds} s");
    }
}

/// What one send does not pay for is paid for by the next.
#[test]
fn who_catches_up_is_not_cut() {
    let mut play = Play::sending();
    assert_eq!(sends(&mut play, 2, 3, 1, 0), End::GoesOn);
    assert_eq!(sends(&mut play, 50, 2, 400, 200), End::GoesOn);
}
