//! From the bytes an application saw to what they say, so that runs can be compared that cut them differently.

use http::{BodyKind, Limits, Method};
use http1::{BodyDecoder, HeadSlots};
use std::collections::BTreeMap;

/// What was said, and how often.
pub(crate) type Said = BTreeMap<(String, Vec<u8>), u64>;

/// Adds every whole answer of a stream: its status and its body.
pub(crate) fn add_answers(said: &mut Said, mut stream: &[u8], method: Method) -> Result<(), String> {
    let limits = Limits::default();
    while !stream.is_empty() {
        let mut slots = HeadSlots::new();
        let parsed = http1::parse_response(stream, &limits, &mut slots, method).map_err(|error| error.to_string())?;
        let Some(parsed) = parsed else { return Err("a stream ends within a head".to_owned()) };
        let (what, kind) = (parsed.head.status.to_string(), parsed.head.body);
        stream = &stream[parsed.len..];
        let body = take_body(&mut stream, kind)?;
        *said.entry((what, body)).or_default() += 1;
    }
    Ok(())
}

/// Adds every whole request of a stream: what it asks for, and its body.
pub(crate) fn add_requests(said: &mut Said, mut stream: &[u8]) -> Result<(), String> {
    let limits = Limits::default();
    while !stream.is_empty() {
        let mut slots = HeadSlots::new();
        let parsed = http1::parse_request(stream, &limits, &mut slots).map_err(|error| error.to_string())?;
        let Some(parsed) = parsed else { return Err("a stream ends within a head".to_owned()) };
        let (what, kind) = (format!("{:?} {}", parsed.head.method, parsed.head.path()), parsed.head.body);
        stream = &stream[parsed.len..];
        let body = take_body(&mut stream, kind)?;
        *said.entry((what, body)).or_default() += 1;
    }
    Ok(())
}

fn take_body(stream: &mut &[u8], kind: BodyKind) -> Result<Vec<u8>, String> {
    let mut decoder = BodyDecoder::new(kind, &Limits::default());
    let mut body = Vec::new();
    while !decoder.is_done() {
        if stream.is_empty() {
            return decoder.finish_at_eof().map(|()| body).map_err(|error| error.to_string());
        }
        let piece = decoder.decode(stream).map_err(|error| error.to_string())?;
        body.extend_from_slice(&stream[piece.data]);
        *stream = &stream[piece.consumed..];
    }
    Ok(body)
}

/// For a message: statuses and lengths instead of bodies.
pub(crate) fn brief(said: &Said) -> Vec<(&str, usize, u64)> {
    said.iter().map(|((what, body), count)| (what.as_str(), body.len(), *count)).collect()
}
