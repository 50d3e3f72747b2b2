//! What the shell tells an exchange, and what it is told to write.

use crate::Failure;
use crate::policy::ClientClose;
use crate::settings::{ClientTimeouts, ServerTimeouts};
use crate::statuses::Statuses;
use core::time::Duration;
use http::Version;
use ports::{Fault, FaultKind};

/// What stands when something happens: the time, and the rules of the listener and the backend set with which the
/// request began.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Now.
    pub now: Duration,
    /// Patience with clients.
    pub client: &'a ClientTimeouts,
    /// Patience with servers.
    pub server: &'a ServerTimeouts,
    /// Who closes a client connection that is not kept.
    pub close: ClientClose,
    /// Further attempts after the first.
    pub retries_max: u32,
    /// More of them where nobody takes connections.
    pub waits_for_restart: bool,
    /// Statuses that another server is asked for.
    pub retry_on: &'a Statuses,
    /// How long a request waits for a place at a server.
    pub queue_timeout: Duration,
    /// Answers 500 to 599 speak against their server.
    pub server_errors: bool,
    /// No connection is kept any more.
    pub draining: bool,
}

/// What is known of a request when its head was understood and the first of its body was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The version the client speaks.
    pub version: Version,
    /// The method may be repeated (RFC 9110 section 9.2.2).
    pub idempotent: bool,
    /// A body has no meaning with its method (GET, HEAD, DELETE; RFC 9110 section 9.3): many servers leave it unread.
    pub bodiless: bool,
    /// The answer has no body, whatever its head says (HEAD).
    pub head_only: bool,
    /// The client wants to keep its connection.
    pub keep_alive: bool,
    /// This listener serves another request on the connection.
    pub requests_left: bool,
    /// The client asks for another protocol.
    pub upgrade: bool,
    /// The client waits for 100 before it sends its body, and has sent none of it.
    pub expects_continue: bool,
    /// All of the body came with the head.
    pub whole: bool,
    /// More came than this request.
    pub ahead: bool,
    /// The client's FIN came.
    pub eof: bool,
    /// The client was kept from an earlier request: watching it costs no system call of its own.
    pub kept: bool,
    /// Body bytes that came with the head, framing included.
    pub body_len: usize,
    /// It is no request: a connection of a client is to be joined with a server's. Nothing is sent with the handshake, no
    /// answer is read, and none can be given.
    pub stream: bool,
    /// A stream to which something of ours is sent first.
    pub greets: bool,
}

impl Opening {
    /// A connection of a tcp listener. Whatever its client sends early is ahead of it.
    pub const STREAM: Self = Self { stream: true, ..Self::NONE };

    /// Nothing is known: the request was refused before it was understood.
    pub const NONE: Self = Self {
        version: Version::Http11,
        idempotent: false,
        bodiless: false,
        head_only: false,
        keep_alive: false,
        requests_left: false,
        upgrade: false,
        expects_continue: false,
        whole: true,
        ahead: false,
        eof: false,
        kept: false,
        body_len: 0,
        stream: false,
        greets: false,
    };
}

/// How a send to a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Took {
    /// The kernel took all of it.
    All,
    /// It did, but buffers are scarce: what is kept only in case must go.
    AllButScarce,
    /// The server takes no more.
    Broken,
}

/// Something happened at one of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// An attempt is under way: on a pooled connection, or on one that is being opened.
    AttemptStarted {
        /// Which server.
        server: u32,
        /// The connection stands already.
        pooled: bool,
        /// Another server is well: when this one has not answered the handshake after so long, that one is tried.
        hurry: Option<Duration>,
        /// What it was given went out at once; else [`Fact::ServerTook`] follows.
        took: Option<Took>,
    },
    /// The connection stands.
    Connected,
    /// It does not, and never did.
    ConnectFailed {
        /// Which server.
        server: u32,
        /// Why.
        fault: Fault,
    },
    /// The set has no server to pick, or none but the one that was ruled out.
    NobodyElse,
    /// The set's budget does not pay for the repetition that was asked for.
    BudgetSpent,
    /// As many requests of the set are under way as may be.
    SetFull,
    /// Every server that could be asked has as many connections as it may.
    NoPlace,
    /// Asked to queue for a place at a server, but no more may.
    LineFull,
    /// Asked to queue for a local port, but no place was left.
    QueueFull,
    /// A port, or a place at a server, came free: it is this request's turn.
    TurnCame,
    /// The request is let in, or why it is not.
    Admission(Result<(), Failure>),
    /// No buffer is left to write the request or the answer into.
    Shortage,
    /// A send to the server ended.
    ServerTook(Took),
    /// Bytes of the request's body, cut at its end; the shell holds them.
    RequestBytes {
        /// How many, framing included; none where nothing of what came is passed on.
        len: usize,
        /// They are the last.
        whole: bool,
        /// More came behind them.
        ahead: bool,
    },
    /// No more of the request's body is taken: its framing is broken, it is too large, or no buffer is left to write a part of
    /// it into.
    RequestUnwanted(Failure),
    /// Bytes of a next request came; the shell holds them.
    ClientAhead,
    /// The client's FIN.
    ClientEof,
    /// The client's connection broke: reading or writing failed.
    ClientBroken,
    /// A send to the client ended well.
    ClientTook,
    /// A send with [`DownOrder::Send`](super::DownOrder) `close` ended, and the connection with it.
    ClientClosed {
        /// Not quite: bytes came meanwhile that nobody has read.
        unread: bool,
    },
    /// Bytes of a response came, but not yet its whole head. Also before every other fact about a response.
    ResponseBegun,
    /// An interim response was left out, and nothing came behind it.
    ResponseSkipped,
    /// An interim response is ready to be sent.
    ResponseInterim,
    /// Bytes of the response's body, cut at its end; the shell holds them, and the head if it was not sent yet.
    ResponseBytes {
        /// How many go to the client.
        len: usize,
        /// They are the last.
        whole: bool,
        /// More came behind them, which belongs to nothing.
        leftover: bool,
    },
    /// The head of a response came that [another server is asked for](super::Exchange::asks_elsewhere): nothing of it is
    /// passed on.
    ResponseDeclined {
        /// Its status.
        status: u16,
        /// All of it came, and the server keeps its connection.
        spent: bool,
    },
    /// The response breaks a rule of HTTP, or is over a limit.
    ResponseMalformed(http1::Error),
    /// No buffer is left to write the response's head (or its unwrapped body) into.
    ResponseShortage,
    /// The 101 is ready: both connections go over to a relay.
    Upgraded,
    /// The server's FIN.
    ServerEof {
        /// It came in the middle of a head.
        partial: bool,
        /// The body may end here.
        ends_body: bool,
    },
    /// Reading from the server failed.
    ServerBroken(FaultKind),
    /// [`Exchange::deadline`](super::Exchange::deadline) has passed.
    Deadline,
    /// What [`DownOrder::LookAtAcks`](super::DownOrder) or [`UpOrder::LookAtAcks`](super::UpOrder) asked for: bytes that the
    /// peer has not acknowledged; `None` where that cannot be told.
    Unacknowledged(Option<usize>),
    /// The request takes long enough to watch the client for leaving.
    Patrol,
    /// A drain has lasted long enough: who has no answer yet is told so, what has begun is cut off.
    LastCall,
    /// A drain has lasted too long: whatever is under way is cut.
    Cut,
}

/// What is known of a response's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFacts {
    /// Its status.
    pub status: u16,
    /// The server keeps its connection.
    pub keep_alive: bool,
    /// The body is chunked.
    pub chunked: bool,
    /// The body ends with the connection.
    pub until_close: bool,
    /// It switches to a protocol that the client has asked for.
    pub switch_asked: bool,
}

/// What becomes of a response's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadPlan {
    /// An interim one for a client that would not understand it (RFC 9110 section 15.2).
    Skip,
    /// Written and sent at once; another head follows.
    Interim(HeadEdits),
    /// Written, and sent with the first of the body.
    Final(HeadEdits),
    /// Written and sent; then bytes flow both ways untouched.
    Upgrade(HeadEdits),
    /// The server switches to a protocol nobody asked for.
    Malformed,
}

/// How a response's head is written for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadEdits {
    /// What it says about the client's connection.
    pub connection: http::forward::Connection,
    /// Chunks are unwrapped for a client that does not know them.
    pub unwrap_chunks: bool,
}
