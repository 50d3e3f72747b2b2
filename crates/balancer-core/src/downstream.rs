//! A client connection between its requests and at its end: when to read a head, who closes, what is thrown away.
//!
//! ```text
//!   AwaitHead -> ReadHead -> Busy (an exchange decides) -> AwaitHead ...
//!                                 -> closed | Drain | AwaitFin | AwaitAck -> closed
//! ```

use crate::Failure;
use crate::exchange::Then;
use crate::policy::ClientClose;
use crate::reason::CloseReason;
use crate::settings::ClientTimeouts;
use core::time::Duration;

/// How often an unacknowledged response is looked at before a reset: the tick of the timers.
const ACK_LOOK_EVERY: Duration = Duration::from_millis(16);

/// How long an unwanted request body is read and thrown away at most, and at which rate it has to come at least (within
/// each [`ClientTimeouts::close`]). A client that writes its upload to the end before it reads would else not see the
/// answer, and a bound on bytes would be one on the uploads that can be refused.
const LINGER_MAX: Duration = Duration::from_secs(60);
const LINGER_BYTES_PER_S_MIN: u64 = 1024;

/// How long a client that has not spoken yet may take to do so while the balancer drains: its request is on the way, or
/// it only keeps a connection ready.
const FIRST_WORD_MAX: Duration = Duration::from_secs(1);

/// Where a client connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No byte of a request yet.
    AwaitHead,
    /// A head has begun.
    ReadHead,
    /// An exchange (or a relay) decides.
    Busy,
    /// Our FIN is out; what the client still sends is thrown away.
    Drain,
    /// The client is to close first.
    AwaitFin,
    /// Waiting for the last acknowledgement before a reset.
    AwaitAck,
}

/// How a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseHow {
    /// By FIN; refused while unread bytes would turn it into a reset. [`Downstream::handle_unread`] follows then.
    Fin,
    /// At once, whatever is unread.
    Discard,
    /// By RST.
    Reset,
}

/// What the shell is to do with a client connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOrder {
    /// Nothing.
    Wait,
    /// Read; a partial head is appended to.
    Read,
    /// Look for a head in what is held.
    TakeHead,
    /// Tell the exchange (or the relay).
    Tell,
    /// The head did not come in time: begin an exchange that says so.
    Refuse(Failure),
    /// Send FIN and throw away what is held; then [`Downstream::handle_shut_down`] tells how to go on.
    Drain,
    /// Ask how much is unacknowledged: [`Downstream::handle_unacknowledged`].
    LookAtAcks,
    /// Close.
    Close(CloseHow, CloseReason),
}

/// What stands when something happens.
#[derive(Clone, Copy, Debug)]
pub struct DownstreamScene<'a> {
    /// Now.
    pub now: Duration,
    /// Patience with this client.
    pub timeouts: &'a ClientTimeouts,
    /// Who closes.
    pub close: ClientClose,
    /// No connection is kept any more.
    pub draining: bool,
}

/// A client connection.
#[derive(Debug)]
pub struct Downstream {
    stage: Stage,
    eof: bool,
    /// Requests answered.
    served: u32,
    /// Bytes thrown away since the deadline was set.
    drained_bytes: u32,
    why: CloseReason,
    deadline: Duration,
    /// Between two requests: since when. At the end: when waiting for acknowledgements, or throwing away, is over.
    mark: Duration,
}

impl Downstream {
    /// It was accepted: read from it.
    pub fn accepted(scene: &DownstreamScene<'_>) -> Self {
        Self {
            stage: Stage::AwaitHead,
            eof: false,
            served: 0,
            drained_bytes: 0,
            why: CloseReason::ExchangeOver,
            deadline: scene.now.saturating_add(match scene.draining {
                true => FIRST_WORD_MAX.min(scene.timeouts.idle),
                false => scene.timeouts.idle,
            }),
            mark: scene.now,
        }
    }

    /// When [`Downstream::handle_deadline`] is due. While an exchange decides, its deadline counts.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Did the client's FIN come?
    pub fn is_eof(&self) -> bool {
        self.eof
    }

    /// Requests answered on this connection.
    pub fn served(&self) -> u32 {
        self.served
    }

    /// Between two requests: nothing of the next has come.
    pub fn is_idle(&self) -> bool {
        self.stage == Stage::AwaitHead
    }

    /// Since when it is [idle](Self::is_idle), if it is.
    pub fn idle_since(&self) -> Option<Duration> {
        self.is_idle().then_some(self.mark)
    }

    /// Is an exchange or a relay in charge?
    pub fn is_busy(&self) -> bool {
        self.stage == Stage::Busy
    }

    /// Is the connection on its way out, so that nothing it sends is wanted?
    pub fn is_ending(&self) -> bool {
        matches!(self.stage, Stage::Drain | Stage::AwaitFin | Stage::AwaitAck)
    }

    /// Bytes came.
    #[inline]
    pub fn handle_bytes(&mut self, len: usize) -> ClientOrder {
        match self.stage {
            Stage::AwaitHead | Stage::ReadHead => ClientOrder::TakeHead,
            Stage::Busy => ClientOrder::Tell,
            Stage::Drain | Stage::AwaitFin | Stage::AwaitAck => {
                self.drained_bytes = self.drained_bytes.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
                ClientOrder::Read
            }
        }
    }

    /// The client's FIN came.
    pub fn handle_eof(&mut self) -> ClientOrder {
        self.eof = true;
        match self.stage {
            Stage::AwaitHead => ClientOrder::Close(CloseHow::Fin, CloseReason::PeerLeft),
            Stage::ReadHead => ClientOrder::Close(CloseHow::Fin, CloseReason::PeerAborted),
            Stage::Busy => ClientOrder::Tell,
            Stage::Drain | Stage::AwaitFin | Stage::AwaitAck => ClientOrder::Close(CloseHow::Fin, self.why),
        }
    }

    /// Reading failed.
    pub fn handle_broken(&mut self) -> ClientOrder {
        let why = match self.stage {
            Stage::Busy => return ClientOrder::Tell,
            Stage::AwaitHead => CloseReason::PeerLeft,
            Stage::ReadHead => CloseReason::PeerAborted,
            Stage::Drain | Stage::AwaitFin | Stage::AwaitAck => self.why,
        };
        ClientOrder::Close(CloseHow::Discard, why)
    }

    /// A head has begun, but is not whole.
    pub fn handle_head_incomplete(&mut self, scene: &DownstreamScene<'_>) -> ClientOrder {
        if self.eof {
            return ClientOrder::Close(CloseHow::Fin, CloseReason::PeerAborted);
        }
        if self.stage == Stage::AwaitHead {
            self.stage = Stage::ReadHead;
            self.deadline = scene.now + scene.timeouts.head;
        }
        ClientOrder::Read
    }

    /// A head is whole, or refused: an exchange takes over.
    #[inline]
    pub fn handle_exchange_begun(&mut self) {
        self.stage = Stage::Busy;
    }

    /// The exchange is over. `held`: bytes of a next request are here already.
    #[inline]
    pub fn handle_exchange_over(&mut self, then: Then, held: bool, scene: &DownstreamScene<'_>) -> ClientOrder {
        self.served += 1;
        match then {
            Then::Keep => self.await_head(held, scene),
            Then::Close(why) => self.close_by_policy(why, scene),
            Then::CloseByFin(why) => self.close(CloseHow::Fin, why),
            Then::Reset(why) => self.reset_when_safe(why, scene),
            Then::Drain(why) => self.drain(why, scene),
            Then::Cut { why, reset } => self.close(if reset { CloseHow::Reset } else { CloseHow::Discard }, why),
            Then::Closed | Then::Relay => ClientOrder::Wait,
        }
    }

    fn await_head(&mut self, held: bool, scene: &DownstreamScene<'_>) -> ClientOrder {
        (self.stage, self.mark) = (Stage::AwaitHead, scene.now);
        self.deadline = scene.now.saturating_add(scene.timeouts.idle);
        match (held, self.eof) {
            (true, _) => ClientOrder::TakeHead,
            (false, _) if scene.draining => ClientOrder::Close(CloseHow::Fin, CloseReason::Draining),
            (false, true) => ClientOrder::Close(CloseHow::Fin, CloseReason::PeerLeft),
            (false, false) => ClientOrder::Read,
        }
    }

    /// The connection is not kept: the listener's policy says who goes first.
    fn close_by_policy(&mut self, why: CloseReason, scene: &DownstreamScene<'_>) -> ClientOrder {
        self.why = why;
        match scene.close {
            ClientClose::BalancerFirst => self.close(CloseHow::Fin, why),
            ClientClose::ClientFirst if self.eof => self.close(CloseHow::Fin, why),
            ClientClose::ClientFirst => {
                (self.stage, self.deadline) = (Stage::AwaitFin, scene.now + scene.timeouts.close);
                ClientOrder::Read
            }
            ClientClose::ResetWhenSafe => self.reset_when_safe(why, scene),
        }
    }

    fn reset_when_safe(&mut self, why: CloseReason, scene: &DownstreamScene<'_>) -> ClientOrder {
        let until = scene.now + scene.timeouts.close;
        (self.why, self.stage, self.mark, self.deadline) = (why, Stage::AwaitAck, until, until);
        ClientOrder::LookAtAcks
    }

    fn close(&mut self, how: CloseHow, why: CloseReason) -> ClientOrder {
        self.why = why;
        ClientOrder::Close(how, why)
    }

    /// FIN now, then throw away what still comes, within bounds of time and rate, so that the response is not lost to a reset
    /// (RFC 9112 section 9.6).
    fn drain(&mut self, why: CloseReason, scene: &DownstreamScene<'_>) -> ClientOrder {
        self.why = why;
        self.stage = Stage::Drain;
        self.mark = scene.now + LINGER_MAX;
        self.set_drain_deadline(scene);
        ClientOrder::Drain
    }

    fn set_drain_deadline(&mut self, scene: &DownstreamScene<'_>) {
        self.drained_bytes = 0;
        self.deadline = (scene.now + scene.timeouts.close).min(self.mark);
    }

    /// Does the client still send what is thrown away, fast enough, and may it go on?
    fn may_drain_on(&self, scene: &DownstreamScene<'_>) -> bool {
        let least = scene.timeouts.close.as_millis() as u64 * LINGER_BYTES_PER_S_MIN / 1000;
        self.stage == Stage::Drain && scene.now < self.mark && u64::from(self.drained_bytes) >= least
    }

    /// A close by FIN was refused: bytes are there that nobody has read. Between two requests they are the next one.
    pub fn handle_unread(&mut self, why: CloseReason, scene: &DownstreamScene<'_>) -> ClientOrder {
        if self.stage != Stage::AwaitHead || self.eof {
            return self.drain(why, scene);
        }
        self.stage = Stage::ReadHead;
        self.deadline = scene.now + scene.timeouts.head;
        ClientOrder::Read
    }

    /// The balancer drains: what is idle goes. A client that has not spoken yet has a moment left to do so.
    pub fn handle_drain(&mut self, scene: &DownstreamScene<'_>) -> ClientOrder {
        match self.stage {
            Stage::AwaitHead if self.served == 0 => {
                self.deadline = self.deadline.min(scene.now + FIRST_WORD_MAX);
                ClientOrder::Wait
            }
            Stage::AwaitHead => ClientOrder::Close(CloseHow::Fin, CloseReason::Draining),
            _ => ClientOrder::Wait,
        }
    }

    /// A drain has lasted long enough: who has begun to ask is told so.
    pub fn handle_last_call(&mut self) -> ClientOrder {
        match self.stage {
            Stage::AwaitHead => ClientOrder::Close(CloseHow::Fin, CloseReason::Draining),
            Stage::ReadHead => ClientOrder::Refuse(Failure::Draining),
            Stage::Busy | Stage::Drain | Stage::AwaitFin | Stage::AwaitAck => ClientOrder::Wait,
        }
    }

    /// Our FIN is out: what is still to be done for [`ClientOrder::Drain`].
    pub fn handle_shut_down(&self) -> ClientOrder {
        if self.eof { ClientOrder::Close(CloseHow::Discard, self.why) } else { ClientOrder::Read }
    }

    /// How many bytes the client has not acknowledged; `None` where that cannot be told, which is never safe.
    pub fn handle_unacknowledged(&mut self, bytes: Option<usize>, scene: &DownstreamScene<'_>) -> ClientOrder {
        if bytes == Some(0) {
            return ClientOrder::Close(CloseHow::Reset, self.why);
        }
        if scene.now >= self.mark {
            return ClientOrder::Close(CloseHow::Fin, self.why);
        }
        self.deadline = (scene.now + ACK_LOOK_EVERY).min(self.mark);
        ClientOrder::Wait
    }

    /// The deadline has passed.
    pub fn handle_deadline(&mut self, scene: &DownstreamScene<'_>) -> ClientOrder {
        if self.may_drain_on(scene) {
            self.set_drain_deadline(scene);
            return ClientOrder::Wait;
        }
        match self.stage {
            Stage::AwaitHead if scene.draining => ClientOrder::Close(CloseHow::Fin, CloseReason::Draining),
            Stage::AwaitHead => ClientOrder::Close(CloseHow::Fin, CloseReason::Idle),
            Stage::ReadHead => ClientOrder::Refuse(Failure::HeadTimeout),
            Stage::Busy => ClientOrder::Tell,
            Stage::Drain | Stage::AwaitFin => ClientOrder::Close(CloseHow::Discard, self.why),
            Stage::AwaitAck => ClientOrder::LookAtAcks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: ClientTimeouts = ClientTimeouts {
        idle: Duration::from_secs(60),
        head: Duration::from_secs(10),
        body: Duration::from_secs(30),
        request: units::OFF,
        tunnel: Duration::from_secs(3600),
        close: Duration::from_secs(5),
        pace: crate::PaceRules::NONE,
    };
    const OVER: CloseReason = CloseReason::ExchangeOver;

    fn scene(close: ClientClose, now_ms: u64) -> DownstreamScene<'static> {
        DownstreamScene { now: Duration::from_millis(now_ms), timeouts: &TIMES, close, draining: false }
    }

    /// A connection whose exchange has just ended with `then`, and the order that gave.
    fn after(then: Then, held: bool, eof: bool, close: ClientClose) -> (Downstream, ClientOrder) {
        let mut client = Downstream::accepted(&scene(close, 0));
        assert_eq!(client.handle_bytes(10), ClientOrder::TakeHead);
        client.handle_exchange_begun();
        if eof {
            assert_eq!(client.handle_eof(), ClientOrder::Tell);
        }
        let order = client.handle_exchange_over(then, held, &scene(close, 0));
        (client, order)
    }

    #[track_caller]
    fn check(then: Then, held: bool, eof: bool, close: ClientClose, expect: ClientOrder) {
        assert_eq!(after(then, held, eof, close).1, expect, "{then:?} held {held} eof {eof} {close:?}");
    }

    #[test]
    fn who_goes_first_is_the_listeners_policy() {
        use ClientClose::*;
        use ClientOrder::*;
        check(Then::Close(OVER), false, false, BalancerFirst, Close(CloseHow::Fin, OVER));
        check(Then::Close(OVER), false, false, ClientFirst, Read);
        check(Then::Close(OVER), false, true, ClientFirst, Close(CloseHow::Fin, OVER));
        check(Then::Close(OVER), false, false, ResetWhenSafe, LookAtAcks);
        check(Then::CloseByFin(OVER), false, false, ClientFirst, Close(CloseHow::Fin, OVER));
        check(Then::CloseByFin(OVER), false, false, ResetWhenSafe, Close(CloseHow::Fin, OVER));
        check(Then::Cut { why: OVER, reset: true }, false, false, BalancerFirst, Close(CloseHow::Reset, OVER));
        check(Then::Cut { why: OVER, reset: false }, false, false, BalancerFirst, Close(CloseHow::Discard, OVER));
    }

    #[test]
    fn a_kept_connection_reads_on_or_takes_what_is_held() {
        let close = ClientClose::BalancerFirst;
        check(Then::Keep, false, false, close, ClientOrder::Read);
        check(Then::Keep, true, false, close, ClientOrder::TakeHead);
        check(Then::Keep, true, true, close, ClientOrder::TakeHead);
        check(Then::Keep, false, true, close, ClientOrder::Close(CloseHow::Fin, CloseReason::PeerLeft));
    }

    #[test]
    fn a_reset_waits_for_every_acknowledgement_but_not_for_ever() {
        let policy = ClientClose::ResetWhenSafe;
        let (mut client, _) = after(Then::Close(OVER), false, false, policy);
        let mut look = |bytes, now_ms| client.handle_unacknowledged(bytes, &scene(policy, now_ms));
        assert_eq!(look(Some(5), 0), ClientOrder::Wait);
        assert_eq!(look(None, 16), ClientOrder::Wait, "what cannot be told is not safe");
        assert_eq!(look(None, 5000), ClientOrder::Close(CloseHow::Fin, OVER));
        assert_eq!(look(Some(0), 32), ClientOrder::Close(CloseHow::Reset, OVER));
    }

    #[test]
    fn draining_is_bounded_in_time_and_rate_not_in_bytes() {
        let close = ClientClose::BalancerFirst;
        let (over, windows) =
            (ClientOrder::Close(CloseHow::Discard, OVER), LINGER_MAX.as_secs() / TIMES.close.as_secs());
        let (mut client, order) = after(Then::Drain(OVER), false, false, close);
        assert_eq!(order, ClientOrder::Drain);
        for window in 1..windows {
            assert_eq!(client.deadline(), u32::try_from(window).expect("few") * TIMES.close);
            assert_eq!(client.handle_bytes(1 << 30), ClientOrder::Read);
            assert_eq!(client.handle_deadline(&scene(close, 5000 * window)), ClientOrder::Wait);
        }
        client.handle_bytes(1 << 30);
        assert_eq!(client.handle_deadline(&scene(close, 5000 * windows)), over, "however much still comes");
        let (mut client, _) = after(Then::Drain(OVER), false, false, close);
        assert_eq!(client.handle_bytes(5 * 1024), ClientOrder::Read);
        assert_eq!(client.handle_deadline(&scene(close, 5000)), ClientOrder::Wait);
        client.handle_bytes(5 * 1024 - 1);
        assert_eq!(client.handle_deadline(&scene(close, 10_000)), over, "too slow");
    }

    #[test]
    fn a_drain_closes_who_is_idle_and_hears_who_has_not_spoken() {
        let close = ClientClose::BalancerFirst;
        let (fin, draining) = (ClientOrder::Close(CloseHow::Fin, CloseReason::Draining), |now_ms| DownstreamScene {
            draining: true,
            ..scene(close, now_ms)
        });
        let (mut kept, _) = after(Then::Keep, false, false, close);
        assert_eq!(kept.handle_drain(&draining(0)), fin);
        // Its next request came just then.
        assert_eq!(kept.handle_unread(CloseReason::Draining, &draining(0)), ClientOrder::Read);
        assert_eq!(kept.handle_bytes(9), ClientOrder::TakeHead);
        assert_eq!(kept.handle_last_call(), ClientOrder::Refuse(Failure::Draining));
        let mut silent = Downstream::accepted(&scene(close, 0));
        assert_eq!(silent.handle_drain(&draining(50)), ClientOrder::Wait);
        assert_eq!(silent.deadline(), Duration::from_millis(1050));
        assert_eq!(silent.handle_deadline(&draining(1050)), fin);
        assert_eq!(silent.handle_last_call(), fin);
        let late = Downstream::accepted(&draining(100));
        assert_eq!(late.deadline(), Duration::from_millis(1100));
    }

    #[test]
    fn a_head_that_does_not_come_is_told_one_that_never_began_is_not() {
        let close = ClientClose::BalancerFirst;
        let mut client = Downstream::accepted(&scene(close, 0));
        let due = client.handle_deadline(&scene(close, 60_000));
        assert_eq!(due, ClientOrder::Close(CloseHow::Fin, CloseReason::Idle));
        assert_eq!(client.handle_head_incomplete(&scene(close, 100)), ClientOrder::Read);
        assert_eq!(client.deadline(), Duration::from_millis(10_100));
        assert_eq!(client.handle_head_incomplete(&scene(close, 9000)), ClientOrder::Read);
        assert_eq!(client.deadline(), Duration::from_millis(10_100), "a head has one time, however it trickles");
        let due = client.handle_deadline(&scene(close, 10_100));
        assert_eq!(due, ClientOrder::Refuse(Failure::HeadTimeout));
        assert_eq!(client.handle_eof(), ClientOrder::Close(CloseHow::Fin, CloseReason::PeerAborted));
    }
}
