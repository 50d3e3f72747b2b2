//! One request and its response, decided without a socket: facts and lengths in, orders out, one end.
//!
//! ```text
//!            client end                     exchange                     server end
//!   request bytes, FIN, broken  -->   Up    (the request's way)    -->  attempt, send
//!   send, answer                <--   Down  (the response's way)   <--  head, bytes, FIN, broken
//!
//!   Up:    Held | Unsent -> Queued | InLine | Pausing | Connecting | Open -> Parted (again, while it may be tried again)
//!   Down:  Awaited -> Passing -> Whole -> end                       Awaited -> Answering -> (Discarding) -> end
//! ```
//!
//! The shell tells each [`Fact`] once and carries the [`Step`] out in the order of its fields. It holds the bytes;
//! the exchange knows only that they are there. There is one end ([`Step::end`]) with one [`Record`]: counters, access
//! log, metrics and health read that.
//!
//! What must hold after every step stands in [`Exchange::check`].

mod admission;
mod attempt;
mod check;
mod down;
mod ending;
mod facts;
mod pace;
mod step;
mod time;
mod up;

/// Bytes of a request's body that are read and thrown away after an answer of our own, to keep the connection.
pub const DISCARD_BYTES_MAX: usize = 64 * 1024;

pub use admission::Admitted;
pub use facts::{Fact, HeadEdits, HeadPlan, Opening, ResponseFacts, Scene, Took};
use pace::Paces;
pub use step::{Answer, AttemptOrder, DownOrder, Outcome, Record, Reply, Said, ServerOrder, Step, Then, UpOrder};
use time::Stall;
pub use time::Wait;

use crate::Failure;
use crate::cause::Cause;
use crate::policy::{Reuse, Trust};
use crate::reason::CloseReason;
use crate::retry::{self, RetryReason};
use core::time::Duration;
use http::Version;

/// A request and its response, from a head that was understood (or refused) to the end of both.
#[derive(Debug)]
pub struct Exchange {
    request: Opening,
    up: Up,
    down: Down,
    wait: Wait,
    stall: Stall,
    paces: Paces,
    /// When [`Fact::Deadline`] is due.
    deadline: Duration,
    record: Record,
    ended: bool,
}

/// The request's way to a server.
#[derive(Debug)]
struct Up {
    attempt: Attempt,
    /// All of the request has come from the client.
    whole: bool,
    /// A recv is under way at the client.
    reading: bool,
    /// A piece of the body came while it could not be sent: the shell holds it.
    held: bool,
    /// The client sent more than this request: the shell holds that, too.
    ahead: bool,
    /// The client's FIN came.
    eof: bool,
    /// The request has a body.
    body: bool,
    /// The client waits for 100 and may never send its body.
    awaits_continue: bool,
    /// A send to the server is under way.
    sending: bool,
    /// The server takes no more of the request.
    broken: bool,
    /// Bytes of this attempt may have reached the server.
    sent: bool,
    /// All that was sent is still at hand, to be sent again on another connection.
    replayable: bool,
    /// Attempts made, a connection that found no local port not counted.
    attempts: u32,
    /// Set with the first wait for a local port: when that patience is over.
    port_wait_until: Option<Duration>,
    /// Set with the first wait for a place at a server: when that patience is over.
    place_wait_until: Option<Duration>,
    /// Servers in a row towards which no local port was left.
    portless: u32,
    /// What the last attempt came to, while another server is looked for.
    lost: Option<retry::Attempt>,
    /// What the next attempt is made for, after the first.
    reason: Option<RetryReason>,
    /// Pauses before an attempt, so far.
    pauses: u32,
    /// Another server is tried when this handshake takes longer than usual.
    hurried: bool,
}

/// Where the attempt to reach a server stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    /// The shell was asked to make one.
    Ordered,
    /// No local port was left: waiting for one.
    Queued,
    /// Every server has as many connections as it may: waiting for a place.
    InLine,
    /// Nobody takes connections: waiting a moment before the next attempt.
    Pausing,
    /// There is none yet: it is being found out whether the request is let in.
    Held(Admitted),
    Connecting {
        server: u32,
    },
    Open {
        server: u32,
        pooled: bool,
    },
    /// No server connection belongs to this exchange (any more).
    Parted,
}

/// The response's way to the client.
#[derive(Debug)]
struct Down {
    stage: Stage,
    /// A send to the client is under way.
    sending: bool,
    /// A recv is under way at the server.
    reading: bool,
    /// Something came from the server of this attempt.
    begun: bool,
    /// The answer began before the request was all written.
    early: bool,
    /// A failure that waits for the send under way.
    failure: Option<Failure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No byte of a final response was passed on.
    Awaited,
    Passing(Passing),
    /// Whole, perhaps still being sent. `by_close`: its body ends with the connection, so only a FIN says that it is
    /// whole.
    Whole {
        keep: bool,
        by_close: bool,
    },
    /// The balancer's own answer is being sent.
    Answering {
        then: Then,
        reply: Option<Reply>,
    },
    /// It is out, and the rest of the request is thrown away: so many bytes at most.
    Discarding {
        left: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Passing {
    /// The client's connection may be kept after this response.
    keep: bool,
    /// The end of the body is the end of the connection.
    until_close: bool,
    server_keeps: bool,
    /// The server's connection may carry another request.
    reusable: bool,
    head_sent: bool,
}

impl Exchange {
    /// A request was understood. The step asks for an attempt, unless the client has left in the middle of it.
    pub fn begin(request: Opening, scene: &Scene<'_>) -> (Self, Step) {
        let mut exchange = Self::new(request, scene);
        let mut step = Step::default();
        if request.eof && !request.whole {
            exchange.abort(CloseReason::PeerAborted, &mut step);
        } else {
            exchange.order_attempt(AttemptOrder::Pick { not: None }, &mut step);
        }
        (exchange, step)
    }

    /// A request was understood, and is answered here: no server is picked. `rest_is_small`: what is still to come of its
    /// body may be read and thrown away, so that the connection can be kept.
    pub fn reply(request: Opening, reply: Reply, rest_is_small: bool, scene: &Scene<'_>) -> (Self, Step) {
        let mut exchange = Self::new(request, scene);
        let mut step = Step::default();
        if request.eof && !request.whole {
            exchange.abort(CloseReason::PeerAborted, &mut step);
        } else {
            exchange.answer_in_stead(reply, rest_is_small, scene, &mut step);
        }
        (exchange, step)
    }

    /// A request was understood, but goes no further: the client is told.
    pub fn turn_away(request: Opening, failure: Failure, scene: &Scene<'_>) -> (Self, Step) {
        if !request.eof || request.whole {
            return Self::refuse(request, failure, scene);
        }
        let (mut exchange, mut step) = (Self::new(request, scene), Step::default());
        exchange.abort(CloseReason::PeerAborted, &mut step);
        (exchange, step)
    }

    /// A request was not understood, or did not come in time; or a connection came too late: the client is told, and that
    /// is all. `request` is what is known of it.
    pub fn refuse(request: Opening, failure: Failure, scene: &Scene<'_>) -> (Self, Step) {
        let mut exchange = Self::new(request, scene);
        let mut step = Step::default();
        exchange.fail(failure, scene, &mut step);
        (exchange, step)
    }

    fn new(request: Opening, scene: &Scene<'_>) -> Self {
        let up = Up {
            attempt: Attempt::Parted,
            whole: request.whole,
            body: request.body_len > 0 || !request.whole,
            reading: false,
            held: false,
            ahead: request.ahead,
            eof: request.eof,
            awaits_continue: request.expects_continue,
            sending: false,
            broken: false,
            sent: false,
            replayable: true,
            attempts: 0,
            port_wait_until: None,
            place_wait_until: None,
            portless: 0,
            lost: None,
            reason: None,
            pauses: 0,
            hurried: false,
        };
        let down =
            Down { stage: Stage::Awaited, sending: false, reading: false, begun: false, early: false, failure: None };
        let record = Record { up_bytes: request.body_len as u64, ..Record::begun(scene.now) };
        Self {
            request,
            up,
            down,
            wait: Wait::Connect,
            stall: Stall::default(),
            paces: Paces::default(),
            deadline: Duration::MAX,
            record,
            ended: false,
        }
    }

    /// Something happened: what is to be done.
    #[inline]
    pub fn handle(&mut self, fact: Fact, scene: &Scene<'_>) -> Step {
        let mut step = Step::default();
        match fact {
            Fact::AttemptStarted { server, pooled, hurry, took } => {
                self.handle_attempt_started(server, pooled, hurry, took, scene, &mut step);
            }
            Fact::Connected => self.handle_connected(scene, &mut step),
            Fact::ConnectFailed { server, fault } => self.handle_connect_failed(server, fault, scene, &mut step),
            Fact::NobodyElse | Fact::BudgetSpent | Fact::SetFull | Fact::Shortage => {
                self.handle_no_attempt(fact, scene, &mut step)
            }
            Fact::NoPlace | Fact::LineFull | Fact::QueueFull | Fact::TurnCame | Fact::Admission(_) => {
                self.handle_queue(fact, scene, &mut step)
            }
            Fact::ServerTook(took) => self.handle_server_took(took, scene, &mut step),
            Fact::RequestBytes { len, whole, ahead } => self.handle_request_bytes(len, whole, ahead, scene, &mut step),
            Fact::RequestUnwanted(failure) => self.handle_request_unwanted(failure, scene, &mut step),
            Fact::ClientAhead => self.handle_client_ahead(),
            Fact::ClientEof => self.handle_client_eof(&mut step),
            Fact::ClientBroken => self.abort(CloseReason::PeerAborted, &mut step),
            Fact::ClientTook => self.handle_client_took(scene, &mut step),
            Fact::ClientClosed { unread } => self.handle_client_closed(unread, &mut step),
            Fact::ResponseBegun => self.handle_response_begun(&mut step),
            Fact::ResponseSkipped => self.read_on_from_server(scene, &mut step),
            Fact::ResponseInterim => self.send_down(false, scene, &mut step),
            Fact::ResponseBytes { len, whole, leftover } => {
                self.handle_response_bytes(len, whole, leftover, scene, &mut step);
            }
            Fact::ResponseDeclined { status, spent } => self.handle_declined(status, spent, scene, &mut step),
            Fact::ResponseMalformed(rule) => self.handle_response_malformed(rule, scene, &mut step),
            Fact::ResponseShortage => self.handle_response_unusable(Failure::NoLocalResource, scene, &mut step),
            Fact::Upgraded => self.handle_upgraded(scene, &mut step),
            Fact::ServerEof { partial, ends_body } => self.handle_server_eof(partial, ends_body, scene, &mut step),
            Fact::ServerBroken(kind) => self.handle_server_gone(Cause::Broken(kind), scene, &mut step),
            Fact::Deadline | Fact::Unacknowledged(_) | Fact::Patrol | Fact::LastCall | Fact::Cut => {
                self.handle_time(fact, scene, &mut step);
            }
        }
        step
    }

    /// Time has gone by.
    fn handle_time(&mut self, fact: Fact, scene: &Scene<'_>, step: &mut Step) {
        match fact {
            Fact::Unacknowledged(bytes) => self.handle_unacknowledged(bytes, scene, step),
            Fact::Patrol => self.watch_client(step),
            Fact::LastCall => self.handle_last_call(scene, step),
            Fact::Cut => self.abort(CloseReason::Draining, step),
            _ => self.handle_deadline(scene, step),
        }
    }

    /// What a connection of the pool must be for this request.
    pub fn trust(&self, reuse: Reuse) -> Trust {
        let once = !self.request.idempotent && !self.request.kept;
        if reuse == Reuse::Safe && once { Trust::Proven } else { Trust::Any }
    }

    /// When [`Fact::Deadline`] is due.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// May the request still have to be sent again? Else the shell lets go of what it kept of it.
    pub fn is_replayable(&self) -> bool {
        self.up.replayable
    }

    /// No byte of a response, or of an answer, has gone to the client.
    pub fn is_unanswered(&self) -> bool {
        self.down.stage == Stage::Awaited
    }

    /// Is it a connection to be joined with a server's, and no request?
    pub fn is_stream(&self) -> bool {
        self.request.stream
    }

    /// The version the client speaks.
    pub fn client_version(&self) -> Version {
        self.request.version
    }

    /// Does a request wait for a local port?
    pub fn is_queued(&self) -> bool {
        self.up.attempt == Attempt::Queued
    }

    /// Does a request wait for a place at a server?
    pub fn is_in_line(&self) -> bool {
        self.up.attempt == Attempt::InLine
    }

    /// What is to be remembered of this exchange.
    pub fn record(&self) -> &Record {
        &self.record
    }
}
