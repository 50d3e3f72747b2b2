//! What the life of a connection answers to an event.

use crate::client::Astray;
use crate::error_kind::ErrorKind;
use http::Limits;
use http1::{Dialect, Dialects};
use named::named;
use ports::Fault;

/// How to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseBy {
    /// By FIN.
    Fin,
    /// By RST, as soon as the peer has acknowledged everything.
    ResetWhenAcknowledged,
    /// By RST at once: there is nothing left to lose.
    Reset,
    /// At once, whatever is unread.
    Discard,
}

/// What to do next with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: what is in flight will tell.
    Wait,
    /// Receive into a fresh buffer.
    Read,
    /// Receive behind the bytes that were not consumed.
    ReadMore,
    /// The connection is ready for another request.
    Idle,
    /// Close it.
    Close(CloseBy),
    /// Close it, and send the same request once more on a new one.
    SendAgain(CloseBy),
    /// It is gone already.
    Gone,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response is complete.
    Complete {
        /// Its status code.
        status: u16,
    },
    /// The response is complete, says that it is elsewhere, and is to be followed there: the request has not ended.
    LeadsOn {
        /// Its status code.
        status: u16,
    },
    /// It failed; the fault or the HTTP error says why in detail.
    Failed(Failure),
}

/// What of a response is not as was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Its status, which is this.
    Status(u16),
    /// A field.
    Header,
    /// Its body.
    Body,
}

/// Why a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The connection could not be opened or broke.
    Fault(Fault),
    /// Time is up.
    Timeout,
    /// The run is over, and so is the grace for what was in flight.
    Unanswered,
    /// EOF before the response was complete.
    Closed,
    /// The response breaks the rules.
    Http(http1::Error),
    /// The response is complete, and not what was expected.
    Unexpected(Unmet),
    /// The response leads somewhere else, where the request cannot go.
    Astray(Astray),
    /// More than [`crate::life::INTERIM_MAX`] interim responses.
    TooManyInterim,
}

impl Failure {
    /// The kind it is counted as.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Fault(fault) => fault.into(),
            Self::Timeout => ErrorKind::Timeout,
            Self::Unanswered => ErrorKind::Unanswered,
            Self::Closed => ErrorKind::Closed,
            Self::Http(error) if error.is_limit() => ErrorKind::Limit,
            Self::Http(_) | Self::TooManyInterim => ErrorKind::Http,
            Self::Astray(_) => ErrorKind::Redirect,
            Self::Unexpected(Unmet::Status(_)) => ErrorKind::Status,
            Self::Unexpected(Unmet::Header) => ErrorKind::Header,
            Self::Unexpected(Unmet::Body) => ErrorKind::Body,
        }
    }

    /// Was there no whole response? Where there was one, the connection is none the worse for it.
    pub fn is_without_response(self) -> bool {
        !matches!(self, Self::Unexpected(_) | Self::Astray(_))
    }
}

named! {
    /// Something worth counting that fails no request.
    pub enum Oddity {
        /// The server's FIN was waited for in vain; we closed first.
        WaitExpired = "wait_expired",
        /// The server sent bytes beyond its response.
        UnaskedBytes = "unasked_bytes",
        /// The response was complete before the request was sent: the connection cannot be used again.
        EarlyResponse = "early_response",
        /// A reset was wanted, but bytes stayed unacknowledged: closed by FIN.
        ResetUnsafe = "reset_unsafe",
        /// The server closed a kept connection before a byte of its answer; the request was sent again on a new one.
        SentAgain = "sent_again",
        /// A response came compressed.
        Compressed = "compressed",
        /// A head was larger than most readers take.
        LargeHead = "large_head",
        /// An answer had not what was to be kept of it: the scenario ended there.
        CaptureMissed = "capture_missed",
        /// A client had more cookies than it keeps, or a longer one.
        CookiesCrowded = "cookies_crowded",
    }
}

impl Oddity {
    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::WaitExpired => "the server never closed; we did after the time-out",
            Self::UnaskedBytes => "the server sent bytes beyond its response",
            Self::EarlyResponse => "the response came before the request was sent",
            Self::ResetUnsafe => "closed by FIN: bytes stayed unacknowledged",
            Self::CaptureMissed => "the answer had not what was to be kept of it; the scenario ended there",
            Self::CookiesCrowded => "cookies beyond the 180 that a client keeps, or over 4 KiB; the oldest were let go",
            Self::Compressed => "responses came compressed, and were counted as they came",
            Self::LargeHead => "heads over 32 KiB or 128 fields, which many readers refuse",
            Self::SentAgain => "sent again: the server had closed a kept connection before it answered",
        }
    }
}

/// What the heads were like that an event brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeadsRead {
    /// Ways in which they depart from the letter of the RFCs, each counted once for all of them.
    pub dialects: Dialects,
    /// One was larger than most readers take: more bytes, or more fields, than [`Limits::default`] allows.
    pub is_large: bool,
    /// Responses with a body that is compressed.
    pub compressed: bool,
}

impl HeadsRead {
    pub(crate) fn note(&mut self, bytes: usize, fields: usize, dialects: Dialects) {
        let usual = Limits::default();
        self.is_large |= bytes > usual.head_bytes_max || fields > usual.headers_max;
        self.dialects = self.dialects.with(dialects);
    }
}

/// The answer to an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Step {
    /// The request ended, like this.
    pub outcome: Option<Outcome>,
    /// What to do now.
    pub next: Next,
    /// Something odd to count.
    pub oddity: Option<Oddity>,
    /// Bytes used up by [`crate::Life::handle_data`]; only [`Next::ReadMore`] leaves some.
    pub consumed: usize,
    /// Bytes of response body among them.
    pub body_bytes: usize,
    /// What the heads among them were like.
    pub heads: HeadsRead,
}

impl Step {
    pub(crate) fn next(next: Next) -> Self {
        Self { outcome: None, next, oddity: None, consumed: 0, body_bytes: 0, heads: HeadsRead::default() }
    }
}

/// What a dialect means, for people.
pub fn dialect_meaning(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::EmptyLine => "an empty line behind an interim response",
        Dialect::BareLf => "heads with lines that end in LF alone",
        Dialect::ObsFold => "heads with folded lines",
        Dialect::SpaceBeforeColon => "heads with a space before a colon",
        Dialect::NewerVersion => "responses of a version above HTTP/1.1",
        Dialect::EqualLengths => "heads with several equal Content-Length",
        Dialect::LengthBesideCoding => "heads with Content-Length beside Transfer-Encoding",
        Dialect::Identity => "heads with Transfer-Encoding: identity",
        Dialect::ChunkedInHttp10 => "chunked bodies in HTTP/1.0",
    }
}
