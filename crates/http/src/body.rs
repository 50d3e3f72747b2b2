//! How the end of a body is known.

use crate::version::Version;

/// How a body is framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BodyKind {
    /// No body, and none declared.
    #[default]
    Empty,
    /// That many bytes; possibly 0, when the head says so.
    Length(u64),
    /// As many bytes as come before a mark: in chunks (RFC 9112 7.1).
    Chunked,
    /// All bytes until the connection closes; responses only.
    UntilClose,
    /// Not HTTP any more: bytes in both directions (101, or 2xx to CONNECT).
    Tunnel,
}

impl BodyKind {
    /// Whether no byte follows the head.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty | Self::Length(0))
    }

    /// How this response body goes to a client of that version: HTTP/1.0 knows no chunks, so it gets their data until
    /// close (RFC 9112 7.1.2).
    pub fn for_client(self, version: Version) -> Self {
        match (self, version) {
            (Self::Chunked, Version::Http10) => Self::UntilClose,
            _ => self,
        }
    }
}
