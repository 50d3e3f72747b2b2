//! One answer: its head, and its body as a stream that is filled into one buffer after the other.

use crate::pattern;
use http::{BodyKind, FieldSink, TooLong, reason_phrase};
use http1::HeadWriter;
use std::io::Write;
use std::rc::Rc;

/// Room a chunk's frame may take: sixteen digits and CRLF, CRLF, and the last chunk `0 CRLF CRLF`.
const CHUNK_FRAME_BYTES: usize = 16 + 2 + 2 + 5;

/// Where the bytes of a body come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// [`pattern`], so many bytes.
    Pattern(u64),
    /// A fixed text.
    Text(&'static str),
    /// The hello of this origin.
    Hello(Rc<str>),
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Self::Pattern(len) => *len,
            Self::Text(text) => text.len() as u64,
            Self::Hello(text) => text.len() as u64,
        }
    }

    /// Copies what starts at `offset`; `out` never reaches beyond the end.
    fn copy(&self, offset: u64, out: &mut [u8]) {
        let at = offset as usize;
        match self {
            Self::Pattern(_) => pattern::fill(offset, out),
            Self::Text(text) => out.copy_from_slice(&text.as_bytes()[at..at + out.len()]),
            Self::Hello(text) => out.copy_from_slice(&text.as_bytes()[at..at + out.len()]),
        }
    }
}

/// What an answer says beside its body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadPlan<'a> {
    /// Status code.
    pub(crate) status: u16,
    /// Name of this origin.
    pub(crate) name: &'a str,
    /// Where it leads: `/redirect/` with this number.
    pub(crate) location: Option<u16>,
    /// Framing as told; for HEAD the one GET would have had (RFC 9110 section 9.3.2).
    pub(crate) framing: BodyKind,
    /// Will the connection be kept?
    pub(crate) persists: bool,
    /// Must that be said, because the client speaks HTTP/1.0?
    pub(crate) say_keep_alive: bool,
    /// Does the client wait for 100 before it sends its body?
    pub(crate) say_continue: bool,
}

impl HeadPlan<'_> {
    /// Writes the head; returns its length.
    pub(crate) fn write(&self, out: &mut [u8]) -> Result<usize, TooLong> {
        let interim = if self.say_continue { &b"HTTP/1.1 100 Continue\r\n\r\n"[..] } else { b"" };
        let (front, rest) = out.split_at_mut_checked(interim.len()).ok_or(TooLong)?;
        front.copy_from_slice(interim);
        let mut head = HeadWriter::new(rest);
        head.response(self.status, reason_phrase(self.status).unwrap_or("As Asked"))?;
        head.field("Server", b"quintet-origin")?;
        head.field("X-Origin", self.name.as_bytes())?;
        if let Some(left) = self.location {
            head.field("Location", format!("/redirect/{left}").as_bytes())?;
        }
        head.framing(self.framing)?;
        match (self.persists, self.say_keep_alive) {
            (false, _) => head.field("Connection", b"close")?,
            (true, true) => head.field("Connection", b"keep-alive")?,
            (true, false) => {}
        }
        Ok(interim.len() + head.end()?)
    }
}

/// The body of an answer, as far as it has not been sent.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    source: Source,
    offset: u64,
    chunked: bool,
    done: bool,
}

impl Stream {
    /// All of `source`.
    pub(crate) fn new(source: Source, framing: BodyKind) -> Self {
        let chunked = framing == BodyKind::Chunked;
        let done = source.len() == 0 && !chunked;
        Self { source, offset: 0, chunked, done }
    }

    /// Nothing (any more).
    pub(crate) fn nothing() -> Self {
        Self { source: Source::Pattern(0), offset: 0, chunked: false, done: true }
    }

    /// Was everything filled into buffers?
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// How the whole body is framed for a client that may or may not know chunks.
    pub(crate) fn framing(source: &Source, chunked: bool) -> BodyKind {
        if chunked { BodyKind::Chunked } else { BodyKind::Length(source.len()) }
    }

    /// Writes the next bytes of the body into `out`; returns how many. Too little room writes nothing.
    pub(crate) fn fill(&mut self, out: &mut [u8]) -> usize {
        if self.done {
            return 0;
        }
        if self.chunked { self.fill_chunk(out) } else { self.fill_plain(out) }
    }

    fn fill_plain(&mut self, out: &mut [u8]) -> usize {
        let len = self.take(out.len());
        self.source.copy(self.offset - len as u64, &mut out[..len]);
        self.done = self.offset == self.source.len();
        len
    }

    fn fill_chunk(&mut self, out: &mut [u8]) -> usize {
        let Some(room) = out.len().checked_sub(CHUNK_FRAME_BYTES) else { return 0 };
        let len = self.take(room);
        let from = self.offset - len as u64;
        let mut at = 0;
        if len > 0 {
            at = write_text(out, 0, format_args!("{len:x}\r\n"));
            self.source.copy(from, &mut out[at..at + len]);
            at = write_text(out, at + len, format_args!("\r\n"));
        }
        if self.offset == self.source.len() {
            at = write_text(out, at, format_args!("0\r\n\r\n"));
            self.done = true;
        }
        at
    }

    /// Moves on by up to `room` bytes; returns by how many.
    fn take(&mut self, room: usize) -> usize {
        let len = (self.source.len() - self.offset).min(room as u64);
        self.offset += len;
        len as usize
    }
}

/// Writes `text` at `at`, where there is room for it; returns where it ends.
fn write_text(out: &mut [u8], at: usize, text: std::fmt::Arguments<'_>) -> usize {
    let mut rest = &mut out[at..];
    let before = rest.len();
    let _fits = rest.write_fmt(text);
    at + before - rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_stream(len: u64, chunked: bool, room: usize) {
        let source = Source::Pattern(len);
        let framing = Stream::framing(&source, chunked);
        let mut stream = Stream::new(source, framing);
        let (mut raw, mut out) = (Vec::new(), vec![0; room]);
        while !stream.is_done() {
            let filled = stream.fill(&mut out);
            assert!(filled > 0, "a stream that is not done must move on");
            raw.extend_from_slice(&out[..filled]);
        }
        let mut decoder = http1::BodyDecoder::new(framing, &http::Limits::default());
        let (mut at, mut seen) = (0, 0);
        while at < raw.len() {
            let piece = decoder.decode(&raw[at..]).unwrap();
            let data = &raw[at..][piece.data];
            assert_eq!(pattern::first_difference(seen, data), None);
            seen += data.len() as u64;
            at += piece.consumed;
        }
        assert!(decoder.is_done() && seen == len, "{seen} of {len} bytes, chunked {chunked}, room {room}");
    }

    #[test]
    fn bodies_arrive_whole_whatever_the_buffers() {
        for len in [0, 1, 25, 26, 1000, 40_000] {
            for room in [26, 100, 16_384] {
                check_stream(len, false, room);
                check_stream(len, true, room);
            }
        }
    }

    #[test]
    fn a_head_says_what_was_planned() {
        let plan = HeadPlan {
            status: 200,
            name: "one",
            location: None,
            framing: BodyKind::Length(5),
            persists: true,
            say_keep_alive: true,
            say_continue: true,
        };
        let expect = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nServer: quintet-origin\r\nX-Origin: one\r\n\
                      Content-Length: 5\r\nConnection: keep-alive\r\n\r\n";
        let mut out = [0; 512];
        let len = plan.write(&mut out).unwrap();
        assert_eq!(std::str::from_utf8(&out[..len]).unwrap(), expect);
        for room in 0..expect.len() {
            assert_eq!(plan.write(&mut out[..room]), Err(TooLong), "in {room} bytes");
        }
    }
}
