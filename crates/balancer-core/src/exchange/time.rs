//! What an exchange waits for, and for how long.

use super::step::Step;
use super::{Exchange, Scene, Stage};
use crate::Failure;
use crate::reason::CloseReason;
use core::time::Duration;

/// How long a request waits for a local port before it is answered 503.
pub(super) const PORT_WAIT: Duration = Duration::from_millis(500);

/// What an exchange waits for; decides which time-out it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A local port.
    Port,
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

impl Exchange {
    /// The exchange now waits for something else: its time starts anew, within that of the whole request.
    pub(super) fn set_wait(&mut self, wait: Wait, scene: &Scene<'_>) {
        // While the request is still coming, it is the client that is waited for, whatever the server has begun to say.
        let uploading = self.up.reading && !self.up.whole;
        let wait = if wait == Wait::Server && uploading { Wait::ClientBody } else { wait };
        let patience = match wait {
            Wait::Port | Wait::Retry => PORT_WAIT,
            Wait::Connect => scene.server.connect,
            Wait::Server => scene.server.response,
            Wait::ClientBody | Wait::ClientRead => scene.client.body,
        };
        self.wait = wait;
        self.deadline = (scene.now + patience).min(self.record.started_at + scene.client.request);
    }

    pub(super) fn handle_deadline(&mut self, scene: &Scene<'_>, step: &mut Step) {
        // With a send under way nothing can be told any more, whichever wait was the last to end.
        if self.down.sending || matches!(self.down.stage, Stage::Answering { .. }) {
            return self.abort(CloseReason::TimedOut, step);
        }
        if scene.now >= self.record.started_at + scene.client.request {
            return self.fail(Failure::RequestTimeout, scene, step);
        }
        match self.wait {
            Wait::Port => self.fail(Failure::NoLocalPort, scene, step),
            Wait::Retry => self.handle_pause_over(step),
            Wait::Connect => self.abandon_connect(step),
            Wait::ClientBody => self.fail(Failure::BodyTimeout, scene, step),
            Wait::Server | Wait::ClientRead => self.give_up_waiting(scene, step),
        }
    }
}
