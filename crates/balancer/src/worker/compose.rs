//! Heads written for the other side, and pieces of bodies cut off for it.

use super::recode::Recoding;
use super::treat::Ruled;
use balancer_core::exchange::HeadEdits;
use http::forward::{Connection, RequestEdits, ResponseEdits, write_forwarded_request, write_forwarded_response};
use http::{BodyKind, Date, RequestHead, ResponseHead, TooLong, Version};
use http1::{BodyDecoder, HeadWriter, Passed};
use reactor::{Buf, Reactor};

/// The head as the server shall see it; `None` when no buffer is left or it does not fit into one.
pub(super) fn request<R: Reactor>(head: &RequestHead<'_, '_>, edits: &RequestEdits<'_>, io: &mut R) -> Option<Buf> {
    written(io, |out| write_forwarded_request(head, edits, out))
}

/// What to ask of a server's connection.
pub(super) fn upstream_connection(upgrade: bool, keep: bool) -> Connection {
    match (upgrade, keep) {
        (true, _) => Connection::Upgrade,
        (false, true) => Connection::KeepAlive,
        (false, false) => Connection::Close,
    }
}

/// How a response's head is written, with a `date` where it has none.
pub(super) fn response_edits<'e>(
    client_version: Version,
    edits: &HeadEdits,
    body: BodyKind,
    date: Option<Date>,
    recoding: Recoding,
    cookie: Option<&'e [u8]>,
    ruled: Ruled<'e>,
) -> ResponseEdits<'e> {
    let body = if edits.unwrap_chunks { BodyKind::UntilClose } else { body };
    let Recoding { coding, varies } = recoding;
    ResponseEdits { client_version, connection: edits.connection, body, date, coding, varies, cookie, ruled }
}

/// The head as the client shall see it; `None` as for a request.
pub(super) fn response<R: Reactor>(head: &ResponseHead<'_, '_>, edits: &ResponseEdits<'_>, io: &mut R) -> Option<Buf> {
    written(io, |out| write_forwarded_response(head, edits, out))
}

/// A head that does not fit into one buffer is written once more, into a larger one.
pub(super) fn written<R: Reactor>(
    io: &mut R,
    write: impl Fn(&mut HeadWriter<'_>) -> Result<usize, TooLong>,
) -> Option<Buf> {
    let mut out = io.take_buf()?;
    loop {
        match write(&mut HeadWriter::new(out.spare()?)) {
            Ok(len) => {
                out.commit(len);
                return Some(out);
            }
            Err(TooLong) => {
                let room = 2 * out.spare_len();
                out = out.with_spare(room)?;
            }
        }
    }
}

/// A piece of a body that is to be passed on.
pub(super) struct Piece {
    pub(super) data: Buf,
    /// Bytes of it that are content.
    pub(super) content: usize,
    pub(super) whole: bool,
}

/// Why there is none.
pub(super) enum NoPiece {
    Malformed(http1::Error),
    /// No buffer is left to write it into.
    Shortage,
}

/// Room for a name of a trailer that an earlier read has held back.
const HELD_BYTES_MAX: usize = 64;

/// Cuts `bytes` at the end of the body; what is behind it stays. Without a copy, unless something is to be left out.
#[inline]
pub(super) fn passed<R: Reactor>(decoder: &mut BodyDecoder, bytes: &mut Buf, io: &mut R) -> Result<Piece, NoPiece> {
    let passed = decoder.pass(bytes).map_err(NoPiece::Malformed)?;
    if passed.clean {
        return Ok(Piece { data: bytes.split_to(passed.len), content: passed.content, whole: passed.done });
    }
    cleaned(decoder, bytes, 0, passed, io)
}

/// The same where something is left out behind `clean` bytes; the first `head` of them are none of the body.
#[cold]
pub(super) fn cleaned<R: Reactor>(
    decoder: &mut BodyDecoder,
    bytes: &mut Buf,
    head: usize,
    clean: Passed,
    io: &mut R,
) -> Result<Piece, NoPiece> {
    let room = bytes.len() + HELD_BYTES_MAX;
    let mut data = io.take_buf().and_then(|buf| buf.with_spare(room)).ok_or(NoPiece::Shortage)?;
    let mut keep = |kept: &[u8]| {
        let appended = data.append(kept);
        debug_assert!(appended.is_ok(), "what is passed on is not longer than what came");
    };
    let before = head + clean.len;
    keep(&bytes[..before]);
    let cleaned = decoder.clean(&bytes[before..], &mut keep).map_err(NoPiece::Malformed)?;
    bytes.advance(before + cleaned.len);
    Ok(Piece { data, content: clean.content + cleaned.content, whole: cleaned.done })
}

/// The data of all chunks in `bytes`, without their framing; what is behind them stays.
pub(super) fn unwrapped<R: Reactor>(decoder: &mut BodyDecoder, bytes: &mut Buf, io: &mut R) -> Result<Piece, NoPiece> {
    let mut data = io.take_buf().and_then(|buf| buf.with_spare(bytes.len())).ok_or(NoPiece::Shortage)?;
    let mut whole = false;
    while !bytes.is_empty() && !whole {
        let piece = decoder.decode(bytes).map_err(NoPiece::Malformed)?;
        let appended = data.append(&bytes[piece.data.clone()]);
        debug_assert!(appended.is_ok(), "a buffer without framing fits into a buffer");
        bytes.advance(piece.consumed);
        whole = piece.done;
    }
    Ok(Piece { content: data.len(), data, whole })
}
