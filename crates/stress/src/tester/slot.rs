//! One place in the closed loop: at most one connection, at most one request.

use super::client::Client;
use super::line::Line;
use super::places::HOME;
use crate::request::Pieces;
use http::Method;
use ports::{Lease, Target, Tries};
use reactor::{ConnId, Deadline, ProfileId};
use std::time::Duration;
use stress_core::backoff::Backoff;
use stress_core::script::Kept;
use stress_core::{Life, Plan};

/// What a slot's deadline means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Doing {
    /// A request is on its way, or the server's FIN is waited for: the deadline is its time-out.
    #[default]
    Working,
    /// It failed and pauses: the deadline is the next try.
    Pausing,
    /// It was led to a host whose name is looked up: the deadline is the next look at what was found.
    LookingUp,
    /// It wants to reset: the deadline is the next look at what is unacknowledged.
    AwaitingAck,
    /// No request is due: a connection that it has stays open.
    Waiting,
    /// Nothing left to do.
    Parked,
}

/// The request's bytes are those that were written for this time, not those that are kept.
pub(super) const WRITTEN: u32 = u32::MAX;

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Slot {
    pub(super) link: Link,
    pub(super) exchange: Exchange,
    pub(super) deadline: Deadline,
    pub(super) backoff: Backoff,
    pub(super) doing: Doing,
    /// Requests that are in flight together, in a run that has them so.
    pub(super) line: Option<Box<Line>>,
    /// Where answers have led it, in a run that goes there.
    pub(super) client: Option<Box<Client>>,
}

impl Slot {
    /// For requests of `plan`.
    pub(super) fn new(plan: &Plan) -> Self {
        let script = &plan.script;
        let drawn = vec![None; script.draws()].into();
        let kept = Kept::new(script.kept());
        let line = plan.wire.pipeline.map(|most| Box::new(Line::new(most)));
        Self {
            exchange: Exchange { drawn, kept, ..Exchange::default() },
            client: Client::new(plan),
            line,
            ..Self::default()
        }
    }
}

/// The connection a slot has.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) conn: Option<ConnId>,
    /// The place it is at: the target, or where that has led.
    pub(super) place: u16,
    /// How it is secured, where it is not to the target.
    pub(super) profile: Option<ProfileId>,
    /// From when on its time to connect counts.
    pub(super) since: Duration,
    /// Where it goes to.
    pub(super) to: Option<Target>,
    /// Port of our own choice.
    pub(super) lease: Option<Lease>,
    /// Requests that it may yet carry.
    pub(super) left: u64,
    /// Starting points refused for this request.
    pub(super) tries: Tries,
    /// Looks at what is unacknowledged before a reset.
    pub(super) ack_looks: u8,
}

impl Link {
    /// A request goes over it, or opens it, from then on.
    pub(super) fn begins(&mut self, since: Duration) {
        (self.tries, self.since) = (Tries::default(), since);
    }

    /// Is it one to where requests begin?
    pub(super) fn is_home(&self) -> bool {
        self.place == HOME
    }
}

/// The request a slot makes.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    pub(super) life: Life,
    /// Which of the plan's requests it is.
    pub(super) which: u32,
    /// Of which of them its bytes are; [`WRITTEN`]: those of `written`.
    pub(super) source: u32,
    /// As far as framing depends on it.
    pub(super) method: Method,
    /// It is the last of its connection.
    pub(super) last: bool,
    /// Its bytes, where they are written for this time only.
    pub(super) written: Pieces,
    /// What its variables have drawn.
    pub(super) drawn: Box<[Option<u64>]>,
    /// What was kept of answers, where the run keeps anything.
    pub(super) kept: Kept,
    /// The next request of its scenario is this slot's next one.
    pub(super) goes_on: bool,
    /// When the request was due.
    pub(super) due: Duration,
    /// When it was made.
    pub(super) made_at: Duration,
    /// When its connection was ready for it.
    pub(super) ready_at: Duration,
    /// The first byte of an answer has come.
    pub(super) is_answered: bool,
    /// Piece of the request that the next send starts with.
    pub(super) piece: u16,
    /// It failed: pause before the next.
    pub(super) failed: bool,
}

impl Exchange {
    /// What the life of its connection has to know of it.
    pub(super) fn expect_more(&mut self) {
        if !self.last {
            self.life.expect_more();
        }
    }
}
