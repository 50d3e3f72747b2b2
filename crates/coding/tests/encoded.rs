//! What is encoded is decoded to what it was, however it was cut into pieces; each piece can be read when it is there.

use coding::Encoder;
use http::Coding;
use seed::Rng;
use std::io::{Read, Write};
use testkit::{Replay, sweep};

/// All that can be read of what came so far.
fn decoded(coding: Coding, bytes: &[u8], whole: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let read = match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out),
        Coding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out),
        Coding::Zstd => zstd::stream::read::Decoder::new(bytes).and_then(|mut decoder| decoder.read_to_end(&mut out)),
    };
    assert_eq!(read.is_ok(), whole, "{coding:?}: {read:?} of {} bytes", bytes.len());
    out
}

/// Text with repetitions, or noise.
fn some(rng: &mut Rng, len: usize) -> Vec<u8> {
    if rng.chance(0.3) {
        return rng.bytes(len);
    }
    let words = ["alpha ", "beta ", "{\"key\": ", "<p>", "12345", "\n"];
    let mut text = Vec::new();
    while text.len() < len {
        text.write_all(words[rng.index(words.len())].as_bytes()).expect("room");
    }
    text.truncate(len);
    text
}

#[test]
fn what_was_encoded_is_decoded() {
    let replay = Replay { package: "coding", target: "--test encoded", test: "what_was_encoded_is_decoded" };
    sweep(replay, 60, |seed| {
        let mut rng = Rng::new(seed);
        for coding in Coding::ALL {
            let mut encoder = Encoder::new(coding);
            // The same encoder, again and again, whatever became of the body before.
            for _ in 0..3 {
                let (mut body, mut out) = (Vec::new(), Vec::new());
                for _ in 0..rng.range(0, 5) {
                    let most = *rng.pick(&[1, 100, 17_000, 100_000]);
                    let len = rng.range(0, most + 1) as usize;
                    let piece = some(&mut rng, len);
                    encoder.encode(&piece, &mut out).map_err(|error| error.to_string())?;
                    body.extend_from_slice(&piece);
                    let so_far = if body.is_empty() { Vec::new() } else { decoded(coding, &out, false) };
                    if so_far != body {
                        return Err(format!("{coding:?}: {} of {} bytes can be read", so_far.len(), body.len()));
                    }
                }
                if rng.chance(0.7) {
                    let last = some(&mut rng, 50);
                    encoder.finish(&last, &mut out).map_err(|error| error.to_string())?;
                    body.extend_from_slice(&last);
                    if decoded(coding, &out, true) != body {
                        return Err(format!("{coding:?}: another body"));
                    }
                }
                encoder.reset();
            }
        }
        Ok(())
    });
}

/// What does not get smaller gets hardly larger, so that a piece fits where it came from.
#[test]
fn noise_gets_hardly_larger() {
    let noise = Rng::new(1).bytes(17 * 1024);
    for coding in Coding::ALL {
        let mut encoder = Encoder::new(coding);
        let mut out = Vec::new();
        for _ in 0..20 {
            out.clear();
            encoder.encode(&noise, &mut out).expect("memory");
            assert!(out.len() < noise.len() + 256, "{coding:?}: {}", out.len());
        }
    }
}

#[test]
fn text_gets_much_smaller() {
    let text = some(&mut Rng::new(3), 100_000);
    for coding in Coding::ALL {
        let mut out = Vec::new();
        Encoder::new(coding).finish(&text, &mut out).expect("memory");
        assert!(out.len() * 2 < text.len(), "{coding:?}: {}", out.len());
    }
}
