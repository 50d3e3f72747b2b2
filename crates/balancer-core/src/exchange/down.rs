//! The response's way down: its head edited, its body passed on as fast as the client reads.

use super::attempt::verdict_on;
use super::ending::why_server;
use super::facts::{HeadEdits, HeadPlan, ResponseFacts};
use super::step::{DownOrder, ServerOrder, Step, Then};
use super::{Attempt, Exchange, Passing, Scene, Stage, Wait};
use crate::Failure;
use crate::cause::Cause;
use crate::health::Verdict;
use crate::policy::ClientClose;
use crate::reason::CloseReason;
use http::Version;
use http::forward::Connection;

impl Exchange {
    /// What becomes of a response's head, which is known whole. Follow with the fact that it was written.
    pub fn plan_head(&mut self, head: &ResponseFacts, scene: &Scene<'_>) -> HeadPlan {
        self.handle_answer_begun();
        if head.status == 101 && !(self.request.upgrade && head.switch_asked) {
            return HeadPlan::Malformed;
        }
        // What is passed on is never repeated.
        self.up.replayable = false;
        let edits = |connection| HeadEdits { connection, unwrap_chunks: false };
        match head.status {
            100..200 if self.request.version == Version::Http10 => HeadPlan::Skip,
            101 => HeadPlan::Upgrade(edits(Connection::Upgrade)),
            100..200 => {
                self.up.awaits_continue &= head.status != 100;
                HeadPlan::Interim(edits(Connection::KeepAlive))
            }
            _ => HeadPlan::Final(self.plan_final(head, scene)),
        }
    }

    /// A byte of the answer came: the request was processed. Some may be processed twice.
    pub(super) fn handle_answer_begun(&mut self) {
        self.up.replayable &= self.request.idempotent;
        self.down.reading = false;
        self.down.begun = true;
    }

    fn plan_final(&mut self, head: &ResponseFacts, scene: &Scene<'_>) -> HeadEdits {
        let unwrap_chunks = self.request.version == Version::Http10 && head.chunked;
        let until_close = unwrap_chunks || head.until_close;
        let keep = self.may_keep(head, scene) && !until_close;
        self.note_early();
        let reusable = head.keep_alive && self.leaves_a_clean_connection(head);
        let passing = Passing { keep, until_close, server_keeps: head.keep_alive, reusable, head_sent: false };
        self.down.stage = Stage::Passing(passing);
        self.record.status = head.status;
        self.record.answered_at = Some(scene.now);
        HeadEdits { connection: if keep { Connection::KeepAlive } else { Connection::Close }, unwrap_chunks }
    }

    /// A server that answered before it had read the request may close any moment, whatever it said; so may one that
    /// refused it, or that had no use for its body.
    fn leaves_a_clean_connection(&self, head: &ResponseFacts) -> bool {
        let unread = self.up.body && (head.status >= 400 || self.request.bodiless);
        !self.down.early && !unread && !self.up.awaits_continue
    }

    fn note_early(&mut self) {
        self.down.early |= self.up.body && (self.up.sending || !self.up.whole);
    }

    /// A server that closes before it has the whole request leaves a rest nobody wants (RFC 9112 section 9.6).
    fn may_keep(&self, head: &ResponseFacts, scene: &Scene<'_>) -> bool {
        self.request.keep_alive
            && self.request.requests_left
            && (self.up.whole || head.keep_alive && !self.up.awaits_continue)
            && !scene.draining
            && !self.up.eof
    }

    /// Bytes came, but no whole head: read on.
    pub(super) fn handle_response_begun(&mut self, step: &mut Step) {
        self.handle_answer_begun();
        self.note_early();
        self.read_server(step);
    }

    pub(super) fn handle_response_bytes(
        &mut self,
        len: usize,
        whole: bool,
        leftover: bool,
        scene: &Scene<'_>,
        step: &mut Step,
    ) {
        self.down.reading = false;
        let Stage::Passing(mut passing) = self.down.stage else {
            return debug_assert!(false, "a body comes after its head");
        };
        let with_head = !passing.head_sent;
        passing.head_sent = true;
        self.down.stage = Stage::Passing(passing);
        self.record.down_bytes += len as u64;
        if with_head {
            self.judge_answer(scene, step);
        }
        let close = whole && self.complete(passing, leftover, scene, step);
        if with_head || len > 0 || close {
            self.send_down(close, scene, step);
        } else {
            self.go_on(scene, step);
        }
    }

    /// A final response speaks for its server, unless answers 500 to 599 do not.
    fn judge_answer(&self, scene: &Scene<'_>, step: &mut Step) {
        step.verdict = self.record.server.map(|server| (server, verdict_on(self.record.status, scene)));
    }

    /// All of the response is here: the server connection goes back first, so that the next request finds it. Answers
    /// whether the client's connection is closed with the last byte.
    fn complete(&mut self, passing: Passing, leftover: bool, scene: &Scene<'_>, step: &mut Step) -> bool {
        let server_keeps = passing.server_keeps && !leftover;
        let goes_on = !self.up.broken && !self.up.awaits_continue;
        // A server that keeps its connection after an early answer still reads the rest.
        let uploading = server_keeps && goes_on && (self.up.sending || !self.up.whole);
        let keep = passing.keep && (self.up.whole || uploading);
        let may_have_unread = uploading || !self.up.whole || self.up.ahead;
        self.down.stage = Stage::Whole { keep, by_close: passing.until_close };
        if !uploading {
            self.part(passing.reusable && !leftover && !self.up.broken && !self.up.sending && !scene.draining, step);
        }
        !keep && scene.close == ClientClose::BalancerFirst && !may_have_unread
    }

    /// The server connection has done its work.
    pub(super) fn part(&mut self, keep: bool, step: &mut Step) {
        if self.up.attempt == Attempt::Parted {
            return;
        }
        self.up.attempt = Attempt::Parted;
        self.up.sending = false;
        self.down.reading = false;
        step.server = Some(if keep {
            ServerOrder::Keep { clean: self.record.status < 400 }
        } else {
            ServerOrder::Close(CloseReason::ExchangeOver)
        });
    }

    pub(super) fn send_down(&mut self, close: bool, scene: &Scene<'_>, step: &mut Step) {
        self.down.sending = true;
        step.down = Some(DownOrder::Send { close });
        self.set_wait(Wait::ClientRead, scene);
    }

    /// The client took everything.
    pub(super) fn handle_client_took(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.down.sending = false;
        if scene.client.pace.are_any() {
            self.note_download(scene);
        }
        if let Some(failure) = self.down.failure.take() {
            return self.fail(failure, scene, step);
        }
        self.go_on(scene, step);
    }

    /// Goes on with what the server sent meanwhile, reads more, or comes to the end.
    fn go_on(&mut self, scene: &Scene<'_>, step: &mut Step) {
        match self.down.stage {
            Stage::Awaited | Stage::Passing(_) => self.read_on_from_server(scene, step),
            Stage::Whole { .. } => self.finish_if_uploaded(scene, step),
            Stage::Answering { then, reply } => self.finish_answer(then, reply, scene, step),
            Stage::Discarding { .. } => debug_assert!(false, "nothing is sent any more"),
        }
    }

    pub(super) fn read_on_from_server(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.read_server(step);
        self.set_wait(Wait::Server, scene);
    }

    pub(super) fn read_server(&mut self, step: &mut Step) {
        if !self.down.reading {
            self.down.reading = true;
            step.read_server = true;
        }
    }

    /// What the server said breaks a rule, or is over a limit.
    pub(super) fn handle_response_malformed(&mut self, rule: http1::Error, scene: &Scene<'_>, step: &mut Step) {
        self.handle_response_unusable(Failure::ServerNonsense(rule), scene, step);
    }

    /// What the server said cannot be passed on. While nothing was sent, another server may do, or the client gets a
    /// clear answer.
    pub(super) fn handle_response_unusable(&mut self, failure: Failure, scene: &Scene<'_>, step: &mut Step) {
        self.down.reading = false;
        if matches!(self.down.stage, Stage::Passing(passing) if !passing.head_sent) {
            self.down.stage = Stage::Awaited;
            self.record.status = 0;
        }
        let Attempt::Open { server, pooled } = self.up.attempt else { return self.fail(failure, scene, step) };
        // A limit of ours that an answer hits says nothing about the server.
        if let Failure::ServerNonsense(rule) = failure
            && !rule.is_limit()
        {
            step.verdict = Some((server, Verdict::Failed(Cause::Malformed(rule))));
        }
        if self.down.stage != Stage::Awaited {
            return self.fail(failure, scene, step);
        }
        self.drop_server(why_server(failure), step);
        self.try_again_or_fail(server, pooled, failure, scene, step);
    }

    /// The server agreed to another protocol: its 101 is the whole response.
    pub(super) fn handle_upgraded(&mut self, scene: &Scene<'_>, step: &mut Step) {
        (self.record.status, self.record.answered_at) = (101, Some(scene.now));
        self.join(step);
    }

    /// From here on bytes flow both ways untouched.
    pub(super) fn join(&mut self, step: &mut Step) {
        self.record.responded = true;
        step.verdict = self.record.server.map(|server| (server, Verdict::Answered));
        self.up.attempt = Attempt::Parted;
        self.end(Then::Relay, step);
    }

    /// A FIN is the end of a body that has no other; else the server left too early.
    pub(super) fn handle_server_eof(&mut self, partial: bool, ends_body: bool, scene: &Scene<'_>, step: &mut Step) {
        if partial {
            self.handle_answer_begun();
        }
        let Stage::Passing(passing) = self.down.stage else {
            return self.handle_server_gone(Cause::Closed, scene, step);
        };
        if !ends_body {
            return self.handle_server_gone(Cause::Closed, scene, step);
        }
        self.down.stage = Stage::Whole { keep: false, by_close: passing.until_close };
        self.part(false, step);
        self.finish(step);
    }

    /// The server closed, or its connection broke.
    pub(super) fn handle_server_gone(&mut self, cause: Cause, scene: &Scene<'_>, step: &mut Step) {
        self.down.reading = false;
        let Attempt::Open { server, pooled } = self.up.attempt else {
            return debug_assert!(false, "only an open connection is read from");
        };
        self.up.attempt = Attempt::Parted;
        self.up.sending = false;
        step.server = Some(ServerOrder::Close(CloseReason::PeerAborted));
        match self.down.stage {
            Stage::Awaited => {
                // A connection of the pool may have been closed before the request came: that is nobody's failure.
                step.verdict = (!pooled || self.down.begun).then_some((server, Verdict::Failed(cause)));
                self.try_again_or_fail(server, pooled, Failure::ServerClosed, scene, step);
            }
            Stage::Passing(_) => self.truncate(step),
            Stage::Whole { .. } | Stage::Answering { .. } | Stage::Discarding { .. } => {
                self.finish_if_uploaded(scene, step);
            }
        }
    }
}
