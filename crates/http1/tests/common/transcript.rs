//! What a reader gets out of a stream of bytes, however the bytes are cut.

use http::{BodyKind, Limits, Method, Reading};
use http1::{BodyDecoder, Error, HeadScan, HeadSlots, parse_request, parse_response};

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Requests,
    /// To requests of this method.
    Responses(Method),
    /// The same, read by a lenient reader.
    LenientResponses(Method),
}

/// One message, as far as it was read: its head in words, the data of its body, and whether the body is complete.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// What a proxy passes on of it, framing included. In lower case: the name of a trailer that is cut in two may be.
    pub(crate) passed: Vec<u8>,
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
    let reading = Reading::Strict;
    Limits {
        head_bytes_max: 400,
        headers_max: 12,
        chunk_line_bytes_max: 24,
        trailer_bytes_max: 40,
        trailers: true,
        reading,
    }
}

/// Reads `bytes` in reads of these sizes, over and over, and tells what came out.
pub(crate) fn read(bytes: &[u8], reads: &[usize], role: Role) -> Transcript {
    let mut reader = Reader {
        limits: Limits { reading: reading(role, false), ..limits() },
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
            // How far a body was passed on before its fault was found depends on the reads.
            reader.out.messages.iter_mut().filter(|message| !message.done).for_each(|message| message.passed.clear());
            break;
        }
        if last {
            reader.out.at_eof = reader.body.map(|body| body.finish_at_eof());
            break;
        }
    }
    reader.out
}

fn reading(role: Role, after_interim: bool) -> Reading {
    match role {
        Role::LenientResponses(_) if after_interim => Reading::LenientAfterInterim,
        Role::LenientResponses(_) => Reading::Lenient,
        Role::Requests | Role::Responses(_) => Reading::Strict,
    }
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
        self.limits.reading = reading(self.role, head.contains("status: 1"));
        self.body = Some(BodyDecoder::new(kind, &self.limits));
        self.out.messages.push(Message { head, ..Message::default() });
        Ok(true)
    }

    fn parse(&self) -> Result<Option<(String, usize, BodyKind)>, Error> {
        let mut slots = HeadSlots::new();
        Ok(match self.role {
            Role::Requests => parse_request(&self.buffer, &self.limits, &mut slots)?
                .map(|parsed| (format!("{parsed:?}"), parsed.len, parsed.head.body)),
            Role::Responses(method) | Role::LenientResponses(method) => {
                parse_response(&self.buffer, &self.limits, &mut slots, method)?
                    .map(|parsed| (format!("{parsed:?}"), parsed.len, parsed.head.body))
            }
        })
    }

    /// Whether the body was complete. Passing on must agree with decoding, and be to the letter.
    fn read_body(&mut self) -> Result<bool, Error> {
        let decoder = self.body.as_mut().expect("a body is being read");
        let message = self.out.messages.last_mut().expect("a body follows a head");
        let passed = pass(decoder, &self.buffer);
        let mut decoding = decoder.clone();
        let mut at = 0;
        let done = loop {
            let piece = decoding.decode(&self.buffer[at..]).inspect_err(|error| {
                assert_eq!(passed.as_ref().map(|_| ()), Err(error), "passing on and decoding disagree");
            })?;
            message.body.extend_from_slice(&self.buffer[at..][piece.data]);
            at += piece.consumed;
            if piece.done || at == self.buffer.len() {
                break piece.done;
            }
        };
        let (kept, after) = passed.expect("decoding did not fail");
        assert_eq!(kept.1, (at, done), "passing on and decoding disagree");
        *decoder = after;
        message.passed.extend(kept.0.to_ascii_lowercase());
        self.buffer.drain(..at);
        message.done = done;
        if done {
            assert_to_the_letter(message, &self.limits);
            self.body = None;
        }
        Ok(done)
    }
}

/// What is passed on, how many bytes are used up, whether the body is done; and the decoder as it is then.
type Kept = ((Vec<u8>, (usize, bool)), BodyDecoder);

fn pass(decoder: &BodyDecoder, bytes: &[u8]) -> Result<Kept, Error> {
    let mut decoder = decoder.clone();
    let passed = decoder.pass(bytes)?;
    let mut out = bytes[..passed.len].to_vec();
    if passed.clean {
        return Ok(((out, (passed.len, passed.done)), decoder));
    }
    let cleaned = decoder.clean(&bytes[passed.len..], &mut |kept| out.extend_from_slice(kept))?;
    Ok(((out, (passed.len + cleaned.len, cleaned.done)), decoder))
}

/// Whatever came, a strict reader finds the same data in what is passed on, and nothing that is to be left out.
fn assert_to_the_letter(message: &Message, limits: &Limits) {
    if message.head.contains("body: Chunked") {
        let strict = Limits { reading: Reading::Strict, ..limits.clone() };
        let mut decoder = BodyDecoder::new(BodyKind::Chunked, &strict);
        let (mut data, mut at) = (Vec::new(), 0);
        while !decoder.is_done() {
            let piece = decoder.decode(&message.passed[at..]).expect("to the letter");
            data.extend_from_slice(&message.passed[at..][piece.data]);
            at += piece.consumed;
        }
        assert_eq!((data, at), (message.body.to_ascii_lowercase(), message.passed.len()));
        let again = pass(&BodyDecoder::new(BodyKind::Chunked, &strict), &message.passed).expect("to the letter");
        assert_eq!(again.0.0, message.passed, "nothing more is left out");
    } else {
        assert_eq!(message.passed, message.body.to_ascii_lowercase());
    }
}
