//! Bodies: how the end of one is found (RFC 9112 6.3), piece by piece, whatever the sizes of the reads.

use std::ops::Range;

use http::{BodyKind, Limits};

use crate::chunked::Chunked;
use crate::error::Error;

/// What [`BodyDecoder::decode`] made of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Bytes used up, framing included. Offer the others again.
    pub consumed: usize,
    /// Where in the bytes the data is; may be empty.
    pub data: Range<usize>,
    /// The body is complete; bytes beyond `consumed` belong to the next message.
    pub done: bool,
}

/// What [`BodyDecoder::pass`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Bytes, framing included, that belong to this body.
    pub len: usize,
    /// How many of them are content.
    pub content: usize,
    /// The body is complete; bytes beyond `len` belong to the next message.
    pub done: bool,
    /// Nothing behind these bytes is to be left out. Else the next belong to the body, but are not passed on as they are
    /// (chunk extensions, some trailers): [`BodyDecoder::clean`] goes on.
    pub clean: bool,
}

/// Follows one body through any split of its bytes. After an error it is of no further use.
#[derive(Clone, Debug)]
pub struct BodyDecoder(State);

#[derive(Clone, Debug)]
enum State {
    Left(u64),
    Chunked(Chunked),
    Unbounded,
}

impl BodyDecoder {
    /// A decoder at the first byte after the head.
    pub fn new(kind: BodyKind, limits: &Limits) -> Self {
        Self(match kind {
            BodyKind::Empty => State::Left(0),
            BodyKind::Length(len) => State::Left(len),
            BodyKind::Chunked => State::Chunked(Chunked::new(limits)),
            BodyKind::UntilClose | BodyKind::Tunnel => State::Unbounded,
        })
    }

    /// Takes the framing off: tells where in `bytes` the next run of data is. Call again with what was not consumed, until
    /// all is consumed or the body is done.
    #[inline]
    pub fn decode(&mut self, bytes: &[u8]) -> Result<Piece, Error> {
        let consumed = match &mut self.0 {
            State::Chunked(chunked) => return chunked.decode(bytes),
            State::Left(left) => take_up_to(left, bytes.len()),
            State::Unbounded => bytes.len(),
        };
        Ok(Piece { consumed, data: 0..consumed, done: self.is_done() })
    }

    /// Tells how many of `bytes` belong to this body, framing included, and can be passed on as they are.
    #[inline]
    pub fn pass(&mut self, bytes: &[u8]) -> Result<Passed, Error> {
        match &mut self.0 {
            State::Chunked(chunked) => chunked.pass(bytes),
            _ => self.decode(bytes).map(|piece| Passed {
                len: piece.consumed,
                content: piece.consumed,
                done: piece.done,
                clean: true,
            }),
        }
    }

    /// As [`BodyDecoder::pass`], for bytes that are not passed on as they are: hands what is to `keep`, piece by piece, which
    /// together is never more than `bytes` and the name of a trailer that an earlier call has held back.
    #[cold]
    pub fn clean(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&[u8])) -> Result<Passed, Error> {
        match &mut self.0 {
            State::Chunked(chunked) => chunked.clean(bytes, keep),
            _ => self.pass(bytes).inspect(|passed| keep(&bytes[..passed.len])),
        }
    }

    /// The same for bytes that go nowhere.
    pub fn skip(&mut self, bytes: &[u8]) -> Result<Passed, Error> {
        let (mut len, mut content) = (0, 0);
        loop {
            let piece = self.decode(&bytes[len..])?;
            len += piece.consumed;
            content += piece.data.len();
            if piece.done || len == bytes.len() {
                return Ok(Passed { len, content, done: piece.done, clean: true });
            }
        }
    }

    /// Bytes of data that come next, with nothing of the framing between them: what need not be looked at by whoever wants
    /// nothing of the body. `u64::MAX` where the connection's end is the body's.
    pub fn data_ahead(&self) -> u64 {
        match &self.0 {
            State::Left(left) => *left,
            State::Chunked(chunked) => chunked.data_ahead(),
            State::Unbounded => u64::MAX,
        }
    }

    /// So many of [`BodyDecoder::data_ahead`] came, and nobody looked at them.
    ///
    /// # Panics
    /// When they are more than that.
    pub fn pass_unseen(&mut self, bytes: u64) {
        assert!(bytes <= self.data_ahead(), "{bytes} bytes passed unseen are more than data");
        match &mut self.0 {
            State::Left(left) => *left -= bytes,
            State::Chunked(chunked) => {
                // No more than is ahead, as was just looked at.
                let _all = chunked.take_data(usize::try_from(bytes).unwrap_or(usize::MAX));
            }
            State::Unbounded => {}
        }
    }

    /// Whether the end of the body has been seen. Never true for bodies that end with the connection.
    pub fn is_done(&self) -> bool {
        match &self.0 {
            State::Left(left) => *left == 0,
            State::Chunked(chunked) => chunked.is_done(),
            State::Unbounded => false,
        }
    }

    /// Whether the connection may end here (RFC 9112 8): yes after the end of the body, and where close is the end.
    pub fn finish_at_eof(&self) -> Result<(), Error> {
        if self.is_done() || matches!(self.0, State::Unbounded) { Ok(()) } else { Err(Error::BodyCutShort) }
    }
}

/// Takes up to `len` from `left`; returns how much.
pub(crate) fn take_up_to(left: &mut u64, len: usize) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(len);
    *left -= taken as u64;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_is_small() {
        assert!(size_of::<BodyDecoder>() <= 40, "{} bytes", size_of::<BodyDecoder>());
    }
}
