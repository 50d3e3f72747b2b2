//! Heads written for the other side, and the balancer's own answers: a clear status and one line of text.

use balancer_core::exchange::{Answer, HeadEdits};
use http::forward::{Connection, RequestEdits, ResponseEdits, write_forwarded_request, write_forwarded_response};
use http::{BodyKind, FieldSink, RequestHead, ResponseHead, TooLong, Version, reason_phrase};
use http1::{BodyDecoder, HeadWriter};
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

/// The head as the client shall see it; `None` as for a request.
pub(super) fn response<R: Reactor>(
    head: &ResponseHead<'_, '_>,
    client_version: Version,
    edits: &HeadEdits,
    io: &mut R,
) -> Option<Buf> {
    let body = if edits.unwrap_chunks { BodyKind::UntilClose } else { head.body };
    let edits = ResponseEdits { client_version, connection: edits.connection, body };
    written(io, |out| write_forwarded_response(head, &edits, out))
}

fn written<R: Reactor>(io: &mut R, write: impl FnOnce(&mut HeadWriter<'_>) -> Result<usize, TooLong>) -> Option<Buf> {
    let mut out = io.take_buf()?;
    let len = write(&mut HeadWriter::new(out.spare()?)).ok()?;
    out.commit(len);
    Some(out)
}

/// An answer of our own, whole; `None` when no buffer is left.
pub(super) fn answer<R: Reactor>(answer: &Answer, io: &mut R) -> Option<Buf> {
    let text = answer.failure.text();
    let mut out = written(io, |head| {
        let status = answer.failure.status();
        head.response(status, reason_phrase(status).unwrap_or("Error"))?;
        head.field("Content-Type", b"text/plain; charset=utf-8")?;
        head.field_u64("Content-Length", text.len() as u64 + 1)?;
        if !answer.keep {
            head.field("Connection", b"close")?;
        }
        head.end()
    })?;
    if !answer.head_only {
        out.append(text.as_bytes()).ok()?;
        out.append(b"\n").ok()?;
    }
    Some(out)
}

/// What unwrapping chunks came to.
pub(super) enum Unwrapped {
    Data {
        data: Buf,
        whole: bool,
        leftover: bool,
    },
    Malformed,
    /// No buffer is left to unwrap into.
    Shortage,
}

/// The data of all chunks in `bytes`, without their framing.
pub(super) fn unwrapped<R: Reactor>(decoder: &mut BodyDecoder, bytes: &[u8], io: &mut R) -> Unwrapped {
    let Some(mut data) = io.take_buf() else { return Unwrapped::Shortage };
    let (mut at, mut whole) = (0, false);
    while at < bytes.len() && !whole {
        let Ok(piece) = decoder.decode(&bytes[at..]) else { return Unwrapped::Malformed };
        let appended = data.append(&bytes[at..][piece.data.clone()]);
        debug_assert!(appended.is_ok(), "a buffer without framing fits into a buffer");
        at += piece.consumed;
        whole = piece.done;
    }
    Unwrapped::Data { data, whole, leftover: at < bytes.len() }
}
