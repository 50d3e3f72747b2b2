//! Requests in the reactor's buffers. A few are filled once, and shared by every send; of many each is written when its
//! turn comes, so that a long list costs its bytes and not a buffer each.

use ports::{Fault, FaultKind};
use reactor::{After, Buf, Outgoing, Reactor};
use stress_core::Script;

/// So many requests have buffers of their own.
const KEPT_MAX: usize = 64;

/// The bytes of a run's requests. Sending clones handles, not bytes.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Of each request its pieces; empty where they are written when their turn comes.
    kept: Vec<Pieces>,
}

/// One request in as many buffers as it needs.
pub(crate) type Pieces = Vec<Buf>;

impl Prepared {
    /// Fills the buffers of a script of few requests.
    pub(crate) fn new<R: Reactor>(script: &Script, io: &mut R) -> Result<Self, Fault> {
        let kept = |bytes: &[u8]| {
            let mut pieces = Pieces::new();
            write(bytes, &mut pieces, io).map(|()| pieces)
        };
        let few = script.requests().iter().take(if script.requests().len() > KEPT_MAX { 0 } else { KEPT_MAX });
        Ok(Self { kept: few.map(|request| request.bytes()).map(kept).collect::<Result<_, Fault>>()? })
    }

    /// Request `which`, if it is not kept, in `pieces`, whose room is used again.
    pub(crate) fn write<R: Reactor>(
        &self,
        script: &Script,
        which: usize,
        pieces: &mut Pieces,
        io: &mut R,
    ) -> Result<(), Fault> {
        pieces.clear();
        if self.kept.is_empty() { write(script.requests()[which].bytes(), pieces, io) } else { Ok(()) }
    }

    /// The pieces of request `which`: those that are kept, else those that were written.
    pub(crate) fn pieces<'a>(&'a self, which: usize, written: &'a Pieces) -> &'a [Buf] {
        self.kept.get(which).unwrap_or(written)
    }
}

fn write<R: Reactor>(bytes: &[u8], pieces: &mut Pieces, io: &mut R) -> Result<(), Fault> {
    for chunk in bytes.chunks(reactor::buf::BUF_BYTES) {
        let mut piece = io.take_buf().ok_or(Fault::of(FaultKind::Memory))?;
        piece.append(chunk).map_err(|_| Fault::of(FaultKind::Memory))?;
        pieces.push(piece);
    }
    Ok(())
}

/// The send that starts with piece `at`, and the piece the next one starts with.
pub(crate) fn send_from(pieces: &[Buf], at: usize) -> (Outgoing, usize) {
    let piece = |at: usize| pieces.get(at).cloned();
    (Outgoing { head: piece(at), body: piece(at + 1), after: After::Keep }, at + 2)
}
