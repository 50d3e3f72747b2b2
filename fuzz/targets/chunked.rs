//! Any bytes as a chunked body: decoding and passing on agree, and what has been decoded can be encoded again.
#![no_main]

use http::{BodyKind, Limits};
use http1::{BodyDecoder, ChunkLine, Passed};

/// The data of the body and the bytes it took, if it is complete and correct.
fn decode(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut decoder = BodyDecoder::new(BodyKind::Chunked, &Limits::default());
    let (mut data, mut at) = (Vec::new(), 0);
    loop {
        let piece = decoder.decode(&bytes[at..]).ok()?;
        data.extend_from_slice(&bytes[at..][piece.data]);
        at += piece.consumed;
        if piece.done || at == bytes.len() {
            return piece.done.then_some((data, at));
        }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let passed = BodyDecoder::new(BodyKind::Chunked, &Limits::default()).skip(bytes);
    let Some((data, len)) = decode(bytes) else {
        assert!(!matches!(passed, Ok(Passed { done: true, .. })));
        return;
    };
    assert_eq!(passed, Ok(Passed { len, content: data.len(), done: true, clean: true }));
    let chunk = if data.is_empty() {
        Vec::new()
    } else {
        [ChunkLine::new(data.len() as u64).as_bytes(), &data, b"\r\n"].concat()
    };
    let again = [&chunk[..], ChunkLine::new(0).as_bytes(), b"\r\n"].concat();
    assert_eq!(decode(&again), Some((data, again.len())));
});
