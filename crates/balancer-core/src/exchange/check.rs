//! What must hold of an exchange between two facts.

use super::{Attempt, Exchange, Stage, Wait};

impl Exchange {
    /// The invariants. Checked after every step in debug builds, and in every simulated run.
    ///
    /// # Errors
    /// The rule that is broken.
    pub fn check(&self) -> Result<(), &'static str> {
        let Self { up, down, .. } = self;
        let attached = matches!(up.attempt, Attempt::Connecting { .. } | Attempt::Open { .. });
        let held = matches!(up.attempt, Attempt::Held(_));
        let pending = held || matches!(up.attempt, Attempt::Queued | Attempt::InLine | Attempt::Pausing);
        let answering = matches!(down.stage, Stage::Answering { .. });
        let rules = [
            (!self.ended, "an exchange that has ended is told nothing more"),
            (up.attempt != Attempt::Ordered, "an attempt that was ordered has started or failed"),
            ((up.attempt == Attempt::Queued) == (self.wait == Wait::Port), "who queues for a port waits for one"),
            ((up.attempt == Attempt::InLine) == (self.wait == Wait::Place), "who stands in line waits for a place"),
            ((up.attempt == Attempt::Pausing) == (self.wait == Wait::Retry), "who pauses waits for the next attempt"),
            (held == (self.wait == Wait::Admission), "who waits to be let in is held"),
            (
                self.wait != Wait::Connect || matches!(up.attempt, Attempt::Connecting { .. }),
                "a wait for a handshake has one",
            ),
            (!up.sending || attached, "what is being sent to a server has a connection"),
            (!down.reading || attached, "what is read from a server has a connection"),
            (attached || pending || down.stage != Stage::Awaited, "a response is awaited from somebody"),
            (!up.held || pending || up.sending, "a piece is held only while it cannot be sent"),
            (!up.replayable || down.stage == Stage::Awaited, "what was answered is not repeated"),
            (!up.reading || !up.eof, "nothing is read after the client's FIN"),
            (down.failure.is_none() || down.sending, "a failure waits for a send only"),
            (!answering || down.sending, "our own answer is being sent"),
            (!answering || !attached, "our own answer needs no server"),
            (!down.reading || !down.sending, "one buffer for the response: what was read is sent before more is read"),
            (self.wait != Wait::ClientRead || down.sending, "a client is waited for only while it is sent to"),
        ];
        rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(rule))
    }

    /// Which server's connection belongs to this exchange.
    pub fn attached_server(&self) -> Option<u32> {
        match self.up.attempt {
            Attempt::Connecting { server } | Attempt::Open { server, .. } => Some(server),
            Attempt::Ordered | Attempt::Held(_) => None,
            Attempt::Queued | Attempt::InLine | Attempt::Pausing | Attempt::Parted => None,
        }
    }

    /// Is a recv under way: at the client, at the server?
    pub fn is_reading(&self) -> (bool, bool) {
        (self.up.reading, self.down.reading)
    }

    /// Is a send under way: to the client, to the server?
    pub fn is_sending(&self) -> (bool, bool) {
        (self.down.sending, self.up.sending)
    }
}
