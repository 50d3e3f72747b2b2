//! What an exchange asks of the shell, and what it leaves behind.

use crate::Failure;
use crate::health::Verdict;
use crate::reason::CloseReason;
use crate::retry::RetryReason;
use core::time::Duration;
use named::named;

/// What is to be done, in the order of the fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// What is now known of a server.
    pub verdict: Option<(u32, Verdict)>,
    /// With the server connection of the attempt: it then belongs to this exchange no more.
    pub server: Option<ServerOrder>,
    /// Towards a server.
    pub up: Option<UpOrder>,
    /// Towards the client.
    pub down: Option<DownOrder>,
    /// Read from the client, what is held first.
    pub read_client: bool,
    /// Read from the server, what is held first.
    pub read_server: bool,
    /// The exchange is over; nothing else is told to it.
    pub end: Option<Then>,
}

impl Step {
    /// Nothing is to be done but to wait.
    #[inline]
    pub fn is_nothing(&self) -> bool {
        let Self { verdict, server, up, down, read_client, read_server, end } = self;
        verdict.is_none()
            && server.is_none()
            && up.is_none()
            && down.is_none()
            && !read_client
            && !read_server
            && end.is_none()
    }
}

/// What becomes of a server connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerOrder {
    /// Back to the pool.
    Keep {
        /// Its answer was no error.
        clean: bool,
    },
    /// Closed by the set's policy.
    Close(CloseReason),
    /// Its handshake took too long: given up, as a failed connect. [`Fact::ConnectFailed`](super::Fact) follows.
    Abandon,
}

/// What to do towards servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpOrder {
    /// Make an attempt; [`Fact::AttemptStarted`](super::Fact) or a failure follows.
    Attempt(AttemptOrder),
    /// The same where a server may have worked on the request: if the set's budget pays for it. Else
    /// [`Fact::BudgetSpent`](super::Fact) follows.
    Repeat(AttemptOrder),
    /// Queue for a local port; [`Fact::TurnCame`](super::Fact) follows, or [`Fact::QueueFull`](super::Fact) at once.
    Queue {
        /// For the first time.
        first: bool,
    },
    /// Queue for a place at a server; [`Fact::TurnCame`](super::Fact) follows, or [`Fact::LineFull`](super::Fact) at once.
    JoinLine {
        /// For the first time.
        first: bool,
    },
    /// Send the piece that is held.
    Send,
    /// Throw the piece away that is held: the server takes no more.
    Drop,
    /// Ask how much of what is being sent the server has not acknowledged.
    LookAtAcks,
}

/// Which connection an attempt may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOrder {
    /// Pick a server, and a pooled connection if there is one.
    Pick {
        /// Not this one: it has just failed. [`Fact::NobodyElse`](super::Fact) follows where there is no other.
        not: Option<u32>,
    },
    /// A fresh connection to this server.
    Fresh {
        /// Which.
        server: u32,
    },
}

/// What to send to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownOrder {
    /// What is held of the response.
    Send {
        /// Close by FIN with the last byte.
        close: bool,
    },
    /// An answer of our own.
    Answer(Answer),
    /// Ask how much of what is being sent the client has not acknowledged.
    LookAtAcks,
}

named! {
    /// What the balancer says in a server's stead where nothing failed: by the rules of the route. The shell knows the words.
    pub enum Reply {
        /// It is elsewhere.
        Redirect = "redirect",
        /// What the route always says.
        Fixed = "fixed",
        /// No route fits, and the listener has no backend set for the rest.
        NotFound = "not_found",
    }
}

/// What an answer of our own is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The request failed.
    Failure(Failure),
    /// It was answered here, before a server was picked.
    Reply(Reply),
}

/// An answer of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it says.
    pub said: Said,
    /// The connection stays open.
    pub keep: bool,
    /// Without the body (HEAD).
    pub head_only: bool,
}

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next request may come.
    Keep,
    /// It is closed by the listener's policy.
    Close(CloseReason),
    /// It is closed by FIN: the client reads up to that, so neither a reset nor waiting for the client's FIN would do.
    CloseByFin(CloseReason),
    /// It is closed by RST, once the client has acknowledged what it was sent: a FIN would look like the end of what was not
    /// said to its end.
    Reset(CloseReason),
    /// FIN, then what still comes is thrown away within bounds (RFC 9112 section 9.6).
    Drain(CloseReason),
    /// It is cut at once; `reset` where a FIN would look like the end of a body that is not whole.
    Cut {
        /// Why.
        why: CloseReason,
        /// By RST.
        reset: bool,
    },
    /// It was closed with the last byte.
    Closed,
    /// Both connections go over to a relay.
    Relay,
}

/// What is remembered of an exchange: one line of an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// When its head was understood (or refused).
    pub started_at: Duration,
    /// Status of the server's final response, once its head went out; 0 before.
    pub status: u16,
    /// The response went out whole.
    pub responded: bool,
    /// The response was cut off in the middle because the server failed then.
    pub truncated: bool,
    /// What failed; with `responded` it was only the rest of the upload.
    pub failure: Option<Failure>,
    /// What it was answered with here, once that went out whole.
    pub reply: Option<Reply>,
    /// Attempts after the first.
    pub retries: u32,
    /// Those by what they were made for.
    pub retried: [u8; RetryReason::ALL.len()],
    /// It waited for a local port.
    pub queued: bool,
    /// The server of the last attempt.
    pub server: Option<u32>,
    /// When that attempt began.
    pub attempted_at: Option<Duration>,
    /// It went over a connection that stood already.
    pub pooled: bool,
    /// Else when its connection stood.
    pub connected_at: Option<Duration>,
    /// When the head of the final response was understood.
    pub answered_at: Option<Duration>,
    /// Body bytes sent to the server, framing included.
    pub up_bytes: u64,
    /// Body bytes sent to the client, framing included.
    pub down_bytes: u64,
}

/// What a request came to: one of these, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A server's response went out whole.
    Responded,
    /// A server's response was cut off in the middle.
    Truncated,
    /// It was answered here, and nothing failed.
    Replied(Reply),
    /// It failed, and the client was told, as far as it could be.
    Failed(Failure),
    /// Its client left, or a drain was over.
    Abandoned,
}

impl Record {
    /// What the request came to.
    pub fn outcome(&self) -> Outcome {
        match (self.responded, self.truncated, self.failure) {
            (true, ..) => Outcome::Responded,
            (_, true, _) => Outcome::Truncated,
            (_, _, Some(failure)) => Outcome::Failed(failure),
            (_, _, None) => self.reply.map_or(Outcome::Abandoned, Outcome::Replied),
        }
    }

    /// The handshake of the last attempt; `None` where its connection stood already, or never did.
    pub fn connected_within(&self) -> Option<Duration> {
        Some(self.connected_at?.saturating_sub(self.attempted_at?))
    }

    /// From the request on its way to the head of the response.
    pub fn first_byte_within(&self) -> Option<Duration> {
        let sent = self.connected_at.or(self.attempted_at)?;
        Some(self.answered_at?.saturating_sub(sent))
    }

    /// Was its client told that it failed, or was its response cut off?
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome(), Outcome::Failed(_) | Outcome::Truncated)
    }

    /// Of a request that began then, and came to nothing yet.
    pub fn begun(started_at: Duration) -> Self {
        Self {
            started_at,
            status: 0,
            responded: false,
            truncated: false,
            failure: None,
            reply: None,
            retries: 0,
            retried: [0; RetryReason::ALL.len()],
            queued: false,
            server: None,
            attempted_at: None,
            pooled: false,
            connected_at: None,
            answered_at: None,
            up_bytes: 0,
            down_bytes: 0,
        }
    }
}
