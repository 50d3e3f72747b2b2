//! How an exchange ends: whole, answered by ourselves, cut off, or given up.

use super::step::{Answer, DownOrder, Record, Reply, Said, ServerOrder, Step, Then, UpOrder};
use super::{Attempt, DISCARD_BYTES_MAX, Exchange, Scene, Stage, Wait};
use crate::Failure;
use crate::reason::CloseReason;
use http::Version;

impl Exchange {
    /// The one end.
    pub(super) fn end(&mut self, then: Then, step: &mut Step) {
        debug_assert!(!self.ended, "an exchange ends once");
        self.ended = true;
        step.end = Some(then);
    }

    /// Once the response is out, the exchange is over as soon as the request is.
    pub(super) fn finish_if_uploaded(&mut self, scene: &Scene<'_>, step: &mut Step) {
        if self.down.sending || !matches!(self.down.stage, Stage::Whole { .. }) {
            return;
        }
        if self.up.attempt != Attempt::Parted {
            if !self.up.broken && (self.up.sending || !self.up.whole) {
                return self.set_wait(if self.up.sending { Wait::Server } else { Wait::ClientBody }, scene);
            }
            // Its answer was early: whatever it does with the rest, nobody else shall meet it.
            self.part(false, step);
        }
        self.finish(step);
    }

    /// The response is out.
    pub(super) fn finish(&mut self, step: &mut Step) {
        let Stage::Whole { keep, by_close } = self.down.stage else { return };
        self.record.responded = true;
        let why = CloseReason::ExchangeOver;
        let then = match (keep && self.up.whole, !self.up.whole || self.up.ahead) {
            (true, _) => Then::Keep,
            (false, true) => Then::Drain(why),
            (false, false) if by_close => Then::CloseByFin(why),
            (false, false) => self.close(why),
        };
        self.end(then, step);
    }

    /// A client of HTTP/1.0 reads to the end of the connection, whatever length it was told, and so does one that has
    /// closed its side: a reset would be an error to it, and waiting for its FIN would be in vain.
    fn close(&self, why: CloseReason) -> Then {
        let reads_to_the_end = self.request.version == Version::Http10 || self.up.eof;
        if reads_to_the_end { Then::CloseByFin(why) } else { Then::Close(why) }
    }

    /// The last byte went out, and the connection with it.
    pub(super) fn handle_client_closed(&mut self, unread: bool, step: &mut Step) {
        self.down.sending = false;
        self.record.responded = true;
        self.end(if unread { Then::Drain(CloseReason::ExchangeOver) } else { Then::Closed }, step);
    }

    /// The request failed: the client is told, or a response that has begun is cut off.
    pub(super) fn fail(&mut self, failure: Failure, scene: &Scene<'_>, step: &mut Step) {
        if matches!(self.down.stage, Stage::Answering { .. }) {
            return; // the client is being told of another failure already
        }
        if let Stage::Discarding { .. } = self.down.stage {
            return self.end(Then::Drain(why_client(failure)), step);
        }
        if self.down.sending {
            self.down.failure = Some(failure);
            return;
        }
        self.record.failure = Some(failure);
        self.drop_server(why_server(failure), step);
        match self.down.stage {
            Stage::Awaited => self.answer(failure, scene, step),
            Stage::Passing(_) => self.truncate(step),
            // Only the rest of the upload failed: the response is whole and must stay so.
            Stage::Whole { .. } => {
                self.record.responded = true;
                self.end(Then::Drain(why_client(failure)), step);
            }
            Stage::Answering { .. } | Stage::Discarding { .. } => unreachable!("returned above"),
        }
    }

    /// A kept connection of a server was closed as the request came, and may not be repeated by us. The client's own
    /// connection was kept as well: closed without a word it says what happened, and the client may send it again.
    pub(super) fn hang_up(&mut self, failure: Failure, step: &mut Step) {
        self.record.failure = Some(failure);
        let why = why_client(failure);
        let unread = !self.up.whole || self.up.ahead;
        self.end(if unread { Then::Drain(why) } else { Then::CloseByFin(why) }, step);
    }

    fn answer(&mut self, failure: Failure, scene: &Scene<'_>, step: &mut Step) {
        if self.request.stream {
            // Whatever it speaks, a FIN could pass for an answer that is empty.
            return self.end(Then::Reset(why_client(failure)), step);
        }
        let keep = !scene.draining && !self.up.eof && self.may_keep_after(failure);
        let why = why_client(failure);
        let head_is_cut = matches!(
            failure,
            Failure::BadRequest(_) | Failure::AmbiguousPath | Failure::HeadTimeout | Failure::Draining
        );
        let drain = !self.up.whole || head_is_cut;
        let then = match (keep, drain) {
            (true, _) => Then::Keep,
            (false, true) => Then::Drain(why),
            (false, false) => self.close(why),
        };
        self.say(Said::Failure(failure), keep, then, scene, step);
    }

    /// Nothing failed: the route says what its requests are answered with.
    pub(super) fn answer_in_stead(&mut self, reply: Reply, rest_is_small: bool, scene: &Scene<'_>, step: &mut Step) {
        let keep = self.request.keep_alive
            && self.request.requests_left
            && self.request.version == Version::Http11
            && (self.up.whole || rest_is_small && !self.up.awaits_continue)
            && !scene.draining
            && !self.up.eof;
        let why = CloseReason::ExchangeOver;
        let then = match (keep, self.up.whole && !self.up.ahead) {
            (true, _) => Then::Keep,
            (false, false) => Then::Drain(why),
            (false, true) => self.close(why),
        };
        self.say(Said::Reply(reply), keep, then, scene, step);
    }

    /// An answer of our own is out.
    pub(super) fn finish_answer(&mut self, then: Then, reply: Option<Reply>, scene: &Scene<'_>, step: &mut Step) {
        self.record.reply = reply;
        if then == Then::Keep && !self.up.whole {
            self.down.stage = Stage::Discarding { left: DISCARD_BYTES_MAX };
            self.read_client(step);
            return self.set_wait(Wait::ClientBody, scene);
        }
        self.end(then, step);
    }

    /// More of a request came that was answered already.
    pub(super) fn discard(&mut self, len: usize, scene: &Scene<'_>, step: &mut Step) {
        let Stage::Discarding { left } = &mut self.down.stage else { return };
        step.up = (len > 0).then_some(UpOrder::Drop);
        *left = left.saturating_sub(len);
        match (self.up.whole, *left) {
            (true, _) => self.end(Then::Keep, step),
            (false, 0) => self.end(Then::Drain(CloseReason::ExchangeOver), step),
            (false, _) => {
                self.read_client(step);
                self.set_wait(Wait::ClientBody, scene);
            }
        }
    }

    /// An answer of our own goes out, whatever it says.
    fn say(&mut self, said: Said, keep: bool, then: Then, scene: &Scene<'_>, step: &mut Step) {
        let reply = match said {
            Said::Reply(reply) => Some(reply),
            Said::Failure(_) => None,
        };
        self.up.replayable = false;
        self.up.held = false;
        self.down.stage = Stage::Answering { then, reply };
        self.down.sending = true;
        step.down = Some(DownOrder::Answer(Answer { said, keep, head_only: self.request.head_only }));
        self.set_wait(Wait::ClientRead, scene);
    }

    /// A failure on the servers' side need not cost the client its connection, nor its port.
    fn may_keep_after(&self, failure: Failure) -> bool {
        let ours = !matches!(
            failure,
            Failure::BadRequest(_)
                | Failure::AmbiguousPath
                | Failure::HeadTimeout
                | Failure::BodyTimeout
                | Failure::BodyTooSlow
        );
        ours && self.request.keep_alive && self.up.whole && self.request.version == Version::Http11
    }

    /// The server failed in the middle of the response: the client must see that it is not whole. A close with unread
    /// requests becomes a reset, which would take earlier responses with it: hence a FIN where one can tell.
    pub(super) fn truncate(&mut self, step: &mut Step) {
        self.record.truncated = true;
        self.drop_server(CloseReason::ProtocolError, step);
        let why = CloseReason::OtherSideFailed;
        let then = if self.ends_with_connection() { Then::Cut { why, reset: true } } else { Then::CloseByFin(why) };
        self.end(then, step);
    }

    pub(super) fn handle_last_call(&mut self, scene: &Scene<'_>, step: &mut Step) {
        match self.down.stage {
            Stage::Awaited => self.fail(Failure::Draining, scene, step),
            Stage::Answering { .. } => {}
            Stage::Passing(_) | Stage::Whole { .. } | Stage::Discarding { .. } => {
                self.abort(CloseReason::Draining, step)
            }
        }
    }

    /// Both connections are given up at once.
    pub(super) fn abort(&mut self, why: CloseReason, step: &mut Step) {
        self.drop_server(CloseReason::OtherSideFailed, step);
        self.end(Then::Cut { why, reset: self.ends_with_connection() }, step);
    }

    /// No buffer for the request, or for the answer.
    pub(super) fn handle_shortage(&mut self, scene: &Scene<'_>, step: &mut Step) {
        if let Stage::Answering { .. } = self.down.stage {
            self.down.sending = false;
            return self.end(Then::Cut { why: CloseReason::Shortage, reset: false }, step);
        }
        self.up.attempt = Attempt::Parted;
        self.fail(Failure::NoLocalResource, scene, step);
    }

    pub(super) fn drop_server(&mut self, why: CloseReason, step: &mut Step) {
        if matches!(self.up.attempt, Attempt::Connecting { .. } | Attempt::Open { .. }) {
            step.server = Some(ServerOrder::Close(why));
        }
        self.up.attempt = Attempt::Parted;
        self.up.sending = false;
        self.down.reading = false;
    }

    /// A FIN would look like the end of a body that is delimited by it; only a reset tells that it is not whole.
    fn ends_with_connection(&self) -> bool {
        match self.down.stage {
            Stage::Passing(passing) => passing.until_close,
            // Whole, but still being sent.
            Stage::Whole { by_close, .. } => by_close,
            Stage::Awaited | Stage::Answering { .. } | Stage::Discarding { .. } => false,
        }
    }
}

impl Record {
    /// Did the server of the last attempt answer something that could be passed on?
    pub fn answered(&self) -> bool {
        self.status != 0
    }
}

pub(super) fn why_server(failure: Failure) -> CloseReason {
    match failure {
        Failure::ServerNonsense(_) => CloseReason::ProtocolError,
        Failure::ServerTimeout | Failure::RequestTimeout | Failure::ConnectTimeout => CloseReason::TimedOut,
        _ => CloseReason::OtherSideFailed,
    }
}

fn why_client(failure: Failure) -> CloseReason {
    match failure {
        Failure::BadRequest(_) | Failure::AmbiguousPath => CloseReason::ProtocolError,
        Failure::HeadTimeout | Failure::BodyTimeout | Failure::BodyTooSlow | Failure::RequestTimeout => {
            CloseReason::TimedOut
        }
        Failure::NoLocalPort | Failure::NoLocalResource => CloseReason::Shortage,
        Failure::Draining => CloseReason::Draining,
        Failure::Denied
        | Failure::Unauthorized
        | Failure::NoRoute
        | Failure::BodyTooLarge
        | Failure::RateLimited { .. } => CloseReason::Denied,
        _ => CloseReason::OtherSideFailed,
    }
}
