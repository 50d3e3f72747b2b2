//! One connection of an origin.
//!
//! ```text
//! Head -> [Discarding the body] -> [Delaying] -> Answering -> Head ...
//!   \--> Echoing -------------------------------^       \--> (closed) or Lingering
//! ```

use crate::answer::Stream;
use crate::route::Route;
use http::{BodyKind, Limits, Method, Version};
use http1::{BodyDecoder, HeadScan, HeadSlots, Parsed};
use reactor::{Buf, Deadline};

/// What one connection is doing.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Reading a request head.
    Head(HeadScan),
    /// Reading a body nobody wants, then answering.
    Discarding(BodyDecoder, Asked),
    /// Waiting before the answer.
    Delaying(Asked),
    /// A part of the answer is being sent; this is what follows it.
    Answering(Stream),
    /// Sending the request's body back as it comes.
    Echoing(BodyDecoder),
    /// Our FIN is sent; reading what may still come, so that it does not become a reset (RFC 9112 section 9.6).
    Lingering {
        /// Bytes that will still be read.
        left: usize,
    },
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    /// What it is doing.
    pub(crate) phase: Phase,
    /// Received and not yet used up.
    pub(crate) input: Option<Buf>,
    /// Is it kept after the present answer?
    pub(crate) persists: bool,
    /// When its delay is over, else when it has been idle for too long.
    pub(crate) deadline: Deadline,
}

/// What was asked, without its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// For what.
    pub(crate) route: Route,
    /// The body of the request.
    pub(crate) body: BodyKind,
    /// HEAD: no body in the answer.
    pub(crate) head_only: bool,
    /// Does the client want to keep the connection?
    pub(crate) keep_alive: bool,
    /// Client's version.
    pub(crate) version: Version,
    /// Does the client wait for 100?
    pub(crate) expect_continue: bool,
    /// Bytes of the head.
    pub(crate) len: usize,
}

impl Asked {
    /// Parses the head at the start of `bytes`; `None` while it is incomplete.
    pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Option<Self>, http1::Error> {
        let mut slots = HeadSlots::new();
        let parsed = http1::parse_request(bytes, limits, &mut slots)?;
        Ok(parsed.map(|Parsed { head, len, keep_alive, .. }| Self {
            route: Route::of(head.path()),
            body: head.body,
            head_only: head.method == Method::Head,
            keep_alive,
            version: head.version,
            expect_continue: head.expect_continue,
            len,
        }))
    }

    /// Is the body to be sent back?
    pub(crate) fn is_echo(&self) -> bool {
        self.route == Route::Echo && !self.head_only
    }
}
