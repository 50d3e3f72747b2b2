//! Bodies encoded piece by piece: gzip, br, zstd. Whatever was given in is given out with each piece, so that a stream of
//! events goes on; what an encoder remembers is bounded.
//!
//! ```
//! let mut encoder = coding::Encoder::new(http::Coding::Gzip);
//! let mut out = Vec::new();
//! encoder.encode(b"hello ", &mut out).unwrap();
//! assert!(!out.is_empty(), "a piece is given out at once");
//! encoder.finish(b"again", &mut out).unwrap();
//! assert_eq!(&out[..2], [0x1f, 0x8b], "gzip's magic");
//! ```

mod br;
mod gzip;
mod zst;

use http::Coding;

/// Encodes one body at a time.
pub struct Encoder(Kind);

enum Kind {
    Gzip(gzip::Gzip),
    Brotli(br::Brotli),
    Zstd(zst::Zstd),
}

/// What is to come out at the end of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Whatever was given in.
    Flush,
    /// That, and the end.
    Finish,
}

/// The encoder has no memory left, or is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the encoder has no memory left")]
pub struct Exhausted;

impl Encoder {
    /// A new one. It may allocate when it is first used.
    pub fn new(coding: Coding) -> Self {
        Self(match coding {
            Coding::Gzip => Kind::Gzip(gzip::Gzip::new()),
            Coding::Brotli => Kind::Brotli(br::Brotli::new()),
            Coding::Zstd => Kind::Zstd(zst::Zstd::new()),
        })
    }

    /// Appends a piece of the body to `out`, encoded so that it can be read as soon as it is there.
    ///
    /// # Errors
    /// The body cannot go on.
    pub fn encode(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Exhausted> {
        if data.is_empty() { Ok(()) } else { self.run(data, End::Flush, out) }
    }

    /// Appends the last piece, and the end.
    ///
    /// # Errors
    /// The body cannot go on.
    pub fn finish(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Exhausted> {
        self.run(data, End::Finish, out)
    }

    /// Ready for another body, whatever became of this one.
    pub fn reset(&mut self) {
        match &mut self.0 {
            Kind::Gzip(gzip) => gzip.reset(),
            Kind::Brotli(brotli) => brotli.reset(),
            Kind::Zstd(zstd) => zstd.reset(),
        }
    }

    /// By which coding.
    pub fn coding(&self) -> Coding {
        match self.0 {
            Kind::Gzip(_) => Coding::Gzip,
            Kind::Brotli(_) => Coding::Brotli,
            Kind::Zstd(_) => Coding::Zstd,
        }
    }

    fn run(&mut self, data: &[u8], end: End, out: &mut Vec<u8>) -> Result<(), Exhausted> {
        match &mut self.0 {
            Kind::Gzip(gzip) => gzip.run(data, end, out),
            Kind::Brotli(brotli) => brotli.run(data, end, out),
            Kind::Zstd(zstd) => zstd.run(data, end, out),
        }
    }
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Encoder").field(&self.coding()).finish()
    }
}

/// Room that is made for what comes out of so much: what does not get smaller gets hardly larger.
fn room_for(len: usize) -> usize {
    len + len / 64 + 256
}
