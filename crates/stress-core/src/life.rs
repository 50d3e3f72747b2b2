//! The life of one connection: what came in, what to do next. No socket, no clock.
//!
//! ```text
//! Connecting -> Head -> Body -> complete -> (keep)            Idle -> Head ...
//!                 \       \        |------> (wait)            PeerFin -> close
//!                  \       \       '------> (fin, rst)        close
//!                   '-------'--> failed -> close
//!                   '--> a kept connection ended without a byte of an answer: the request again, on a new one
//! ```

use crate::client::leads_on;
use crate::plan::{ClosePolicy, Expect, Needle};
use crate::script::Reader;
use crate::step::{CloseBy, Failure, HeadsRead, Next, Oddity, Outcome, Step, Unmet};
use core::num::NonZeroU32;
use http::{BodyKind, HEADERS_CAP, Header, Limits, Method, Reading, ResponseHead};
use http1::{BodyDecoder, HeadScan, HeadSlots, Parsed, parse_response};
use ports::Fault;
use std::sync::Arc;

/// Interim (1xx) responses accepted before the final one.
pub const INTERIM_MAX: u8 = 16;
/// Bytes nobody asked for that are read while waiting for the server's FIN.
pub const UNASKED_BYTES_MAX: usize = 64 * 1024;

/// Fewer bytes of a body than this are read, whether anybody looks at them or not: they are in one buffer.
const UNSEEN_BYTES_MIN: u64 = 32 * 1024;
/// Bytes that pass unseen at a time, at most.
const UNSEEN_BYTES_MAX: u64 = 1 << 30;

/// Bytes of a response head: more than any server is likely to send.
pub const HEAD_BYTES_MAX: usize = 256 * 1024;

/// What is the same for every connection of a run. Responses are read as user agents have to read them: the dialects of
/// [`http1::Dialect`] are taken, and counted.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who ends a connection.
    pub close: ClosePolicy,
    /// Requests take compressed responses.
    asks_compressed: bool,
    /// Redirects are followed.
    follows: bool,
    /// What responses have to be like, where anything is expected.
    expected: Option<Arc<Expected>>,
    /// Bounds on response heads and chunks.
    limits: Limits,
    /// The same behind an interim response.
    after_interim: Limits,
}

impl Rules {
    /// Of a run with this policy.
    pub fn new(close: ClosePolicy) -> Self {
        let (head_bytes_max, headers_max) = (HEAD_BYTES_MAX, HEADERS_CAP);
        let limits = Limits { head_bytes_max, headers_max, reading: Reading::Lenient, ..Limits::default() };
        let after_interim = Limits { reading: Reading::LenientAfterInterim, ..limits.clone() };
        Self { close, asks_compressed: false, follows: false, expected: None, limits, after_interim }
    }

    /// The same, where requests take compressed responses: those are counted.
    #[must_use]
    pub fn asking_compressed(self, asks_compressed: bool) -> Self {
        Self { asks_compressed, ..self }
    }

    /// The same, where redirects are followed.
    #[must_use]
    pub fn following(self, follows: bool) -> Self {
        Self { follows, ..self }
    }

    /// The same, where responses have to be like this.
    #[must_use]
    pub fn expecting(self, expect: &Expect) -> Self {
        let expected = || Arc::new(Expected { needle: Needle::new(expect.body()), expect: expect.clone() });
        Self { expected: expect.is_any().then(expected), ..self }
    }
}

/// What is looked for in a response.
#[derive(Debug)]
struct Expected {
    expect: Expect,
    needle: Needle,
}

impl Expected {
    fn of_head(&self, head: &ResponseHead<'_, '_>) -> Option<Unmet> {
        let has = |name: &str, value: &str| {
            head.headers.iter().any(|field| {
                field.name.eq_ignore_ascii_case(name) && (value.is_empty() || field.value == value.as_bytes())
            })
        };
        match head.status {
            status if !self.expect.takes_status(status) => Some(Unmet::Status(status)),
            _ => (!self.expect.takes_headers(has)).then_some(Unmet::Header),
        }
    }
}

fn is_location(field: &Header<'_>) -> bool {
    field.name.eq_ignore_ascii_case("location")
}

fn is_compressed(field: &Header<'_>) -> bool {
    field.name.eq_ignore_ascii_case("content-encoding") && !field.value.eq_ignore_ascii_case(b"identity")
}

/// One connection.
#[derive(Debug, Default)]
pub struct Life {
    stage: Stage,
    /// Of the request.
    method: Method,
    scan: HeadScan,
    status: u16,
    keep_alive: bool,
    sent: bool,
    interim: u8,
    unasked_bytes: usize,
    send_fault: Option<Fault>,
    /// What the head of the response lacks.
    unmet: Option<Unmet>,
    /// The response is elsewhere, and is to be followed there.
    leads_on: bool,
    /// How much of the text that is looked for its body ends with so far.
    matched: u16,
    /// More requests are to follow on this connection, whatever ends it in the end.
    more: bool,
    /// Answers to other requests follow on this connection.
    answers_follow: bool,
    /// Not the first request of its connection, and no byte of an answer came: it may be that the server had closed the
    /// connection before it saw the request.
    may_be_unseen: bool,
    /// What the heads were like that were read since the last answer.
    heads: HeadsRead,
}

#[derive(Debug, Default)]
enum Stage {
    /// No connection, or one without a request.
    #[default]
    Idle,
    Connecting,
    Head,
    Body(BodyDecoder),
    /// The response is complete; the server shall close.
    PeerFin,
}

impl Life {
    /// A connect was started, a request of this method goes with it.
    pub fn start_connecting(&mut self, method: Method) {
        *self = Self { stage: Stage::Connecting, method, ..Self::default() };
    }

    /// Another request goes out on the same connection.
    pub fn start_request(&mut self, method: Method) {
        *self = Self { stage: Stage::Head, method, may_be_unseen: true, ..Self::default() };
    }

    /// The request that was started is not the last of its connection.
    pub fn expect_more(&mut self) {
        self.more = true;
    }

    /// The answer to a request is next that went out with others, or is about to: all of them are as good as sent.
    pub fn start_answer(&mut self, method: Method) {
        *self = Self { stage: Stage::Head, method, sent: true, ..Self::default() };
    }

    /// The requests behind it go out on the same connection before its answer is there, or none does.
    pub fn expect_answers(&mut self, follow: bool) {
        (self.answers_follow, self.sent) = (follow, true);
    }

    /// Is a request on its way that has no outcome yet?
    pub fn is_busy(&self) -> bool {
        matches!(self.stage, Stage::Connecting | Stage::Head | Stage::Body(_))
    }

    /// The connect ended.
    pub fn handle_connected(&mut self, result: Result<(), Fault>) -> Step {
        match result {
            Ok(()) => {
                self.stage = Stage::Head;
                Step::next(Next::Read)
            }
            Err(fault) => self.fail(Failure::Fault(fault), Next::Gone),
        }
    }

    /// All of the request was handed to the kernel, or could not be. After a failure the answer may still
    /// be there to read: what is received next decides.
    pub fn handle_sent(&mut self, result: Result<(), Fault>) {
        match result {
            Ok(()) => self.sent = true,
            Err(fault) => self.send_fault = Some(fault),
        }
    }

    /// Bytes came: all those not consumed before, and the new ones.
    pub fn handle_data(&mut self, bytes: &[u8], rules: &Rules) -> Step {
        self.handle_data_for(bytes, rules, &mut ())
    }

    /// As [`Life::handle_data`], with somebody who looks at what the response is made of.
    pub fn handle_data_for(&mut self, bytes: &[u8], rules: &Rules, reader: &mut impl Reader) -> Step {
        self.may_be_unseen = false;
        let step = self.read(bytes, rules, reader);
        Step { heads: core::mem::take(&mut self.heads), ..step }
    }

    /// How many of the bytes that come next nobody has to look at, where they are many. The last of a body is not among them:
    /// whatever comes behind it is seen with it.
    pub fn unseen_ahead(&self, rules: &Rules) -> Option<NonZeroU32> {
        let Stage::Body(decoder) = &self.stage else { return None };
        let ahead = decoder.data_ahead();
        let is_seen = rules.expected.as_ref().is_some_and(|expected| !expected.expect.body().is_empty());
        if is_seen || ahead < UNSEEN_BYTES_MIN {
            return None;
        }
        NonZeroU32::new((ahead - 1).min(UNSEEN_BYTES_MAX) as u32)
    }

    /// So many of those came.
    pub fn handle_unseen(&mut self, bytes: u64) -> Step {
        let Stage::Body(decoder) = &mut self.stage else { return Step::next(Next::Close(CloseBy::Discard)) };
        decoder.pass_unseen(bytes);
        Step { body_bytes: bytes as usize, ..Step::next(Next::Read) }
    }

    fn read(&mut self, bytes: &[u8], rules: &Rules, reader: &mut impl Reader) -> Step {
        match self.stage {
            Stage::Head => self.read_heads(bytes, rules, reader),
            Stage::Body(_) => self.read_body(bytes, 0, rules, reader),
            Stage::PeerFin => self.read_unasked(bytes.len(), rules),
            Stage::Idle | Stage::Connecting => Step::next(Next::Close(CloseBy::Discard)),
        }
    }

    /// The server's FIN came.
    pub fn handle_eof(&mut self, rules: &Rules) -> Step {
        match &self.stage {
            Stage::Body(decoder) if decoder.finish_at_eof().is_ok() => {
                let mut step = self.complete(rules);
                if step.next == Next::Read {
                    // What we would wait for is there.
                    self.stage = Stage::Idle;
                    step.next = Next::Close(CloseBy::Fin);
                }
                step
            }
            Stage::Head if self.may_repeat() => self.repeat(CloseBy::Fin),
            Stage::Head | Stage::Body(_) => {
                let why = self.send_fault.map_or(Failure::Closed, Failure::Fault);
                self.fail(why, close_after_failure(rules))
            }
            Stage::Idle | Stage::Connecting | Stage::PeerFin => self.close(CloseBy::Fin),
        }
    }

    /// Receiving failed.
    pub fn handle_broken(&mut self, fault: Fault) -> Step {
        if self.may_repeat() {
            return self.repeat(CloseBy::Discard);
        }
        if self.is_busy() {
            return self.fail(Failure::Fault(fault), Next::Close(CloseBy::Discard));
        }
        self.close(CloseBy::Discard)
    }

    /// The time for this request is up.
    pub fn handle_timeout(&mut self, rules: &Rules) -> Step {
        match self.stage {
            Stage::Idle => Step::next(Next::Wait),
            Stage::PeerFin => Step { oddity: Some(Oddity::WaitExpired), ..self.close(CloseBy::Fin) },
            _ => self.fail(Failure::Timeout, close_after_failure(rules)),
        }
    }

    fn read_heads(&mut self, bytes: &[u8], rules: &Rules, reader: &mut impl Reader) -> Step {
        let mut at = 0;
        while at < bytes.len() {
            match self.read_head(&bytes[at..], rules, reader) {
                Ok(0) => return Step { consumed: at, ..Step::next(Next::ReadMore) },
                Ok(len) => at += len,
                Err(why) => return self.fail(why, close_after_failure(rules)),
            }
            if matches!(self.stage, Stage::Body(_)) {
                return self.read_body(bytes, at, rules, reader);
            }
        }
        Step { consumed: at, ..Step::next(Next::Read) }
    }

    /// Length of the head at the start of `bytes`, or 0 when it is not complete.
    fn read_head(&mut self, bytes: &[u8], rules: &Rules, reader: &mut impl Reader) -> Result<usize, Failure> {
        let limits = if self.interim > 0 { &rules.after_interim } else { &rules.limits };
        if !self.scan.worth_parsing(bytes, limits) {
            return Ok(0);
        }
        let mut slots = HeadSlots::new();
        let parsed = parse_response(bytes, limits, &mut slots, self.method).map_err(Failure::Http)?;
        let Some(Parsed { head, len, keep_alive, dialects, .. }) = parsed else { return Ok(0) };
        self.heads.note(len, head.headers.len(), dialects);
        self.scan = HeadScan::default();
        if head.is_interim() {
            self.interim += 1;
            return if self.interim > INTERIM_MAX { Err(Failure::TooManyInterim) } else { Ok(len) };
        }
        self.status = head.status;
        reader.head(&head);
        self.heads.compressed = rules.asks_compressed && head.headers.iter().any(is_compressed);
        self.leads_on = rules.follows && leads_on(head.status) && head.headers.iter().any(is_location);
        self.unmet = rules.expected.as_ref().and_then(|expected| expected.of_head(&head));
        // After 101 the connection is no longer ours to speak HTTP on: the head is the whole response.
        let (body, keep_alive) = match head.body {
            BodyKind::Tunnel => (BodyKind::Empty, false),
            body => (body, keep_alive),
        };
        self.keep_alive = keep_alive;
        self.stage = Stage::Body(BodyDecoder::new(body, &rules.limits));
        Ok(len)
    }

    fn read_body(&mut self, bytes: &[u8], from: usize, rules: &Rules, reader: &mut impl Reader) -> Step {
        let Stage::Body(decoder) = &mut self.stage else { return Step::next(Next::Wait) };
        let (mut at, mut body_bytes) = (from, 0);
        while at < bytes.len() && !decoder.is_done() {
            match decoder.decode(&bytes[at..]) {
                Ok(piece) => {
                    body_bytes += piece.data.len();
                    let data = &bytes[at..][piece.data];
                    reader.body(data);
                    if let Some(expected) = &rules.expected {
                        self.matched = expected.needle.advance(self.matched, data);
                    }
                    at += piece.consumed;
                }
                Err(why) => return self.fail(Failure::Http(why), close_after_failure(rules)),
            }
        }
        if self.answers_follow && decoder.is_done() && at < bytes.len() && self.keep_alive {
            return Step { consumed: at, body_bytes, ..self.complete(rules) };
        }
        let step = match (decoder.is_done(), at == bytes.len()) {
            (false, _) => Step::next(Next::Read),
            (true, true) => self.complete(rules),
            (true, false) => self.complete_with_excess(rules),
        };
        Step { consumed: bytes.len(), body_bytes, ..step }
    }

    fn read_unasked(&mut self, len: usize, rules: &Rules) -> Step {
        let first = self.unasked_bytes == 0;
        self.unasked_bytes += len;
        let step = match self.unasked_bytes {
            bytes if bytes > UNASKED_BYTES_MAX && rules.close == ClosePolicy::Rst => self.close(CloseBy::Reset),
            bytes if bytes > UNASKED_BYTES_MAX => self.close(CloseBy::Discard),
            _ => Step::next(Next::Read),
        };
        Step { oddity: first.then_some(Oddity::UnaskedBytes), consumed: len, ..step }
    }

    fn complete(&mut self, rules: &Rules) -> Step {
        let outcome = Some(self.outcome(rules));
        let early = !self.sent;
        let (stage, next) = match if self.more { ClosePolicy::Keep } else { rules.close } {
            // The kernel still holds bytes of the request: they would go out before the next one.
            ClosePolicy::Keep if self.keep_alive && early => (Stage::Idle, Next::Close(CloseBy::Discard)),
            ClosePolicy::Keep if self.keep_alive => (Stage::Idle, Next::Idle),
            ClosePolicy::Keep | ClosePolicy::Wait | ClosePolicy::Half => (Stage::PeerFin, Next::Read),
            ClosePolicy::Fin => (Stage::Idle, Next::Close(CloseBy::Fin)),
            ClosePolicy::Rst => (Stage::Idle, Next::Close(CloseBy::ResetWhenAcknowledged)),
        };
        self.stage = stage;
        Step { outcome, oddity: early.then_some(Oddity::EarlyResponse), ..Step::next(next) }
    }

    /// The response is whole: is it what was expected?
    fn outcome(&self, rules: &Rules) -> Outcome {
        if self.leads_on {
            return Outcome::LeadsOn { status: self.status };
        }
        let Some(expected) = &rules.expected else { return Outcome::Complete { status: self.status } };
        let of_body = || (!expected.needle.is_found(self.matched)).then_some(Unmet::Body);
        match self.unmet.or_else(of_body) {
            None => Outcome::Complete { status: self.status },
            Some(unmet) => Outcome::Failed(Failure::Unexpected(unmet)),
        }
    }

    /// Nobody can tell what the bytes beyond the response belong to.
    fn complete_with_excess(&mut self, rules: &Rules) -> Step {
        let outcome = Some(self.outcome(rules));
        Step { outcome, oddity: Some(Oddity::UnaskedBytes), ..self.close(CloseBy::Discard) }
    }

    /// RFC 9112 section 9.3.1, RFC 9110 section 9.2.2: a request on a kept connection that ends before a byte of an answer
    /// may be sent again when doing it twice is as good as once.
    fn may_repeat(&self) -> bool {
        self.may_be_unseen && self.method.is_idempotent() && matches!(self.stage, Stage::Head)
    }

    fn repeat(&mut self, how: CloseBy) -> Step {
        self.stage = Stage::Idle;
        Step { oddity: Some(Oddity::SentAgain), ..Step::next(Next::SendAgain(how)) }
    }

    fn fail(&mut self, why: Failure, next: Next) -> Step {
        self.stage = Stage::Idle;
        Step { outcome: Some(Outcome::Failed(why)), ..Step::next(next) }
    }

    fn close(&mut self, how: CloseBy) -> Step {
        self.stage = Stage::Idle;
        Step::next(Next::Close(how))
    }
}

/// A failed request has nothing to lose by a reset, and its port is free at once.
fn close_after_failure(rules: &Rules) -> Next {
    match rules.close {
        ClosePolicy::Rst => Next::Close(CloseBy::Reset),
        _ => Next::Close(CloseBy::Fin),
    }
}
