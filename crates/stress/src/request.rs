//! The request in the reactor's buffers: filled once, shared by every send.

use ports::{Fault, FaultKind};
use reactor::{After, Buf, Outgoing, Reactor};
use stress_core::{Plan, template};

/// The request's bytes. Sending clones handles, not bytes.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pieces: Vec<Buf>,
}

impl Request {
    /// Fills as many buffers as the request of `plan` needs.
    pub(crate) fn new<R: Reactor>(plan: &Plan, io: &mut R) -> Result<Self, Fault> {
        let mut bytes = template::head(plan);
        bytes.extend_from_slice(&plan.body);
        let fill = |chunk: &[u8]| {
            let mut piece = io.take_buf().ok_or(Fault::of(FaultKind::Memory))?;
            piece.append(chunk).map_err(|_| Fault::of(FaultKind::Memory))?;
            Ok(piece)
        };
        let pieces = bytes.chunks(reactor::buf::BUF_BYTES).map(fill).collect::<Result<_, Fault>>()?;
        Ok(Self { pieces })
    }

    /// The send that starts with piece `at`, and the piece the next one starts with.
    pub(crate) fn send_from(&self, at: usize) -> (Outgoing, usize) {
        let piece = |at: usize| self.pieces.get(at).cloned();
        (Outgoing { head: piece(at), body: piece(at + 1), after: After::Keep }, at + 2)
    }

    /// Does the send that starts with piece `at` carry anything?
    pub(crate) fn has(&self, at: usize) -> bool {
        at < self.pieces.len()
    }
}
