//! The request's way up: its body, as the client sends it and the server takes it.

use super::step::{Step, UpOrder};
use super::{Attempt, Exchange, Scene, Stage, Took, Wait};
use crate::Failure;
use crate::reason::CloseReason;

impl Exchange {
    /// A piece of the body came: it is sent on, held until it can be, or thrown away.
    pub(super) fn handle_request_bytes(
        &mut self,
        len: usize,
        whole: bool,
        ahead: bool,
        scene: &Scene<'_>,
        step: &mut Step,
    ) {
        if scene.client.pace.are_any() {
            self.note_upload(len, scene);
        }
        self.up.reading = false;
        self.up.whole |= whole;
        self.up.ahead |= ahead;
        self.up.awaits_continue = false;
        self.record.up_bytes += len as u64;
        if let Stage::Discarding { .. } = self.down.stage {
            self.discard(len, scene, step);
        } else if let Stage::Answering { .. } = self.down.stage {
            step.up = Some(UpOrder::Drop);
        } else if self.up.broken || self.up.attempt == Attempt::Parted {
            self.up.replayable = false;
            step.up = Some(UpOrder::Drop);
        } else if len == 0 {
            self.read_client(step);
            self.set_wait(Wait::ClientBody, scene);
        } else if self.up.sending || !matches!(self.up.attempt, Attempt::Open { .. }) {
            // The recv was started before the attempt failed: what it brought waits for the head to go out again.
            self.up.held = true;
        } else {
            self.send_up(scene, step);
        }
    }

    /// No more of the body is taken: where it ends cannot be told, it is too large, or a part of it would have to be written
    /// anew and cannot.
    pub(super) fn handle_request_unwanted(&mut self, failure: Failure, scene: &Scene<'_>, step: &mut Step) {
        self.up.reading = false;
        self.fail(failure, scene, step);
    }

    /// From here on more was sent than is kept: this request cannot be repeated.
    fn send_up(&mut self, scene: &Scene<'_>, step: &mut Step) {
        self.up.held = false;
        self.up.replayable = false;
        self.up.sending = true;
        step.up = Some(UpOrder::Send);
        self.set_wait(Wait::Server, scene);
    }

    /// The server's socket took what was sent to it, or did not.
    pub(super) fn handle_server_took(&mut self, took: Took, scene: &Scene<'_>, step: &mut Step) {
        self.up.sending = false;
        match took {
            Took::Broken => {
                // Its answer may still be on the way: the recv under way tells.
                self.up.broken = true;
                if std::mem::take(&mut self.up.held) {
                    step.up = Some(UpOrder::Drop);
                }
                return self.finish_if_uploaded(scene, step);
            }
            // Many requests wait at once: what they sent must not hold the buffers their answers need.
            Took::AllButScarce => self.up.replayable = false,
            Took::All => {}
        }
        if self.up.held {
            self.send_up(scene, step);
        } else if self.up.whole {
            self.set_wait(Wait::Server, scene);
            self.finish_if_uploaded(scene, step);
        } else {
            self.read_client(step);
            self.set_wait(Wait::ClientBody, scene);
        }
    }

    /// The client speaks ahead of its turn: nothing more is read until then.
    pub(super) fn handle_client_ahead(&mut self) {
        self.up.reading = false;
        self.up.ahead = true;
    }

    /// A FIN after the whole request is a half-close: the client still wants its answer.
    pub(super) fn handle_client_eof(&mut self, step: &mut Step) {
        self.up.reading = false;
        self.up.eof = true;
        if !self.up.whole && !matches!(self.down.stage, Stage::Answering { .. }) {
            self.abort(CloseReason::PeerAborted, step);
        }
    }

    /// Reads on from a client that owes nothing, only to see it leave.
    pub(super) fn watch_client(&mut self, step: &mut Step) {
        if self.up.whole && !self.up.ahead && !matches!(self.down.stage, Stage::Answering { .. }) {
            self.read_client(step);
        }
    }

    pub(super) fn read_client(&mut self, step: &mut Step) {
        if !self.up.reading && !self.up.eof {
            self.up.reading = true;
            step.read_client = true;
        }
    }
}
