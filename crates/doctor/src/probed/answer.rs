//! Reads one HTTP response off a line: was it whole, and did the stream go on?

use super::line::{End, Line};
use doctor_core::target::Response;
use http::{BodyKind, Limits, Method};
use http1::{BodyDecoder, HeadSlots, Parsed, parse_response};
use std::time::{Duration, Instant};

/// Longest body that is read; longer ones are cut by us and reported as not seen.
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const READ_BYTES: usize = 16 * 1024;
/// Bytes that tell one protocol from another.
const FIRST_BYTES: usize = 64;

/// One response.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) status: Option<u16>,
    /// Another request may follow on this connection.
    pub(super) keep_alive: bool,
    /// The `Keep-Alive` field.
    pub(super) announced: Option<String>,
    /// How the stream ended, where it ended with or before the response.
    pub(super) end: Option<End>,
    /// It was too long, or not HTTP as we read it: nothing can be said of how it ends.
    pub(super) given_up: bool,
    /// What came where no head did.
    pub(super) first: Vec<u8>,
}

/// What a head said that matters here.
struct Head {
    status: u16,
    keep_alive: bool,
    announced: Option<String>,
    len: usize,
    body: BodyKind,
}

/// Reads a response to a GET within `patience`.
pub(super) fn read(line: &mut Line, patience: Duration) -> Answer {
    let until = Instant::now() + patience;
    let limits = Limits::default();
    let mut bytes = Vec::new();
    let head = loop {
        match final_head(&mut bytes, &limits) {
            Ok(Some(head)) => break head,
            Ok(None) => {}
            Err(()) => return Answer { given_up: true, ..Answer::nothing(None, bytes) },
        }
        if let Err(end) = read_more(line, &mut bytes, until) {
            return Answer::nothing(Some(end), bytes);
        }
    };
    bytes.drain(..head.len);
    read_body(line, head, bytes, until, &limits)
}

/// The head at the start of `bytes`; interim ones (1xx) are dropped.
fn final_head(bytes: &mut Vec<u8>, limits: &Limits) -> Result<Option<Head>, ()> {
    loop {
        let mut slots = HeadSlots::new();
        let parsed = parse_response(bytes, limits, &mut slots, Method::Get).map_err(|_| ())?;
        let Some(Parsed { head, len, keep_alive, .. }) = parsed else { return Ok(None) };
        if head.is_interim() {
            bytes.drain(..len);
            continue;
        }
        let field = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("keep-alive"));
        return Ok(Some(Head {
            status: head.status,
            keep_alive,
            announced: field.map(|field| String::from_utf8_lossy(field.value).into_owned()),
            len,
            body: head.body,
        }));
    }
}

fn read_body(line: &mut Line, head: Head, mut bytes: Vec<u8>, until: Instant, limits: &Limits) -> Answer {
    let mut body = BodyDecoder::new(head.body, limits);
    let mut total = 0;
    let mut answer = Answer {
        response: Response::Cut,
        status: Some(head.status),
        keep_alive: head.keep_alive,
        announced: head.announced,
        end: None,
        given_up: false,
        first: Vec::new(),
    };
    loop {
        let Ok(passed) = body.skip(&bytes) else { return Answer { given_up: true, ..answer } };
        if passed.done || body.is_done() {
            return Answer { response: Response::Whole, ..answer };
        }
        total += bytes.len();
        bytes.clear();
        if total > BODY_BYTES_MAX {
            return Answer { given_up: true, ..answer };
        }
        if let Err(end) = read_more(line, &mut bytes, until) {
            let whole = end == End::Fin && body.finish_at_eof().is_ok();
            answer.response = if whole { Response::Whole } else { Response::Cut };
            return Answer { end: Some(end), ..answer };
        }
    }
}

fn read_more(line: &mut Line, bytes: &mut Vec<u8>, until: Instant) -> Result<(), End> {
    let mut scratch = [0; READ_BYTES];
    let count = line.read(&mut scratch, until)?;
    bytes.extend_from_slice(&scratch[..count]);
    Ok(())
}

impl Answer {
    /// No head came, only these bytes.
    fn nothing(end: Option<End>, mut first: Vec<u8>) -> Self {
        let response = if first.is_empty() { Response::Nothing } else { Response::Cut };
        first.truncate(FIRST_BYTES);
        Self { response, status: None, keep_alive: false, announced: None, end, given_up: false, first }
    }
}
