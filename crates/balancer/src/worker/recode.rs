//! Responses that are compressed on their way: who has an encoder, what is made of each piece. A piece is what one read
//! brought, at levels at which that takes a fraction of a millisecond: no other connection waits for longer.

use super::Worker;
use super::compose::{self, NoPiece};
use super::state::{DownBytes, ExchangeId};
use balancer_core::exchange::Fact;
use balancer_core::{Counters, Recode};
use coding::Encoder;
use http::{BodyKind, Coding, Method, ResponseHead};
use http1::ChunkLine;
use reactor::{Buf, Reactor};

/// Responses that one worker compresses at once; more are passed on as they are. Each takes up to 2 MiB.
pub(super) const BUSY_MAX: usize = 128;
/// Encoders that are kept for the next response.
pub(super) const IDLE_MAX: usize = 16;
/// A line before a chunk, what is behind it, and the last chunk.
const FRAMING_BYTES_MAX: usize = 32;

/// The encoders of one worker.
#[derive(Debug, Default)]
pub(super) struct Encoders {
    busy: usize,
    idle: Vec<Encoder>,
}

impl Encoders {
    fn take(&mut self, coding: Coding) -> Option<Encoder> {
        if self.busy >= BUSY_MAX {
            return None;
        }
        self.busy += 1;
        let kept = self.idle.iter().position(|encoder| encoder.coding() == coding);
        Some(kept.map_or_else(|| Encoder::new(coding), |at| self.idle.swap_remove(at)))
    }

    pub(super) fn put_back(&mut self, mut encoder: Encoder) {
        self.busy -= 1;
        // That of br begins anew by being made anew.
        if self.idle.len() < IDLE_MAX && encoder.coding() != Coding::Brotli {
            encoder.reset();
            self.idle.push(encoder);
        }
    }

    pub(super) fn busy(&self) -> usize {
        self.busy
    }
}

/// What becomes of a response's body.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recoding {
    pub(super) coding: Option<Coding>,
    pub(super) varies: bool,
}

impl Worker {
    /// Whether the body of this response is compressed. Its encoder then belongs to the exchange.
    #[inline]
    pub(super) fn choose_coding(&mut self, id: ExchangeId, head: &ResponseHead<'_, '_>) -> Recoding {
        match &self.exchanges[id].treatment().compression {
            None => Recoding::default(),
            Some(_) => self.choose_coding_of(id, head),
        }
    }

    #[cold]
    fn choose_coding_of(&mut self, id: ExchangeId, head: &ResponseHead<'_, '_>) -> Recoding {
        self.put_back_encoder(id);
        let entry = &mut self.exchanges[id];
        let is_head = entry.method == Method::Head;
        let compression = entry.treatment().compression.as_ref();
        match compression.map_or(Recode::Plain, |rules| rules.choose(head, is_head, entry.asker.coding)) {
            Recode::Plain => Recoding::default(),
            Recode::Varies => Recoding { coding: None, varies: true },
            // What is said of it is what would be said of the body.
            Recode::Encoded(coding) if head.body == BodyKind::Empty => Recoding { coding: Some(coding), varies: true },
            Recode::Encoded(coding) => {
                let counters = &mut self.listeners[entry.listener].counters;
                entry.down.encoder = self.encoders.take(coding);
                counters.compressed += u64::from(entry.down.encoder.is_some());
                counters.compression_full += u64::from(entry.down.encoder.is_none());
                Recoding { coding: entry.down.encoder.as_ref().map(Encoder::coding), varies: true }
            }
        }
    }

    /// The exchange needs its encoder no more.
    #[inline]
    pub(super) fn put_back_encoder(&mut self, id: ExchangeId) {
        if let Some(encoder) = self.exchanges[id].down.encoder.take() {
            self.encoders.put_back(encoder);
        }
    }

    /// Bytes of a body that is compressed.
    ///
    /// # Errors
    /// The rule that they break.
    #[cold]
    pub(super) fn recode_bytes<R: Reactor>(
        &mut self,
        id: ExchangeId,
        buf: &mut Buf,
        io: &mut R,
    ) -> Result<Fact, http1::Error> {
        let decoder = self.exchanges[id].down.decoder.as_mut().expect("a body comes behind its head");
        match compose::unwrapped(decoder, buf, io) {
            Ok(piece) => Ok(self.recode(id, &piece.data, piece.whole, !buf.is_empty(), io)),
            Err(NoPiece::Malformed(rule)) => Err(rule),
            Err(NoPiece::Shortage) => Ok(Fact::ResponseShortage),
        }
    }

    /// The server's FIN ends a body that is compressed: what is left of it goes out, with an end that the client can see.
    pub(super) fn end_recoded<R: Reactor>(&mut self, id: ExchangeId, io: &mut R) -> Fact {
        self.recode(id, b"", true, false, io)
    }

    /// Does the server's FIN end a body that is compressed?
    pub(super) fn ends_recoded(&self, id: ExchangeId) -> bool {
        let DownBytes { decoder, encoder, .. } = &self.exchanges[id].down;
        let ends = decoder.as_ref().is_some_and(|decoder| !decoder.is_done() && decoder.finish_at_eof().is_ok());
        encoder.is_some() && ends
    }

    fn recode<R: Reactor>(&mut self, id: ExchangeId, data: &[u8], whole: bool, leftover: bool, io: &mut R) -> Fact {
        let entry = &mut self.exchanges[id];
        let DownBytes { encoder, unwrap_chunks, body, .. } = &mut entry.down;
        let encoder = encoder.as_mut().expect("a body that is compressed has an encoder");
        self.words.clear();
        let encoded = match whole {
            true => encoder.finish(data, &mut self.words),
            false => encoder.encode(data, &mut self.words),
        };
        let framed = encoded.ok().and_then(|()| framed(&self.words, !*unwrap_chunks, whole, io));
        let Some(out) = framed else { return Fact::ResponseShortage };
        let Counters { compressed_from_bytes, compressed_to_bytes, .. } = &mut self.listeners[entry.listener].counters;
        *compressed_from_bytes += data.len() as u64;
        *compressed_to_bytes += self.words.len() as u64;
        let len = out.len();
        *body = (len > 0).then_some(out);
        Fact::ResponseBytes { len, whole, leftover }
    }
}

/// As a chunk where the client knows chunks, with the last one behind the last; `None` when no buffer is left.
fn framed<R: Reactor>(bytes: &[u8], chunked: bool, whole: bool, io: &mut R) -> Option<Buf> {
    let mut out = io.take_buf()?.with_spare(bytes.len() + FRAMING_BYTES_MAX)?;
    if !chunked {
        out.append(bytes).ok()?;
        return Some(out);
    }
    if !bytes.is_empty() {
        let line = ChunkLine::new(bytes.len() as u64);
        [line.as_bytes(), bytes, b"\r\n"].iter().try_for_each(|part| out.append(part)).ok()?;
    }
    if whole {
        out.append(b"0\r\n\r\n").ok()?;
    }
    Some(out)
}
