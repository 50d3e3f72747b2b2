//! Requests in the reactor's buffers. A few are filled once, and shared by every send; of many each is written when its
//! turn comes, so that a long list costs its bytes and not a buffer each.

use crate::requests::Turns;
use ports::{Fault, FaultKind};
use reactor::{After, Buf, Outgoing, Reactor};
use seed::Rng;
use stress_core::Ends;
use stress_core::Script;
use stress_core::script::{Draw, Request};

/// So many requests have buffers of their own.
const KEPT_MAX: usize = 64;

/// The bytes of a run's requests. Sending clones handles, not bytes.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// Of each request its pieces; empty where they are written when their turn comes.
    kept: Vec<Pieces>,
    /// The same as the last of a connection; empty where that makes no difference.
    kept_last: Vec<Pieces>,
}

/// One request in as many buffers as it needs.
pub(crate) type Pieces = Vec<Buf>;

impl Prepared {
    /// Fills the buffers of a script of few requests, of those that are always the same.
    pub(crate) fn new<R: Reactor>(script: &Script, ends: Ends, io: &mut R) -> Result<Self, Fault> {
        let few = if script.requests().len() > KEPT_MAX { &[] } else { script.requests() };
        let mut kept = |request: &Request, last: bool| {
            let (mut bytes, mut pieces) = (request.plain().unwrap_or_default().to_vec(), Pieces::new());
            ends.trim(last, &mut bytes);
            fill(&bytes, &mut pieces, io).map(|()| pieces)
        };
        let last = if ends.are_alike() { &[] } else { few };
        Ok(Self {
            kept: few.iter().map(|one| kept(one, false)).collect::<Result<_, Fault>>()?,
            kept_last: last.iter().map(|one| kept(one, true)).collect::<Result<_, Fault>>()?,
        })
    }

    /// Is request `which` here, or has it to be written?
    pub(crate) fn is_kept(&self, which: usize) -> bool {
        self.kept.get(which).is_some_and(|pieces| !pieces.is_empty())
    }

    /// The pieces of request `which`, the last of its connection or not: those that are kept, else those that were written.
    pub(crate) fn pieces<'a>(&'a self, which: usize, last: bool, written: &'a Pieces) -> &'a [Buf] {
        let kept = if last && !self.kept_last.is_empty() { &self.kept_last } else { &self.kept };
        kept.get(which).filter(|pieces| !pieces.is_empty()).unwrap_or(written)
    }
}

/// Writes requests one by one, into room that is used again.
pub(crate) struct Pen {
    rng: Rng,
    ends: Ends,
    bytes: Vec<u8>,
    body: Vec<u8>,
}

impl Pen {
    /// For the thread of this number.
    pub(crate) fn new(script: &Script, ends: Ends, thread: u32) -> Self {
        // Other chances than those of the picker, so that what is written changes nothing of what is chosen.
        Self { rng: script.chance(thread).fork(), ends, bytes: Vec::new(), body: Vec::new() }
    }

    /// Which requests of a connection have the field about its end.
    pub(crate) fn ends(&self) -> Ends {
        self.ends
    }

    /// `request` as it is sent this time, as the last of its connection or not.
    pub(crate) fn write(
        &mut self,
        (request, last): (&Request, bool),
        drawn: &mut [Option<u64>],
        kept: &[Vec<u8>],
        turns: &Turns,
    ) -> &[u8] {
        self.bytes.clear();
        let turn = &mut |which| turns.of_variable(which);
        request.write(&mut Draw { rng: &mut self.rng, drawn, kept, turn }, &mut self.body, &mut self.bytes);
        self.ends.trim(last, &mut self.bytes);
        &self.bytes
    }
}

/// `bytes` in `pieces`, whose room is used again.
pub(crate) fn fill<R: Reactor>(bytes: &[u8], pieces: &mut Pieces, io: &mut R) -> Result<(), Fault> {
    pieces.clear();
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
