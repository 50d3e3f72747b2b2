//! The bounds on everything a peer can make us read.

/// Header fields a head may have at the very most, whatever [`Limits::headers_max`] says.
pub const HEADERS_CAP: usize = 128;

/// Bounds on what is read. Beyond them a message is refused, with an error of its own for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a head: start line, fields and the empty line. The default leaves room in a buffer of 16 KiB for
    /// the fields a proxy adds.
    pub head_bytes_max: usize,
    /// Fields of a head; at most [`HEADERS_CAP`].
    pub headers_max: usize,
    /// Bytes of one chunk-size line with its extensions and CRLF.
    pub chunk_line_bytes_max: usize,
    /// Bytes of all trailer lines of one body with the final empty line.
    pub trailer_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: 16 * 1024 - 512,
            headers_max: 100,
            chunk_line_bytes_max: 1024,
            trailer_bytes_max: 8 * 1024,
        }
    }
}
