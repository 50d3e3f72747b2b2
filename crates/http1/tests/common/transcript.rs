//! What a reader gets out of a stream of bytes, however the bytes are cut.

use http::{BodyKind, Limits, Method};
use http1::{BodyDecoder, Error, HeadScan, HeadSlots, parse_request, parse_response};

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Requests,
    /// To requests of this method.
    Responses(Method),
}

/// One message, as far as it was read: its head in words, the data of its body, and whether the body is complete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) done: bool,
}

/// All messages, and how the stream ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Transcript {
    pub(crate) messages: Vec<Message>,
    pub(crate) error: Option<Error>,
    pub(crate) at_eof: Option<Result<(), Error>>,
}

/// Small limits, so that small inputs reach them.
pub(crate) fn limits() -> Limits {
    Limits { head_bytes_max: 400, headers_max: 12, chunk_line_bytes_max: 24, trailer_bytes_max: 40 }
}

/// Reads `bytes` in reads of these sizes, over and over, and tells what came out.
pub(crate) fn read(bytes: &[u8], reads: &[usize], role: Role) -> Transcript {
    let mut reader = Reader {
        limits: limits(),
        role,
        buffer: Vec::new(),
        scan: HeadScan::default(),
        body: None,
        out: Transcript::default(),
    };
    let mut rest = bytes;
    for size in reads.iter().cycle() {
        let (now, later) = rest.split_at(rest.len().min((*size).max(1)));
        reader.buffer.extend_from_slice(now);
        rest = later;
        let last = rest.is_empty();
        if let Err(error) = reader.advance(last) {
            reader.out.error = Some(error);
            break;
        }
        if last {
            reader.out.at_eof = reader.body.map(|body| body.finish_at_eof());
            break;
        }
    }
    reader.out
}

struct Reader {
    limits: Limits,
    role: Role,
    buffer: Vec<u8>,
    scan: HeadScan,
    body: Option<BodyDecoder>,
    out: Transcript,
}

impl Reader {
    fn advance(&mut self, last: bool) -> Result<(), Error> {
        loop {
            let advanced = if self.body.is_some() { self.read_body()? } else { self.read_head(last)? };
            if !advanced {
                return Ok(());
            }
        }
    }

    /// Whether a head was complete.
    fn read_head(&mut self, last: bool) -> Result<bool, Error> {
        let worth = self.scan.worth_parsing(&self.buffer, &self.limits);
        let parsed = self.parse();
        if !worth {
            assert!(!matches!(parsed, Ok(Some(_))), "the scan has missed a complete head");
            if !last {
                return Ok(false);
            }
        }
        let Some((head, len, kind)) = parsed? else { return Ok(false) };
        self.buffer.drain(..len);
        self.scan = HeadScan::default();
        self.body = Some(BodyDecoder::new(kind, &self.limits));
        self.out.messages.push(Message { head, ..Message::default() });
        Ok(true)
    }

    fn parse(&self) -> Result<Option<(String, usize, BodyKind)>, Error> {
        let mut slots = HeadSlots::new();
        Ok(match self.role {
            Role::Requests => parse_request(&self.buffer, &self.limits, &mut slots)?
                .map(|parsed| (format!("{parsed:?}"), parsed.len, parsed.head.body)),
            Role::Responses(method) => parse_response(&self.buffer, &self.limits, &mut slots, method)?
                .map(|parsed| (format!("{parsed:?}"), parsed.len, parsed.head.body)),
        })
    }

    /// Whether the body was complete. Passing on must agree with decoding.
    fn read_body(&mut self) -> Result<bool, Error> {
        let decoder = self.body.as_mut().expect("a body is being read");
        let message = self.out.messages.last_mut().expect("a body follows a head");
        let passed = decoder.clone().pass(&self.buffer);
        let mut at = 0;
        let done = loop {
            let piece = decoder.decode(&self.buffer[at..]).inspect_err(|error| assert_eq!(passed, Err(*error)))?;
            message.body.extend_from_slice(&self.buffer[at..][piece.data]);
            at += piece.consumed;
            if piece.done || at == self.buffer.len() {
                break piece.done;
            }
        };
        assert_eq!(passed, Ok(http1::Passed { len: at, done }), "passing on and decoding disagree");
        self.buffer.drain(..at);
        message.done = done;
        if done {
            self.body = None;
        }
        Ok(done)
    }
}
