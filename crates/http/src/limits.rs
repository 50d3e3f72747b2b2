//! The bounds on everything a peer can make us read, and how closely it has to keep to the letter.

/// Header fields a head may have at the very most, whatever [`Limits::headers_max`] says.
pub const HEADERS_CAP: usize = 256;

/// Options of `Connection` that name fields, in one head. A head with more is refused.
pub const CONNECTION_OPTIONS_MAX: usize = 16;

/// How closely what is read has to keep to the letter of the RFCs.
///
/// Requests are always read strictly: whoever sends them is a stranger, and what two readers could understand
/// differently is how requests are smuggled. Responses come from servers that somebody chose. A lenient reader takes
/// older dialects from them, as long as they can be understood in one way only; what it passes on is strict again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// To the letter.
    #[default]
    Strict,
    /// Older dialects are taken: each has its name in `http1::Dialect`.
    Lenient,
    /// The same, and an interim response has just been read: some servers put an empty line behind it.
    LenientAfterInterim,
}

impl Reading {
    /// Whether older dialects are taken.
    #[inline]
    pub fn is_lenient(self) -> bool {
        self != Self::Strict
    }
}

/// Bounds on what is read, and how it is read. Beyond them a message is refused, with an error of its own for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head: start line, fields and the empty line.
    pub head_bytes_max: usize,
    /// Fields of a head; at most [`HEADERS_CAP`].
    pub headers_max: usize,
    /// Bytes of one chunk-size line with its extensions and CRLF.
    pub chunk_line_bytes_max: usize,
    /// Bytes of all trailer lines of one body with the final empty line.
    pub trailer_bytes_max: usize,
    /// Trailers are passed on, but those that must not come after a body. Else none is: they could say what only a proxy may.
    pub trailers: bool,
    /// How responses, and bodies of either direction, are read.
    pub reading: Reading,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 32 * 1024,
            headers_max: 128,
            chunk_line_bytes_max: 1024,
            trailer_bytes_max: 8 * 1024,
            trailers: true,
            reading: Reading::Strict,
        }
    }
}
