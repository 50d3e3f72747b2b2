//! What an exchange waits for, and for how long.

use super::step::{DownOrder, Step, UpOrder};
use super::{Exchange, Scene, Stage};
use crate::Failure;
use crate::reason::CloseReason;
use crate::stall::next_look;
use core::time::Duration;

/// How long a request waits for a local port before it is answered 503.
pub(super) const PORT_WAIT: Duration = Duration::from_millis(500);

/// What an exchange waits for; decides which time-out it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Whether it is let in.
    Admission,
    /// A local port.
    Port,
    /// A place at a server.
    Place,
    /// The next attempt: nobody takes connections.
    Retry,
    /// The handshake with a server.
    Connect,
    /// The client's body.
    ClientBody,
    /// The server: to take what was sent, or to answer.
    Server,
    /// The client: to take what was sent.
    ClientRead,
}

/// What was seen of a send that does not end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stall {
    /// Bytes its reader had not acknowledged.
    unacknowledged: Option<usize>,
    /// When that was first so.
    since: Duration,
}

impl Stall {
    /// Its reader has taken nothing for as long as `patience`. A reader of whom nothing can be told takes nothing.
    fn is_over(&mut self, unacknowledged: Option<usize>, patience: Duration, now: Duration) -> bool {
        if unacknowledged.is_some() && unacknowledged != self.unacknowledged {
            *self = Self { unacknowledged, since: now };
        }
        now >= self.since.saturating_add(patience)
    }
}

impl Exchange {
    /// The exchange now waits for something else: its time starts anew, within that of the whole request.
    pub(super) fn set_wait(&mut self, wait: Wait, scene: &Scene<'_>) {
        // While the request is still coming, it is the client that is waited for, whatever the server has begun to say.
        let uploading = self.up.reading && !self.up.whole;
        let wait = if wait == Wait::Server && uploading { Wait::ClientBody } else { wait };
        let patience = match wait {
            Wait::Port | Wait::Retry | Wait::Admission => PORT_WAIT,
            Wait::Place => scene.queue_timeout,
            Wait::Connect => scene.server.connect,
            Wait::Server => self.patience_with_server(scene),
            Wait::ClientBody | Wait::ClientRead => scene.client.body,
        };
        self.wait = wait;
        self.stall = Stall { unacknowledged: None, since: scene.now };
        let first = if self.is_sending_anything() { next_look(patience) } else { patience };
        self.deadline = scene.now.saturating_add(first).min(self.request_until(scene));
        if matches!(wait, Wait::ClientBody | Wait::ClientRead) && scene.client.pace.are_any() {
            self.begin_pace(scene);
        }
    }

    /// A client that has closed its side may have left for good, and only a byte sent to it would tell.
    fn patience_with_server(&self, scene: &Scene<'_>) -> Duration {
        match self.down.stage {
            Stage::Passing(_) if self.up.eof => scene.server.body.min(scene.server.response),
            Stage::Passing(_) => scene.server.body,
            Stage::Awaited | Stage::Whole { .. } | Stage::Answering { .. } | Stage::Discarding { .. } => {
                scene.server.response
            }
        }
    }

    /// When the time of the whole request is over. An answer of our own may still go out then.
    pub(super) fn request_until(&self, scene: &Scene<'_>) -> Duration {
        match self.down.stage {
            Stage::Answering { .. } => Duration::MAX,
            _ if scene.client.request == units::OFF => Duration::MAX,
            _ => self.record.started_at.saturating_add(scene.client.request),
        }
    }

    /// Is a send that is waited for under way?
    fn is_sending_anything(&self) -> bool {
        self.down.sending || self.up.sending && self.wait == Wait::Server
    }

    pub(super) fn handle_deadline(&mut self, scene: &Scene<'_>, step: &mut Step) {
        if scene.now >= self.request_until(scene) {
            return match self.down.sending {
                true => self.abort(CloseReason::TimedOut, step),
                false => self.fail(Failure::RequestTimeout, scene, step),
            };
        }
        if self.down.sending {
            step.down = Some(DownOrder::LookAtAcks);
        } else if self.is_sending_anything() {
            step.up = Some(UpOrder::LookAtAcks);
        } else {
            self.handle_silence(scene, step);
        }
    }

    /// How much of what is being sent was not taken yet: whoever takes some of it makes progress, however slowly.
    pub(super) fn handle_unacknowledged(&mut self, bytes: Option<usize>, scene: &Scene<'_>, step: &mut Step) {
        if self.down.sending && self.reads_too_slowly(bytes, scene) {
            return self.abort(CloseReason::SlowReader, step);
        }
        let patience = if self.down.sending { scene.client.body } else { scene.server.response };
        if !self.stall.is_over(bytes, patience, scene.now) {
            self.deadline = scene.now.saturating_add(next_look(patience)).min(self.request_until(scene));
            if self.down.sending {
                self.deadline = self.deadline.min(Self::next_pace_look(scene));
            }
        } else if self.down.sending {
            // Nothing can be told any more, whichever wait was the last to end.
            self.abort(CloseReason::TimedOut, step);
        } else {
            self.give_up_waiting(scene, step);
        }
    }

    fn handle_silence(&mut self, scene: &Scene<'_>, step: &mut Step) {
        match self.wait {
            Wait::Admission => self.handle_admission(Err(Failure::PasswordsBusy), scene, step),
            Wait::Port => self.fail(Failure::NoLocalPort, scene, step),
            Wait::Place => self.fail(Failure::QueueTimeout, scene, step),
            Wait::Retry => self.handle_pause_over(step),
            Wait::Connect => self.abandon_connect(step),
            Wait::ClientBody => {
                let slow = self.uploads_too_slowly(scene);
                self.fail(if slow { Failure::BodyTooSlow } else { Failure::BodyTimeout }, scene, step);
            }
            Wait::Server | Wait::ClientRead => self.give_up_waiting(scene, step),
        }
    }
}
